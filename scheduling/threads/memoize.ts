/**
 * A function that remembers its results, and runs once however many ask at the same time.
 *
 * Invariant: a key is in flight, or in the cache, or nowhere. What failed is nowhere: the next call tries again.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { isPromiseLike } from "../../runtime/poll.ts";
import { mustBeOptions } from "../group_options.ts";
import type { CacheConfig } from "./cache_options.ts";
import { ResultCache } from "./result_cache.ts";

/** How to remember: a cache of your own, or how to make one; and what tells calls apart. */
export interface MemoizeOptions<A extends readonly unknown[]> extends CacheConfig {
  /**
   * What tells calls apart. Default: the one argument itself, compared as in a `Map`; a function that is called with
   * more needs a `key`.
   */
  readonly key?: (...args: A) => unknown;
  /**
   * Where results are kept; the other fields of the configuration are not looked at then. For several functions only
   * if their keys differ.
   */
  readonly cache?: ResultCache<unknown, Memoized>;
}

/** What a {@linkcode Memoize} keeps in its cache: so that a result of `undefined` is a result too. */
export interface Memoized {
  /** What the function answered. Of an async one: the fulfilled promise. */
  readonly result: unknown;
}

/**
 * Remembers the results of a function.
 *
 * Of a promise (or anything with `then`), the promise is shared by all who ask while it is pending, and kept when it
 * is fulfilled. A throw or a rejection is not kept. An async function that asks for its own key waits for
 * itself, for ever.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Memoize } from "@vais/runtime";
 *
 * let runs = 0;
 * const square = new Memoize(async (n: number) => {
 *   runs++;
 *   await Promise.resolve();
 *   return n * n;
 * });
 * assertEquals(await Promise.all([square.call(3), square.call(3)]), [9, 9]);
 * assertEquals(await square.call(3), 9);
 * assertEquals(runs, 1);
 * ```
 */
export class Memoize<A extends readonly unknown[], R> {
  readonly #fn: (...args: A) => R;
  readonly #key: (args: A) => unknown;
  readonly #inFlight = new Map<unknown, Promise<unknown>>();
  /** Where the results are. */
  readonly cache: ResultCache<unknown, Memoized>;

  /**
   * Over `fn`, which is called without `this`.
   *
   * @throws {TypeError | RangeError} If `fn` is no function, or an option is wrong
   */
  constructor(fn: (...args: A) => R, options: MemoizeOptions<A> = {}) {
    if (typeof fn !== "function") {
      throw new TypeError(`Cannot memoize: fn is ${typeOf(fn)} (must be a function)`);
    }
    mustBeOptions(options, "memoize");
    const { key, cache } = options;
    if (key !== undefined && typeof key !== "function") {
      throw new TypeError(`Cannot memoize: key is ${typeOf(key)} (must be a function)`);
    }
    if (cache !== undefined && !(cache instanceof ResultCache)) {
      throw new TypeError(`Cannot memoize: cache is ${typeOf(cache)} (must be a ResultCache)`);
    }
    this.#fn = fn;
    this.#key = key === undefined ? onlyArgument : (args) => key(...args);
    this.cache = cache ?? new ResultCache(options);
  }

  /**
   * The result for these arguments: remembered, in flight, or new.
   *
   * @throws What the function throws
   * @throws {TypeError} If there is more than one argument and no `key`
   */
  call(...args: A): R {
    const key = this.#key(args);
    const kept = this.cache.get(key);
    if (kept !== undefined) return kept.result as R;
    const shared = this.#inFlight.get(key);
    if (shared !== undefined) return shared as R;
    const result = this.#fn(...args);
    if (!isPromiseLike(result)) {
      this.cache.put(key, { result });
      return result;
    }
    return this.#share(key, result) as R;
  }

  /** Forgets one result; one in flight is still answered to those who wait, and not kept. */
  forget(...args: A): boolean {
    const key = this.#key(args);
    const wasInFlight = this.#inFlight.delete(key);
    return this.cache.remove(key) || wasInFlight;
  }

  /** Calls in flight now. */
  get pending(): number {
    return this.#inFlight.size;
  }

  #share(key: unknown, made: PromiseLike<unknown>): Promise<unknown> {
    const result = new Promise<unknown>((resolve) => resolve(made));
    this.#inFlight.set(key, result);
    result.then(
      () => {
        if (this.#endFlight(key, result)) this.cache.put(key, { result });
      },
      () => this.#endFlight(key, result),
    );
    return result;
  }

  /** False when it was forgotten meanwhile. */
  #endFlight(key: unknown, result: Promise<unknown>): boolean {
    return this.#inFlight.get(key) === result && this.#inFlight.delete(key);
  }
}

function onlyArgument(args: readonly unknown[]): unknown {
  if (args.length <= 1) return args[0];
  throw new TypeError(
    `Cannot call memoized function: it got ${args.length} arguments (pass the option key to tell calls apart)`,
  );
}

/**
 * A function that remembers its results; see {@linkcode Memoize}, which this is a function over.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { memoize } from "@vais/runtime";
 *
 * const fib: (n: number) => number = memoize((n: number) => n < 2 ? n : fib(n - 1) + fib(n - 2));
 * assertEquals(fib(80), 23416728348467685);
 * ```
 */
export function memoize<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options?: MemoizeOptions<A>,
): (...args: A) => R {
  const memo = new Memoize(fn, options);
  return (...args) => memo.call(...args);
}
