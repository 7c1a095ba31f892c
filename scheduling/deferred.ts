/**
 * A future that somebody settles by hand: abi's `Promise`, the producing half.
 *
 * Unlike a host promise it keeps its rejection to itself until somebody looks, and it can be settled
 * from anywhere: a settle only wakes, it never runs a waiter's code.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { Cancelled } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { WAKE_MAYBE, type WakeSource } from "../runtime/host.ts";
import { isPromiseLike, PENDING, type Poll, type Waker } from "../runtime/poll.ts";

/** Where a {@linkcode Deferred} stands. */
export type DeferredState = "pending" | "completed" | "failed" | "cancelled";

/**
 * A value that somebody else provides.
 *
 * It is a `Future` itself: `yield*` it, or `await` it, as often and by as many as you like. To those
 * who may only wait, hand out {@linkcode future}. The first settle wins, later ones answer false.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Deferred } from "@vais/runtime";
 *
 * const answer = new Deferred<number>();
 * setTimeout(() => answer.resolve(42), 1);
 * assertEquals(await answer, 42);
 * assertEquals(answer.state, "completed");
 * assertEquals(answer.reject(new Error("too late")), false);
 * ```
 */
export class Deferred<T> extends Future<T> {
  #state: DeferredState = "pending";
  #result: unknown = undefined;
  #waiters: Set<Waker> | undefined = undefined;
  #future: Future<T> | undefined = undefined;

  /** See {@linkcode DeferredState}. */
  get state(): DeferredState {
    return this.#state;
  }

  /** True once it has a value or an error, or is cancelled. */
  get isSettled(): boolean {
    return this.#state !== "pending";
  }

  /** The waiting half alone: it cannot settle anything. Always the same one. */
  get future(): Future<T> {
    return this.#future ??= new WaitingHalf(this);
  }

  /**
   * Gives the value to all who wait, and to all who come later.
   *
   * @returns False when it was settled before
   * @throws {TypeError} If the value is a promise or a future: it could not be told from waiting
   */
  resolve(value: T): boolean {
    if (isPromiseLike(value)) {
      throw new TypeError(
        `Cannot resolve Deferred: value is ${
          typeOf(value)
        } (await it first, or put it in an object)`,
      );
    }
    return this.#settle("completed", value);
  }

  /**
   * Throws the error, itself, in all who wait. If nobody does, nothing happens: it waits for somebody.
   *
   * @returns False when it was settled before
   */
  reject(error: unknown): boolean {
    return this.#settle("failed", error);
  }

  /**
   * Throws `Cancelled` in all who wait.
   *
   * @param reason Becomes the `reason` of `Cancelled`; any value is kept as a note
   * @returns False when it was settled before
   */
  override cancel(reason?: unknown): boolean {
    if (this.#state !== "pending") return false;
    return this.#settle("cancelled", reason instanceof Cancelled ? reason : new Cancelled(reason));
  }

  #settle(state: DeferredState, result: unknown): boolean {
    if (this.#state !== "pending") return false;
    this.#state = state;
    this.#result = result;
    const waiters = this.#waiters;
    this.#waiters = undefined;
    if (waiters !== undefined) { for (const waker of waiters) waker.wake(); }
    return true;
  }

  /** The value, or a throw, once it is settled. */
  poll(waker: Waker): Poll<T> {
    switch (this.#state) {
      case "pending":
        (this.#waiters ??= new Set()).add(waker);
        return PENDING;
      case "completed":
        return this.#result as T;
      default:
        throw this.#result;
    }
  }

  /** Who gives up waiting settles nothing: the others wait on. */
  override abandon(waker: Waker): boolean {
    this.#waiters?.delete(waker);
    return true;
  }

  /** `"deferred"`. */
  override describe(): string {
    return "deferred";
  }

  /** Host code may settle it. */
  override get source(): WakeSource {
    return WAKE_MAYBE;
  }

  /** `"Deferred"`. */
  override get [Symbol.toStringTag](): string {
    return "Deferred";
  }
}

/** A deferred without its settling methods. */
class WaitingHalf<T> extends Future<T> {
  readonly #deferred: Deferred<T>;

  constructor(deferred: Deferred<T>) {
    super();
    this.#deferred = deferred;
  }

  poll(waker: Waker): Poll<T> {
    return this.#deferred.poll(waker);
  }

  override abandon(waker: Waker): boolean {
    return this.#deferred.abandon(waker);
  }

  override describe(): string {
    return this.#deferred.describe();
  }
}
