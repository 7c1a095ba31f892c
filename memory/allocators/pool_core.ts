/**
 * A pool in units: what is taken, given back, and moved together. Nothing is checked here.
 *
 * Invariant: every free range is in the index, under its current size, between any two calls. The
 * strategy is the index's order and what it is asked for: see `free_tree.ts`.
 *
 * @module
 */
import { FreeBins } from "./free_bins.ts";
import type { FreeIndex } from "./free_index.ts";
import { FreeTree } from "./free_tree.ts";
import { AFTER, BEFORE, MOST, MOVABLE, Ranges, SIZE, START } from "./ranges.ts";

/** Which of the free ranges that are large enough is taken. */
export type FitStrategy =
  /** The one with the lowest address. */
  | "first_fit"
  /** The smallest. */
  | "best_fit"
  /** The largest. */
  | "worst_fit";

/** See the head of this file. */
export class PoolCore {
  /** All ranges. */
  readonly ranges: Ranges = new Ranges();
  /** Units in all. */
  readonly units: number;
  /** Units in use. */
  used = 0;
  /** The most in use since the water marks were reset. */
  high = 0;
  /** The least in use since the water marks were reset. */
  low = 0;
  /** Units in use by movable blocks. */
  movable = 0;
  /** Free ranges. */
  freeRanges = 0;
  /** Units freed since the last compaction: without any there is nothing to gain. */
  #freed = 0;
  readonly #free: FreeIndex;
  readonly #worst: boolean;

  /** All of it free. */
  constructor(units: number, strategy: FitStrategy) {
    this.units = units;
    this.#worst = strategy === "worst_fit";
    this.#free = strategy === "first_fit"
      ? new FreeTree(this.ranges, "address")
      : new FreeBins(this.ranges);
    this.reset();
  }

  /** Units of the largest free range. O(1). */
  get largest(): number {
    return this.#free.largest;
  }

  /** Frees all of it. O(1). */
  reset(): void {
    this.ranges.reset(this.units);
    this.#free.clear();
    this.#free.insert(this.ranges.first);
    this.freeRanges = 1;
    this.used =
      this.low =
      this.movable =
      this.#freed =
        0;
  }

  /** Takes a range of `units`; answers its slot, or 0 if none fits. */
  take(units: number, state: number): number {
    const free = this.#free;
    const want = this.#worst ? Math.max(free.largest, units) : units;
    let slot = free.find(want);
    if (slot === 0) return 0;
    const rest = this.ranges.cells[slot + SIZE]! - units;
    if (rest === 0) {
      free.remove(slot);
      this.freeRanges--;
    } else {
      const front = this.ranges.cutFront(slot, units);
      free.resize(slot, this.ranges.cells[slot + START]! + units, rest);
      slot = front;
    }
    this.ranges.cells[slot + MOST] = state;
    this.used += units;
    if (this.used > this.high) this.high = this.used;
    if (state === MOVABLE) this.movable += units;
    return slot;
  }

  /** Frees a used range: it becomes one with its free neighbours. */
  give(slot: number): void {
    const ranges = this.ranges;
    const cells = ranges.cells;
    const start = cells[slot + START]!;
    const size = cells[slot + SIZE]!;
    const before = cells[slot + BEFORE]!;
    const after = cells[slot + AFTER]!;
    this.used -= size;
    this.#freed += size;
    if (this.used < this.low) this.low = this.used;
    if (cells[slot + MOST] === MOVABLE) this.movable -= size;
    const joinsAfter = cells[after + MOST]! > 0;
    if (cells[before + MOST]! > 0) {
      ranges.drop(slot);
      const grown = cells[before + SIZE]! + size + (joinsAfter ? this.#absorb(after) : 0);
      this.#free.resize(before, cells[before + START]!, grown);
    } else if (joinsAfter) {
      ranges.drop(slot);
      this.#free.resize(after, start, cells[after + SIZE]! + size);
    } else {
      this.#free.insert(slot);
      this.freeRanges++;
    }
  }

  /**
   * Whether `units` would fit if what is free were together; or whether more than the part
   * `threshold` of it is scattered, and so much has been freed since the last time that each unit
   * pays for at most four that are moved. O(1).
   */
  isCompactDue(units: number, threshold: number): boolean {
    if (this.movable === 0 || this.#freed === 0) return false;
    const free = this.units - this.used;
    const largest = this.largest;
    if (largest < units) return free >= units;
    return largest < free * (1 - threshold) && 4 * this.#freed >= this.movable;
  }

  /**
   * Slides movable ranges down into the free ones before them, from the lowest address up, so that
   * free ranges run together as far as fixed ranges let them. `move` copies. O(ranges + units moved).
   *
   * @returns Units moved
   */
  compact(move: (from: number, to: number, units: number) => void): number {
    const { ranges } = this;
    const { cells } = ranges;
    let moved = 0;
    this.#freed = 0;
    for (let gap = ranges.first; gap !== 0; gap = cells[gap + AFTER]!) {
      if (cells[gap + MOST]! <= 0) continue;
      let upper = cells[gap + AFTER]!;
      if (upper === 0 || cells[upper + MOST] !== MOVABLE) continue;
      this.#free.remove(gap);
      for (; upper !== 0 && cells[upper + MOST] === MOVABLE; upper = cells[gap + AFTER]!) {
        const to = cells[gap + START]!;
        const units = cells[upper + SIZE]!;
        move(cells[upper + START]!, to, units);
        moved += units;
        ranges.swapWithAfter(gap);
        cells[upper + START] = to;
        cells[gap + START] = to + units;
        const next = cells[gap + AFTER]!;
        if (cells[next + MOST]! > 0) cells[gap + SIZE]! += this.#absorb(next);
      }
      this.#free.insert(gap);
    }
    return moved;
  }

  /** Takes out a free range whose units go to the one before it; answers how many. */
  #absorb(slot: number): number {
    const units = this.ranges.cells[slot + SIZE]!;
    this.#free.remove(slot);
    this.ranges.drop(slot);
    this.freeRanges--;
    return units;
  }
}
