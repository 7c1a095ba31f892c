/**
 * The levels of a `PriorityQueue`, how it is made, what it tells of itself.
 *
 * @module
 */

import type { Place } from "./layout.ts";
import type { LockedViewOptions } from "./lock_word.ts";

/** The levels, the most urgent first; their numbers are their places, 0 to 4. */
export const PRIORITIES = ["critical", "high", "normal", "low", "background"] as const;

/** A level. */
export type Priority = (typeof PRIORITIES)[number];

/** How a `PriorityQueue` behaves, and where it is made. */
export interface PriorityQueueOptions extends LockedViewOptions {
  /** Whether waiting raises. Default true. */
  readonly agingEnabled?: boolean;
  /** After so many ticks an item is raised by one level, after twice as many by two … Default 100. */
  readonly agingThreshold?: number;
  /** By so many levels at most, 0 to 4. Default 2. */
  readonly maxAgeBoost?: number;
  /** Where to make it. */
  readonly at?: Place;
  /** Where ticks and arrivals begin to count, for tests. */
  readonly start?: number;
}

/** What a `PriorityQueue` tells of itself, all of one moment. */
export interface PriorityQueueStats {
  /** Items in it. */
  readonly size: number;
  /** Items added since it was made, modulo 2 ** 32. */
  readonly totalPushed: number;
  /** Items taken, or cleared, since it was made, modulo 2 ** 32. */
  readonly totalPopped: number;
  /** Ticks since it was made, an int32 that wraps. */
  readonly tick: number;
  /** Items by the level they were added with, most urgent first. */
  readonly perLevel: readonly number[];
}
