/**
 * Several bodies at once, and what their ends add up to.
 *
 * Unlike `Promise.race` and its kin, nobody is left behind: those not needed any more are
 * cancelled, and the answer comes when their cleanup is done.
 *
 * @module
 */

import { checkInteger, typeOf } from "../runtime/clock.ts";
import { Cancelled } from "../runtime/errors.ts";
import { addFailure, type Failure, rememberFailures } from "../runtime/failures.ts";
import type { JoinHandle } from "../runtime/join_handle.ts";
import type { Outcome } from "../runtime/outcome.ts";
import type { PENDING, Waker } from "../runtime/poll.ts";
import { failureOf } from "../runtime/root_owner.ts";
import type { Task } from "../runtime/task.ts";
import type { TaskBody } from "../runtime/task_body.ts";
import { GroupCore } from "./group_core.ts";
import { type GroupOptions, mustBeOptions } from "./group_options.ts";
import { GroupOperation } from "./group_operation.ts";
import type { Operation } from "./operation.ts";

/**
 * A policy for several bodies: told of each end, it says when enough have ended, and what the
 * result is. The design is that of Java's `StructuredTaskScope.Joiner` (JEP 505).
 */
export interface Joiner<T, R> {
  /** Name for errors and dumps. */
  readonly name?: string;
  /** A body ended by itself; `"stop"` cancels the rest. */
  onEnd(outcome: Outcome<T>, index: number, handle: JoinHandle<T>): "continue" | "stop";
  /** The time is over: a partial result. Without it, `TimeoutError` is thrown. */
  onTimeout?(): R;
  /** The result; called once, when everything has ended. What it throws is thrown. */
  result(): R;
}

/** Options of a join: those of a group, but how failures count is up to the joiner. */
export type JoinOptions = Omit<GroupOptions, "cancelOnError" | "failures">;

/**
 * Runs bodies under a {@linkcode Joiner}.
 *
 * @throws {TypeError} If a body is none of the kinds of `TaskBody`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { joinWith } from "@vais/runtime";
 *
 * // Whatever is there after 5 ms.
 * const values: string[] = [];
 * const partial = await joinWith<string, string[]>({
 *   onEnd(outcome) {
 *     if (outcome.status === "ok") values.push(outcome.value);
 *     return "continue";
 *   },
 *   onTimeout: () => values,
 *   result: () => values,
 * }, [() => "quick", (task) => task.sleep(60_000).map(() => "slow")], { timeoutMs: 5 });
 * assertEquals(partial, ["quick"]);
 * ```
 */
export function joinWith<T, R>(
  joiner: Joiner<T, R>,
  bodies: Iterable<TaskBody<T>>,
  options?: JoinOptions,
): Operation<R> {
  const name = joiner?.name ?? "join";
  if (typeof bodies !== "object" || bodies === null || !(Symbol.iterator in bodies)) {
    throw new TypeError(`Cannot ${name}: bodies is ${typeOf(bodies)} (must be an iterable)`);
  }
  if (typeof joiner?.onEnd !== "function" || typeof joiner.result !== "function") {
    throw new TypeError(
      `Cannot join: joiner is ${typeOf(joiner)} (must have onEnd() and result())`,
    );
  }
  return new JoinOperation(joiner, bodies, options);
}

class JoinOperation<T, R> extends GroupOperation<R> {
  readonly #joiner: Joiner<T, R>;
  /** Failures the joiner was told of: data, unless it throws one of them. */
  readonly #told = new Map<Task<T>, Failure>();
  #decided = false;
  /** What the joiner's `onEnd` threw. */
  #thrown: { readonly error: unknown } | undefined;
  #end: { readonly value: R } | { readonly error: unknown } | undefined;

  constructor(
    joiner: Joiner<T, R>,
    bodies: Iterable<TaskBody<T>>,
    options: JoinOptions | undefined,
  ) {
    const name = joiner.name ?? "join";
    mustBeOptions(options, name);
    const core = new GroupCore({ ...options, cancelOnError: false }, name);
    super(core);
    this.#joiner = joiner;
    let index = 0;
    try {
      // Cancelled before it begins, it runs nothing.
      if (core.cancelled === undefined) { for (const body of bodies) this.#spawn(body, index++); }
    } catch (error) {
      core.cancel(Cancelled.quiet({ kind: "requested", by: name, note: error }), 0);
      throw error;
    }
    core.close();
    this.begin();
  }

  #spawn(body: TaskBody<T>, index: number): void {
    const task = this.core.spawn<T>(body, undefined);
    task.onEnd = () => this.#ended(task, index);
  }

  #ended(task: Task<T>, index: number): void {
    const { core } = this;
    // Ends that this join or its surroundings caused are not news; their failures are the group's.
    // A value that came in spite of a cancel still counts.
    const outcome = task.outcome()!;
    if (this.#decided || core.cancelled !== undefined && outcome.status !== "ok") return;
    if (outcome.status === "error") {
      this.#told.set(task, failureOf(task));
      core.excuse(task);
    }
    let verdict: "continue" | "stop";
    try {
      verdict = this.#joiner.onEnd(outcome, index, task);
    } catch (error) {
      this.#thrown = { error };
      verdict = "stop";
    }
    if (verdict !== "stop") return;
    this.#decided = true;
    const note = `${task.name} decided`;
    core.cancelChildren(
      Cancelled.quiet({ kind: "requested", by: core.label, note }),
      core.graceMs,
      true,
    );
  }

  protected conclude(): R {
    if (this.#end === undefined) {
      try {
        this.#end = { value: this.#result() };
      } catch (error) {
        this.#end = { error };
      }
    }
    if ("error" in this.#end) throw this.#end.error;
    return this.#end.value;
  }

  #result(): R {
    const { core } = this;
    if (!this.#decided && core.cancelled !== undefined) {
      const { timedOut, failures } = core.verdict;
      if (timedOut && this.#joiner.onTimeout !== undefined && failures.length === 0) {
        return this.#joiner.onTimeout();
      }
      const verdict = core.error();
      if (verdict !== undefined) throw verdict.error;
    }
    let value: R;
    try {
      if (this.#thrown !== undefined) throw this.#thrown.error;
      value = this.#joiner.result();
    } catch (error) {
      this.#remember(error);
      throw error;
    }
    // A loser that failed in its cleanup outweighs the winner: nothing is swallowed.
    const verdict = core.verdict.failures.length > 0 ? core.error() : undefined;
    if (verdict !== undefined) throw verdict.error;
    return value;
  }

  /** Remembers what is behind the error the joiner throws: the body it came from, else all of them. */
  #remember(error: unknown): void {
    const { core } = this;
    const told = [...this.#told];
    const own = told.filter(([, failure]) => failure.error === error);
    const list: Failure[] = [];
    for (const [task, failure] of own.length > 0 ? own : told) addFailure(list, failure, task);
    list.push(...core.verdict.failures);
    if (list.length === 0) return;
    if (own.length === 0 && (typeof error !== "object" || error === null)) {
      list.unshift({ error, task: { id: -1, name: core.label }, during: "body" });
    }
    for (const lost of rememberFailures(error, list, core.parent)) core.host.report(lost);
  }
}

/** The value type of a body. */
export type ValueOfBody<B> = B extends (...args: never[]) => Generator<unknown, infer T> ? T
  : B extends (...args: never[]) => infer R ? Awaited<R>
  : B extends { poll(waker: Waker): infer P } ? Exclude<P, typeof PENDING>
  : B extends PromiseLike<infer T> ? T
  : never;

/** What an outcome that is not a value throws. */
function thrown(outcome: Exclude<Outcome<unknown>, { status: "ok" }>): unknown {
  return outcome.status === "error" ? outcome.error : Cancelled.quiet(outcome.reason);
}

/**
 * The values of all bodies, in order; the first failure cancels the rest and is thrown.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { all } from "@vais/runtime";
 *
 * const [n, s] = await all([() => 1, async () => "one"]);
 * assertEquals([n, s], [1, "one"]);
 * ```
 */
export function all<const B extends readonly TaskBody<unknown>[]>(
  bodies: B,
  options?: JoinOptions,
): Operation<{ -readonly [K in keyof B]: ValueOfBody<B[K]> }> {
  const values: unknown[] = [];
  let failed: { readonly error: unknown } | undefined;
  return joinWith(
    {
      name: options?.name ?? "all",
      onEnd: (outcome, index) => {
        if (outcome.status === "ok") {
          values[index] = outcome.value;
          return "continue";
        }
        failed = { error: thrown(outcome) };
        return "stop";
      },
      result: () => {
        if (failed !== undefined) throw failed.error;
        return values as never;
      },
    },
    bodies,
    options,
  );
}

/**
 * How each body ended, in order. Never rejects because of a body.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { allSettled } from "@vais/runtime";
 *
 * const outcomes = await allSettled([() => 1, () => { throw "no" }]);
 * assertEquals(outcomes, [{ status: "ok", value: 1 }, { status: "error", error: "no" }]);
 * ```
 */
export function allSettled<const B extends readonly TaskBody<unknown>[]>(
  bodies: B,
  options?: JoinOptions,
): Operation<{ -readonly [K in keyof B]: Outcome<ValueOfBody<B[K]>> }> {
  const outcomes: Outcome<unknown>[] = [];
  return joinWith(
    {
      name: options?.name ?? "allSettled",
      onEnd: (outcome, index) => {
        outcomes[index] = outcome;
        return "continue";
      },
      result: () => outcomes as never,
    },
    bodies,
    options,
  );
}

/**
 * The first to end, by value or error; the others are cancelled, and their cleanup is awaited.
 *
 * @throws {RangeError} If there are no bodies
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { race } from "@vais/runtime";
 *
 * assertEquals(await race([(task) => task.sleep(60_000).map(() => "late"), () => "first"]), "first");
 * ```
 */
export function race<T>(bodies: Iterable<TaskBody<T>>, options?: JoinOptions): Operation<T> {
  let first: Outcome<T> | undefined;
  return joinWith(
    {
      name: options?.name ?? "race",
      onEnd: (outcome) => {
        first = outcome;
        return "stop";
      },
      result: () => {
        if (first?.status !== "ok") throw thrown(first!);
        return first.value;
      },
    },
    atLeast(1, bodies, "race"),
    options,
  );
}

/**
 * The first value; failures are waited out. The others are cancelled, and their cleanup is awaited.
 *
 * @throws {AggregateError} If every body fails; `errors` is in the order of the bodies
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { any } from "@vais/runtime";
 *
 * assertEquals(await any([() => { throw new Error("mirror down") }, async () => "mirror 2"]), "mirror 2");
 * ```
 */
export function any<T>(bodies: Iterable<TaskBody<T>>, options?: JoinOptions): Operation<T> {
  const list = atLeast(0, bodies, "any");
  return firstValues(1, list, { name: "any", ...options }, ([value]) => value!);
}

/**
 * The first `count` values, in the order they came; then the others are cancelled.
 *
 * @throws {RangeError} If there are fewer bodies than `count`
 * @throws {AggregateError} As soon as too many have failed; `errors` is in the order of the bodies
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { quorum } from "@vais/runtime";
 *
 * const votes = await quorum(2, [() => "a", () => { throw new Error("down") }, () => "c"]);
 * assertEquals(votes, ["a", "c"]);
 * ```
 */
export function quorum<T>(
  count: number,
  bodies: Iterable<TaskBody<T>>,
  options?: JoinOptions,
): Operation<T[]> {
  const list = atLeast(checkInteger(count, 1, "quorum", "count"), bodies, "quorum");
  return firstValues(count, list, { name: "quorum", ...options }, (values) => values);
}

function firstValues<T, R>(
  count: number,
  bodies: readonly TaskBody<T>[],
  options: JoinOptions & { readonly name: string },
  finish: (values: T[]) => R,
): Operation<R> {
  const values: T[] = [];
  const errors: unknown[] = new Array(bodies.length);
  let failed = 0;
  return joinWith(
    {
      name: options.name,
      onEnd: (outcome, index) => {
        if (outcome.status === "ok") {
          values.push(outcome.value);
          return values.length === count ? "stop" : "continue";
        }
        errors[index] = thrown(outcome);
        return bodies.length - ++failed < count ? "stop" : "continue";
      },
      result: () => {
        if (values.length >= count) return finish(values);
        throw new AggregateError(
          Object.values(errors),
          `Cannot ${options.name}: ${failed} of ${bodies.length} failed (${count} must succeed)`,
        );
      },
    },
    bodies,
    options,
  );
}

function atLeast<T>(count: number, bodies: Iterable<T>, name: string): T[] {
  if (typeof bodies !== "object" || bodies === null || !(Symbol.iterator in bodies)) {
    throw new TypeError(`Cannot ${name}: bodies is ${typeOf(bodies)} (must be an iterable)`);
  }
  const list = [...bodies];
  if (list.length < count) {
    throw new RangeError(`Cannot ${name}: ${list.length} bodies (must be at least ${count})`);
  }
  return list;
}
