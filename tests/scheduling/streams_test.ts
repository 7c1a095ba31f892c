/**
 * Streams: how far they read ahead, when they end, and what they close.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Channel, debounce, mapConcurrent, merge, sleep, throttle, zip } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

const bad = (value: unknown): never => value as never;

test("mapConcurrent: at most limit in work or waiting, in order or as ready, and no pull after the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(6), { maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      fc.option(fc.nat(12)),
      fc.nat(2),
      async (delays, limit, ordered, leaveAfter, pause) => {
        await using runtime = new SimulatedRuntime();
        let pulled = 0, open = 0, most = 0, closed = 0, ahead = 0;
        const seen: number[] = [];
        function* source() {
          try {
            for (const [index, ms] of delays.entries()) {
              pulled++;
              // One may be on its way from `next()` to the loop.
              ahead = Math.max(ahead, pulled - seen.length - 1);
              yield { index, ms };
            }
          } finally {
            closed++;
          }
        }
        await runtime.spawn(async (task) => {
          const mapped = mapConcurrent(source(), { limit, ordered }, async ({ index, ms }, t) => {
            most = Math.max(most, ++open);
            await t.sleep(ms);
            open--;
            return index;
          });
          for await (const index of mapped) {
            seen.push(index);
            if (seen.length - 1 === leaveAfter) break;
            await task.sleep(pause);
          }
        });
        assert(most <= limit, `${most} in work with limit ${limit}`);
        assert(ahead <= limit, `pulled ${ahead} ahead with limit ${limit}`);
        const whole = leaveAfter === null || leaveAfter >= delays.length;
        if (whole) assertEquals(seen.toSorted((a, b) => a - b), delays.map((_, i) => i));
        if (ordered) assertEquals(seen, seen.toSorted((a, b) => a - b));
        const before = pulled;
        runtime.runUntilStalled();
        assertEquals([pulled, closed], [before, 1]);
      },
    ),
    { numRuns: 300 },
  );
});

test("an async generator that is in the middle of next() is told, and closes when it can", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  async function* slow(): AsyncGenerator<number> {
    try {
      for (let i = 0;; i++) {
        await sleep(10);
        yield i;
      }
    } finally {
      log.push("closed");
    }
  }
  await runtime.spawn(async () => {
    for await (const n of mapConcurrent(slow(), { limit: 2 }, (n) => n)) if (n === 1) break;
    log.push("left");
  });
  await runtime.spawn(() => sleep(100));
  assertEquals([log, runtime.clock.now()], [["left", "closed"], 120]);
});

test("zip and merge end as their sources do; an error closes the others", async () => {
  const closed: string[] = [];
  function* source(name: string, count: number, fails = false) {
    try {
      for (let i = 0; i < count; i++) yield `${name}${i}`;
      if (fails) throw new Error(`${name} failed`);
    } finally {
      closed.push(name);
    }
  }
  const rows: string[][] = [];
  for await (const row of zip(source("a", 2), source("b", 3))) rows.push(row);
  assertEquals([rows, closed.splice(0).sort()], [[["a0", "b0"], ["a1", "b1"]], ["a", "b"]]);
  for (const combine of [merge, zip]) {
    await assertRejects(
      async () => {
        for await (const _ of combine(source("a", 2, true), source("b", 9)));
      },
      Error,
      "a failed",
    );
    assertEquals(closed.splice(0).sort(), ["a", "b"]);
  }
  for await (const _ of merge()) assert(false);
  for await (const _ of zip()) assert(false);
});

test("debounce and throttle, in virtual time", async () => {
  await using runtime = new SimulatedRuntime();
  // Values by the time they come at, in ms.
  const times = [0, 1, 2, 20, 21, 40];
  const channelOf = () => {
    const channel = Channel.unbounded<number>();
    runtime.spawn(function* () {
      for (const [i, at] of times.entries()) {
        yield* runtime.sleep(at - (times[i - 1] ?? 0));
        channel.trySend(at);
      }
      channel.close();
    });
    return channel;
  };
  const collect = (make: () => AsyncIterable<number>) =>
    runtime.spawn(async () => {
      const seen: [value: number, at: number][] = [];
      const start = runtime.clock.now();
      for await (const value of make()) seen.push([value, runtime.clock.now() - start]);
      return seen;
    });
  assertEquals(await collect(() => debounce(channelOf(), 5)), [[2, 7], [21, 26], [40, 40]]);
  assertEquals(await collect(() => throttle(channelOf(), 10)), [
    [0, 0],
    [2, 10],
    [20, 20],
    [21, 30],
    [40, 40],
  ]);
  assertEquals(await collect(() => throttle(channelOf(), 10, { trailing: false })), [
    [0, 0],
    [20, 20],
    [40, 40],
  ]);
});

test("bad input: wrong types and ranges", () => {
  const types: Record<string, () => unknown> = {
    "Cannot map concurrently: source": () => mapConcurrent(bad(1), { limit: 1 }, () => 1),
    "Cannot map concurrently: options": () => mapConcurrent([], bad(null), () => 1),
    "Cannot map concurrently: limit": () => mapConcurrent([], bad({}), () => 1),
    "Cannot map concurrently: ordered": () =>
      mapConcurrent([], { limit: 1, ordered: bad(1) }, () => 1),
    "Cannot map concurrently: mapper": () => mapConcurrent([], { limit: 1 }, bad(1)),
    "Cannot merge: source 1": () => merge([], bad(1)),
    "Cannot zip: source 0": () => zip(bad(null)),
    "Cannot debounce: source": () => debounce(bad(1), 1),
    "Cannot debounce: ms": () => debounce([], bad("1")),
    "Cannot throttle: options": () => throttle([], 1, bad(null)),
    "Cannot throttle: trailing": () => throttle([], 1, { trailing: bad(1) }),
  };
  for (const [text, call] of Object.entries(types)) assertThrows(call, TypeError, text);
  const ranges: Record<string, () => unknown> = {
    "limit is 0": () => mapConcurrent([], { limit: 0 }, () => 1),
    "ms is -1": () => debounce([], -1),
    "ms is Infinity": () => throttle([], Infinity),
  };
  for (const [text, call] of Object.entries(ranges)) assertThrows(call, RangeError, text);
});
