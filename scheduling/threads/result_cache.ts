/**
 * Results kept for a while: a bounded cache that gives up what was longest unused.
 *
 * Invariant: a part's `Map` holds its entries from the longest unused to the latest used (a hit takes its
 * entry out and puts it in again), so the ones to give up are at its front. A part never holds more
 * than its share, so the whole never holds more than `maxEntries`.
 *
 * @module
 */

import { type CacheConfig, checkCacheConfig, type CheckedCacheConfig } from "./cache_options.ts";
import { hashKey } from "./key_hash.ts";

/** Counters of a cache. All but `entryCount` stay 0 with `enableStats: false`. */
export interface CacheStats {
  /** Calls of `get`. */
  readonly gets: number;
  /** Those that found a result. */
  readonly hits: number;
  /** Those that found none, or one too old. */
  readonly misses: number;
  /** Calls of `put`. */
  readonly puts: number;
  /** Results given up for room. */
  readonly evictions: number;
  /** Results found too old. */
  readonly expirations: number;
  /** Results held now, those too old and not yet found so included. */
  readonly entryCount: number;
  /** hits / gets, in %; 0 before the first `get`. */
  readonly hitRate: number;
}

interface Entry<V> {
  readonly value: V;
  readonly putMs: number;
}

/**
 * A bounded cache: least recently used goes first, and, with `ttlMs`, so does what is too old.
 *
 * Keys are compared as in a `Map`. Each of the `shardCount` parts has its own share of `maxEntries`, rounded
 * down, so that growing or evicting touches one part only. `get` and `put` are O(1), `put` into a full part
 * O(`evictionBatch`). It lives in one thread: workers have caches of their own.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ResultCache } from "@vais/runtime";
 *
 * const cache = new ResultCache<string, number>({ maxEntries: 2, shardCount: 1, evictionBatch: 1 });
 * cache.put("a", 1);
 * cache.put("b", 2);
 * assertEquals(cache.get("a"), 1); // used: "b" is now the longest unused
 * cache.put("c", 3);
 * assertEquals([cache.get("a"), cache.get("b"), cache.get("c")], [1, undefined, 3]);
 * assertEquals(cache.stats().hitRate, 75);
 * ```
 */
export class ResultCache<K, V> {
  readonly #config: CheckedCacheConfig;
  readonly #shards: readonly Map<K, Entry<V>>[];
  #gets = 0;
  #hits = 0;
  #puts = 0;
  #evictions = 0;
  #expirations = 0;

  /**
   * Makes an empty cache.
   *
   * @throws {TypeError | RangeError} If a field of `config` has the wrong type or is out of range
   */
  constructor(config: CacheConfig = {}) {
    this.#config = checkCacheConfig(config);
    this.#shards = Array.from({ length: this.#config.shardCount }, () => new Map());
  }

  /** The result of `key`, which counts as used now; `undefined` when there is none, or it is too old. */
  get(key: K): V | undefined {
    const { enableStats } = this.#config;
    if (enableStats) this.#gets++;
    const shard = this.#shardOf(key);
    const entry = shard.get(key);
    if (entry === undefined) return undefined;
    shard.delete(key);
    if (this.#isTooOld(entry)) {
      if (enableStats) this.#expirations++;
      return undefined;
    }
    shard.set(key, entry);
    if (enableStats) this.#hits++;
    return entry.value;
  }

  /** Whether `get` would find something; counts nothing, uses nothing. */
  has(key: K): boolean {
    const entry = this.#shardOf(key).get(key);
    return entry !== undefined && !this.#isTooOld(entry);
  }

  /** Keeps a result, in place of an earlier one; its age begins now. */
  put(key: K, value: V): void {
    const { shardCapacity, evictionBatch, enableStats, ttlMs, clock } = this.#config;
    if (enableStats) this.#puts++;
    const shard = this.#shardOf(key);
    if (!shard.delete(key) && shard.size >= shardCapacity) {
      const evicted = this.#evict(shard, evictionBatch);
      if (enableStats) this.#evictions += evicted;
    }
    shard.set(key, { value, putMs: ttlMs === 0 ? 0 : clock.now() });
  }

  /** Forgets one result; false when there was none. */
  remove(key: K): boolean {
    return this.#shardOf(key).delete(key);
  }

  /** Forgets all results; the counters stay. */
  clear(): void {
    for (const shard of this.#shards) shard.clear();
  }

  /** Forgets what is too old, and answers how many those were. O(n). */
  removeExpired(): number {
    let removed = 0;
    for (const shard of this.#shards) {
      for (const [key, entry] of shard) {
        if (!this.#isTooOld(entry)) continue;
        shard.delete(key);
        removed++;
      }
    }
    if (this.#config.enableStats) this.#expirations += removed;
    return removed;
  }

  /** Results held now, those too old and not yet found so included. */
  get size(): number {
    let size = 0;
    for (const shard of this.#shards) size += shard.size;
    return size;
  }

  /** Counters since it was made. */
  stats(): CacheStats {
    const gets = this.#gets;
    return {
      gets,
      hits: this.#hits,
      misses: gets - this.#hits,
      puts: this.#puts,
      evictions: this.#evictions,
      expirations: this.#expirations,
      entryCount: this.size,
      hitRate: gets === 0 ? 0 : this.#hits / gets * 100,
    };
  }

  #shardOf(key: K): Map<K, Entry<V>> {
    const shards = this.#shards;
    return shards[shards.length === 1 ? 0 : hashKey(key) & (shards.length - 1)]!;
  }

  #isTooOld(entry: Entry<V>): boolean {
    const { ttlMs, clock } = this.#config;
    return ttlMs !== 0 && clock.now() - entry.putMs > ttlMs;
  }

  #evict(shard: Map<K, Entry<V>>, count: number): number {
    let evicted = 0;
    for (const key of shard.keys()) {
      if (evicted === count) break;
      shard.delete(key);
      evicted++;
    }
    return evicted;
  }
}
