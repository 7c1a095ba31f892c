/**
 * How an arena is asked for, and what it tells about itself.
 *
 * @module
 */
import type { RegionOptions } from "./region.ts";

/** Options of an `ArenaAllocator`: `size`, or `buffer`, and how it grows. */
export interface ArenaAllocatorOptions extends RegionOptions {
  /**
   * How many bytes it may have in all: it grows by chunks of `size` bytes, or of what is asked for,
   * if that is more. `Infinity` for no limit. Default `size`: it does not grow.
   */
  readonly maxSize?: number;
  /** Every offset is a multiple of it: a power of two from 8. Default 8. */
  readonly alignment?: number;
}

/** Figures of an arena at one moment. */
export interface ArenaStats {
  /** Bytes of all chunks. */
  readonly capacityBytes: number;
  /** Bytes behind which the next allocation comes, with what was lost to alignment and at chunk ends. */
  readonly usedBytes: number;
  /** The most of these there ever were. */
  readonly highWaterBytes: number;
  /** Chunks, used or kept. */
  readonly chunks: number;
  /** Marks that have not been released. */
  readonly marks: number;
}
