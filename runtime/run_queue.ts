/**
 * The run queue: what is runnable, in batches.
 *
 * Two arrays take turns: one is being run, the other collects what becomes runnable meanwhile. So a
 * batch is exactly what was runnable at its start, and neither array is ever shifted.
 *
 * @module
 */

import type { Runnable } from "./host.ts";

/** The clock is read once per so many polls. */
const CLOCK_INTERVAL_MASK = 63;
/** A burst larger than this must not keep its memory for ever. */
const KEPT_SLOTS = 65_536;

/** First in, first out; or shuffled within each batch. */
export class RunQueue {
  #next: (Runnable | undefined)[] = [];
  #nextSize = 0;
  #batch: (Runnable | undefined)[] = [];
  #at = 0;
  #end = 0;
  /** Runnables run so far. */
  polls = 0;
  /**
   * Answers a number in [0, n): which of the n that are left of a batch runs last. Without it the
   * order is that of arrival, as if it always answered n - 1. Tests that explore schedules set it.
   */
  pick: ((n: number) => number) | undefined;

  /** With a `pick`, each batch is shuffled by it. */
  constructor(pick: ((n: number) => number) | undefined) {
    this.pick = pick;
  }

  /** True when nothing is runnable. */
  get isEmpty(): boolean {
    return this.#nextSize === 0 && this.#at === this.#end;
  }

  /** Runnables queued. */
  get size(): number {
    return this.#nextSize + this.#end - this.#at;
  }

  /** Appends to what runs in the next batch. O(1). */
  push(runnable: Runnable): void {
    this.#next[this.#nextSize++] = runnable;
  }

  /** Runs the batch begun, or the next one, until `sliceEndMs` of real time. */
  runBatch(sliceEndMs: number): void {
    if (this.#at === this.#end) this.#begin();
    const batch = this.#batch;
    const end = this.#end;
    const begun = this.#at;
    let at = begun;
    while (at < end) {
      const runnable = batch[at]!;
      batch[at++] = undefined;
      this.#at = at;
      runnable.runOnce();
      if (
        (at & CLOCK_INTERVAL_MASK) === 0 && sliceEndMs !== Infinity &&
        performance.now() >= sliceEndMs
      ) break;
    }
    this.polls += at - begun;
    if (at === end && batch.length > KEPT_SLOTS) batch.length = 0;
  }

  #begin(): void {
    const batch = this.#next;
    this.#next = this.#batch;
    this.#batch = batch;
    this.#at = 0;
    this.#end = this.#nextSize;
    this.#nextSize = 0;
    const { pick } = this;
    if (pick === undefined) return;
    for (let i = this.#end - 1; i > 0; i--) {
      const j = pick(i + 1);
      [batch[i], batch[j]] = [batch[j], batch[i]];
    }
  }
}

/** Deterministic generator of numbers in [0, 1) (Marsaglia, "Xorshift RNGs", 2003). */
export function xorshift(seed: number): () => number {
  let state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x6d2b79f5) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A `pick` that shuffles by a seed, the same for the same seed. */
export function seededPick(seed: number): (n: number) => number {
  const random = xorshift(seed);
  return (n) => Math.floor(random() * n);
}
