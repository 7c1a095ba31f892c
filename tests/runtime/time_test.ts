/**
 * Sleeps and intervals: monotonic ms, never early, any length.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Clock, Future, HostParker, type Parker, Runtime, sleep } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("sleep never ends early: random durations in virtual time end at their deadline rounded up", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ min: 0, max: 3_000, noNaN: true }), { maxLength: 20 }),
      async (durations) => {
        const runtime = new SimulatedRuntime();
        for (const ms of durations) {
          runtime.spawn(function* (task) {
            yield* task.sleep(ms);
            assertEquals(runtime.clock.now(), Math.ceil(ms));
          });
        }
        await runtime.run();
      },
    ),
    { numRuns: 50 },
  );
});

test("sleeps end in order of deadline; equal deadlines in the order they began", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  for (const [name, ms] of [["c", 30], ["a", 10], ["b1", 20], ["b2", 20], ["b3", 20]] as const) {
    runtime.spawn(function* (task) {
      yield* task.sleep(ms);
      log.push(name);
    });
  }
  await runtime.run();
  assertEquals(log, ["a", "b1", "b2", "b3", "c"]);
});

test("sleep on the host's clock never ends early", async () => {
  const runtime = new Runtime();
  for (const ms of [1, 2, 3.5, 5]) {
    runtime.spawn(function* (task) {
      const begun = performance.now();
      yield* task.sleep(ms);
      assertGreaterOrEqual(performance.now() - begun, ms);
    });
  }
  await runtime.run();
  const begun = performance.now();
  runtime.blockOn(runtime.sleep(3));
  assertGreaterOrEqual(performance.now() - begun, 3);
});

test("sleep 0 is due in the next turn, behind what is runnable now, and arms no timer", () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  runtime.spawn(function* (task) {
    yield* task.sleep(0);
    log.push("slept");
  });
  runtime.spawn(() => void log.push("beside"));
  runtime.turn();
  assertEquals([log, runtime.metrics().timers], [["beside"], 0]);
  runtime.turn();
  assertEquals([log, runtime.clock.now()], [["beside", "slept"], 0]);
});

test("sleep refuses NaN, negatives and Infinity with a RangeError, and other types with a TypeError", () => {
  const runtime = new Runtime();
  for (const make of [sleep, (ms: number) => runtime.sleep(ms)]) {
    for (const ms of [NaN, -1, -Infinity, Infinity]) assertThrows(() => make(ms), RangeError);
    for (const ms of ["5", null, undefined, {}]) {
      assertThrows(() => make(ms as unknown as number), TypeError, "number of milliseconds");
    }
  }
});

test("sleep beyond 2^31 ms, and for years, works", async () => {
  for (const ms of [2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 + 5, 400 * 86_400_000]) {
    const runtime = new SimulatedRuntime();
    await runtime.spawn(runtime.sleep(ms));
    assertEquals(runtime.clock.now(), ms);
    await assertNothingLeft(runtime);
  }
});

test("sleep begins at its first poll, not when it is made", () => {
  const runtime = new SimulatedRuntime();
  const nap = runtime.sleep(100);
  runtime.clock.advance(1_000);
  runtime.blockOn(nap);
  assertEquals(runtime.clock.now(), 1_100);
});

test("a sleep that is cancelled, lost in a race or timed out leaves no timer", () => {
  const runtime = new SimulatedRuntime();
  const cancelled = runtime.spawn(runtime.sleep(1_000));
  runtime.blockOn(Future.race([runtime.sleep(1), runtime.sleep(1_000), sleep(2_000)]));
  runtime.blockOn(runtime.sleep(1_000).timeout(5).catch(() => {}));
  runtime.blockOn(runtime.sleep(5).timeout(1_000));
  assertEquals(runtime.metrics().timers, 1);
  cancelled.cancel();
  assertEquals(runtime.metrics().timers, 0);
});

test("100 000 sleeps are armed, and cancelled again, leaving no timer", () => {
  const runtime = new SimulatedRuntime();
  const handles = Array.from({ length: 100_000 }, (_, i) => runtime.spawn(sleep(1 + i * 37)));
  runtime.runUntilStalled();
  assertEquals(runtime.metrics().timers, 100_000);
  for (const handle of handles) handle.cancel();
  assertEquals([runtime.metrics().timers, runtime.taskCount], [0, 0]);
});

test("a clock that begins at a fractional time makes no difference: no sleep is lost, none spins", () => {
  // performance.now() is fractional; a wheel that names a deadline and is not due then would spin.
  for (let i = 0; i < 500; i++) {
    let reads = 0;
    let now = i * 1.7 + 0.3;
    const clock: Clock = {
      now() {
        if (++reads > 1_000) throw new Error(`spins: start ${i * 1.7 + 0.3}`);
        return now;
      },
    };
    const parker: Parker = Object.assign(new HostParker(), { parkSync: (ms: number) => now += ms });
    const runtime = new Runtime({ clock, parker });
    const start = now;
    runtime.blockOn(runtime.sleep(1 + i % 100));
    assertGreaterOrEqual(now, start + 1 + i % 100);
    assert(now < start + 2 + i % 100);
  }
});

test("interval ticks at a fixed rate, counted from the first wait", async () => {
  const runtime = new SimulatedRuntime();
  const log: number[][] = [];
  await runtime.spawn(function* (task) {
    const ticks = runtime.interval(100);
    yield* task.sleep(30);
    for (const tick of ticks) {
      const n = yield* tick;
      log.push([n, runtime.clock.now()]);
      yield* task.sleep(40); // work does not shift the rate
      if (n === 4) break;
    }
  });
  assertEquals(log, [[1, 130], [2, 230], [3, 330], [4, 430]]);
});

test("interval skips the ticks that were missed, and keeps its phase", async () => {
  const runtime = new SimulatedRuntime();
  const log: number[][] = [];
  await runtime.spawn(function* (task) {
    for (const tick of runtime.interval(100)) {
      const n = yield* tick;
      log.push([n, runtime.clock.now()]);
      if (n === 1) yield* task.sleep(350); // until 450
      if (n >= 6) break;
    }
  });
  assertEquals(log, [[1, 100], [4, 450], [5, 500], [6, 600]]);
});

test("interval works with for await in host code, on the runtime it was made of", async () => {
  const runtime = new SimulatedRuntime();
  const log: number[] = [];
  for await (const n of runtime.interval(1_000)) {
    log.push(n);
    if (n === 3) break;
  }
  assertEquals([log, runtime.clock.now()], [[1, 2, 3], 3_000]);
});

test("interval works with for await in an async body, and a cancel ends it there", async () => {
  const runtime = new SimulatedRuntime();
  const log: number[] = [];
  const handle = runtime.spawn(async () => {
    for await (const n of runtime.interval(1_000)) log.push(n);
  });
  const stopper = runtime.spawn(function* (task) {
    yield* task.sleep(3_500);
    handle.cancel();
  });
  await within(Promise.resolve(stopper), "the interval holds the runtime");
  const outcome = await within(Promise.resolve(handle.settled()), "the cancel did not end it");
  assertEquals([outcome.status, log], ["cancelled", [1, 2, 3]]);
});

test("interval refuses 0, negatives and NaN with a RangeError", () => {
  const runtime = new Runtime();
  for (const ms of [0, -1, NaN, Infinity]) assertThrows(() => runtime.interval(ms), RangeError);
});
