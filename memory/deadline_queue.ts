/**
 * Earliest deadline first; first in first out among equal ones.
 *
 * Invariant: see {@linkcode DeadlineHeap}; one lock is over all of it.
 *
 * J. W. J. Williams, "Algorithm 232: Heapsort" (1964); C. L. Liu, James W. Layland, "Scheduling Algorithms
 * for Multiprogramming in a Hard-Real-Time Environment" (1973); the lock: Ulrich Drepper, "Futexes
 * Are Tricky" (2004).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkOptions, checkStart, exactCapacity, isInt32, refuseInt32, shown } from "./check.ts";
import { DeadlineHeap, heapWords } from "./deadline_heap.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
} from "./layout.ts";
import { type LockedViewOptions, lockUser, LockWord } from "./lock_word.ts";
import { LockedView } from "./locked_view.ts";

const ACTION = "create a DeadlineQueue";
const LOCK = LINE_WORDS;
const DRAWN = LINE_WORDS + 1;
const HEAP = 2 * LINE_WORDS;

/**
 * A bounded queue of int32 values with deadlines, between any number of threads.
 *
 * A deadline is any number but NaN: ms of whatever clock the users share. Blocking: every operation takes
 * one lock for O(log n) steps. Linearizable. A worker that ends while it holds the lock blocks the others
 * until somebody calls `recover` with its number: then each of its items is in or out, and the others
 * go on. Arrivals are told apart within 2 ** 31. Capacity: exact.
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
export class DeadlineQueue extends LockedView<"DeadlineQueue"> {
  readonly #heap: DeadlineHeap;
  readonly #lock: LockWord;
  /** How many items fit. */
  readonly capacity: number;

  private constructor(handle: Handle<"DeadlineQueue">, options?: LockedViewOptions) {
    const words = openRegion("DeadlineQueue", handle);
    const user = lockUser("DeadlineQueue", words, DRAWN, options);
    const lock = new LockWord(words, LOCK, user);
    super(handle, lock, user.worker);
    this.#lock = lock;
    this.capacity = paramOf(words, 0);
    this.#heap = new DeadlineHeap(words, HEAP, this.capacity);
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity: number): number {
    return roundToLine((HEAP + heapWords(exactCapacity(ACTION, capacity))) * 4);
  }

  /** An empty one. `start`: where arrivals begin to count, for tests. O(capacity). */
  static create(
    capacity: number,
    options?: LockedViewOptions & { at?: Place; start?: number },
  ): DeadlineQueue {
    const { at, start = 0 } = checkOptions(ACTION, options);
    checkStart(ACTION, start);
    const bytes = DeadlineQueue.byteLength(capacity);
    const handle = createRegion("DeadlineQueue", bytes, [capacity], at);
    const queue = new DeadlineQueue(handle, options);
    queue.#heap.fill(start);
    return queue;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"DeadlineQueue">, options?: LockedViewOptions): DeadlineQueue {
    return new DeadlineQueue(handle, options);
  }

  /** Adds an int32 that is due at `deadline`: true, or FULL. O(log n). Blocks. */
  push(value: number, deadline: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a DeadlineQueue", value);
    checkTime("push to a DeadlineQueue", "the deadline", deadline);
    this.#lock.lock();
    const pushed = this.#heap.push(value, deadline);
    this.#lock.unlock();
    return pushed || FULL;
  }

  /** Takes the item due first, or EMPTY. O(log n). Blocks. */
  pop(): number | typeof EMPTY {
    return this.popDue(Infinity);
  }

  /** Takes the item due first if it is due by `now`, or EMPTY. O(log n). Blocks. */
  popDue(now: number): number | typeof EMPTY {
    checkTime("pop from a DeadlineQueue", "the time", now);
    const heap = this.#heap;
    this.#lock.lock();
    const value = heap.size > 0 && heap.peekDeadline() <= now ? heap.shift() : EMPTY;
    this.#lock.unlock();
    return value;
  }

  /** What `pop` would take, or EMPTY. O(1). Blocks. */
  peek(): number | typeof EMPTY {
    this.#lock.lock();
    const value = this.#heap.size > 0 ? this.#heap.peek() : EMPTY;
    this.#lock.unlock();
    return value;
  }

  /** When that is due, or EMPTY. O(1). Blocks. */
  peekDeadline(): number | typeof EMPTY {
    this.#lock.lock();
    const deadline = this.#heap.size > 0 ? this.#heap.peekDeadline() : EMPTY;
    this.#lock.unlock();
    return deadline;
  }

  /** Items in it. O(1). Blocks. */
  get size(): number {
    this.#lock.lock();
    const size = this.#heap.size;
    this.#lock.unlock();
    return size;
  }

  /** Whether it has none. Blocks, O(1). */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Internal. */
  protected mend(): void {
    this.#heap.mend();
  }
}

function checkTime(action: string, what: string, time: unknown): void {
  if (typeof time === "number" && !Number.isNaN(time)) return;
  const message = `Cannot ${action}: ${what} is ${shown(time)} (pass a number that is not NaN)`;
  throw typeof time === "number" ? new RangeError(message) : new TypeError(message);
}
