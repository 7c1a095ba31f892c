/**
 * The bounded ring that many threads add to and take from: cells with stamps.
 *
 * Invariant: head <= tail <= head + capacity, and the cell of position p has the stamp p + 1 exactly from when
 * the p-th push is published until a push of the next lap is. Who wins position p of tail owns the
 * cell until it publishes, and so may write its payload without `Atomics`: the item of the lap before was
 * taken, or tail could not have come so far. Who takes reads the payload *before* it tries to move
 * head: as long as head has not moved nobody writes there, and if it has, the compare-and-swap
 * fails and what was read is forgotten. So taking leaves nothing behind in the cell, and a thread
 * that dies or rests while it takes is in nobody's way.
 *
 * A stamp that lags may mean empty, or only that its owner is not done. Vyukov's queue says "empty"
 * in both cases, which is not linearizable. Here the other counter decides, as in crossbeam: head and
 * tail at their distance are FULL or EMPTY, and anything else is RETRY.
 *
 * A view keeps where it left tail, and head as it last saw it. It adds by the old head only if tail is where
 * it left it, so that head is never older than what it has added itself since.
 *
 * Positions count in twos, in int32 that may wrap: bit 0 of tail means closed, so that no push can be
 * won after `close`, and what was won before it is still drained.
 *
 * Dmitry Vyukov, "Bounded MPMC queue" (2010); crossbeam `array_queue.rs` (2019); the mark bit:
 * crossbeam-channel `flavors/array.rs` (2018); taking by reading first: D. Chase, Y. Lev, "Dynamic
 * Circular Work-Stealing Deque" (2005).
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

/** What a claim answers when there is no cell. */
export const NO_CELL = { EMPTY: -1, FULL: -2, RETRY: -3, CLOSED: -4 } as const;

/** Bytes of a ring's region: a header with (capacity, cell words), the counters, the cells. */
export function ringBytes(capacity: number, cellWords: number): number {
  return roundToLine((CELLS + capacity * cellWords) * 4);
}

/** Internal: claims, publishes and takes cells of a region; the payload is the caller's. */
export class MpmcRing {
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #cellWords: number;
  readonly #lap: number;
  /** Where this view left tail; head when it last looked, no older than that. */
  #tail: number;
  #seen: number;
  /** Where this view left head. */
  #head: number;

  /** Over a region whose first parameters are the capacity and the words per cell, stamp included. */
  constructor(words: Int32Array) {
    this.#words = words;
    this.#mask = paramOf(words, 0) - 1;
    this.#cellWords = paramOf(words, 1);
    this.#lap = (this.#mask + 1) * STEP;
    this.#tail = Atomics.load(words, TAIL) & ~CLOSED_BIT;
    this.#seen = this.#head = Atomics.load(words, HEAD);
  }

  /** Before others see it: empty, with positions from `start` on. */
  fill(start: number): void {
    for (let i = 0; i <= this.#mask; i++) {
      const position = (start & ~CLOSED_BIT) + i * STEP;
      Atomics.store(this.#words, this.#cellOf(position), position);
    }
    this.#tail = this.#seen = this.#head = start & ~CLOSED_BIT;
    Atomics.store(this.#words, HEAD, this.#head);
    Atomics.store(this.#words, TAIL, this.#tail);
  }

  /** A cell to write (the index of its stamp), or FULL, CLOSED of NO_CELL. Lock-free. */
  claimPush(): number {
    const words = this.#words;
    let tail = this.#tail;
    for (;;) {
      if (((tail - this.#seen) | 0) >= this.#lap) {
        this.#seen = Atomics.load(words, HEAD);
        // It was full then if tail is still this: it cannot be more than a lap ahead.
        if (((tail - this.#seen) | 0) === this.#lap) {
          this.#tail = tail;
          return (Atomics.load(words, TAIL) & CLOSED_BIT) === 0 ? NO_CELL.FULL : NO_CELL.CLOSED;
        }
      }
      const next = (tail + STEP) | 0;
      const is = Atomics.compareExchange(words, TAIL, tail, next);
      if (is === tail) {
        this.#tail = next;
        return this.#cellOf(tail);
      }
      if ((is & CLOSED_BIT) !== 0) return NO_CELL.CLOSED;
      tail = is;
      this.#seen = Atomics.load(words, HEAD);
    }
  }

  /** After `claimPush`: others may take it. Wait-free. */
  publishPush(cell: number): void {
    Atomics.store(this.#words, cell, this.#tail);
  }

  /** The cell to read next, or EMPTY, RETRY, CLOSED of NO_CELL. `take` must follow. Lock-free. */
  front(): number {
    const words = this.#words;
    let head = this.#head;
    for (let isGuess = true;; isGuess = false) {
      const cell = this.#cellOf(head);
      const ahead = (Atomics.load(words, cell) - head - STEP) | 0;
      if (ahead === 0) {
        this.#head = head;
        return cell;
      }
      if (ahead < 0 && !isGuess) {
        this.#head = head;
        const tail = Atomics.load(words, TAIL);
        // Head is still this when tail has not left it: it can never be beyond.
        if (tail === head) return NO_CELL.EMPTY;
        if (tail === (head | CLOSED_BIT)) return NO_CELL.CLOSED;
        if (Atomics.load(words, HEAD) === head) return NO_CELL.RETRY;
      }
      head = Atomics.load(words, HEAD);
    }
  }

  /**
   * Whether what was read in the cell of `front` is this thread's; otherwise it is to be forgotten.
   * Lock-free.
   */
  take(): boolean {
    const head = this.#head;
    const next = (head + STEP) | 0;
    const is = Atomics.compareExchange(this.#words, HEAD, head, next);
    this.#head = is === head ? next : is;
    return is === head;
  }

  /** No push is won from now on. True for the first to close. Wait-free. */
  close(): boolean {
    return (Atomics.or(this.#words, TAIL, CLOSED_BIT) & CLOSED_BIT) === 0;
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return (Atomics.load(this.#words, TAIL) & CLOSED_BIT) !== 0;
  }

  /**
   * While nobody else is at it: takes out the positions that were won and never published, and moves the items
   * behind them up. Answers how many there were. O(capacity).
   */
  repair(): number {
    const words = this.#words;
    const head = Atomics.load(words, HEAD);
    const tail = Atomics.load(words, TAIL);
    const end = tail & ~CLOSED_BIT;
    let to = head;
    for (let from = head; from !== end; from = (from + STEP) | 0) {
      const cell = this.#cellOf(from);
      if (Atomics.load(words, cell) !== ((from + STEP) | 0)) continue;
      const target = this.#cellOf(to);
      to = (to + STEP) | 0;
      if (target === cell) continue;
      words.copyWithin(target + 1, cell + 1, cell + this.#cellWords);
      Atomics.store(words, target, to);
    }
    for (let free = to; free !== end; free = (free + STEP) | 0) {
      Atomics.store(words, this.#cellOf(free), free);
    }
    Atomics.store(words, TAIL, to | (tail & CLOSED_BIT));
    return ((end - to) | 0) / STEP;
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
export function pushAnswer(code: number): typeof FULL | typeof CLOSED {
  return code === NO_CELL.FULL ? FULL : CLOSED;
}

/** What a pop answers for a cell below 0. */
export function popAnswer(code: number): typeof EMPTY | typeof RETRY | typeof CLOSED {
  return code === NO_CELL.EMPTY ? EMPTY : code === NO_CELL.RETRY ? RETRY : CLOSED;
}
