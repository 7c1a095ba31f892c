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
const known = new WeakMap<object, Known>();

interface Known {
  readonly failures: readonly Failure[];
  /** The task whose scope was rethrown into it, if it was. */
  readonly carrier: object | undefined;
}

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
  return typeof error === "object" && error !== null ? known.get(error)?.failures ?? [] : [];
}

/**
 * Adds the failure of a task to a list. If it is the error of a scope in that task, what the scope
 * knew is added instead: the task only passed it on.
 */
export function addFailure(list: Failure[], failure: Failure, task: object | undefined): void {
  const { error } = failure;
  const behind = typeof error === "object" && error !== null ? known.get(error) : undefined;
  const isPassedOn = behind !== undefined && task !== undefined && behind.carrier === task;
  if (!isPassedOn) list.push(failure);
  if (behind === undefined) return;
  // Come another way, by a join or a later throw, it still has the others behind it.
  const below = isPassedOn ? behind.failures : behind.failures.filter((f) => f.error !== error);
  for (let i = 0; i < below.length; i++) if (!list.includes(below[i]!)) list.push(below[i]!);
}

/**
 * Remembers the failures behind the error that is rethrown; answers those that cannot be remembered
 * because a primitive was thrown, and must be reported instead.
 */
export function rememberFailures(
  error: unknown,
  failures: readonly Failure[],
  carrier: object | undefined,
): readonly Failure[] {
  if (typeof error === "object" && error !== null) {
    known.set(error, { failures: [...failures], carrier });
    return [];
  }
  return failures.slice(1);
}
