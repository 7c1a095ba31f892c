/**
 * Earliest deadline first; first in first out among equal ones.
 *
 * Invariant: a binary heap by (deadline, arrival) in shared memory, under one lock: no entry comes before its
 * parent.
 *
 * J. W. J. Williams, "Algorithm 232: Heapsort" (1964); C. L. Liu, James W. Layland, "Scheduling Algorithms
 * for Multiprogramming in a Hard-Real-Time Environment" (1973); the lock: Ulrich Drepper, "Futexes
 * Are Tricky" (2004).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkInteger, checkOptions, exactCapacity, isInt32, refuseInt32, shown } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";
import { LockWord } from "./lock_word.ts";

const ACTION = "create a DeadlineQueue";
const LOCK = LINE_WORDS;
const SIZE = LINE_WORDS + 1;
const SEQUENCE = LINE_WORDS + 2;
const ENTRIES = 2 * LINE_WORDS;
/** Deadline (two words), arrival, value. */
const ENTRY_WORDS = 4;

/**
 * A bounded queue of int32 values with deadlines, between any number of threads.
 *
 * A deadline is any number but NaN: ms of whatever clock the users share. Blocking: every operation takes one lock for
 * O(log n) steps, and a worker that is killed in there blocks the queue for ever. Linearizable.
 * Arrivals are told apart within 2 ** 31. Capacity: exact.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DeadlineQueue, EMPTY } from "@vais/runtime/memory";
 *
 * const queue = DeadlineQueue.create(100); // a worker: DeadlineQueue.attach(handle)
 * queue.push(1, 300);
 * queue.push(2, 100);
 * assertEquals([queue.peekDeadline(), queue.popDue(50), queue.popDue(100)], [100, EMPTY, 2]);
 * assertEquals([queue.pop(), queue.pop()], [1, EMPTY]);
 * ```
 */
export class DeadlineQueue extends View<"DeadlineQueue"> {
  readonly #words: Int32Array;
  readonly #deadlines: Float64Array;
  readonly #lock: LockWord;
  /** How many items fit. */
  readonly capacity: number;

  private constructor(handle: Handle<"DeadlineQueue">) {
    super(handle);
    const words = this.#words = openRegion("DeadlineQueue", handle);
    this.#deadlines = new Float64Array(handle.buffer, handle.byteOffset, words.length / 2);
    this.#lock = new LockWord(words, LOCK);
    this.capacity = paramOf(words, 0);
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity: number): number {
    return roundToLine((ENTRIES + exactCapacity(ACTION, capacity) * ENTRY_WORDS) * 4);
  }

  /** An empty one. `start`: where arrivals begin to count, for tests. */
  static create(capacity: number, options?: { at?: Place; start?: number }): DeadlineQueue {
    const { at, start = 0 } = checkOptions(ACTION, options);
    checkInteger(ACTION, "the start", start, -(2 ** 31), 2 ** 31 - 1);
    const bytes = DeadlineQueue.byteLength(capacity);
    const queue = new DeadlineQueue(createRegion("DeadlineQueue", bytes, [capacity], at));
    queue.#words[SEQUENCE] = start;
    return queue;
  }

  /** The one that `handle` names, in this thread. */
  static attach(handle: Handle<"DeadlineQueue">): DeadlineQueue {
    return new DeadlineQueue(handle);
  }

  /** Adds an int32 that is due at `deadline`: true, or FULL. O(log n). */
  push(value: number, deadline: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a DeadlineQueue", value);
    checkTime("push to a DeadlineQueue", "the deadline", deadline);
    const words = this.#words;
    this.#lock.lock();
    const size = words[SIZE]!;
    if (size < this.capacity) {
      this.#put(size, deadline, words[SEQUENCE]!++, value);
      words[SIZE] = size + 1;
      this.#up(size);
    }
    this.#lock.unlock();
    return size < this.capacity || FULL;
  }

  /** Takes the item due first, or EMPTY. O(log n). */
  pop(): number | typeof EMPTY {
    return this.popDue(Infinity);
  }

  /** Takes the item due first if it is due by `now`, or EMPTY. O(log n). */
  popDue(now: number): number | typeof EMPTY {
    checkTime("pop from a DeadlineQueue", "the time", now);
    this.#lock.lock();
    const isDue = this.#words[SIZE]! > 0 && this.#deadlines[ENTRIES / 2]! <= now;
    const value = isDue ? this.#takeFirst() : EMPTY;
    this.#lock.unlock();
    return value;
  }

  /** What `pop` would take, or EMPTY. O(1). */
  peek(): number | typeof EMPTY {
    this.#lock.lock();
    const value = this.#words[SIZE]! > 0 ? this.#words[ENTRIES + 3]! : EMPTY;
    this.#lock.unlock();
    return value;
  }

  /** When that is due, or EMPTY. O(1). */
  peekDeadline(): number | typeof EMPTY {
    this.#lock.lock();
    const deadline = this.#words[SIZE]! > 0 ? this.#deadlines[ENTRIES / 2]! : EMPTY;
    this.#lock.unlock();
    return deadline;
  }

  /** Items in it. O(1). */
  get size(): number {
    this.#lock.lock();
    const size = this.#words[SIZE]!;
    this.#lock.unlock();
    return size;
  }

  /** Whether it has none. */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  #takeFirst(): number {
    const words = this.#words;
    const value = words[ENTRIES + 3]!;
    const last = --words[SIZE]!;
    this.#move(last, 0);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= last) return value;
      if (child + 1 < last && this.#isBefore(child + 1, child)) child++;
      if (!this.#isBefore(child, at)) return value;
      this.#swap(at, child);
      at = child;
    }
  }

  #up(at: number): void {
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#deadlines[ENTRIES / 2 + a * 2]!;
    const second = this.#deadlines[ENTRIES / 2 + b * 2]!;
    if (first !== second) return first < second;
    return ((this.#arrival(a) - this.#arrival(b)) | 0) < 0;
  }

  #arrival(entry: number): number {
    return this.#words[ENTRIES + entry * ENTRY_WORDS + 2]!;
  }

  #put(entry: number, deadline: number, arrival: number, value: number): void {
    this.#deadlines[ENTRIES / 2 + entry * 2] = deadline;
    this.#words[ENTRIES + entry * ENTRY_WORDS + 2] = arrival;
    this.#words[ENTRIES + entry * ENTRY_WORDS + 3] = value;
  }

  #move(from: number, to: number): void {
    const at = ENTRIES + from * ENTRY_WORDS;
    this.#words.copyWithin(ENTRIES + to * ENTRY_WORDS, at, at + ENTRY_WORDS);
  }

  #swap(a: number, b: number): void {
    const deadline = this.#deadlines[ENTRIES / 2 + a * 2]!;
    const arrival = this.#arrival(a);
    const value = this.#words[ENTRIES + a * ENTRY_WORDS + 3]!;
    this.#move(b, a);
    this.#put(b, deadline, arrival, value);
  }
}

function checkTime(action: string, what: string, time: unknown): void {
  if (typeof time === "number" && !Number.isNaN(time)) return;
  const message = `Cannot ${action}: ${what} is ${shown(time)} (pass a number that is not NaN)`;
  throw typeof time === "number" ? new RangeError(message) : new TypeError(message);
}
