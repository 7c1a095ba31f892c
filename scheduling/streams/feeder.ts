/**
 * A child of a stream that reads its source, and those who wait for what it reads.
 *
 * @module
 */

import type { JoinHandle } from "../../runtime/join_handle.ts";
import { TASK_CANCELLED } from "../../runtime/outcome.ts";
import type { Task } from "../../runtime/task.ts";
import type { Channel } from "../channels/channel.ts";
import type { Scope } from "../scope.ts";

/**
 * Spawns what fills a channel. The channel is closed when that has ended, also when it was cancelled before it
 * began: then with that as the error, so that nobody takes the stream for whole.
 */
export function spawnFeeder<T>(
  s: Scope,
  into: Channel<T>,
  body: () => Generator<unknown, void>,
): JoinHandle<void> {
  const task = s.spawn(body, { name: "source" }) as Task<void>;
  task.onEnd = () => into.close(task.status === TASK_CANCELLED ? task.result : undefined);
  return task;
}
