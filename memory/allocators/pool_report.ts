/**
 * What a pool tells about itself.
 *
 * @module
 */
import type { FitStrategy, PoolCore } from "./pool_core.ts";
import { AFTER, MOST, MOVABLE, SIZE, START } from "./ranges.ts";

/** Figures of a pool at one moment. Sizes are rounded up to the alignment, as they are set aside. */
export interface MemoryPoolStats {
  /** Bytes managed. */
  readonly capacityBytes: number;
  /** Bytes in use. */
  readonly usedBytes: number;
  /** Bytes not in use. */
  readonly freeBytes: number;
  /** The largest free range: what can be allocated now. */
  readonly largestFreeBytes: number;
  /** The part of the free bytes that is outside the largest free range: 0 to below 1. */
  readonly fragmentation: number;
  /** Blocks, handles and offsets that have not been freed. */
  readonly liveBlocks: number;
  /** Free ranges. */
  readonly freeRanges: number;
  /** Allocations that succeeded. */
  readonly allocations: number;
  /** Frees. A reset frees all that is live. */
  readonly frees: number;
  /** Allocations that found no room. */
  readonly failures: number;
  /** The most bytes in use since the water marks were reset, or ever. */
  readonly highWaterBytes: number;
  /** The least bytes in use since the water marks were reset; 0 if they never were. */
  readonly lowWaterBytes: number;
  /** Defragmentations, those of `autoDefrag` included. */
  readonly defragmentations: number;
  /** Bytes they moved. */
  readonly movedBytes: number;
}

/** A piece of a pool: in order of address they cover all of it. */
export interface PoolRange {
  /** Its first byte, counted from the start of the buffer. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** `fixed` and `movable` are in use. */
  readonly state: "free" | "fixed" | "movable";
}

/** What a pool counts. */
export interface PoolCounts {
  readonly allocations: number;
  readonly frees: number;
  readonly failures: number;
  readonly defragmentations: number;
  readonly movedUnits: number;
}

/** The figures of a pool; `shift` makes bytes of units. */
export function poolStats(core: PoolCore, shift: number, counts: PoolCounts): MemoryPoolStats {
  const { allocations, frees, failures, defragmentations, movedUnits } = counts;
  const free = core.units - core.used;
  return {
    capacityBytes: core.units << shift,
    usedBytes: core.used << shift,
    freeBytes: free << shift,
    largestFreeBytes: core.largest << shift,
    fragmentation: free === 0 ? 0 : 1 - core.largest / free,
    liveBlocks: allocations - frees,
    freeRanges: core.freeRanges,
    allocations,
    frees,
    failures,
    highWaterBytes: core.high << shift,
    lowWaterBytes: core.low << shift,
    defragmentations,
    movedBytes: movedUnits * 2 ** shift,
  };
}

/** The ranges of a pool; `shift` makes bytes of units. */
export function rangesOf(core: PoolCore, byteOffset: number, shift: number): PoolRange[] {
  const { cells, first } = core.ranges;
  const found: PoolRange[] = [];
  for (let at = first; at !== 0; at = cells[at + AFTER]!) {
    const most = cells[at + MOST]!;
    found.push({
      offset: byteOffset + (cells[at + START]! << shift),
      size: cells[at + SIZE]! << shift,
      state: most > 0 ? "free" : most === MOVABLE ? "movable" : "fixed",
    });
  }
  return found;
}

/** A line of figures, and a map of so many characters. */
export function explainPool(
  strategy: FitStrategy,
  stats: MemoryPoolStats,
  ranges: readonly PoolRange[],
  width: number,
): string {
  const { capacityBytes, usedBytes, liveBlocks, freeRanges, largestFreeBytes, fragmentation } =
    stats;
  const base = ranges[0]!.offset;
  const each = capacityBytes / width;
  const map = new Array<string>(width).fill("");
  for (const { offset, size, state } of ranges) {
    const mark = state === "free" ? "." : state === "fixed" ? "#" : "m";
    const last = Math.min(Math.ceil((offset - base + size) / each), width);
    for (let i = Math.floor((offset - base) / each); i < last; i++) {
      map[i] = map[i] === "" || map[i] === mark ? mark : "+";
    }
  }
  return `${strategy} pool: ${usedBytes} of ${capacityBytes} B in ${liveBlocks} blocks, ` +
    `${freeRanges} free ranges, the largest ${largestFreeBytes} B, ` +
    `fragmentation ${fragmentation.toFixed(2)}\n` +
    `[${map.join("")}] (# fixed, m movable, . free, + mixed)`;
}
