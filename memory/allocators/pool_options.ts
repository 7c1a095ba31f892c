/**
 * How a memory pool is asked for.
 *
 * @module
 */
import { checkOptions, shown } from "../check.ts";
import { checkAlignment, checkFlag, checkPart } from "./checks.ts";
import type { FitStrategy } from "./pool_core.ts";
import { openRegion, type Region, type RegionOptions } from "./region.ts";

/** Options of a `MemoryPool`: `size`, or `buffer`, and how it works. */
export interface MemoryPoolOptions extends RegionOptions {
  /** Which free range is taken. Default `best_fit`. */
  readonly strategy?: FitStrategy;
  /** Every offset is a multiple of it, and sizes are rounded up to it: a power of two from 8. Default 16. */
  readonly alignment?: number;
  /** Whether an allocation may move the blocks behind handles first. Default false. */
  readonly autoDefrag?: boolean;
  /** With `autoDefrag`: the fragmentation from which it is worth while, 0 to 1. Default 0.25. */
  readonly defragThreshold?: number;
}

/** What options come to. */
export interface PoolSettings {
  readonly region: Region;
  readonly strategy: FitStrategy;
  /** Log2 of the alignment. */
  readonly shift: number;
  readonly autoDefrag: boolean;
  readonly threshold: number;
}

const STRATEGIES: readonly FitStrategy[] = ["first_fit", "best_fit", "worst_fit"];

/** Checks options, makes the buffer. */
export function poolSettings(action: string, given: MemoryPoolOptions): PoolSettings {
  const {
    strategy = "best_fit",
    alignment = 16,
    autoDefrag = false,
    defragThreshold: threshold = 0.25,
  } = checkOptions(action, given);
  if (!STRATEGIES.includes(strategy)) {
    const known = STRATEGIES.join(", ");
    throw new TypeError(`Cannot ${action}: strategy is ${shown(strategy)} (pass one of ${known})`);
  }
  checkFlag(action, "autoDefrag", autoDefrag);
  checkPart(action, "defragThreshold", threshold);
  const shift = checkAlignment(action, alignment);
  const region = openRegion(action, given, alignment);
  return { region, strategy, shift, autoDefrag, threshold };
}
