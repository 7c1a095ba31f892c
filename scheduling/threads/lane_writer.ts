/**
 * The owner's end of a lane: a ring of entries that it alone adds to, and workers take from.
 *
 * Invariant: entries lie at positions head to tail - 1. Only the owner moves tail, after the entries before
 * it are written; head moves by compare-and-swap only. A worker reads entries *before* it moves head over
 * them, so a cell is written anew only when nobody can win what it read there. Positions are int32 that
 * wrap.
 *
 * The ring of the LMAX Disruptor (Martin Thompson et al., 2011), with claims by compare-and-swap.
 *
 * @module
 */

import { LINE_WORDS } from "../../memory/layout.ts";
import type { DispatchRegion } from "./dispatch_region.ts";

/** Internal: adds to one lane. */
export class LaneWriter {
  readonly #words: Int32Array;
  readonly #head: number;
  readonly #cells: number;
  readonly #ring: number;
  #tail: number;
  #published: number;
  /** A head that may be old: it only grows. */
  #seen: number;

  /** Lane `lane` of `region`; the only writer there is. */
  constructor(region: DispatchRegion, lane: number) {
    this.#words = region.words;
    this.#head = region.laneAt(lane);
    this.#cells = this.#head + 2 * LINE_WORDS;
    this.#ring = region.ring;
    this.#tail = this.#published = Atomics.load(this.#words, this.#head + LINE_WORDS);
    this.#seen = Atomics.load(this.#words, this.#head);
  }

  /** Adds an entry, not yet to be seen; false when the ring is full. */
  push(entry: number): boolean {
    if (((this.#tail - this.#seen) | 0) >= this.#ring) {
      this.#seen = Atomics.load(this.#words, this.#head);
      if (((this.#tail - this.#seen) | 0) >= this.#ring) return false;
    }
    this.#words[this.#cells + (this.#tail & (this.#ring - 1))] = entry;
    this.#tail = (this.#tail + 1) | 0;
    return true;
  }

  /** Lets workers see what was added; whether there was anything. */
  publish(): boolean {
    if (this.#published === this.#tail) return false;
    this.#published = this.#tail;
    Atomics.store(this.#words, this.#head + LINE_WORDS, this.#tail);
    return true;
  }

  /** Takes out all that no worker has claimed, in order. */
  takeAll(): number[] {
    this.publish();
    const words = this.#words;
    for (;;) {
      const head = Atomics.load(words, this.#head);
      if (Atomics.compareExchange(words, this.#head, head, this.#tail) !== head) continue;
      this.#seen = this.#tail;
      const count = (this.#tail - head) | 0;
      return Array.from(
        { length: count },
        (_, i) => words[this.#cells + ((head + i) & (this.#ring - 1))]!,
      );
    }
  }

  /** Entries that no worker has claimed; old ones included. */
  get size(): number {
    return (this.#tail - Atomics.load(this.#words, this.#head)) | 0;
  }
}
