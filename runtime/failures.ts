/**
 * Every failure behind an error: nothing that was thrown is lost, whichever error is rethrown.
 *
 * @module
 */

import type { TaskInfo } from "./outcome.ts";

/** One thing that was thrown. */
export interface Failure {
  /** The very value that was thrown. */
  readonly error: unknown;
  /** The task that threw it. */
  readonly task: TaskInfo;
  /** `cleanup` when the task had seen a cancellation before it threw. */
  readonly during: "body" | "cleanup";
}

/** Keyed by the rethrown error: works for frozen ones, and keeps nothing alive. */
const known = new WeakMap<object, readonly Failure[]>();

/**
 * All failures of the scope or run that rejected with `error`, the primary first.
 *
 * Empty for values that no scope of this package threw.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { failuresOf, scope } from "@vais/runtime";
 *
 * const error = await scope(function* (s) {
 *   s.spawn(() => { throw new Error("disk full") }, { name: "writer" });
 *   try {
 *     yield* s.sleep(1_000);
 *   } finally {
 *     throw new Error("and the cleanup failed too");
 *   }
 * }).catch((error) => error);
 * assertEquals(error.message, "disk full");
 * assertEquals(failuresOf(error).map((f) => [f.task.name, f.during]), [
 *   ["writer", "body"],
 *   ["scope", "cleanup"],
 * ]);
 * ```
 */
export function failuresOf(error: unknown): readonly Failure[] {
  return typeof error === "object" && error !== null ? known.get(error) ?? [] : [];
}

/**
 * Adds a failure to a list, with those behind it that a scope below already knew.
 */
export function addFailure(list: Failure[], failure: Failure): void {
  const below = failuresOf(failure.error);
  if (below.length === 0) {
    list.push(failure);
    return;
  }
  for (let i = 0; i < below.length; i++) if (!list.includes(below[i]!)) list.push(below[i]!);
}

/**
 * Remembers the failures behind the error that is rethrown; answers those that cannot be remembered
 * because a primitive was thrown, and must be reported instead.
 */
export function rememberFailures(error: unknown, failures: readonly Failure[]): readonly Failure[] {
  if (typeof error === "object" && error !== null) {
    known.set(error, failures);
    return [];
  }
  return failures.slice(1);
}
