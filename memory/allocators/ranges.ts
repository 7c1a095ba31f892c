/**
 * The ranges a pool is divided into, free and used, in the order of their addresses.
 *
 * Invariant: the ranges follow each other without a gap from the first unit to the last, and no two
 * free ones are neighbours. Sizes are in units (the pool's alignment). A range is a record of eight
 * int32, named by its slot, the index of its first cell; slot 0 is nobody's and all zero. With links
 * to both neighbours a range that is freed joins them in O(1), as with the boundary tags of Knuth
 * (The Art of Computer Programming 1, 2.5), but outside the memory that is given out.
 *
 *     cell  0 START  1 SIZE  2 BEFORE  3 AFTER  4 LEFT  5 RIGHT  6 PARENT  7 MOST
 *           where, units      neighbours         of the index of free ranges
 *
 * @module
 */

/** First unit. */
export const START = 0;
/** Units. */
export const SIZE = 1;
/** The neighbour below, or 0. */
export const BEFORE = 2;
/** The neighbour above, or 0. */
export const AFTER = 3;
/** In a tree: the child that comes before. In a list: the previous entry. */
export const LEFT = 4;
/** In a tree: the child that comes after. In a list: the next entry. */
export const RIGHT = 5;
/** In a tree: the parent, or 0. */
export const PARENT = 6;
/** Free: the largest size in the range's subtree, above 0. Used: {@linkcode FIXED} or {@linkcode MOVABLE}. */
export const MOST = 7;

/** Used, and stays where it is. */
export const FIXED = 0;
/** Used, and may be moved. */
export const MOVABLE = -1;

const STRIDE = 8;
const FIRST_SLOTS = 64;

/** See the head of this file. */
export class Ranges {
  /** The records. Replaced when it grows: read it again after {@linkcode cutFront}. */
  cells: Int32Array = new Int32Array(STRIDE * FIRST_SLOTS);
  /** The range with the lowest address. */
  first: number = STRIDE;
  /** The first slot that was never used. */
  #fresh = STRIDE;
  /** Slots to use again, linked by AFTER. */
  #vacant = 0;

  /** One range of so many units. */
  reset(units: number): void {
    this.cells.fill(0, 0, 2 * STRIDE);
    this.cells[STRIDE + SIZE] = units;
    this.first = STRIDE;
    this.#fresh = 2 * STRIDE;
    this.#vacant = 0;
  }

  /**
   * Makes a range of the first `units` of the range in `slot`; answers its slot. The caller moves
   * the start of the rest. O(1), amortized.
   */
  cutFront(slot: number, units: number): number {
    const front = this.#newSlot();
    const cells = this.cells;
    const before = cells[slot + BEFORE]!;
    cells[front + START] = cells[slot + START]!;
    cells[front + SIZE] = units;
    cells[front + BEFORE] = before;
    cells[front + AFTER] = slot;
    cells[slot + BEFORE] = front;
    if (before === 0) this.first = front;
    else cells[before + AFTER] = front;
    return front;
  }

  /** Takes a range off the list, whose units a neighbour has taken over. O(1). */
  drop(slot: number): void {
    const cells = this.cells;
    const before = cells[slot + BEFORE]!;
    const after = cells[slot + AFTER]!;
    if (before === 0) this.first = after;
    else cells[before + AFTER] = after;
    if (after !== 0) cells[after + BEFORE] = before;
    cells[slot + AFTER] = this.#vacant;
    this.#vacant = slot;
  }

  /** Changes places with the neighbour above, `slot` being first. The caller sets both starts. O(1). */
  swapWithAfter(slot: number): void {
    const cells = this.cells;
    const upper = cells[slot + AFTER]!;
    const before = cells[slot + BEFORE]!;
    const after = cells[upper + AFTER]!;
    if (before === 0) this.first = upper;
    else cells[before + AFTER] = upper;
    if (after !== 0) cells[after + BEFORE] = slot;
    cells[upper + BEFORE] = before;
    cells[upper + AFTER] = slot;
    cells[slot + BEFORE] = upper;
    cells[slot + AFTER] = after;
  }

  #newSlot(): number {
    const vacant = this.#vacant;
    if (vacant !== 0) {
      this.#vacant = this.cells[vacant + AFTER]!;
      return vacant;
    }
    const fresh = this.#fresh;
    if (fresh === this.cells.length) {
      const grown = new Int32Array(2 * fresh);
      grown.set(this.cells);
      this.cells = grown;
    }
    this.#fresh = fresh + STRIDE;
    return fresh;
  }
}
