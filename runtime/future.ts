/**
 * Futures: values that do not exist yet, driven by polling.
 *
 * A future is lazy: nothing happens until a task polls it. `yield*` it in a generator task,
 * `await` it in async code (which drives its runtime), or poll it by hand.
 *
 * @module
 */

import { AwaitSteps } from "./await_steps.ts";
import { checkTimeout, typeOf } from "./clock.ts";
import {
  type Abandonable,
  allPolicy,
  anyPolicy,
  Branches,
  Chain,
  type Link,
  type Policy,
  racePolicy,
  settledPolicy,
} from "./combinators.ts";
import {
  currentTask,
  type Host,
  type Waiter,
  WAKE_INSIDE,
  WAKE_MAYBE,
  WAKE_PROMISE,
  type WakeSource,
} from "./host.ts";
import {
  cancelSafely,
  isPollable,
  isPromiseLike,
  PENDING,
  type Poll,
  type Pollable,
  type Waker,
} from "./poll.ts";
import { Deadline } from "./deadline.ts";
import { thenInTask, thenOnHost } from "./then.ts";

/**
 * A value that does not exist yet.
 *
 * Assignable to `Promise<T>`, but lazy: `map`, `catch` and the like only describe what to do.
 * Subclass it by writing `poll`; give back what `poll` registered in `cancel`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Future, Runtime } from "@vais/runtime";
 *
 * const runtime = new Runtime();
 * const sum = runtime.blockOn(function* () {
 *   const [a, b] = yield* Future.all([Future.ready(1), runtime.sleep(1).map(() => 2)]);
 *   return a + b;
 * });
 * assertEquals(sum, 3);
 * assertEquals(await Future.ready("also awaitable"), "also awaitable");
 * ```
 */
export abstract class Future<T> implements Pollable<T>, Promise<T> {
  /** A future that is ready at its first poll. */
  static ready<T>(value: T): Future<T> {
    return new Ready(value);
  }

  /** A future that is never ready. A runtime in which nothing else is left throws `DeadlockError`. */
  static never(): Future<never> {
    return new Never();
  }

  /**
   * A future of any pollable or promise; a future is answered as it is.
   *
   * A promise is subscribed to at the first poll; abandoned, its late rejection is not unhandled.
   *
   * @throws {TypeError} If it is neither
   */
  static from<T>(source: Pollable<T> | PromiseLike<T>): Future<T> {
    if (source instanceof Future) return source;
    if (isPollable(source)) return new FromPollable(source as Pollable<T>);
    if (isPromiseLike(source)) return new FromPromise(source as PromiseLike<T>);
    throw new TypeError(
      `Cannot make Future: source is ${typeOf(source)} (must be a Pollable or a PromiseLike)`,
    );
  }

  /** A future over a state and a poll function: the Vais form. */
  static fromPoll<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): Future<T> {
    if (typeof poll !== "function") {
      throw new TypeError(`Cannot make Future: poll is ${typeOf(poll)} (must be a function)`);
    }
    return new FromPollable({ poll: (waker: Waker) => poll(state, waker) });
  }

  /**
   * All values in order; on the first error the others are cancelled and it is thrown.
   *
   * Permits, received values and connections that it had by then, or when it is cancelled, go back.
   */
  static all<const F extends readonly (Pollable<unknown> | PromiseLike<unknown>)[]>(
    futures: F,
  ): Future<{ -readonly [K in keyof F]: Awaited<ValueOf<F[K]>> }> {
    const branches = toFutures<unknown>(futures, "all");
    return combine(allPolicy(branches.length), branches);
  }

  /** How each ended, in order, as `Promise.allSettled` tells it. */
  static allSettled<const F extends readonly (Pollable<unknown> | PromiseLike<unknown>)[]>(
    futures: F,
  ): Future<{ -readonly [K in keyof F]: PromiseSettledResult<Awaited<ValueOf<F[K]>>> }> {
    const branches = toFutures<unknown>(futures, "allSettled");
    return combine(settledPolicy(branches.length), branches);
  }

  /** The first value, the others cancelled; an `AggregateError` when all fail. */
  static any<T>(futures: Iterable<Pollable<T> | PromiseLike<T>>): Future<T> {
    const branches = toFutures(futures, "any");
    return combine(anyPolicy(branches.length), branches);
  }

  /**
   * The first to end, by value or error; the others are cancelled. Of none, never ends.
   *
   * Does not wait for the cleanup of a scope among the losers, as `race` of bodies does; the task
   * that opened the scope does, before it ends.
   */
  static race<T>(futures: Iterable<Pollable<T> | PromiseLike<T>>): Future<T> {
    return combine(racePolicy(), toFutures(futures, "race"));
  }

  /** Answers the value, throws, or answers {@linkcode PENDING} after arranging a wake. */
  abstract poll(waker: Waker): Poll<T>;

  /** Gives back what `poll` registered. Called at most once; must not throw. */
  cancel(_reason: unknown): void {}

  /** A word or two for dumps: what a waiting task waits for. */
  describe(): string {
    return this.constructor.name;
  }

  /**
   * Who can end the wait: 0 only the runtime itself, 1 perhaps host code, 2 something at work
   * outside, 3 a promise.
   */
  get source(): WakeSource {
    return WAKE_MAYBE;
  }

  /**
   * The runtime this future belongs to, where it belongs to one.
   *
   * @internal
   */
  get home(): Host | undefined {
    return undefined;
  }

  /**
   * The task whose body awaits this future now; read at the await itself.
   *
   * @internal
   */
  get waiter(): Waiter | undefined {
    return currentTask();
  }

  /**
   * Ends a wait from the waiter's side. Answers true when it ended at once; false when the future
   * was only told, and must still end by itself: a scope first waits for its children.
   */
  abandon(_waker: Waker, reason: unknown): boolean {
    cancelSafely(this, reason);
    return true;
  }

  /**
   * A combinator had this value and cannot give it on: it was cancelled, or another of its futures
   * failed. What only one can have goes back to where it came from. Must not throw.
   */
  putBack(_value: T): void {}

  /** The future of `onValue` applied to the value. */
  map<R>(onValue: (value: T) => R): Future<R> {
    mustBeFunction(onValue, "map");
    return chain(this, "map", (value) => ({ result: onValue(value) }), rethrow);
  }

  /** Goes on with the future that `onValue` answers. */
  andThen<R>(onValue: (value: T) => Pollable<R> | PromiseLike<R>): Future<R> {
    mustBeFunction(onValue, "andThen");
    return chain(this, "andThen", (value) => ({ next: Future.from(onValue(value)) }), rethrow);
  }

  /** Recovers: the value of `onError` in place of an error. */
  // deno-lint-ignore no-explicit-any -- as Promise has it
  catch<R = never>(onError?: ((error: any) => R | PromiseLike<R>) | null): Future<T | R> {
    if (onError === undefined || onError === null) return this;
    mustBeFunction(onError, "catch");
    return chain<T, T | R>(this, "catch", (value) => ({ result: value }), (error) => {
      const made = onError(error);
      return isPromiseLike(made) ? { next: Future.from(made) } : { result: made };
    });
  }

  /** Calls `onEnd` after the value or error, which passes through. Not called when cancelled. */
  finally(onEnd?: (() => void) | null): Future<T> {
    if (onEnd === undefined || onEnd === null) return this;
    mustBeFunction(onEnd, "finally");
    return chain(this, "finally", (value) => {
      onEnd();
      return { result: value };
    }, (error) => {
      onEnd();
      throw error;
    });
  }

  /**
   * Throws `TimeoutError` when there is no value after `ms`; a value that is ready then still wins.
   *
   * @param ms From the first poll. 0 checks once; `Infinity` never times out.
   * @throws {RangeError} If `ms` is negative or NaN
   */
  timeout(ms: number): Future<T> {
    return new FromPollable(new Deadline(this, checkTimeout(ms, "set timeout", "ms")));
  }

  /** Steps of `yield*` in a generator task. */
  [Symbol.iterator](): Iterator<Future<T>, T, unknown> {
    return new AwaitSteps<Future<T>, T>(this);
  }

  /** As `Promise.prototype.then`; `await` uses it. Drives the runtime until the value is there. */
  get then(): Promise<T>["then"] {
    const task = this.waiter;
    if (task === undefined) return thenOnHost as Promise<T>["then"];
    return (task.awaitHook ??= thenInTask(task)) as Promise<T>["then"];
  }

  /** `"Future"`. */
  get [Symbol.toStringTag](): string {
    return "Future";
  }
}

/** The value type of a pollable or promise. */
type ValueOf<F> = F extends Pollable<infer T> ? T : F extends PromiseLike<infer T> ? T : never;

function mustBeFunction(value: unknown, method: string): void {
  if (typeof value !== "function") {
    throw new TypeError(`Cannot ${method}: the callback is ${typeOf(value)} (must be a function)`);
  }
}

function rethrow(error: unknown): never {
  throw error;
}

function chain<T, R>(
  first: Future<T>,
  name: string,
  onValue: Link<T, R>["onValue"],
  onError: Link<T, R>["onError"],
): Future<R> {
  return new FromPollable(new Chain(first, { name, onValue, onError }));
}

/** Turns each element into a future; the caller's name is for the error text. */
export function toFutures<T>(
  sources: Iterable<Pollable<T> | PromiseLike<T>>,
  caller: string,
): Future<T>[] {
  if (typeof sources !== "object" || sources === null || !(Symbol.iterator in sources)) {
    throw new TypeError(`Cannot ${caller}: futures is ${typeOf(sources)} (must be an iterable)`);
  }
  return Array.from(sources, (source) => Future.from(source));
}

/** Many futures under one policy, as a future; the result type is what the policy is known to make. */
export function combine<T, R>(
  policy: Policy<T, unknown>,
  futures: readonly Future<T>[],
): Future<R> {
  return new FromPollable(new Branches(policy, futures) as unknown as Pollable<R>);
}

class Ready<T> extends Future<T> {
  readonly #value: T;
  constructor(value: T) {
    super();
    this.#value = value;
  }
  poll(): Poll<T> {
    return this.#value;
  }
  override describe(): string {
    return "ready";
  }
  override get source(): WakeSource {
    return WAKE_INSIDE;
  }
}

class Never extends Future<never> {
  poll(): typeof PENDING {
    return PENDING;
  }
  override describe(): string {
    return "never";
  }
  override get source(): WakeSource {
    return WAKE_INSIDE;
  }
}

/** A pollable as a future. */
export class FromPollable<T> extends Future<T> {
  readonly #inner: Pollable<T>;
  #waker: Waker | undefined;
  constructor(inner: Pollable<T>) {
    super();
    this.#inner = inner;
  }
  poll(waker: Waker): Poll<T> {
    this.#waker = waker;
    return this.#inner.poll(waker);
  }
  override cancel(reason: unknown): void {
    if (this.#waker !== undefined) this.abandon(this.#waker, reason);
  }
  override abandon(waker: Waker, reason: unknown): boolean {
    const inner = this.#inner as Partial<Abandonable<T>>;
    if (typeof inner.abandon === "function") return inner.abandon(waker, reason);
    cancelSafely(this.#inner, reason);
    return true;
  }
  override putBack(value: T): void {
    (this.#inner as Partial<Abandonable<T>>).putBack?.(value);
  }
  override describe(): string {
    const inner = this.#inner as Partial<Abandonable<T>>;
    if (typeof inner.describe === "function") return inner.describe();
    return inner.constructor === Object ? "pollable" : inner.constructor?.name ?? "pollable";
  }
  override get source(): WakeSource {
    return (this.#inner as Partial<Abandonable<T>>).source ?? WAKE_MAYBE;
  }
  /** @internal */
  override get home(): Host | undefined {
    return (this.#inner as Partial<Abandonable<T>>).home;
  }
}

/** A promise as a future. */
export class FromPromise<T> extends Future<T> {
  readonly #promise: PromiseLike<T>;
  #waker: Waker | undefined;
  #subscribed = false;
  #state: 0 | 1 | 2 = 0;
  #result: unknown;

  constructor(promise: PromiseLike<T>) {
    super();
    this.#promise = promise;
  }

  poll(waker: Waker): Poll<T> {
    if (this.#state === 1) return this.#result as T;
    if (this.#state === 2) throw this.#result;
    this.#waker = waker;
    if (!this.#subscribed) {
      this.#subscribed = true;
      this.#promise.then(
        (value) => this.#settle(1, value),
        (error) => this.#settle(2, error),
      );
    }
    return PENDING;
  }

  #settle(state: 1 | 2, result: unknown): void {
    this.#state = state;
    this.#result = result;
    const waker = this.#waker;
    this.#waker = undefined;
    waker?.wake();
  }

  override cancel(): void {
    this.#waker = undefined;
    if (!this.#subscribed) {
      this.#subscribed = true;
      this.#promise.then(undefined, () => {});
    }
  }

  override describe(): string {
    return "promise";
  }

  override get source(): WakeSource {
    return WAKE_PROMISE;
  }
}
