/**
 * The maps: on one thread against a Map, and between workers; what a dead worker leaves.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type ByteKey, FULL, LocalMap, ShardedMap, StatsBlock } from "@vais/runtime/memory";
import { inThreads, newTally } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const act = fc.constantFrom("put", "put", "putIfAbsent", "add", "remove", "fetchRemove", "clear");

function commands<K>(key: fc.Arbitrary<K>) {
  const command = fc.record({ act, key, value: int32 });
  return fc.array(command, { maxLength: 120 });
}

/** Runs `list` on `map` and on a Map; clears seldom. */
function behavesLikeAMap<K extends number | ByteKey>(
  map: ShardedMap<K>,
  list: readonly { act: string; key: K; value: number }[],
): void {
  const other = ShardedMap.attach<K>(map.handle);
  const model = new Map<K, number>();
  list.forEach(({ act, key, value }, i) => {
    const old = model.get(key);
    if (act === "put") {
      const answer = map.put(key, value);
      if (answer === true) model.set(key, value);
      else assertEquals([answer, old], [FULL, undefined]);
    } else if (act === "putIfAbsent") {
      const answer = map.putIfAbsent(key, value);
      if (answer === undefined) model.set(key, value);
      else assertEquals(answer, old ?? FULL);
    } else if (act === "add") {
      const answer = map.add(key, value);
      if (answer === FULL) assertEquals(old, undefined);
      else {
        assertEquals(answer, ((old ?? 0) + value) | 0);
        model.set(key, answer);
      }
    } else if (act === "remove") {
      assertEquals(map.remove(key), model.delete(key));
    } else if (act === "fetchRemove") {
      assertEquals(map.fetchRemove(key), old);
      model.delete(key);
    } else if (i % 20 === 0) {
      assertEquals(map.clear(), model.size);
      model.clear();
    }
    for (const [key, value] of model) assertEquals(other.get(key), value);
    assertEquals([other.has(key), other.get(key)], [model.has(key), model.get(key)]);
    assertEquals([other.count, other.countExact()], [model.size, model.size]);
  });
  const text = (key: unknown) => key instanceof Uint8Array ? new TextDecoder().decode(key) : key;
  const entries = map.entries().map(([key, value]) => `${text(key)} ${value}`);
  assertEquals(entries.sort(), [...model].map(([key, value]) => `${key} ${value}`).sort());
}

test("ShardedMap with int32 keys is a Map with a bound", () => {
  const key = fc.oneof(fc.nat(9), int32);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom(1, 2, 4),
      commands(key),
      (n, shards, list) => {
        behavesLikeAMap(ShardedMap.create(n, { shards }), list);
      },
    ),
    { numRuns: 300 },
  );
});

test("ShardedMap with byte keys is a Map with a bound: strings as UTF-8, the empty one too", () => {
  const key = fc.oneof(
    fc.constantFrom("", "a", "b", "ab", "a\0", "ö", "word"),
    fc.string({ maxLength: 3 }),
  );
  const isWhole = (text: string) =>
    new TextDecoder().decode(new TextEncoder().encode(text)) === text;
  fc.assert(
    fc.property(fc.constantFrom(1, 4), commands<ByteKey>(key.filter(isWhole)), (shards, list) => {
      behavesLikeAMap(ShardedMap.createBytes(9, 12, { shards }), list);
    }),
    { numRuns: 300 },
  );
});

test("ShardedMap: a string and its bytes are one key; longer keys are refused", () => {
  const map = ShardedMap.createBytes(4, 5);
  map.put("grün", 1);
  assertEquals(map.get(new TextEncoder().encode("grün")), 1);
  assertThrows(() => map.get("größer"), RangeError, "Cannot get");
});

test("ShardedMap holds what was asked for, when hashes spread, and then some; then it is FULL", () => {
  const map = ShardedMap.create(1_000, { shards: 1 });
  let held = 0;
  while (map.put(held * 7_919, held) === true) held++;
  assert(held >= 1_000, `${held}`);
  for (let i = 0; i < held; i++) assertEquals(map.get(i * 7_919), i);
  assertEquals(map.put(0, 5), true); // one that is there may change
});

test("ShardedMap: what was asked for fits though chance gives some shards more than others", () => {
  for (const capacity of [16, 100, 1_776, 3_568, 14_000]) {
    const ints = ShardedMap.create(capacity);
    const texts = ShardedMap.createBytes(capacity, 12);
    let full = 0;
    for (let i = 0; i < capacity; i++) {
      for (const answer of [ints.put(i * 1_021, i), texts.put(`key ${i}`, i)]) {
        if (answer !== true) full++;
      }
    }
    assertEquals([full, ints.count, texts.count], [0, capacity, capacity]);
  }
});

test("ShardedMap stress: sums add up, keys are whole, readers never see what never was", async () => {
  const map = ShardedMap.createBytes(64, 16, { shards: 2 });
  const KEYS = 20;
  const added = newTally(KEYS);
  const write = `
    const map = m.ShardedMap.attach(job.map);
    const next = random(me + 1);
    for (let i = 0; i < 6_000; i++) {
      const k = next() % ${KEYS};
      if (next() % 3 > 0) {
        if (map.add("key " + k, 7) === m.FULL) throw new Error("full");
        Atomics.add(job.added, k, 7);
      } else Atomics.sub(job.added, k, map.fetchRemove("key " + k) ?? 0);
    }
    Atomics.add(job.done, 0, 1);`;
  const read = `
    const map = m.ShardedMap.attach(job.map);
    const next = random(9);
    let seen = 0;
    while (Atomics.load(job.done, 0) < 2) {
      const value = map.get("key " + next() % ${KEYS});
      if (value !== undefined && value % 7 !== 0) throw new Error("saw " + value);
      if (map.get("no " + next() % ${KEYS}) !== undefined) throw new Error("saw what is not");
      if (value !== undefined) seen++;
      notForEver();
    }
    return seen;`;
  await inThreads([write, write, read], { map: map.handle, added, done: newTally(1) });
  for (let k = 0; k < KEYS; k++) assertEquals(map.get(`key ${k}`) ?? 0, added[k]);
});

test("ShardedMap: a key that is never removed is never missed, while others move around it", async () => {
  const map = ShardedMap.create(16, { shards: 1 });
  for (let key = 0; key < 6; key++) map.put(key, key);
  const write = `
    const map = m.ShardedMap.attach(job.map);
    const next = random(5);
    for (let i = 0; i < 20_000; i++) {
      const key = 6 + next() % 10;
      if (map.remove(key) === false) map.put(key, key);
    }
    Atomics.store(job.done, 0, 1);`;
  const read = `
    const map = m.ShardedMap.attach(job.map);
    for (let i = 0; Atomics.load(job.done, 0) === 0; i = (i + 1) % 6) {
      if (map.get(i) !== i) throw new Error("missed " + i);
      notForEver();
    }`;
  await inThreads([write, read], { map: map.handle, done: newTally(1) });
});

test("LocalMap does what ShardedMap does, with any keys", () => {
  const map = new LocalMap<object | string, unknown>();
  const key = {};
  assertEquals([map.put(key, 1), map.putIfAbsent(key, 2), map.putIfAbsent("b", undefined)], [
    true,
    1,
    undefined,
  ]);
  assertEquals([map.get(key), map.has("b"), map.count, map.countExact()], [1, true, 2, 2]);
  assertEquals(map.entries(), [[key, 1], ["b", undefined]]);
  assertEquals([map.remove("b"), map.remove("b"), map.fetchRemove(key), map.clear()], [
    true,
    false,
    1,
    0,
  ]);
});

test("StatsBlock adds up what workers count, beyond 32 bits", async () => {
  const stats = StatsBlock.create(["a", "größe"], { workers: 3 });
  stats.add(2, "a", 2 ** 40);
  const body = `
    const stats = m.StatsBlock.attach(job.stats);
    for (let i = 0; i < 1_000; i++) stats.add(me, "größe", me === 1 ? -1 : 2);`;
  await inThreads([body, body], { stats: stats.handle });
  assertEquals(stats.totals(), { "a": 2 ** 40, "größe": 1_000 });
  assertEquals(stats.of(1), { "a": 0, "größe": -1_000 });
  assertThrows(() => stats.add(0, "b"), TypeError, "Cannot count");
});
