/**
 * Scopes: a body and the children it starts, which all end before the scope does.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import type { Future } from "../runtime/future.ts";
import { WAKE_INSIDE, type WakeSource } from "../runtime/host.ts";
import type { JoinHandle } from "../runtime/join_handle.ts";
import { TASK_COMPLETED } from "../runtime/outcome.ts";
import { PENDING, type Poll, type Pollable, type Waker } from "../runtime/poll.ts";
import type { Task } from "../runtime/task.ts";
import type { RuntimeApi, TaskBody, TaskScope } from "../runtime/task_body.ts";
import type { GroupCore } from "./group_core.ts";
import { type GroupOptions, type InnerGroupOptions, mustBeOptions } from "./group_options.ts";
import { mapInGroup } from "./group_map.ts";
import { GroupOperation } from "./group_operation.ts";
import { Operation } from "./operation.ts";
import { coreOfGroup, type GroupSpawnOptions, TaskGroup } from "./task_group.ts";

/**
 * What the body of a scope gets: the group of its children, and its own task.
 *
 * `s.cancel()` ends the whole scope, `s.cancelRemaining()` only the children.
 */
export class Scope extends TaskGroup implements TaskScope {
  readonly #core: GroupCore;

  /** Made by {@linkcode scope}. */
  constructor(options?: GroupOptions) {
    super(options);
    this.#core = coreOfGroup(this);
  }

  get #task(): Task<unknown> {
    return this.#core.body!;
  }

  /** The id of the body's task. */
  get id(): number {
    return this.#task.id;
  }

  /** The runtime the scope lives in. */
  get runtime(): RuntimeApi {
    return this.#core.host.api;
  }

  /** Aborts when the scope is cancelled: from outside, by a failure, or by its deadline. */
  get signal(): AbortSignal {
    return this.#task.signal;
  }

  /** A future of nothing, ready after `ms`; see `TaskScope.sleep`. */
  sleep(ms: number): Future<void> {
    return this.#task.sleep(ms);
  }

  /** Waits for anything as the body's task; see `TaskScope.wait`. */
  wait<T>(source: Pollable<T> | PromiseLike<T>): Future<T> {
    return this.#task.wait(source);
  }

  /**
   * Waits, inside the body, until no other child is alive; background children not counted.
   *
   * The scope itself waits for all of them anyway, after the body.
   */
  override run(): Operation<void> {
    return new ChildrenEnd(this.#core);
  }

  /** Throws if the scope is cancelled; a cancel point for long computations. */
  throwIfCancelled(): void {
    this.#task.throwIfCancelled();
  }

  /**
   * When the scope is cancelled with a timeout, in ms of the runtime's clock; `Infinity` for never.
   *
   * May be moved while the scope runs.
   */
  get deadlineMs(): number {
    return this.#core.deadlineMs;
  }

  set deadlineMs(whenMs: number) {
    if (typeof whenMs !== "number") {
      throw new TypeError(
        `Cannot set deadline: deadlineMs is ${typeOf(whenMs)} (must be a number of ms)`,
      );
    }
    if (Number.isNaN(whenMs)) {
      throw new RangeError("Cannot set deadline: deadlineMs is NaN (must be a point in time)");
    }
    if (!this.#core.isOver) this.#core.deadline.moveTo(whenMs);
  }
}

/** Ready when a scope has no live children but its body. */
class ChildrenEnd extends Operation<void> {
  readonly #core: GroupCore;
  #watching: { stop(): void } | undefined;

  constructor(core: GroupCore) {
    super();
    this.#core = core;
  }

  poll(waker: Waker): Poll<void> {
    this.#watching?.stop();
    this.#watching = undefined;
    if (this.#core.liveForeground === 0) return undefined;
    this.#watching = this.#core.completions.add(() => waker.wake());
    return PENDING;
  }

  override cancel(): void {
    this.#watching?.stop();
  }

  override describe(): string {
    return `the children of ${this.#core.label} (${this.#core.live} left)`;
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }
}

/** The body of a scope: a function, async function or generator function. */
export type ScopeBody<T> = (scope: Scope) => Generator<unknown, T> | PromiseLike<T> | T;

/** A scope that has begun: `T` is what the body answers, `R` what the scope does. */
export class ScopeOperation<T, R = T> extends GroupOperation<R> {
  constructor(
    body: ScopeBody<T>,
    options: GroupOptions | undefined,
    action: string,
    shieldMs?: number,
  ) {
    if (typeof body !== "function") {
      throw new TypeError(`Cannot ${action}: body is ${typeOf(body)} (must be a function)`);
    }
    mustBeOptions(options, action);
    const name = options?.name ?? (body.name === "" ? action : body.name);
    const inner: InnerGroupOptions = { ...options, name, shieldMs };
    const scope = new Scope(inner);
    super(coreOfGroup(scope));
    this.core.spawnBody<T>(() => body(scope), name);
    this.begin();
  }

  /** The value of the body, unless the verdict is against it. */
  protected conclude(): R {
    const { core } = this;
    const body = core.body!;
    const verdict = core.error();
    if (verdict !== undefined) throw verdict.error;
    if (body.status === TASK_COMPLETED) return body.result as R;
    throw body.result;
  }
}

/**
 * Runs a body that may start children, and ends when all of them have ended.
 *
 * If the body or a child fails, or the scope is cancelled from outside, the rest is cancelled, its
 * cleanup is awaited, and then the scope rejects with the first failure itself, or with `Cancelled`;
 * `failuresOf(error)` has every failure. Otherwise it answers the body's value. It begins at once;
 * `await` it, or `yield*` it in a generator task.
 *
 * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scope } from "@vais/runtime";
 *
 * const total = await scope(function* (s) {
 *   const sizes = [10, 20, 30].map((n) =>
 *     s.spawn(function* (task) {
 *       yield* task.sleep(1);
 *       return n;
 *     })
 *   );
 *   let sum = 0;
 *   for (const size of sizes) sum += yield* size;
 *   return sum;
 * });
 * assertEquals(total, 60);
 * ```
 */
export function scope<T>(body: ScopeBody<T>, options?: GroupOptions): Operation<T> {
  return new ScopeOperation(body, options, "scope");
}

/**
 * Runs `fn` for each item in its own task, waits for all, and rejects like {@linkcode scope}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parallelForEach } from "@vais/runtime";
 *
 * const seen: number[] = [];
 * await parallelForEach([3, 1, 2], async (ms, _i, task) => {
 *   await task.sleep(ms * 2);
 *   seen.push(ms);
 * }, { maxConcurrency: 3 });
 * assertEquals(seen, [1, 2, 3]);
 * ```
 */
export function parallelForEach<I>(
  items: Iterable<I>,
  fn: (
    item: I,
    index: number,
    task: TaskScope,
  ) => Generator<unknown, unknown> | PromiseLike<unknown> | unknown,
  options?: GroupOptions,
): Operation<void> {
  return new ScopeOperation<void>(
    function* (s) {
      yield* mapInGroup(coreOfGroup(s), s, items, fn, false);
    },
    { ...options, name: options?.name ?? "parallelForEach" },
    "parallelForEach",
  );
}

/**
 * Tasks with guaranteed cleanup: the Vais form of a scope.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scopedTask } from "@vais/runtime";
 *
 * const scoped = scopedTask();
 * const answer = scoped.spawn(() => 42);
 * await scoped.runAndCleanup();
 * assertEquals(answer.outcome(), { status: "ok", value: 42 });
 * ```
 */
export class ScopedTask implements AsyncDisposable {
  readonly #group: TaskGroup;

  /** An empty scope. */
  constructor(options?: GroupOptions) {
    mustBeOptions(options, "create ScopedTask");
    this.#group = new TaskGroup({ name: "scoped task", ...options });
  }

  /** Starts a child; see `TaskGroup.spawn`. */
  spawn<T>(body: TaskBody<T>, options?: GroupSpawnOptions): JoinHandle<T>;
  /** Starts a poll-style child over a state. */
  spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
  spawn(body: unknown, second?: unknown): JoinHandle<unknown> {
    return this.#group.spawn(body as TaskBody<unknown>, second as GroupSpawnOptions);
  }

  /** Waits for every child; on a failure cancels the rest and waits for their cleanup, then rejects. */
  async runAndCleanup(): Promise<void> {
    try {
      await this.#group.run();
    } finally {
      await this.#group[Symbol.asyncDispose]();
    }
  }

  /** Cancels what is left and waits for its cleanup. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#group[Symbol.asyncDispose]();
  }
}

/** An empty {@linkcode ScopedTask}. */
export function scopedTask(options?: GroupOptions): ScopedTask {
  return new ScopedTask(options);
}
