/**
 * The methods of a `ShardedMap` over a plain `Map`: for programs of one thread, with any keys and values.
 *
 * @module
 */

/**
 * What `ShardedMap` does, on one thread: nothing is ever FULL, every count is exact.
 *
 * Wait-free, O(1) expected, as `Map`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { LocalMap } from "@vais/runtime/memory";
 *
 * const names = new LocalMap<number, string>();
 * names.put(1, "alice");
 * assertEquals([names.putIfAbsent(1, "bob"), names.fetchRemove(1), names.count], ["alice", "alice", 0]);
 * ```
 */
export class LocalMap<K, V> {
  readonly #map = new Map<K, V>();

  /** The value of `key`, or undefined. O(1) expected. */
  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  /** Whether `key` has a value. O(1) expected. */
  has(key: K): boolean {
    return this.#map.has(key);
  }

  /** Sets the value of `key`. O(1) expected. */
  put(key: K, value: V): true {
    this.#map.set(key, value);
    return true;
  }

  /** Sets the value of `key` if it has none: undefined; or answers the value that it has. O(1) expected. */
  putIfAbsent(key: K, value: V): V | undefined {
    const old = this.#map.get(key);
    if (!this.#map.has(key)) this.#map.set(key, value);
    return old;
  }

  /** Removes `key`. True if it had a value. O(1) expected. */
  remove(key: K): boolean {
    return this.#map.delete(key);
  }

  /** Removes `key`; answers the value it had. O(1) expected. */
  fetchRemove(key: K): V | undefined {
    const old = this.#map.get(key);
    this.#map.delete(key);
    return old;
  }

  /** Removes all; answers how many. O(n). */
  clear(): number {
    const { size } = this.#map;
    this.#map.clear();
    return size;
  }

  /** How many there are. O(1). */
  get count(): number {
    return this.#map.size;
  }

  /** The same. O(1). */
  countExact(): number {
    return this.#map.size;
  }

  /** All keys and values, in the order they were first set. O(n). */
  entries(): [K, V][] {
    return [...this.#map];
  }
}
