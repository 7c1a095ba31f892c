/**
 * Many threads add int32 values, many take them, first in, first out.
 *
 * Invariant and algorithm: see {@linkcode MpmcRing}. The value lies beside its stamp; with 8-byte cells
 * several share a cache line, which is quicker for one producer and one consumer.
 *
 * Dmitry Vyukov, "Bounded MPMC queue" (2010); crossbeam `array_queue.rs` (2019).
 *
 * @module
 */

import type { CLOSED, EMPTY, FULL, RETRY } from "./answers.ts";
import { checkOptions, checkStart, isInt32, refuseInt32, roundCapacity } from "./check.ts";
import { createRegion, type Handle, openRegion, type Place } from "./layout.ts";
import { MpmcRing, popAnswer, pushAnswer, ringBytes } from "./mpmc_ring.ts";
import { MpmcView } from "./mpmc_view.ts";

const ACTION = "create an MpmcQueue";

/** What an {@linkcode MpmcQueue} is made with. */
export interface MpmcQueueOptions {
  /** Cells of 64 bytes instead of 8: quicker when several threads add, or take, at once. */
  readonly padded?: boolean;
  /** Where to make it. */
  readonly at?: Place;
  /** Where its positions begin, for tests. */
  readonly start?: number;
}

/**
 * A bounded queue of int32 values between any number of threads.
 *
 * Linearizable, EMPTY, FULL and CLOSED included. Lock-free, O(1), but for one thing: RETRY says that the
 * item next in line is claimed and not yet there, because a thread is between its compare-and-swap and
 * its store. Nobody waits for it inside the queue: back off and call again.
 *
 * A worker that *dies* in those nanoseconds of a `push` leaves its cell claimed for ever: once that cell is
 * next in line `pop` answers RETRY and goes on to. Tell it by that, when a worker has died: have the
 * others rest, and `repair()`. One that dies in a `pop` has taken the item or not, and is in nobody's way.
 *
 * Capacity: rounded up to a power of two, at least 2.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { CLOSED, EMPTY, FULL, MpmcQueue } from "@vais/runtime/memory";
 *
 * const queue = MpmcQueue.create(2);
 * const other = MpmcQueue.attach(queue.handle); // in another worker
 * assert(other.pop() === EMPTY);
 * assert(queue.push(1) === true && queue.push(2) === true);
 * assert(queue.push(3) === FULL);
 * queue.close();
 * assert(queue.push(4) === CLOSED);
 * assert(other.pop() === 1 && other.pop() === 2);
 * assert(other.pop() === CLOSED);
 * ```
 */
export class MpmcQueue extends MpmcView<"MpmcQueue"> {
  readonly #words: Int32Array;
  readonly #ring: MpmcRing;

  private constructor(handle: Handle<"MpmcQueue">) {
    const words = openRegion("MpmcQueue", handle);
    const ring = new MpmcRing(words);
    super(handle, ring);
    this.#words = words;
    this.#ring = ring;
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity: number, options?: { padded?: boolean }): number {
    return ringBytes(roundCapacity(ACTION, capacity, 2), cellWords(options?.padded));
  }

  /** An empty one. O(capacity). */
  static create(capacity: number, options?: MpmcQueueOptions): MpmcQueue {
    const { padded = false, at, start = 0 } = checkOptions(ACTION, options);
    checkStart(ACTION, start);
    const size = roundCapacity(ACTION, capacity, 2);
    const bytes = MpmcQueue.byteLength(size, { padded });
    const queue = new MpmcQueue(createRegion("MpmcQueue", bytes, [size, cellWords(padded)], at));
    queue.#ring.fill(start);
    return queue;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"MpmcQueue">): MpmcQueue {
    return new MpmcQueue(handle);
  }

  /** Adds an int32 at the end: true, or FULL, CLOSED. Lock-free, O(1). */
  push(value: number): true | typeof FULL | typeof CLOSED {
    if (!isInt32(value)) refuseInt32("push to an MpmcQueue", value);
    const cell = this.#ring.claimPush();
    if (cell < 0) return pushAnswer(cell);
    this.#words[cell + 1] = value;
    this.#ring.publishPush(cell);
    return true;
  }

  /** Takes the first value; or EMPTY, RETRY, and CLOSED when it is closed and drained. Lock-free, O(1). */
  pop(): number | typeof EMPTY | typeof RETRY | typeof CLOSED {
    const ring = this.#ring;
    for (;;) {
      const cell = ring.front();
      if (cell < 0) return popAnswer(cell);
      const value = this.#words[cell + 1]!;
      if (ring.take()) return value;
    }
  }
}

function cellWords(padded: boolean | undefined): number {
  return padded === true ? 16 : 2;
}
