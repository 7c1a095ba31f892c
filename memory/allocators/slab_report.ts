/**
 * What a slab allocator tells about itself.
 *
 * @module
 */
import type { MemoryPoolStats } from "./pool_report.ts";
import type { SlabClass } from "./slab_layout.ts";

/** Figures of one class at one moment. */
export interface SlabClassStats {
  /** Bytes of each block. */
  readonly blockSize: number;
  /** Blocks in all. */
  readonly blocks: number;
  /** Blocks in use. */
  readonly used: number;
  /** The most blocks in use at once. */
  readonly highWater: number;
  /** Allocations it served. */
  readonly hits: number;
  /** Allocations it could not serve, having no block. */
  readonly misses: number;
  /** `used / blocks`. */
  readonly utilisation: number;
}

/** Figures of a slab allocator at one moment. */
export interface SlabAllocatorStats {
  /** Bytes of all classes and the backing pool. */
  readonly capacityBytes: number;
  /** Bytes in use, as whole blocks. */
  readonly usedBytes: number;
  /** Bytes not in use. */
  readonly freeBytes: number;
  /** Allocations that succeeded. */
  readonly allocations: number;
  /** Frees. */
  readonly frees: number;
  /** Allocations that a class served. */
  readonly hits: number;
  /** Allocations that no class served: its class was empty, or the size above all. */
  readonly misses: number;
  /** Misses that the backing pool, if any, had no room for. */
  readonly failures: number;
  /** By size. */
  readonly classes: readonly SlabClassStats[];
  /** The pool behind the classes, if there is one. */
  readonly backing?: MemoryPoolStats;
}

/** Adds it up. */
export function slabStats(
  classes: readonly SlabClass[],
  oversize: number,
  failures: number,
  backing: MemoryPoolStats | undefined,
): SlabAllocatorStats {
  let capacityBytes = backing?.capacityBytes ?? 0;
  let usedBytes = backing?.usedBytes ?? 0;
  let live = backing?.liveBlocks ?? 0;
  let hits = 0;
  let misses = oversize;
  for (const slab of classes) {
    capacityBytes += slab.blockSize * slab.blocks.count;
    usedBytes += slab.blockSize * slab.blocks.used;
    live += slab.blocks.used;
    hits += slab.hits;
    misses += slab.misses;
  }
  const allocations = hits + misses - failures;
  return {
    capacityBytes,
    usedBytes,
    freeBytes: capacityBytes - usedBytes,
    allocations,
    frees: allocations - live,
    hits,
    misses,
    failures,
    classes: classes.map((slab) => ({
      blockSize: slab.blockSize,
      blocks: slab.blocks.count,
      used: slab.blocks.used,
      highWater: slab.blocks.high,
      hits: slab.hits,
      misses: slab.misses,
      utilisation: slab.blocks.used / slab.blocks.count,
    })),
    ...(backing === undefined ? {} : { backing }),
  };
}
