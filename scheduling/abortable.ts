/**
 * Waiting for what we do not own.
 *
 * @module
 */

import { Future } from "../runtime/future.ts";
import type { Pollable } from "../runtime/poll.ts";
import { currentTask } from "./current_task.ts";

/**
 * A cancel point around a foreign promise: cancelled, the task goes on at once with `Cancelled`.
 *
 * Nothing can stop the promise itself; it is abandoned, and its late failure is not unhandled. In
 * an async body it also keeps the task known: after `await abortable(p)`, `sleep` and the like
 * still belong to it. `TaskScope.wait` does the same where the current task is no longer known.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { abortable, moveOnAfter } from "@vais/runtime";
 *
 * const never = new Promise<string>(() => {});
 * assertEquals(await moveOnAfter(1, () => abortable(never)), { timedOut: true });
 * ```
 */
export function abortable<T>(source: Pollable<T> | PromiseLike<T>): Future<T> {
  return currentTask()?.wait(source) ?? Future.from(source);
}
