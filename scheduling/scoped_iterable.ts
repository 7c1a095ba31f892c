/**
 * Async iterables with a scope inside: the safe stand-in for an async generator with children.
 *
 * An async generator cannot be stopped while a `next()` is pending. Here the producer is the body
 * of a scope: leaving the loop cancels it at once, pending or not, and awaits its cleanup.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { Cancelled, ClosedError } from "../runtime/errors.ts";
import { Future } from "../runtime/future.ts";
import { type Host, WAKE_INSIDE, type WakeSource } from "../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../runtime/poll.ts";
import { type GroupOptions, type InnerGroupOptions, mustBeOptions } from "./group_options.ts";
import { type Scope, ScopeOperation } from "./scope.ts";

/**
 * Hands a value to the consumer; ready when the consumer has taken it. Throws `ClosedError` when the
 * iteration is over.
 */
export type Emit<T> = (value: T) => Future<void>;

/** The producer of a scoped iterable; `scope` is its own. */
export type Producer<T> = (
  emit: Emit<T>,
  scope: Scope,
) => Generator<unknown, void> | PromiseLike<void> | void;

/** The iterator of a scoped iterable; also disposable, for use outside `for await`. */
export interface ScopedIterator<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** The next value; also a future, so a generator task may `yield*` it. */
  next(): Future<IteratorResult<T, undefined>>;
  /** Cancels the producer, settles a pending `next()` as done, and waits for the cleanup. */
  return(): Future<IteratorResult<T, undefined>>;
}

/**
 * An async iterable whose producer may start children. Each iteration runs the producer anew.
 *
 * The producer begins at the first `next()`, and runs at most one value ahead: `emit` waits until
 * its value is taken. When it fails, or a child does, the pending or the following `next()` throws
 * that; when nobody asks any more, it is reported. Leaving the loop cancels it, and the loop is left
 * when its cleanup is done. (A consumer that is itself cancelled leaves at once; the task it belongs to
 * waits for the producer before it ends, and what that throws in its cleanup is reported.)
 *
 * @throws {TypeError} If the producer is no function, or the options are no object
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scopedIterable } from "@vais/runtime";
 *
 * const log: string[] = [];
 * const ticks = scopedIterable<number>(function* (emit, s) {
 *   try {
 *     for (let n = 1;; n++) {
 *       yield* s.sleep(1);
 *       yield* emit(n);
 *     }
 *   } finally {
 *     yield* s.runtime.sleep(1);
 *     log.push("cleaned up");
 *   }
 * });
 * for await (const n of ticks) {
 *   log.push(`tick ${n}`);
 *   if (n === 2) break;
 * }
 * assertEquals(log, ["tick 1", "tick 2", "cleaned up"]);
 * ```
 */
export function scopedIterable<T>(
  producer: Producer<T>,
  options?: GroupOptions,
): { [Symbol.asyncIterator](): ScopedIterator<T> } {
  if (typeof producer !== "function") {
    throw new TypeError(
      `Cannot create iterable: producer is ${typeOf(producer)} (must be a function)`,
    );
  }
  mustBeOptions(options, "create iterable");
  return {
    [Symbol.asyncIterator]: (): ScopedIterator<T> => new Producing(producer, options),
  };
}

/**
 * One iteration over something that is open already. Its producer always begins, and gets to its first await,
 * also when the loop is left or cancelled before: so it can close what it owns.
 */
export function iterateOpen<T>(producer: Producer<T>, name: string): ScopedIterator<T> {
  return new Producing(producer, { name, mustBegin: true });
}

class Producing<T> implements ScopedIterator<T>, Waker {
  readonly #producer: Producer<T>;
  readonly #options: InnerGroupOptions | undefined;
  #operation: ScopeOperation<void> | undefined;
  /** Values emitted and not taken, in order; more than one when children emit too. */
  readonly #offers: Offer<T>[] = [];
  /** Those who wait for the next value, and look at how the producer ends. */
  readonly #consumers = new Set<Waker>();
  /** `return()` was called: whatever ends the producer now is the end of the iteration. */
  #left = false;
  /** The end of the producer was told to a consumer. */
  #ended = false;

  constructor(producer: Producer<T>, options: InnerGroupOptions | undefined) {
    this.#producer = producer;
    this.#options = options;
  }

  #begin(): ScopeOperation<void> {
    if (this.#operation === undefined) {
      this.#operation = new ScopeOperation<void>(
        (s) => this.#producer((value) => new Offer(this, value), s),
        { name: this.#producer.name || "producer", ...this.#options },
        "iterate",
      );
      this.#operation.awaitedOwner.waiters.add(this);
    }
    return this.#operation;
  }

  next(): Future<IteratorResult<T, undefined>> {
    if (this.#left) return Future.ready({ done: true, value: undefined });
    return new NextValue(this, this.#begin());
  }

  return(): Future<IteratorResult<T, undefined>> {
    if (!this.#left && this.#options?.mustBegin === true) this.#begin();
    this.#left = true;
    this.wake();
    const done: IteratorResult<T, undefined> = { done: true, value: undefined };
    const operation = this.#operation;
    if (operation === undefined || this.#ended) return Future.ready(done);
    const core = operation.awaitedOwner;
    core.cancel(
      new Cancelled({ kind: "requested", by: "its consumer", note: "the loop was left" }),
      core.graceMs,
    );
    return operation.catch((error) => {
      if ((error as Error | undefined)?.name !== "AbortError") throw error;
    }).map(() => done);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** There is a value, or the producer has ended: consumers look, and offers that came too late. */
  wake(): void {
    for (const waker of this.#consumers) waker.wake();
    this.#consumers.clear();
    if (this.isTooLate(false)) { for (const offer of this.#offers.splice(0)) offer.wake(); }
  }

  /** The producer has ended: nothing can be offered, and when the loop was left, nothing is taken. */
  isTooLate(isNew: boolean): boolean {
    return (isNew || this.#left) && this.#operation?.awaitedOwner.isOver === true;
  }

  offer(offer: Offer<T>): void {
    this.#offers.push(offer);
    this.wake();
  }

  withdraw(offer: Offer<T>): void {
    const at = this.#offers.indexOf(offer);
    if (at >= 0) this.#offers.splice(at, 1);
  }

  /** The next value for a consumer, if there is one. */
  take(waker: Waker, operation: ScopeOperation<void>): Poll<IteratorResult<T, undefined>> {
    this.#consumers.delete(waker);
    if (this.#left) return { done: true, value: undefined };
    const offer = this.#offers.shift();
    if (offer !== undefined) {
      if (this.#consumers.size === 0) operation.lookAway();
      return { done: false, value: offer.taken() };
    }
    if (!this.#ended) {
      let end: Poll<void>;
      try {
        end = operation.poll(this);
      } catch (error) {
        this.#ended = true;
        throw error;
      }
      if (end === PENDING) {
        this.#consumers.add(waker);
        return PENDING;
      }
      this.#ended = true;
    }
    return { done: true, value: undefined };
  }

  /** A consumer gives up, and may never ask again. */
  leave(waker: Waker, operation: ScopeOperation<void>): void {
    this.#consumers.delete(waker);
    if (this.#consumers.size === 0) operation.lookAway();
  }
}

/** A value on its way to the consumer. */
class Offer<T> extends Future<void> {
  readonly #to: Producing<T>;
  readonly #value: T;
  #state: 0 | 1 | 2 = 0; // new, offered, taken
  #waker: Waker | undefined;

  constructor(to: Producing<T>, value: T) {
    super();
    this.#to = to;
    this.#value = value;
  }

  poll(waker: Waker): Poll<void> {
    if (this.#state === 2) return undefined;
    if (this.#to.isTooLate(this.#state === 0)) {
      throw new ClosedError("Cannot emit: the iteration is over");
    }
    this.#waker = waker;
    if (this.#state === 0) {
      this.#state = 1;
      this.#to.offer(this);
    }
    return PENDING;
  }

  taken(): T {
    this.#state = 2;
    this.wake();
    return this.#value;
  }

  wake(): void {
    this.#waker?.wake();
  }

  /** Withdrawn, it may be offered again. */
  override cancel(): void {
    if (this.#state !== 1) return;
    this.#state = 0;
    this.#to.withdraw(this);
  }

  override describe(): string {
    return "its consumer to take a value";
  }
}

class NextValue<T> extends Future<IteratorResult<T, undefined>> {
  readonly #from: Producing<T>;
  readonly #operation: ScopeOperation<void>;

  constructor(from: Producing<T>, operation: ScopeOperation<void>) {
    super();
    this.#from = from;
    this.#operation = operation;
  }

  poll(waker: Waker): Poll<IteratorResult<T, undefined>> {
    return this.#from.take(waker, this.#operation);
  }

  override abandon(waker: Waker): boolean {
    this.#from.leave(waker, this.#operation);
    return true;
  }

  /** @internal */
  override get home(): Host | undefined {
    return this.#operation.home;
  }

  override describe(): string {
    return `the next value of ${this.#operation.describe()}`;
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }
}
