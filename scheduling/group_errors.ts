/**
 * What groups throw.
 *
 * @module
 */

import { ClosedError } from "../runtime/errors.ts";
import type { Failure } from "../runtime/failures.ts";

/**
 * All failures of a group with `failures: "aggregate"`, also when there is only one.
 *
 * @example
 * ```ts
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 * import { scope, TaskGroupError } from "@vais/runtime";
 *
 * const error = await scope((s) => {
 *   s.spawn(() => { throw new Error("a") });
 * }, { failures: "aggregate" }).catch((error) => error);
 * assertInstanceOf(error, TaskGroupError);
 * assertEquals(error.errors.map((e: Error) => e.message), ["a"]);
 * ```
 */
export class TaskGroupError extends AggregateError {
  /** Class name. */
  override readonly name = "TaskGroupError";
  /** Stable code of this class. */
  readonly code = "ERR_TASK_GROUP";
  /** The failures with their tasks, the primary first. */
  readonly failures: readonly Failure[];

  /** The group's name and its failures, at least one. */
  constructor(group: string, failures: readonly Failure[]) {
    const names = failures.slice(0, 3).map((f) => f.task.name).join(", ");
    super(
      failures.map((f) => f.error),
      `Cannot finish ${group}: ${failures.length} failed (${names}${
        failures.length > 3 ? ", …" : ""
      })`,
      { cause: failures[0]?.error },
    );
    this.failures = failures;
  }
}

/** `spawn` into a group whose budget is used up; `admit` waits for room instead. */
export class GroupFullError extends Error {
  /** Class name. */
  override readonly name = "GroupFullError";
  /** Stable code of this class. */
  readonly code = "ERR_GROUP_FULL";
}

/** `spawn` on a group that is closed, cancelled or over. */
export class GroupClosedError extends ClosedError {
  /** Class name. */
  override readonly name = "GroupClosedError";
  /** Stable code of this class. */
  override readonly code = "ERR_GROUP_CLOSED";
}
