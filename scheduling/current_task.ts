/**
 * The task that runs now, as groups know it.
 *
 * @module
 */

import { currentTask as runningTask } from "../runtime/host.ts";
import type { Task } from "../runtime/task.ts";

/** Which task a group or scope is opened in. */
export function currentTask(): Task<unknown> | undefined {
  return runningTask() as Task<unknown> | undefined;
}
