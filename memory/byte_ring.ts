/**
 * Messages of any length from one thread to another.
 *
 * Invariant: the producer alone moves tail, after writing; the consumer alone moves head, after reading; the
 * bytes between belong to the consumer, all others to the producer, and each touches its own without
 * `Atomics`, as it reads the counter that it alone moves. A message is its length in one word, then its
 * bytes, in one piece: where it would not fit before the end, a word of -1 sends the reader to the
 * beginning.
 *
 * Simon Cooke, "The Bip Buffer" (2003), with a mark instead of a second region; the counters: Leslie
 * Lamport, "Specifying Concurrent Program Modules" (1983).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkInteger, roundCapacity, shown } from "./check.ts";
import {
  createRing,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";

const HEAD = LINE_WORDS;
const TAIL = 2 * LINE_WORDS;
const DATA = 3 * LINE_WORDS;
const HEADER_BYTES = 4;
const TO_BEGINNING = -1;
const LEAST_BYTES = 64;

/**
 * A bounded queue of byte messages from one thread to another.
 *
 * One thread pushes, one reads; they may be the same. Every operation is wait-free, O(length). A
 * message takes its length rounded up to 4, plus 4 bytes; the longest has half of the capacity less 4.
 *
 * Capacity, in bytes: rounded up to a power of two, at least 64. A worker that dies in the middle of a
 * call has added, or taken, nothing by it; another may attach and go on in its place.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { ByteRing, EMPTY } from "@vais/runtime/memory";
 *
 * const ring = ByteRing.create(1024);
 * const consumer = ByteRing.attach(ring.handle); // in another worker
 * ring.push(new TextEncoder().encode("hello"));
 * const message = consumer.pop();
 * assert(message !== EMPTY && new TextDecoder().decode(message) === "hello");
 * assert(consumer.pop() === EMPTY);
 * ```
 */
export class ByteRing extends View<"ByteRing"> {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #mask: number;
  /** The other side's counter as last seen. */
  #head: number;
  #tail: number;
  /** A function of the caller's is at a message. */
  #isBusy = false;
  /** Bytes that fit, lengths and padding included. */
  readonly capacity: number;
  /** Bytes of the longest message. */
  readonly longest: number;

  private constructor(handle: Handle<"ByteRing">) {
    super(handle);
    const words = this.#words = openRegion("ByteRing", handle);
    this.capacity = paramOf(words, 0);
    this.longest = this.capacity / 2 - HEADER_BYTES;
    this.#mask = this.capacity - 1;
    this.#bytes = new Uint8Array(handle.buffer, handle.byteOffset + DATA * 4, this.capacity);
    this.#head = Atomics.load(words, HEAD);
    this.#tail = this.#head;
  }

  /** Bytes that one of so many takes, with what it needs itself. */
  static byteLength(capacity: number): number {
    return roundToLine(DATA * 4 + roundCapacity("create a ByteRing", capacity, LEAST_BYTES));
  }

  /** An empty one. `start`: where its counters begin (a multiple of 4), for tests. O(capacity). */
  static create(capacity: number, options?: { at?: Place; start?: number }): ByteRing {
    const size = roundCapacity("create a ByteRing", capacity, LEAST_BYTES);
    const bytes = ByteRing.byteLength(size);
    return new ByteRing(createRing("ByteRing", bytes, size, options, 4));
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"ByteRing">): ByteRing {
    return new ByteRing(handle);
  }

  /**
   * The producer adds a copy of `message`: true, or FULL. One that never fits is a `RangeError`.
   * Wait-free, O(length).
   */
  push(message: Uint8Array): true | typeof FULL {
    if (!(message instanceof Uint8Array)) {
      throw new TypeError(`Cannot push to a ByteRing: it is ${shown(message)} (pass a Uint8Array)`);
    }
    const at = this.#claim(message.length);
    if (at < 0) return FULL;
    this.#bytes.set(message, at);
    this.#publish(at, message.length);
    return true;
  }

  /**
   * The producer adds a message of `length` bytes that `write` puts in place, in `bytes` from
   * `offset` on: true, or FULL. If `write` throws nothing is added. It cannot use this view of the
   * ring: an `Error`. Wait-free if `write` is, O(1) beside it.
   */
  pushWith(
    length: number,
    write: (bytes: Uint8Array, offset: number, length: number) => void,
  ): true | typeof FULL {
    checkInteger("push to a ByteRing", "the length", length, 0, this.longest);
    checkFunction("push to a ByteRing", write);
    const at = this.#claim(length);
    if (at < 0) return FULL;
    this.#lend(write, at, length);
    this.#publish(at, length);
    return true;
  }

  /** The consumer takes a copy of the first message, or EMPTY. Wait-free, O(length). */
  pop(): Uint8Array<ArrayBuffer> | typeof EMPTY {
    const at = this.#first();
    if (at < 0) return EMPTY;
    const length = this.#words[DATA + at / 4 - 1]!;
    const message = new Uint8Array(length);
    message.set(this.#bytes.subarray(at, at + length));
    this.#release(at, length);
    return message;
  }

  /**
   * The consumer takes the first message into `target`: answers its length, or EMPTY. When it is
   * longer than `target` that is a `RangeError`, and it stays: `nextLength` tells before.
   * Wait-free, O(length).
   */
  popInto(target: Uint8Array): number | typeof EMPTY {
    if (!(target instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot pop from a ByteRing: the target is ${shown(target)} (pass a Uint8Array)`,
      );
    }
    const at = this.#first();
    if (at < 0) return EMPTY;
    const length = this.#words[DATA + at / 4 - 1]!;
    if (length > target.length) {
      throw new RangeError(
        `Cannot pop from a ByteRing: the message has ${length} bytes (the target has room for ${target.length})`,
      );
    }
    target.set(this.#bytes.subarray(at, at + length));
    this.#release(at, length);
    return length;
  }

  /**
   * The consumer lets `read` look at the first message where it lies, in `bytes` from `offset` on,
   * and then removes it: true, or EMPTY. If `read` throws the message stays. `bytes` must not be
   * kept; `read` cannot use this view: an `Error`. Wait-free if `read` is, O(1) beside it.
   */
  read(read: (bytes: Uint8Array, offset: number, length: number) => void): true | typeof EMPTY {
    checkFunction("read from a ByteRing", read);
    const at = this.#first();
    if (at < 0) return EMPTY;
    const length = this.#words[DATA + at / 4 - 1]!;
    this.#lend(read, at, length);
    this.#release(at, length);
    return true;
  }

  /** The length of the first message, or EMPTY. For the consumer. Wait-free, O(1). */
  nextLength(): number | typeof EMPTY {
    const at = this.#first();
    return at < 0 ? EMPTY : this.#words[DATA + at / 4 - 1]!;
  }

  /**
   * Bytes in use, lengths and padding included: exact for the two threads while the other rests.
   * Wait-free, O(1).
   */
  get used(): number {
    const head = Atomics.load(this.#words, HEAD);
    return Math.min((Atomics.load(this.#words, TAIL) - head) | 0, this.capacity);
  }

  /** Whether there is no message. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.used === 0;
  }

  /** Where a message of `length` bytes goes, or -1. */
  #claim(length: number): number {
    if (length > this.longest) {
      throw new RangeError(
        `Cannot push to a ByteRing: the message has ${length} bytes (at most ${this.longest} fit)`,
      );
    }
    if (this.#isBusy) refuseBusy("push to");
    const words = this.#words;
    let tail = words[TAIL]!;
    const size = sizeOf(length);
    const rest = this.capacity - (tail & this.#mask);
    const needed = size <= rest ? size : rest + size;
    let used = (tail - this.#head) | 0;
    if (used < 0 || this.capacity - used < needed) {
      this.#head = Atomics.load(words, HEAD);
      used = (tail - this.#head) | 0;
      if (this.capacity - used < needed) return -1;
    }
    if (size > rest) {
      words[DATA + (tail & this.#mask) / 4] = TO_BEGINNING;
      tail += rest;
    }
    return (tail & this.#mask) + HEADER_BYTES;
  }

  #publish(at: number, length: number): void {
    const words = this.#words;
    words[DATA + at / 4 - 1] = length;
    Atomics.store(words, TAIL, this.#after(words[TAIL]!, at, length));
  }

  /** Where the first message begins, or -1. */
  #first(): number {
    if (this.#isBusy) refuseBusy("read from");
    const words = this.#words;
    const head = words[HEAD]!;
    const items = (this.#tail - head) | 0;
    if (items <= 0 || items > this.capacity) {
      this.#tail = Atomics.load(words, TAIL);
      if (this.#tail === head) return -1;
    }
    const at = head & this.#mask;
    return words[DATA + at / 4] === TO_BEGINNING ? HEADER_BYTES : at + HEADER_BYTES;
  }

  #release(at: number, length: number): void {
    const words = this.#words;
    Atomics.store(words, HEAD, this.#after(words[HEAD]!, at, length));
  }

  /** Lets a function of the caller's at a message: meanwhile this view refuses everything else. */
  #lend(use: UseBytes, at: number, length: number): void {
    this.#isBusy = true;
    try {
      use(this.#bytes, at, length);
    } finally {
      this.#isBusy = false;
    }
  }

  /** The counter behind the message that lies at `at`. */
  #after(counter: number, at: number, length: number): number {
    const skipped = (at - HEADER_BYTES - counter) & this.#mask;
    return (counter + skipped + sizeOf(length)) | 0;
  }
}

type UseBytes = (bytes: Uint8Array, offset: number, length: number) => void;

function refuseBusy(action: string): never {
  throw new Error(
    `Cannot ${action} a ByteRing: its message is being written or read (let that function return first)`,
  );
}

function sizeOf(length: number): number {
  return HEADER_BYTES + ((length + 3) & ~3);
}

function checkFunction(action: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot ${action}: ${shown(value)} is no function (pass one)`);
}
