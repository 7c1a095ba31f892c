/**
 * A call that runs on another thread, as its caller sees it: begun, awaited, cancelled.
 *
 * @module
 */

import type { Operation } from "../operation.ts";

/** How to cancel a task that runs on another thread. */
export interface ThreadCancelOptions {
  /** End the thread if the task goes on after the grace. Default: as the task was started. */
  readonly terminate?: boolean;
  /** How long a running task has to see that it is cancelled, in ms. Default: as the task was started. */
  readonly graceMs?: number;
}

/** Where a {@linkcode ThreadTask} stands, for its callers. */
export type ThreadTaskStatus = "pending" | "ok" | "error" | "cancelled";

/**
 * A call on another thread that has begun: what `engine.run` answers.
 *
 * `await` it, or `yield*` it in a generator task; by several if you like. A failure that nobody looks at is
 * reported. When the task that awaits it is cancelled, and nobody else waits, so is this one: queued, it never runs;
 * running, it is told, and the wait goes on until it ends, at most for the grace. Then its thread is ended if it was
 * started with `terminate`, else the wait is over and the engine keeps it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 1 });
 * const task = engine.run((a: number, b: number) => a + b, [20, 22]);
 * assertEquals(task.status, "pending");
 * assertEquals(await task, 42);
 * assertEquals(task.status, "ok");
 * ```
 */
export interface ThreadTask<T> extends Operation<T> {
  /** Unique within its engine, from 1. */
  readonly id: number;
  /** The function's name. */
  readonly name: string;
  /** Where it stands. */
  readonly status: ThreadTaskStatus;
  /** True once it has its outcome. The thread may still be at it, when it was cancelled. */
  readonly isSettled: boolean;
  /** The number of the worker that runs it now; -1 when none does. */
  readonly worker: number;
  /**
   * Rejects with `Cancelled` at once. Queued, it never runs; running, it is told, and with `terminate` its
   * thread is ended if it goes on after the grace. For a task that is over it does nothing.
   *
   * @param reason Becomes the `reason` of `Cancelled`
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  cancel(reason?: unknown, options?: ThreadCancelOptions): void;
}
