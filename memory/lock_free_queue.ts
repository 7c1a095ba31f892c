/**
 * One producer, one consumer: a ring with two counters.
 *
 * Invariant: the producer alone moves tail, after writing; the consumer alone moves head, after reading.
 * So a word between them belongs to the consumer, every other one to the producer, and both touch
 * theirs without `Atomics`, as each reads the counter that it alone moves. Each side keeps a copy
 * of the other's counter, which may be old: then there is more room, or there are more items, than
 * it thinks. One store publishes a whole batch.
 *
 * Leslie Lamport, "Specifying Concurrent Program Modules" (1983); the copies: J. Giacomoni, T. Moseley,
 * M. Vachharajani, "FastForward for Efficient Pipeline Parallelism" (2008), as in ProducerConsumerQueue
 * of folly (2012).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkInteger, isInt32, refuseInt32, roundCapacity, shown } from "./check.ts";
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
const ITEMS = 3 * LINE_WORDS;

/**
 * A bounded queue of int32 values from one thread to another.
 *
 * One thread pushes, one pops; they may be the same. Every operation is wait-free. Adding or taking many at
 * once costs one publication: 5 to 16 ns an item instead of about 100, between two cores.
 *
 * Capacity: rounded up to a power of two, at least 2; default 1024. A worker that dies in the middle of
 * a call has added, or taken, nothing by it; another may attach and go on in its place.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { EMPTY, LockFreeQueue } from "@vais/runtime/memory";
 *
 * const queue = LockFreeQueue.create(8);
 * const consumer = LockFreeQueue.attach(queue.handle); // in another worker
 * queue.push(1);
 * queue.pushMany([2, 3]);
 * const taken = new Int32Array(8);
 * assert(consumer.popMany(taken) === 3 && taken[2] === 3);
 * assert(consumer.pop() === EMPTY);
 * ```
 */
export class LockFreeQueue extends View<"LockFreeQueue"> {
  readonly #words: Int32Array;
  readonly #mask: number;
  /** The other side's counter as last seen. */
  #head: number;
  #tail: number;

  private constructor(handle: Handle<"LockFreeQueue">) {
    super(handle);
    this.#words = openRegion("LockFreeQueue", handle);
    this.#mask = paramOf(this.#words, 0) - 1;
    this.#head = Atomics.load(this.#words, HEAD);
    this.#tail = this.#head;
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity = 1024): number {
    return roundToLine((ITEMS + roundCapacity("create a LockFreeQueue", capacity, 2)) * 4);
  }

  /** An empty one. `start`: where its counters begin, for tests. O(capacity). */
  static create(capacity = 1024, options?: { at?: Place; start?: number }): LockFreeQueue {
    const size = roundCapacity("create a LockFreeQueue", capacity, 2);
    const bytes = LockFreeQueue.byteLength(size);
    return new LockFreeQueue(createRing("LockFreeQueue", bytes, size, options));
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"LockFreeQueue">): LockFreeQueue {
    return new LockFreeQueue(handle);
  }

  /** The producer adds an int32: true, or FULL. Wait-free, O(1). */
  push(value: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a LockFreeQueue", value);
    const words = this.#words;
    const tail = words[TAIL]!;
    if (this.#room(tail, 1) < 1) return FULL;
    words[ITEMS + (tail & this.#mask)] = value;
    Atomics.store(words, TAIL, (tail + 1) | 0);
    return true;
  }

  /**
   * The producer adds `values` from `from` on, as many as there is room for, all at one moment. Answers how
   * many: 0 when it is full. Wait-free, O(n).
   */
  pushMany(values: ArrayLike<number>, from = 0): number {
    const action = "push to a LockFreeQueue";
    const length = checkMany(action, values, from);
    const words = this.#words;
    const tail = words[TAIL]!;
    const count = Math.min(length - from, this.#room(tail, length - from));
    for (let i = 0; i < count; i++) {
      const value = values[from + i]!;
      if (!isInt32(value)) refuseInt32(action, value);
      words[ITEMS + ((tail + i) & this.#mask)] = value;
    }
    if (count > 0) Atomics.store(words, TAIL, (tail + count) | 0);
    return count;
  }

  /** The consumer takes the first value, or EMPTY. Wait-free, O(1). */
  pop(): number | typeof EMPTY {
    const words = this.#words;
    const head = words[HEAD]!;
    if (this.#items(head, 1) < 1) return EMPTY;
    const value = words[ITEMS + (head & this.#mask)]!;
    Atomics.store(words, HEAD, (head + 1) | 0);
    return value;
  }

  /**
   * The consumer takes values into `target` from `from` on, as many as there are and fit. Answers how many: 0
   * when it is empty. Wait-free, O(n).
   */
  popMany(target: Int32Array | number[], from = 0): number {
    const length = checkMany("pop from a LockFreeQueue", target, from);
    const words = this.#words;
    const head = words[HEAD]!;
    const count = Math.min(length - from, this.#items(head, length - from));
    for (let i = 0; i < count; i++) target[from + i] = words[ITEMS + ((head + i) & this.#mask)]!;
    if (count > 0) Atomics.store(words, HEAD, (head + count) | 0);
    return count;
  }

  /** Items now: exact for the two threads while the other rests. Wait-free, O(1). */
  get size(): number {
    const head = Atomics.load(this.#words, HEAD);
    return Math.min((Atomics.load(this.#words, TAIL) - head) | 0, this.capacity);
  }

  /** Whether `size` is 0. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** How many items fit. */
  get capacity(): number {
    return this.#mask + 1;
  }

  /** Room for the producer: asks anew when it seems less than wanted. */
  #room(tail: number, wanted: number): number {
    let used = (tail - this.#head) | 0;
    if (used < 0 || this.capacity - used < wanted) {
      this.#head = Atomics.load(this.#words, HEAD);
      used = (tail - this.#head) | 0;
    }
    return this.capacity - used;
  }

  /** Items for the consumer: asks anew when they seem fewer than wanted. */
  #items(head: number, wanted: number): number {
    let items = (this.#tail - head) | 0;
    if (items < wanted || items > this.capacity) {
      this.#tail = Atomics.load(this.#words, TAIL);
      items = (this.#tail - head) | 0;
    }
    return items;
  }
}

/** The length of `values`; `from` must be in it, or its end. */
function checkMany(action: string, values: unknown, from: number): number {
  if (!Array.isArray(values) && !ArrayBuffer.isView(values)) {
    throw new TypeError(
      `Cannot ${action}: the values are ${shown(values)} (pass an array or an Int32Array)`,
    );
  }
  const { length } = values as ArrayLike<number>;
  checkInteger(action, "the start", from, 0, length);
  return length;
}
