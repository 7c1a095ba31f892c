/**
 * The face of a task to those who started it.
 *
 * @module
 */

import { Future } from "./future.ts";
import type { Outcome, TaskStatus } from "./outcome.ts";

/** How to cancel. */
export interface CancelOptions {
  /** How long cleanup may await, in ms; then every await throws again. Default: the owner's, 5 000. */
  readonly graceMs?: number;
}

/**
 * A spawned task, as a future of its result.
 *
 * Awaiting it joins the task: the value, the very error it threw, or `Cancelled`. Joining does not
 * own: a handle that is dropped leaves the task running, and abandoning the wait does not cancel it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime, TASK_COMPLETED, TASK_PENDING } from "@vais/runtime";
 *
 * const runtime = new Runtime();
 * const handle = runtime.spawn(() => 6 * 7, { name: "answer" });
 * assertEquals(handle.status, TASK_PENDING);
 * assertEquals(await handle, 42);
 * assertEquals(handle.status, TASK_COMPLETED);
 * assertEquals(handle.outcome(), { status: "ok", value: 42 });
 * ```
 */
export abstract class JoinHandle<T> extends Future<T> {
  /** Unique within its runtime; never reused. */
  abstract get id(): number;
  /** The given name, else the body's function name, else `task <id>`. */
  abstract get name(): string;
  /** One of the `TASK_…` numbers. */
  abstract get status(): TaskStatus;
  /** True once the outcome is known: the body and all it started have ended. */
  abstract get isFinished(): boolean;

  /**
   * Asks the task to end: `Cancelled` is thrown at its current or next await.
   *
   * Never throws, never waits. A task not started yet ends at once. A second cancel changes nothing
   * but may shorten the grace.
   *
   * @param reason Becomes the `reason` of `Cancelled`; any value is kept as a note
   */
  abstract override cancel(reason?: unknown, options?: CancelOptions): void;

  /** Cancels, and answers how the task ended, after its cleanup. */
  abstract cancelAndJoin(reason?: unknown, options?: CancelOptions): Future<Outcome<T>>;

  /** How the task ends; never throws. The Result style of joining. */
  abstract settled(): Future<Outcome<T>>;

  /** How the task ended, or `undefined` while it has not. */
  abstract outcome(): Outcome<T> | undefined;
}
