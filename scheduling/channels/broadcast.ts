/**
 * Every value to every receiver, without waiting for the slow ones.
 *
 * The values lie once, in a ring that all receivers read, each at its own position. Where the ring is
 * full the oldest value makes room, and a receiver that had not read it is told how many it missed.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { ClosedError } from "../../runtime/errors.ts";
import type { Future } from "../../runtime/future.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { Waiters } from "../waiters.ts";
import { checkValue } from "./channel.ts";
import { iterate } from "./iterate.ts";
import { LaggedError } from "./lagged_error.ts";
import { Look } from "./look.ts";
import { Ring } from "./ring.ts";

/** How a {@linkcode Broadcast} is made. */
export interface BroadcastOptions {
  /** Values that a slow receiver may be behind: 1 or more, 16 unless said. */
  readonly capacity?: number;
  /** For errors and dumps. */
  readonly name?: string;
}

/** The waits of one receiver, which is woken with all the others, or alone. */
class OwnWaiters extends Waiters implements Waker {
  readonly #all: Waiters;

  constructor(all: Waiters) {
    super();
    this.#all = all;
  }

  override add(waker: Waker): void {
    super.add(waker);
    this.#all.add(this);
  }

  wake(): void {
    this.wakeAll();
  }

  /** Wakes its own, who are no more among the others. */
  leave(): void {
    this.#all.remove(this);
    this.wakeAll();
  }
}

let broadcasts = 0;

class BroadcastState<T> {
  readonly values: Ring<T> = new Ring();
  /** The number of the oldest value in the ring. */
  first = 0;
  readonly changes: Waiters = new Waiters();
  readonly receivers: Set<BroadcastReceiver<T>> = new Set();
  isClosed = false;

  constructor(readonly name: string, readonly capacity: number) {}

  get end(): number {
    return this.first + this.values.size;
  }
}

/**
 * Sends each value to all who have subscribed before. It never waits: who is more than `capacity` values
 * behind misses the oldest, and is told so by a {@linkcode LaggedError}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Broadcast } from "@vais/runtime";
 *
 * const news = new Broadcast<string>({ capacity: 2 });
 * using fast = news.subscribe();
 * using slow = news.subscribe();
 * assertEquals(news.send("a"), 2); // so many receivers
 * assertEquals(await fast.receive(), "a");
 * news.send("b");
 * news.send("c");
 * assertEquals(slow.lag, 1);
 * assertEquals(await slow.receive().catch((e) => e.missed), 1);
 * assertEquals(await slow.receive(), "b");
 * ```
 */
export class Broadcast<T> implements Disposable {
  readonly #state: BroadcastState<T>;

  /**
   * A broadcast without receivers.
   *
   * @throws {TypeError} If an option has the wrong type
   * @throws {RangeError} If the capacity is not a positive integer
   */
  constructor(options: BroadcastOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot make Broadcast: options is ${typeOf(options)} (must be an object)`,
      );
    }
    const { capacity = 16, name = `broadcast-${++broadcasts}` } = options;
    checkInteger(capacity, 1, "make Broadcast", "capacity");
    if (typeof name !== "string") {
      throw new TypeError(`Cannot make Broadcast: name is ${typeOf(name)} (must be a string)`);
    }
    this.#state = new BroadcastState(name, capacity);
  }

  /** Its name. */
  get name(): string {
    return this.#state.name;
  }

  /** Who has subscribed now. */
  get receiverCount(): number {
    return this.#state.receivers.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#state.isClosed;
  }

  /**
   * Sends to all receivers. O(1), and O(1) for each that waits.
   *
   * @returns How many will get it; with none it is kept for nobody
   * @throws {ClosedError} If it is closed
   * @throws {TypeError} If the value is a promise or a future
   */
  send(value: T): number {
    checkValue(value, "send");
    const state = this.#state;
    if (state.isClosed) {
      throw new ClosedError(`Cannot send to broadcast ${state.name}: it is closed`);
    }
    if (state.receivers.size === 0) return 0;
    if (state.values.size === state.capacity) {
      state.values.shift();
      state.first++;
    }
    state.values.push(value);
    state.changes.wakeAll();
    return state.receivers.size;
  }

  /**
   * A receiver of all that is sent from now on. Dispose of it when it is not needed any more.
   *
   * @throws {ClosedError} If it is closed
   */
  subscribe(): BroadcastReceiver<T> {
    const state = this.#state;
    if (state.isClosed) {
      throw new ClosedError(`Cannot subscribe to broadcast ${state.name}: it is closed`);
    }
    const receiver = new BroadcastReceiver(state, state.end);
    state.receivers.add(receiver);
    return receiver;
  }

  /** No more values; receivers get what is left for them, then the end. Wakes all who wait. */
  close(): void {
    this.#state.isClosed = true;
    this.#state.changes.wakeAll();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** One who receives; made by `Broadcast.subscribe`. */
export class BroadcastReceiver<T> implements AsyncIterable<T, undefined>, Disposable {
  readonly #state: BroadcastState<T>;
  readonly #waiters: OwnWaiters;
  #at: number;

  /** @internal */
  constructor(state: BroadcastState<T>, at: number) {
    this.#state = state;
    this.#waiters = new OwnWaiters(state.changes);
    this.#at = at;
  }

  /** Values that wait for it. */
  get size(): number {
    return this.#isDisposed ? 0 : this.#state.end - Math.max(this.#at, this.#state.first);
  }

  /** Values that it has missed, and was not told of yet. */
  get lag(): number {
    return this.#isDisposed ? 0 : Math.max(0, this.#state.first - this.#at);
  }

  get #isDisposed(): boolean {
    return !this.#state.receivers.has(this);
  }

  /**
   * The next value; waits for it.
   *
   * Throws {@linkcode LaggedError} once for each time it was too slow, and `ClosedError` when the
   * broadcast is closed and nothing is left, or this receiver was disposed of.
   */
  receive(): Future<T> {
    return this.#look(() => this.#take());
  }

  /** As {@linkcode receive}, but a close is the end and no error. */
  next(): Future<IteratorResult<T, undefined>> {
    return this.#look(() => {
      if (this.#isOver) return { done: true, value: undefined };
      const value = this.#take();
      return value === PENDING ? PENDING : { done: false, value: value as T };
    });
  }

  /**
   * The next value if there is one.
   *
   * @returns The value in an object; `undefined` when there is none now
   * @throws {LaggedError} If it was too slow
   * @throws {ClosedError} If there will never be one again
   */
  tryReceive(): { value: T } | undefined {
    const value = this.#take();
    return value === PENDING ? undefined : { value };
  }

  #look<R>(look: () => Poll<R>): Future<R> {
    return new Look(this.#waiters, `broadcast ${this.#state.name}`, look);
  }

  get #isOver(): boolean {
    const { isClosed, first, end } = this.#state;
    return this.#isDisposed || (isClosed && this.#at >= Math.max(first, end));
  }

  #take(): Poll<T> {
    const state = this.#state;
    if (this.#isOver) {
      throw new ClosedError(
        `Cannot receive from broadcast ${state.name}: ${
          this.#isDisposed ? "this receiver was disposed of" : "it is closed"
        }`,
      );
    }
    const missed = state.first - this.#at;
    if (missed > 0) {
      this.#at = state.first;
      throw new LaggedError(missed, state.name, state.capacity);
    }
    if (this.#at === state.end) return PENDING;
    return state.values.at(this.#at++ - state.first);
  }

  /** The values as they come; a {@linkcode LaggedError} ends the loop. Leaving it keeps the place. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return iterate(() => this.next());
  }

  /** Leaves: nothing is kept for it any more. The last one to leave empties the ring. */
  [Symbol.dispose](): void {
    const state = this.#state;
    if (!state.receivers.delete(this)) return;
    if (state.receivers.size === 0) {
      state.first = state.end;
      state.values.clear();
    }
    this.#waiters.leave();
  }
}
