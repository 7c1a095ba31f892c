/**
 * Channels: values from those who make them to those who use them, with back-pressure.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { ClosedError } from "../../runtime/errors.ts";
import type { Future } from "../../runtime/future.ts";
import { isPromiseLike, PENDING } from "../../runtime/poll.ts";
import { iterate } from "./iterate.ts";
import { ChannelCore, NextWait, type Overflow, ReceiveWait, SendWait } from "./channel_core.ts";

export type { Overflow };

/** How a {@linkcode Channel} is made. */
export interface ChannelOptions {
  /** Values it holds: 0 (a rendezvous, the default) to `Infinity` (unbounded). */
  readonly capacity?: number;
  /** What `send` does when it is full: wait (the default), or drop a value and count it. */
  readonly overflow?: Overflow;
  /** For errors and dumps. */
  readonly name?: string;
}

let channels = 0;

/** Closes a channel; `onLeft` gets the values that nobody takes. */
export let disposeOf: <T>(channel: Channel<T>, onLeft: (value: T) => void) => void;

/**
 * A queue between tasks: any number send, any number receive, each value goes to exactly one.
 *
 * First come, first served at both ends. `send` and `receive` are lazy futures: nothing happens
 * before they are awaited, by `yield*` in a generator or `await` in async code. A cancelled `send`
 * has sent nothing, a cancelled `receive` has taken nothing. To wait at several ends at once, `select` among
 * them. After {@linkcode close} the values that are left can still be received.
 *
 * A value may be anything but a promise or a future. All methods are O(1).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Channel, scope } from "@vais/runtime";
 *
 * const numbers = new Channel<number>(2);
 * const sum = await scope(async (s) => {
 *   s.spawn(function* () {
 *     for (let i = 1; i <= 5; i++) yield* numbers.send(i); // waits while two are in it
 *     numbers.close();
 *   });
 *   let sum = 0;
 *   for await (const n of numbers) sum += n;
 *   return sum;
 * });
 * assertEquals(sum, 15);
 * ```
 */
export class Channel<T> implements AsyncIterable<T, undefined>, Disposable {
  readonly #core: ChannelCore<T>;
  #producers = 0;

  static {
    disposeOf = (channel, onLeft) => channel.#core.dispose(onLeft);
  }

  /**
   * A channel with this capacity, or with these options.
   *
   * @param options The capacity, or more
   * @throws {TypeError} If an option has the wrong type
   * @throws {RangeError} If the capacity is not 0, a positive integer or `Infinity`, or is 0 with an
   *   overflow that drops
   */
  constructor(options: number | ChannelOptions = {}) {
    const { capacity = 0, overflow = "wait", name = `channel-${++channels}` } =
      typeof options === "number" ? { capacity: options } : checkObject(options);
    checkCapacity(capacity, overflow);
    if (typeof name !== "string") {
      throw new TypeError(`Cannot make Channel: name is ${typeOf(name)} (must be a string)`);
    }
    this.#core = new ChannelCore(name, capacity, overflow);
  }

  /** A channel that holds `capacity` values; a sender waits while it is full. */
  static bounded<T>(capacity: number): Channel<T> {
    return new Channel<T>(capacity);
  }

  /** A channel whose senders never wait. Its memory is bounded by nothing but its receivers. */
  static unbounded<T>(): Channel<T> {
    return new Channel<T>(Infinity);
  }

  /** A channel that holds nothing: a sender waits until a receiver asks. */
  static rendezvous<T>(): Channel<T> {
    return new Channel<T>(0);
  }

  /** Its name. */
  get name(): string {
    return this.#core.name;
  }

  /** How many values it holds at most; `Infinity` when it is unbounded. */
  get capacity(): number {
    return this.#core.capacity;
  }

  /** Values in it that nobody is about to take. */
  get size(): number {
    return this.#core.unclaimed;
  }

  /** Values that its overflow policy dropped. */
  get dropped(): number {
    return this.#core.dropped;
  }

  /** True after {@linkcode close}, even while values are left. */
  get isClosed(): boolean {
    return this.#core.closed !== undefined;
  }

  /** Tasks that wait to send. */
  get waitingSenders(): number {
    return this.#core.senders.size;
  }

  /** Tasks that wait to receive. */
  get waitingReceivers(): number {
    return this.#core.receivers.size;
  }

  /**
   * Sends a value: waits until there is room, or until a receiver asks (capacity 0).
   *
   * Throws `ClosedError` when the channel is, or meanwhile gets, closed; the value is not sent then.
   *
   * @throws {TypeError} If the value is a promise or a future: await it first
   */
  send(value: T): Future<void> {
    return new SendWait(this.#core, checkValue(value, "send"));
  }

  /**
   * Sends a value if that needs no waiting.
   *
   * @returns False when there is no room; true also when the overflow policy dropped a value
   * @throws {ClosedError} If the channel is closed
   * @throws {TypeError} If the value is a promise or a future
   */
  trySend(value: T): boolean {
    checkValue(value, "trySend");
    if (this.#core.closed !== undefined) throw this.#core.closedError("send to");
    return this.#core.put(value);
  }

  /**
   * Receives the oldest value; waits until there is one.
   *
   * Throws when the channel is closed and empty: what {@linkcode close} was given, or `ClosedError`.
   */
  receive(): Future<T> {
    return new ReceiveWait(this.#core);
  }

  /**
   * Receives the oldest value if there is one in the channel. A rendezvous never holds one: there only
   * a receiver that waits meets a sender.
   *
   * @returns The value in an object; `undefined` when there is none now
   * @throws {ClosedError} If there will never be one again
   */
  tryReceive(): { value: T } | undefined {
    const value = this.#core.take();
    if (value !== PENDING) return { value };
    if (this.#core.isDrained) throw this.#core.closedError("receive from");
    return undefined;
  }

  /**
   * As {@linkcode receive}, but a plain close is the end and no error: what `for await` uses, and
   * what a generator loops over.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { blockOn, Channel } from "@vais/runtime";
   *
   * const letters = new Channel<string>(8);
   * for (const letter of "abc") letters.trySend(letter);
   * letters.close();
   * const text = blockOn(function* () {
   *   let text = "";
   *   for (let next; !(next = yield* letters.next()).done;) text += next.value;
   *   return text;
   * });
   * assertEquals(text, "abc");
   * ```
   */
  next(): Future<IteratorResult<T, undefined>> {
    return new NextWait(this.#core);
  }

  /**
   * No more values. Who waits to send gets `ClosedError`; receivers get the values that are left,
   * then the end. Every waiter is woken. Closing again does nothing.
   *
   * @param error What receivers throw after the last value, instead of ending; any value but
   *   `undefined`
   */
  close(error?: unknown): void {
    this.#core.close(error, error !== undefined);
  }

  /**
   * One of several producers: the channel closes when the last one is disposed of.
   *
   * @throws {ClosedError} If the channel is closed
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Channel, scope } from "@vais/runtime";
   *
   * const found: number[] = [];
   * const results = new Channel<number>();
   * await scope(async (s) => {
   *   for (const n of [1, 2, 3]) {
   *     const producer = results.producer();
   *     s.spawn(async () => {
   *       try {
   *         await producer.send(n * n);
   *       } finally {
   *         producer[Symbol.dispose](); // or `using producer = …`
   *       }
   *     });
   *   }
   *   for await (const result of results) found.push(result);
   * });
   * assertEquals(found.sort(), [1, 4, 9]);
   * ```
   */
  producer(): ChannelProducer<T> {
    if (this.#core.closed !== undefined) throw this.#core.closedError("send to");
    this.#producers++;
    let isOpen = true;
    const core = this.#core;
    const open = (): void => {
      if (!isOpen) {
        throw new ClosedError(`Cannot send to channel ${core.name}: this producer ended`);
      }
    };
    return {
      send: (value) => (open(), this.send(value)),
      trySend: (value) => (open(), this.trySend(value)),
      [Symbol.dispose]: () => {
        if (isOpen && --this.#producers === 0) this.close();
        isOpen = false;
      },
    };
  }

  /** The values as they come. Leaving the loop leaves the channel open, for others. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return iterate(() => this.next());
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** One of several senders of a {@linkcode Channel}; see `Channel.producer`. */
export interface ChannelProducer<T> extends Disposable {
  /** As `Channel.send`. */
  send(value: T): Future<void>;
  /** As `Channel.trySend`. */
  trySend(value: T): boolean;
}

function checkObject(options: ChannelOptions): ChannelOptions {
  if (typeof options === "object" && options !== null) return options;
  throw new TypeError(
    `Cannot make Channel: options is ${typeOf(options)} (must be a number or an object)`,
  );
}

function checkCapacity(capacity: number, overflow: Overflow): void {
  if (capacity !== Infinity) checkInteger(capacity, 0, "make Channel", "capacity");
  if (overflow === "wait") return;
  if (overflow !== "drop-newest" && overflow !== "drop-oldest") {
    throw new TypeError(
      `Cannot make Channel: overflow is ${
        typeof overflow === "string" ? JSON.stringify(overflow) : typeOf(overflow)
      } (must be "wait", "drop-newest" or "drop-oldest")`,
    );
  }
  if (capacity === 0) {
    throw new RangeError(
      `Cannot make Channel: capacity is 0 with overflow "${overflow}" (must be 1 or more)`,
    );
  }
}

/** The value, unless it could not be told from waiting. */
export function checkValue<T>(value: T, action: string): T {
  if (isPromiseLike(value) || value === PENDING) {
    throw new TypeError(
      `Cannot ${action}: value is ${
        typeOf(value)
      } (await it first, or put it in an object: it could not be told from waiting)`,
    );
  }
  return value;
}
