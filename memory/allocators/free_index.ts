/**
 * How free ranges are found.
 *
 * @module
 */

/** The free ranges of a pool, in an order of its own. Ranges are named by slot, sizes in units. */
export interface FreeIndex {
  /** Units of the largest free range, or 0. */
  readonly largest: number;
  /** The range to take `units` (at least 1) from, or 0. It stays in. */
  find(units: number): number;
  /** Takes in a range. */
  insert(slot: number): void;
  /** Takes out a range, before anything of it changes. */
  remove(slot: number): void;
  /** Moves the ends of a range that is in, not past another one. */
  resize(slot: number, start: number, units: number): void;
  /** Forgets all. */
  clear(): void;
}
