/**
 * ResultCache and Memoize.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { type CacheConfig, Future, Memoize, memoize, ResultCache } from "@vais/runtime";
import { VirtualClock } from "@vais/runtime/testing";
import type { Any } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

// ---- ResultCache --------------------------------------------------------------------------------

/** What a cache of one part must do, written down slowly: newest use last. */
class CacheModel {
  entries: { key: number; value: number; putMs: number }[] = [];
  stats = { gets: 0, hits: 0, misses: 0, puts: 0, evictions: 0, expirations: 0 };

  constructor(readonly capacity: number, readonly batch: number, readonly ttlMs: number) {}

  get(key: number, now: number): number | undefined {
    this.stats.gets++;
    const at = this.entries.findIndex((entry) => entry.key === key);
    const entry = this.entries[at];
    if (entry === undefined) return void this.stats.misses++;
    this.entries.splice(at, 1);
    if (this.ttlMs > 0 && now - entry.putMs > this.ttlMs) {
      this.stats.expirations++;
      this.stats.misses++;
      return undefined;
    }
    this.stats.hits++;
    this.entries.push(entry);
    return entry.value;
  }

  put(key: number, value: number, now: number): void {
    this.stats.puts++;
    const at = this.entries.findIndex((entry) => entry.key === key);
    if (at >= 0) this.entries.splice(at, 1);
    else if (this.entries.length >= this.capacity) {
      this.stats.evictions += this.entries.splice(0, this.batch).length;
    }
    this.entries.push({ key, value, putMs: now });
  }

  remove(key: number): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.key !== key);
    return this.entries.length < before;
  }

  removeExpired(now: number): number {
    const before = this.entries.length;
    this.entries = this.entries.filter((e) => this.ttlMs === 0 || now - e.putMs <= this.ttlMs);
    const removed = before - this.entries.length;
    this.stats.expirations += removed;
    return removed;
  }
}

const keys = fc.integer({ min: 0, max: 7 });
const step = fc.oneof(
  fc.record({ do: fc.constant("get" as const), key: keys }),
  fc.record({ do: fc.constant("put" as const), key: keys, value: fc.integer() }),
  fc.record({ do: fc.constant("remove" as const), key: keys }),
  fc.record({ do: fc.constant("removeExpired" as const) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 15 }) }),
);

test("a cache does what the model does, for any steps", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom(0, 10),
      (steps, capacity, batch, ttlMs) => {
        const clock = new VirtualClock();
        const model = new CacheModel(capacity, batch, ttlMs);
        const cache = new ResultCache<number, number>({
          maxEntries: capacity,
          shardCount: 1,
          evictionBatch: batch,
          ttlMs,
          clock,
        });
        for (const one of steps) {
          const now = clock.now();
          if (one.do === "get") assertEquals(cache.get(one.key), model.get(one.key, now));
          else if (one.do === "put") {
            cache.put(one.key, one.value);
            model.put(one.key, one.value, now);
          } else if (one.do === "remove") {
            assertEquals(cache.remove(one.key), model.remove(one.key));
          } else if (one.do === "removeExpired") {
            assertEquals(cache.removeExpired(), model.removeExpired(now));
          } else clock.advance(one.ms);
          assertEquals(cache.size, model.entries.length);
        }
        const { entryCount, hitRate, ...counters } = cache.stats();
        assertEquals(counters, model.stats);
        assertEquals(entryCount, model.entries.length);
        const { hits, gets } = counters;
        assertEquals(hitRate, gets === 0 ? 0 : hits / gets * 100);
      },
    ),
    { numRuns: 500 },
  );
});

test("however many parts, never more than maxEntries, and what is there is right", () => {
  const anyKey = fc.oneof(fc.integer(), fc.string(), fc.double(), fc.boolean(), fc.bigInt());
  fc.assert(
    fc.property(
      fc.array(anyKey, { maxLength: 300 }),
      fc.constantFrom(1, 2, 16),
      fc.integer({ min: 16, max: 40 }),
      (all, shardCount, maxEntries) => {
        const cache = new ResultCache<unknown, unknown>({ maxEntries, shardCount });
        for (const key of all) {
          cache.put(key, [key]);
          assertEquals(cache.get(key), [key]);
          assertLessOrEqual(cache.size, maxEntries);
        }
        for (const key of new Set(all)) {
          if (cache.has(key)) assertEquals(cache.get(key), [key]);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("objects, functions and symbols are keys too, spread over the parts", () => {
  const cache = new ResultCache<unknown, number>({ maxEntries: 256, shardCount: 16 });
  const made = Array.from(
    { length: 96 },
    (_, i) => [{ i }, () => i, Symbol(`${i}`)][i % 3],
  );
  made.forEach((key, i) => cache.put(key, i));
  assertEquals(made.map((key) => cache.get(key)), made.map((_, i) => i));
  assertEquals(cache.stats().evictions, 0, "keys of one kind crowd one part");
});

test("0 and -0 are one key, NaN is found again, 1 and '1' are two", () => {
  const cache = new ResultCache<unknown, string>();
  cache.put(0, "zero");
  cache.put(NaN, "nan");
  cache.put(1, "number");
  cache.put("1", "string");
  assertEquals(
    [-0, NaN, 1, "1"].map((key) => cache.get(key)),
    ["zero", "nan", "number", "string"],
  );
});

test("a result is too old only when older than ttlMs; put makes it young again", () => {
  const clock = new VirtualClock();
  const cache = new ResultCache<string, number>({ ttlMs: 10, clock });
  cache.put("a", 1);
  clock.advance(10);
  assertEquals(cache.get("a"), 1);
  cache.put("a", 2);
  clock.advance(10);
  assertEquals(cache.get("a"), 2);
  clock.advance(0.001);
  assert(!cache.has("a"));
  assertEquals(cache.get("a"), undefined);
  assertEquals(cache.stats().expirations, 1);
  assertEquals(cache.size, 0);
});

test("overwriting in a full part evicts nothing", () => {
  const cache = new ResultCache<number, number>({ maxEntries: 2, shardCount: 1 });
  cache.put(1, 1);
  cache.put(2, 2);
  cache.put(1, 11);
  assertEquals([cache.get(1), cache.get(2)], [11, 2]);
  assertEquals(cache.stats().evictions, 0);
});

test("without stats nothing is counted; clear leaves the counters", () => {
  const quiet = new ResultCache<number, number>({ enableStats: false });
  quiet.put(1, 1);
  quiet.get(1);
  assertEquals(quiet.stats(), {
    gets: 0,
    hits: 0,
    misses: 0,
    puts: 0,
    evictions: 0,
    expirations: 0,
    entryCount: 1,
    hitRate: 0,
  });
  const cache = new ResultCache<number, number>();
  cache.put(1, 1);
  cache.clear();
  assertEquals([cache.size, cache.stats().puts], [0, 1]);
});

test("a configuration that is wrong is refused", () => {
  const wrongType: Record<string, unknown>[] = [
    { maxEntries: "1" },
    { shardCount: null, maxEntries: {} },
    { ttlMs: "1" },
    { enableStats: 1 },
    { evictionBatch: [] },
    { clock: {} },
    { clock: 5 },
  ];
  for (const config of wrongType) {
    assertThrows(() => new ResultCache(config as CacheConfig), TypeError, "Cannot create");
  }
  for (const config of [null, 5, "x"] as Any[]) {
    assertThrows(() => new ResultCache(config), TypeError, "Cannot create ResultCache");
  }
  const outOfRange: CacheConfig[] = [
    { maxEntries: 0 },
    { maxEntries: 1.5 },
    { maxEntries: NaN },
    { shardCount: 0 },
    { shardCount: 3 },
    { shardCount: 2 ** 17 },
    { maxEntries: 8, shardCount: 16 },
    { ttlMs: -1 },
    { ttlMs: NaN },
    { evictionBatch: 0 },
  ];
  for (const config of outOfRange) {
    assertThrows(() => new ResultCache(config), RangeError, "Cannot create ResultCache");
  }
  assertEquals(new ResultCache({ maxEntries: 3 }).size, 0, "few entries: fewer parts");
});

// ---- Memoize ------------------------------------------------------------------------------------

test("a sync function runs once per key, also when its result is undefined", () => {
  const seen: number[] = [];
  const memo = new Memoize((n: number) => {
    seen.push(n);
    return n === 0 ? undefined : n * n;
  });
  assertEquals([0, 3, 0, 3].map((n) => memo.call(n)), [undefined, 9, undefined, 9]);
  assertEquals(seen, [0, 3]);
  assertEquals(memo.cache.stats().hits, 2);
});

test("an async function runs once however many ask at once, and then not again", async () => {
  let runs = 0;
  const resolvers: ((n: number) => void)[] = [];
  const memo = new Memoize((_key: string) => {
    runs++;
    return new Promise<number>((resolve) => resolvers.push(resolve));
  });
  const asked = Array.from({ length: 50 }, () => memo.call("k"));
  assertEquals([runs, memo.pending, memo.cache.size], [1, 1, 0]);
  resolvers[0]!(7);
  assertEquals([...new Set(await Promise.all(asked))], [7]);
  assertEquals(await memo.call("k"), 7);
  assertEquals([runs, memo.pending, memo.cache.size], [1, 0, 1]);
});

test("a throw and a rejection are not kept: the next call tries again", async () => {
  let fail = true;
  const sync = new Memoize((n: number) => {
    if (fail) throw new Error("not yet");
    return n;
  });
  const later = new Memoize((n: number) =>
    fail ? Promise.reject(new Error("not yet")) : Promise.resolve(n)
  );
  assertThrows(() => sync.call(1), Error, "not yet");
  await assertRejects(() => later.call(1), Error, "not yet");
  fail = false;
  assertEquals([sync.call(1), await later.call(1)], [1, 1]);
  assertEquals(later.pending, 0);
});

test("all who wait for a call that fails get its error itself", async () => {
  const error = new Error("shared");
  const memo = new Memoize((_n: number) => Promise.reject(error));
  const thrown = await Promise.all([1, 2, 3].map(() => memo.call(1).catch((e) => e)));
  for (const one of thrown) assertStrictEquals(one, error);
});

test("a future is driven once, and remembered as a promise", async () => {
  let polls = 0;
  const memo = new Memoize((n: number) =>
    Future.fromPoll(n, (state) => {
      polls++;
      return state + 1;
    })
  );
  assertEquals(await Promise.all([memo.call(1), memo.call(1)]), [2, 2]);
  assertEquals(await memo.call(1), 2);
  assertEquals(polls, 1);
});

test("its own key tells calls apart; without one a second argument is refused", () => {
  const add = memoize((a: number, b: number) => a + b, { key: (a, b) => `${a},${b}` });
  assertEquals([add(1, 2), add(12, 0), add(1, 20)], [3, 12, 21]);
  const unkeyed = memoize((a: number, b: number) => a + b);
  assertThrows(() => unkeyed(1, 2), TypeError, "pass the option key");
});

test("forget: the next call runs; one in flight is answered and not kept", async () => {
  let runs = 0;
  const memo = new Memoize(async (n: number) => {
    runs++;
    await undefined;
    return n;
  });
  const first = memo.call(1);
  assert(memo.forget(1));
  assertEquals(await first, 1);
  assertEquals(memo.cache.size, 0);
  await memo.call(1);
  assert(memo.forget(1));
  assert(!memo.forget(1));
  await memo.call(1);
  assertEquals(runs, 3);
});

test("results age and make room as the cache's configuration says", () => {
  const clock = new VirtualClock();
  let runs = 0;
  const memo = new Memoize((n: number) => (runs++, n), { ttlMs: 10, clock });
  memo.call(1);
  clock.advance(11);
  memo.call(1);
  assertEquals(runs, 2);
  const cache = new ResultCache<unknown, { result: unknown }>({ maxEntries: 1 });
  const own = new Memoize((n: number) => (runs++, n), { cache });
  own.call(1);
  own.call(2);
  own.call(1);
  assertEquals(runs, 5);
});

test("bad input to Memoize is refused", () => {
  assertThrows(() => new Memoize(5 as Any), TypeError, "Cannot memoize: fn");
  assertThrows(() => memoize(undefined as Any), TypeError, "Cannot memoize: fn");
  assertThrows(() => memoize(() => 1, null as Any), TypeError, "Cannot memoize: options");
  assertThrows(() => memoize(() => 1, { key: 5 as Any }), TypeError, "Cannot memoize: key");
  assertThrows(() => memoize(() => 1, { cache: {} as Any }), TypeError, "Cannot memoize: cache");
  assertThrows(() => memoize(() => 1, { maxEntries: 0 }), RangeError, "Cannot create ResultCache");
});
