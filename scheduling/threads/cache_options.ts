/**
 * What a result cache is made with, and their check at the door.
 *
 * @module
 */

import {
  checkDuration,
  checkInteger,
  type Clock,
  systemClock,
  typeOf,
} from "../../runtime/clock.ts";
import { checkFlag, mustBeOptions } from "../group_options.ts";

const ACTION = "create ResultCache";
const MOST_SHARDS = 2 ** 16;

/** How to make a `ResultCache`. */
export interface CacheConfig {
  /** Results kept at most. Default 4096. */
  readonly maxEntries?: number;
  /** Parts, each with its own share of the entries: a power of two. Default 16, or as many as `maxEntries` has room for. */
  readonly shardCount?: number;
  /** A result older than this is gone, in ms. 0, the default: results do not age. */
  readonly ttlMs?: number;
  /** Whether to count; see `stats()`. Default true. */
  readonly enableStats?: boolean;
  /** How many results a full part gives up at once, those longest unused. Default 16. */
  readonly evictionBatch?: number;
  /** Where the time comes from. Default: the host's monotonic clock. */
  readonly clock?: Clock;
}

/** The configuration with every default filled in. */
export interface CheckedCacheConfig {
  readonly shardCapacity: number;
  readonly shardCount: number;
  readonly ttlMs: number;
  readonly enableStats: boolean;
  readonly evictionBatch: number;
  readonly clock: Clock;
}

/**
 * Checks a cache's configuration.
 *
 * @throws {TypeError | RangeError} If a field has the wrong type or is out of range
 */
export function checkCacheConfig(config: CacheConfig): CheckedCacheConfig {
  mustBeOptions(config, ACTION);
  const maxEntries = checkInteger(config.maxEntries ?? 4096, 1, ACTION, "maxEntries");
  const shardCount = checkInteger(
    config.shardCount ?? Math.min(16, powerOfTwoWithin(maxEntries)),
    1,
    ACTION,
    "shardCount",
  );
  if (shardCount > MOST_SHARDS || (shardCount & (shardCount - 1)) !== 0) {
    throw new RangeError(
      `Cannot ${ACTION}: shardCount is ${shardCount} (must be a power of two, ${MOST_SHARDS} at most)`,
    );
  }
  if (maxEntries < shardCount) {
    throw new RangeError(
      `Cannot ${ACTION}: maxEntries is ${maxEntries} (must be no less than shardCount, ${shardCount})`,
    );
  }
  const clock = config.clock ?? systemClock;
  if (typeof clock !== "object" || clock === null || typeof clock.now !== "function") {
    throw new TypeError(`Cannot ${ACTION}: clock is ${typeOf(clock)} (must have now())`);
  }
  return {
    shardCapacity: Math.floor(maxEntries / shardCount),
    shardCount,
    ttlMs: checkDuration(config.ttlMs ?? 0, ACTION, "ttlMs", true),
    enableStats: checkFlag(config.enableStats, true, ACTION, "enableStats"),
    evictionBatch: checkInteger(config.evictionBatch ?? 16, 1, ACTION, "evictionBatch"),
    clock,
  };
}

/** The largest power of two that is not above `n`. */
function powerOfTwoWithin(n: number): number {
  return 2 ** Math.floor(Math.log2(n));
}
