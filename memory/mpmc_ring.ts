/**
 * The bounded ring that many threads add to and take from: cells with stamps.
 *
 * Invariant: the cell of position p has the stamp p while it is free for the p-th push, p + 1 when that
 * push is published, and p + capacity when the p-th pop has emptied it. A thread owns the cell, and
 * may touch its payload without `Atomics`, from winning position p (compare-and-swap on tail or
 * head) until it stores the next stamp.
 *
 * A stamp that lags may mean full or empty, or only that its owner is not done. Vyukov's queue says
 * "full" or "empty" in both cases, which is not linearizable. Here the other counter decides, as in
 * crossbeam: head and tail at their distance are FULL or EMPTY, and anything else is RETRY.
 *
 * Positions count in twos, in int32 that may wrap: bit 0 of tail means closed, so that no push can be
 * won after `close`, and what was won before it is still drained.
 *
 * Dmitry Vyukov, "Bounded MPMC queue" (2010); crossbeam `array_queue.rs` (2019); the mark bit:
 * crossbeam-channel `flavors/array.rs` (2018).
 *
 * @module
 */

import { CLOSED, EMPTY, FULL, RETRY } from "./answers.ts";
import { LINE_WORDS, paramOf, roundToLine } from "./layout.ts";

const HEAD = LINE_WORDS;
const TAIL = 2 * LINE_WORDS;
const CELLS = 3 * LINE_WORDS;
const STEP = 2;
const CLOSED_BIT = 1;

/** What a claim answers when it won no cell. */
export const NO_CELL = { EMPTY: -1, FULL: -2, RETRY: -3, CLOSED: -4 } as const;

/** Bytes of a ring's region: a header with (capacity, cell words), the counters, the cells. */
export function ringBytes(capacity: number, cellWords: number): number {
  return roundToLine((CELLS + capacity * cellWords) * 4);
}

/** Internal: claims and publishes cells of a region; the payload is the caller's. */
export class MpmcRing {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #cellWords: number;
  readonly #lap: number;
  #position = 0;
  /** Where this view left tail and head: tried first, since it is right when nobody else is at that end. */
  #tail: number;
  #head: number;

  /** Over a region whose first parameters are the capacity and the words per cell, stamp included. */
  constructor(words: Int32Array) {
    this.#words = words;
    this.#mask = paramOf(words, 0) - 1;
    this.#cellWords = paramOf(words, 1);
    this.#lap = (this.#mask + 1) * STEP;
    this.#tail = Atomics.load(words, TAIL) & ~CLOSED_BIT;
    this.#head = Atomics.load(words, HEAD);
  }

  /** Before others see it: empty, with positions from `start` on. */
  fill(start: number): void {
    for (let i = 0; i <= this.#mask; i++) {
      const position = (start & ~CLOSED_BIT) + i * STEP;
      Atomics.store(this.#words, this.#cellOf(position), position);
    }
    this.#tail = this.#head = start & ~CLOSED_BIT;
    Atomics.store(this.#words, HEAD, this.#head);
    Atomics.store(this.#words, TAIL, this.#tail);
  }

  /** A cell to write (the index of its stamp), or FULL, RETRY, CLOSED of NO_CELL. Lock-free. */
  claimPush(): number {
    const words = this.#words;
    let tail = this.#tail;
    for (let isGuess = true;; isGuess = false) {
      const cell = this.#cellOf(tail);
      const ahead = (Atomics.load(words, cell) - tail) | 0;
      if (ahead === 0) {
        const is = Atomics.compareExchange(words, TAIL, tail, (tail + STEP) | 0);
        if (is === tail) {
          this.#position = tail;
          this.#tail = (tail + STEP) | 0;
          return cell;
        }
      } else if (ahead < 0 && !isGuess) {
        // Tail is still this when head is a lap behind it: it can never be more.
        if (((tail - Atomics.load(words, HEAD)) | 0) === this.#lap) return NO_CELL.FULL;
        if (Atomics.load(words, TAIL) === tail) return NO_CELL.RETRY;
      }
      tail = Atomics.load(words, TAIL);
      if ((tail & CLOSED_BIT) !== 0) return NO_CELL.CLOSED;
    }
  }

  /** After `claimPush`: others may take it. Wait-free. */
  publishPush(cell: number): void {
    Atomics.store(this.#words, cell, (this.#position + STEP) | 0);
  }

  /** A cell to read, or EMPTY, RETRY, CLOSED of NO_CELL. Lock-free. */
  claimPop(): number {
    const words = this.#words;
    let head = this.#head;
    for (let isGuess = true;; isGuess = false) {
      const cell = this.#cellOf(head);
      const ahead = (Atomics.load(words, cell) - head - STEP) | 0;
      if (ahead === 0) {
        const is = Atomics.compareExchange(words, HEAD, head, (head + STEP) | 0);
        if (is === head) {
          this.#position = head;
          this.#head = (head + STEP) | 0;
          return cell;
        }
      } else if (ahead < 0 && !isGuess) {
        const tail = Atomics.load(words, TAIL);
        // Head is still this when tail has not left it: it can never be beyond.
        if (tail === head) return NO_CELL.EMPTY;
        if (tail === (head | CLOSED_BIT)) return NO_CELL.CLOSED;
        if (Atomics.load(words, HEAD) === head) return NO_CELL.RETRY;
      }
      head = Atomics.load(words, HEAD);
    }
  }

  /** After `claimPop`: the cell is free for the next lap. Wait-free. */
  publishPop(cell: number): void {
    Atomics.store(this.#words, cell, (this.#position + this.#lap) | 0);
  }

  /** No push is won from now on. True for the first to close. Wait-free. */
  close(): boolean {
    return (Atomics.or(this.#words, TAIL, CLOSED_BIT) & CLOSED_BIT) === 0;
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return (Atomics.load(this.#words, TAIL) & CLOSED_BIT) !== 0;
  }

  /** Items, those not yet published included: exact only while nobody else is at it. */
  get size(): number {
    const head = Atomics.load(this.#words, HEAD);
    const items = ((Atomics.load(this.#words, TAIL) & ~CLOSED_BIT) - head) | 0;
    return Math.min(items / STEP, this.capacity);
  }

  /** How many items fit. */
  get capacity(): number {
    return this.#mask + 1;
  }

  #cellOf(position: number): number {
    return CELLS + ((position >>> 1) & this.#mask) * this.#cellWords;
  }
}

/** What a push answers for a claim below 0. */
export function pushAnswer(code: number): typeof FULL | typeof RETRY | typeof CLOSED {
  return code === NO_CELL.FULL ? FULL : code === NO_CELL.RETRY ? RETRY : CLOSED;
}

/** What a pop answers for a claim below 0. */
export function popAnswer(code: number): typeof EMPTY | typeof RETRY | typeof CLOSED {
  return code === NO_CELL.EMPTY ? EMPTY : code === NO_CELL.RETRY ? RETRY : CLOSED;
}
