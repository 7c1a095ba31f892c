/**
 * Limits in time: timeouts, deadlines, and shields against cancellation.
 *
 * All of them are scopes, so what they cut off has cleaned up before they end.
 *
 * @module
 */

import { checkDuration, checkTimeout, typeOf } from "../runtime/clock.ts";
import { Future } from "../runtime/future.ts";
import { Task } from "../runtime/task.ts";
import type { TaskScope } from "../runtime/task_body.ts";
import { isPollable, isPromiseLike, type Pollable } from "../runtime/poll.ts";
import { currentTask } from "./current_task.ts";
import { GroupCore } from "./group_core.ts";
import type { GroupOptions } from "./group_options.ts";
import type { Operation } from "./operation.ts";
import { Scope, type ScopeBody, ScopeOperation } from "./scope.ts";
import { coreOfGroup } from "./task_group.ts";

/** Options of a scope with a time limit of its own. */
export type LimitOptions = Omit<GroupOptions, "timeoutMs">;

/**
 * Runs a body with a time limit; when it passes, the body is cancelled, its cleanup awaited, and
 * `TimeoutError` thrown. A value that is there in time, or in spite of the cancel, wins.
 *
 * @param ms 0 polls the body once; `null` and `Infinity` never time out
 * @throws {RangeError} If `ms` is negative or NaN
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { TimeoutError, withTimeout } from "@vais/runtime";
 *
 * assertEquals(await withTimeout(1_000, async (task) => {
 *   await task.sleep(1);
 *   return "in time";
 * }), "in time");
 * await assertRejects(() => withTimeout(1, (task) => task.sleep(60_000)), TimeoutError);
 * ```
 */
export function withTimeout<T>(
  ms: number | null | undefined,
  body: ScopeBody<T>,
  options?: LimitOptions,
): Operation<T> {
  const timeoutMs = checkTimeout(ms, "set timeout", "ms");
  return new ScopeOperation(body, { ...options, timeoutMs }, "withTimeout");
}

/** What {@linkcode moveOnAfter} answers. */
export type MovedOn<T> =
  | { readonly timedOut: false; readonly value: T }
  | { readonly timedOut: true };

/**
 * As {@linkcode withTimeout}, but a limit that passes is an answer, not an error.
 *
 * Errors of the body are thrown, also those of its cleanup after the limit passed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { moveOnAfter } from "@vais/runtime";
 *
 * assertEquals(await moveOnAfter(1, (task) => task.sleep(60_000)), { timedOut: true });
 * assertEquals(await moveOnAfter(60_000, () => 7), { timedOut: false, value: 7 });
 * ```
 */
export function moveOnAfter<T>(
  ms: number | null | undefined,
  body: ScopeBody<T>,
  options?: LimitOptions,
): Operation<MovedOn<T>> {
  const timeoutMs = checkTimeout(ms, "move on", "ms");
  return new MoveOnOperation(body, { ...options, timeoutMs }, "moveOnAfter");
}

class MoveOnOperation<T> extends ScopeOperation<T, MovedOn<T>> {
  protected override conclude(): MovedOn<T> {
    if (this.core.verdict.timedOut && this.core.verdict.failures.length === 0) {
      return { timedOut: true };
    }
    return { timedOut: false, value: super.conclude() as T };
  }
}

/**
 * As {@linkcode withTimeout}, with an absolute deadline.
 *
 * @param deadline A `Date`, or ms of the runtime's clock as {@linkcode effectiveDeadline} tells them
 * @throws {RangeError} If it is NaN or an invalid date
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { withDeadline } from "@vais/runtime";
 *
 * assertEquals(await withDeadline(new Date(Date.now() + 60_000), () => "in time"), "in time");
 * ```
 */
export function withDeadline<T>(
  deadline: number | Date,
  body: ScopeBody<T>,
  options?: LimitOptions,
): Operation<T> {
  if (!(deadline instanceof Date) && typeof deadline !== "number") {
    throw new TypeError(
      `Cannot set deadline: deadline is ${typeOf(deadline)} (must be a number or a Date)`,
    );
  }
  if (Number.isNaN(Number(deadline))) {
    throw new RangeError("Cannot set deadline: deadline is NaN (must be a point in time)");
  }
  return new DeadlineOperation(body, options, deadline);
}

class DeadlineOperation<T> extends ScopeOperation<T> {
  constructor(body: ScopeBody<T>, options: LimitOptions | undefined, deadline: number | Date) {
    super(body, options, "withDeadline");
    if (this.core.isOver) return;
    const { deadline: limit, host } = this.core;
    limit.moveTo(
      deadline instanceof Date ? host.clock.now() + deadline.getTime() - Date.now() : deadline,
    );
  }
}

/**
 * When the current task will be cancelled by a deadline: the earliest of those around it, in ms of
 * its runtime's clock; `Infinity` when there is none. A shield hides those outside it.
 *
 * @param of The task or scope to ask for, where the current one is not known (after a foreign `await`)
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { effectiveDeadline, withTimeout } from "@vais/runtime";
 * import { SimulatedRuntime } from "@vais/runtime/testing";
 *
 * const runtime = new SimulatedRuntime();
 * await withTimeout(100, function* () {
 *   yield* withTimeout(500, () => {
 *     assertEquals(effectiveDeadline(), 100); // the outer one is earlier
 *   });
 * }, { runtime });
 * ```
 */
export function effectiveDeadline(of?: TaskScope): number {
  const task = of === undefined ? currentTask() : of instanceof Scope ? bodyOf(of) : of;
  if (task !== undefined && !(task instanceof Task)) {
    throw new TypeError(
      `Cannot read deadline: the argument is ${typeOf(of)} (must be a task or a scope)`,
    );
  }
  let earliest = Infinity;
  for (let at = task; at !== undefined;) {
    const { owner } = at;
    if (!(owner instanceof GroupCore)) break;
    earliest = Math.min(earliest, owner.deadlineMs);
    if (owner.isShield) break;
    at = owner.parent;
  }
  return earliest;
}

/** The task of a scope's body. */
function bodyOf(scope: Scope): Task<unknown> | undefined {
  return coreOfGroup(scope).body;
}

/**
 * Protects a section from cancellation: it goes on for at most `limitMs` after the cancel.
 *
 * The value is answered as if nothing had happened; the cancel is thrown at the await after it.
 * If the limit passes, the section itself is cancelled, without grace.
 *
 * @param limitMs Required: a section that nothing can end is written with `Infinity`
 * @param section A body, a future or a promise
 * @throws {RangeError} If `limitMs` is negative or NaN
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime, shield } from "@vais/runtime";
 *
 * const runtime = new Runtime();
 * const log: string[] = [];
 * const task = runtime.spawn(function* (task) {
 *   yield* shield(1_000, function* () {
 *     yield* task.runtime.sleep(5);
 *     log.push("committed");
 *   });
 *   yield* task.sleep(60_000);
 *   log.push("never");
 * });
 * runtime.runUntilStalled();
 * await task.cancelAndJoin();
 * assertEquals(log, ["committed"]);
 * ```
 */
export function shield<T>(
  limitMs: number,
  section: ScopeBody<T> | Pollable<T> | PromiseLike<T>,
): Operation<T> {
  const limit = checkDuration(limitMs, "shield", "limitMs", true);
  if (typeof section !== "function" && (isPollable(section) || isPromiseLike(section))) {
    const future = Future.from(section as Pollable<T> | PromiseLike<T>);
    return new ScopeOperation(
      function* () {
        return yield* future;
      },
      { name: "shield" },
      "shield",
      limit,
    );
  }
  return new ScopeOperation(section as ScopeBody<T>, undefined, "shield", limit);
}
