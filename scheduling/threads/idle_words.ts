/**
 * Which workers sleep, and which look for work: a bit each, in one word per 16 workers.
 *
 * Invariant: who adds work wakes nobody while someone is looking, else one sleeper. Who is looking takes its
 * bit away *before* its last look, and a sleeper sets its bit before that look: so of the two, who adds
 * and who looks, at least one sees the other. A sleeper that is woken counts as looking from the
 * waker's compare-and-swap on, so one burst of work wakes one worker, and that one wakes the next. The bits
 * of a worker that was given up count no more, whatever it still does to them.
 *
 * The searcher throttle: tokio's `runtime/scheduler/multi_thread/idle.rs` (2019); both counts in one word:
 * Go's scheduler (Dmitry Vyukov, 2012).
 *
 * @module
 */

import { LINE_WORDS } from "../../memory/layout.ts";
import type { DispatchRegion } from "./dispatch_region.ts";

const PER_WORD = 16;
const SLEEPING = 0xffff;
/** After a word of bits: a word with the sleeping bits of those that do not count. */
const IGNORED = 1;
const NOBODY = -1;

/** Internal: the idle words of a region. */
export class IdleWords {
  readonly #words: Int32Array;
  readonly #first: number;
  readonly #count: number;

  /** Those of `region`. */
  constructor(region: DispatchRegion) {
    this.#words = region.words;
    this.#first = region.idle;
    this.#count = region.idleWords;
  }

  /** After adding work: the sleeper to wake now, or -1. It counts as looking already. Lock-free. */
  pick(): number {
    const words = this.#words;
    for (;;) {
      let found = -1;
      let sleeping = 0;
      let seen = 0;
      for (let i = 0; i < this.#count; i++) {
        const at = this.#first + i * LINE_WORDS;
        const word = Atomics.load(words, at);
        if (word === 0) continue;
        const ignored = Atomics.load(words, at + IGNORED);
        const counting = word & ~(ignored | ignored << PER_WORD);
        if (counting >>> PER_WORD !== 0) return NOBODY;
        if (found >= 0 || counting === 0) continue;
        found = i;
        sleeping = counting & SLEEPING;
        seen = word;
      }
      if (found < 0) return NOBODY;
      const bit = sleeping & -sleeping;
      const at = this.#first + found * LINE_WORDS;
      if (Atomics.compareExchange(words, at, seen, (seen ^ bit) | (bit << PER_WORD)) === seen) {
        return found * PER_WORD + (31 - Math.clz32(bit));
      }
    }
  }

  /** A worker begins to look. */
  look(worker: number): void {
    Atomics.or(this.#words, this.#at(worker), bitOf(worker) << PER_WORD);
  }

  /** A worker has something to do: it looks no more, and does not sleep. */
  busy(worker: number): void {
    const bit = bitOf(worker);
    Atomics.and(this.#words, this.#at(worker), ~(bit | bit << PER_WORD));
  }

  /** A worker is about to sleep: it looks no more. One look, then it may. Lock-free. */
  sleep(worker: number): void {
    this.#change(worker, bitOf(worker), bitOf(worker) << PER_WORD);
  }

  /** A worker sleeps no more, and looks. Lock-free. */
  wake(worker: number): void {
    this.#change(worker, bitOf(worker) << PER_WORD, bitOf(worker));
  }

  /** The owner: a worker counts no more. */
  ignore(worker: number): void {
    Atomics.or(this.#words, this.#at(worker) + IGNORED, bitOf(worker));
  }

  /** The owner: a new worker counts. */
  reset(worker: number): void {
    this.busy(worker);
    Atomics.and(this.#words, this.#at(worker) + IGNORED, ~bitOf(worker));
  }

  /** Whether a worker's bit says that it sleeps. */
  isAsleep(worker: number): boolean {
    return (Atomics.load(this.#words, this.#at(worker)) & bitOf(worker)) !== 0;
  }

  #change(worker: number, set: number, clear: number): void {
    const at = this.#at(worker);
    for (;;) {
      const word = Atomics.load(this.#words, at);
      const next = (word | set) & ~clear;
      if (Atomics.compareExchange(this.#words, at, word, next) === word) return;
    }
  }

  #at(worker: number): number {
    return this.#first + Math.floor(worker / PER_WORD) * LINE_WORDS;
  }
}

/** Its sleeping bit; the looking bit is PER_WORD further. */
function bitOf(worker: number): number {
  return 1 << worker % PER_WORD;
}
