/**
 * A hash table that several threads read and write.
 *
 * Invariant: a key belongs to one shard, chosen by the high bits of its hash; see {@linkcode MapShard} for
 * what holds inside one. What concerns all shards takes all locks, in order.
 *
 * Lock striping: Doug Lea, `ConcurrentHashMap` (2004).
 *
 * @module
 */

import { FULL } from "./answers.ts";
import { checkInteger, checkOptions, isInt32, refuseInt32 } from "./check.ts";
import type { ByteKey, KeyCodec } from "./key_codec.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  View,
} from "./layout.ts";
import { type LockedViewOptions, lockUser, MOST_WORKER } from "./lock_word.ts";
import { MapShard, SHARD_DRAWN, shardWords } from "./map_shard.ts";
import { codecOf, type Sizes, sizesOf } from "./map_sizes.ts";

const ACTION = "create a ShardedMap";

/** How a {@linkcode ShardedMap} is made. */
export interface ShardedMapOptions extends LockedViewOptions {
  /** How many shards, rounded up to a power of two, at most 256. Default 16. */
  readonly shards?: number;
  /** Where to make it. */
  readonly at?: Place;
}

/**
 * A map between any number of threads, from int32 or byte-string keys to int32 values.
 *
 * `get` and `has` are lock-free unless entries are removed all the time (after 8 attempts they take the
 * lock). Changing blocks others out of one shard of `shards` for O(1) expected; `entries`, `clear` and
 * `countExact` take all of them. Linearizable for each key. A worker that ends while it changes a shard blocks
 * that one for the others until somebody calls `recover` with its number: then what it was changing is
 * changed or not, of a `clear` some may be gone, and the others go on.
 *
 * Capacity: room for at least so many, unless their hashes spread worse than by chance; each shard has its
 * share and six standard deviations, rounded up to a power of two, and answers FULL when 7/8 of it are
 * used. The table does not grow.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ShardedMap } from "@vais/runtime/memory";
 *
 * const ids = ShardedMap.createBytes(1000, 32); // a worker: ShardedMap.attach(handle)
 * ids.put("alice", 1);
 * ids.add("visits", 5);
 * assertEquals([ids.get("alice"), ids.add("visits", 1), ids.get("bob")], [1, 6, undefined]);
 * assertEquals([ids.remove("alice"), ids.count], [true, 1]);
 * ```
 */
export class ShardedMap<K extends number | ByteKey = number> extends View<"ShardedMap"> {
  readonly #key: KeyCodec<K>;
  readonly #shards: readonly MapShard[];
  readonly #shift: number;
  /** The number that this view takes locks with: given, or drawn. */
  readonly worker: number;

  private constructor(handle: Handle<"ShardedMap">, options?: LockedViewOptions) {
    super(handle);
    const words = openRegion("ShardedMap", handle);
    const [shards, slots, keyBytes] = [0, 1, 2].map((i) => paramOf(words, i)) as Sizes;
    this.#key = codecOf(keyBytes) as KeyCodec<unknown> as KeyCodec<K>;
    this.#shift = 32 - Math.log2(shards);
    const each = shardWords(slots, this.#key.words.length);
    const user = lockUser("ShardedMap", words, LINE_WORDS + SHARD_DRAWN, options);
    this.worker = user.worker;
    this.#shards = Array.from(
      { length: shards },
      (_, i) => new MapShard(words, LINE_WORDS + i * each, slots, this.#key, user),
    );
  }

  /** Bytes that one takes; without `keyBytes` its keys are int32. */
  static byteLength(capacity: number, keyBytes?: number, shards = 16): number {
    const [count, slots, bytes] = sizesOf(capacity, keyBytes, shards);
    return (LINE_WORDS + count * shardWords(slots, codecOf(bytes).words.length)) * 4;
  }

  /** An empty one, with int32 keys. O(capacity). */
  static create(capacity: number, options?: ShardedMapOptions): ShardedMap<number> {
    return new ShardedMap<number>(made(capacity, undefined, options), options);
  }

  /** An empty one, whose keys are up to `keyBytes` bytes. O(capacity). */
  static createBytes(
    capacity: number,
    keyBytes: number,
    options?: ShardedMapOptions,
  ): ShardedMap<ByteKey> {
    checkInteger(ACTION, "the key's length", keyBytes, 1, 1024);
    return new ShardedMap<ByteKey>(made(capacity, keyBytes, options), options);
  }

  /** The one that `handle` names, in this thread. O(shards). */
  static attach<K extends number | ByteKey = number>(
    handle: Handle<"ShardedMap">,
    options?: LockedViewOptions,
  ): ShardedMap<K> {
    return new ShardedMap<K>(handle, options);
  }

  /** The value of `key`, or undefined. Lock-free unless entries are removed all the time, O(1) expected. */
  get(key: K): number | undefined {
    return this.#shardOf("get", key).get();
  }

  /** Whether `key` has a value. Lock-free unless entries are removed all the time, O(1) expected. */
  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** Sets the value of `key`: true, or FULL. Blocks, O(1) expected. */
  put(key: K, value: number): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("put", value);
    return this.#locked("put", key, (shard) => shard.put(value) || FULL);
  }

  /**
   * Sets the value of `key` if it has none: undefined; or answers the value that it has; or FULL.
   * Blocks, O(1) expected.
   */
  putIfAbsent(key: K, value: number): number | undefined | typeof FULL {
    if (!isInt32(value)) refuseInt32("put", value);
    return this.#locked("put", key, (shard) => {
      const old = shard.valueOf();
      return old !== undefined || shard.put(value) ? old : FULL;
    });
  }

  /**
   * Adds to the value of `key`, which begins at 0, as int32: answers the sum, or FULL. Blocks, O(1)
   * expected.
   */
  add(key: K, by: number): number | typeof FULL {
    if (!isInt32(by)) refuseInt32("add", by);
    return this.#locked("add", key, (shard) => {
      const sum = ((shard.valueOf() ?? 0) + by) | 0;
      return shard.put(sum) ? sum : FULL;
    });
  }

  /** Removes `key`. True if it had a value. Blocks, O(1) expected. */
  remove(key: K): boolean {
    return this.fetchRemove(key) !== undefined;
  }

  /** Removes `key`; answers the value it had. Blocks, O(1) expected. */
  fetchRemove(key: K): number | undefined {
    return this.#locked("remove", key, (shard) => shard.remove());
  }

  /** Removes all, at one moment; answers how many. O(capacity). Blocks. */
  clear(): number {
    return this.#allLocked(() => this.#shards.reduce((sum, shard) => sum + shard.clear(), 0));
  }

  /** Entries now: may lag while others write. Wait-free, O(shards). */
  get count(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.count, 0);
  }

  /** Entries at one moment. O(shards). Blocks. */
  countExact(): number {
    return this.#allLocked(() => this.count);
  }

  /** All keys and values, of one moment, in no order; byte keys as bytes. O(capacity). Blocks. */
  entries(): [key: K extends number ? number : Uint8Array<ArrayBuffer>, value: number][] {
    const all: [number | Uint8Array<ArrayBuffer>, number][] = [];
    this.#allLocked(() => {
      for (const shard of this.#shards) {
        shard.forEach((tag, value) => all.push([this.#key.decode(tag), value]));
      }
    });
    return all as ReturnType<this["entries"]>;
  }

  /** The numbers of the workers that hold a lock of a shard now. Wait-free, O(shards). */
  get holders(): number[] {
    const all = this.#shards.map((shard) => shard.lock.holder);
    return [...new Set(all)].filter((worker) => worker !== undefined);
  }

  /**
   * After a worker has ended, wherever it was: takes over the locks that it holds, makes those
   * shards whole and lets the others on, who may be waiting meanwhile. True if it held any. Never
   * while that worker lives. O(shards), and O(capacity) if it held any.
   *
   * @throws {TypeError} If `worker` is not a number
   * @throws {RangeError} If it is not the number of a worker
   */
  recover(worker: number): boolean {
    checkInteger("recover", "the worker", worker, 0, MOST_WORKER);
    let held = false;
    for (const shard of this.#shards) {
      if (!shard.lock.takeOver(worker)) continue;
      held = true;
      shard.mend();
      shard.lock.unlock();
    }
    return held;
  }

  #shardOf(action: string, key: K): MapShard {
    this.#key.encode(action, key);
    const index = this.#shift === 32 ? 0 : this.#key.hash >>> this.#shift;
    return this.#shards[index]!;
  }

  #locked<T>(action: string, key: K, body: (shard: MapShard) => T): T {
    const shard = this.#shardOf(action, key);
    shard.lock.lock();
    try {
      return body(shard);
    } finally {
      shard.lock.unlock();
    }
  }

  #allLocked<T>(body: () => T): T {
    const held: MapShard[] = [];
    try {
      for (const shard of this.#shards) {
        shard.lock.lock();
        held.push(shard);
      }
      return body();
    } finally {
      for (const shard of held) shard.lock.unlock();
    }
  }
}

function made(
  capacity: number,
  keyBytes: number | undefined,
  options: ShardedMapOptions | undefined,
): Handle<"ShardedMap"> {
  const { shards = 16, at } = checkOptions(ACTION, options);
  const bytes = ShardedMap.byteLength(capacity, keyBytes, shards);
  return createRegion("ShardedMap", bytes, sizesOf(capacity, keyBytes, shards), at);
}
