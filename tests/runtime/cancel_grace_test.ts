/**
 * Grace, hard cancels, refusers: all in virtual time, with polls and throws counted.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import { Cancelled, Future, type RefusalReport, type TaskScope, yieldNow } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, Probe, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** Waits until cancelled, then sleeps `naps` ms each in cleanup, logging when each ended how. */
function cleaner(log: string[], naps: readonly number[]) {
  return function* (task: TaskScope): Generator<unknown, void> {
    try {
      yield* Future.never();
    } finally {
      for (const ms of naps) {
        try {
          yield* task.sleep(ms);
          log.push(`slept ${ms}`);
        } catch (error) {
          log.push((error as Error).name);
        }
      }
    }
  };
}

test("cleanup may await for 5 000 ms by default, then every await throws again", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const handle = runtime.spawn(cleaner(log, [4_000, 4_000, 1, 1]));
  runtime.runUntilStalled();
  const outcome = await handle.cancelAndJoin();
  assertEquals(log, ["slept 4000", "AbortError", "AbortError", "AbortError"]);
  assertEquals([runtime.clock.now(), outcome.status], [5_000, "cancelled"]);
  await assertNothingLeft(runtime);
});

test("graceMs sets the grace; 0 makes every await of the cleanup throw; Infinity never cuts it", async () => {
  for (
    const [graceMs, expected, end] of [
      [0, ["AbortError", "AbortError"], 0],
      [50, ["AbortError", "AbortError"], 50],
      [150, ["slept 100", "AbortError"], 150],
      [Infinity, ["slept 100", "slept 100000"], 100_100],
    ] as const
  ) {
    const runtime = new SimulatedRuntime();
    const log: string[] = [];
    const handle = runtime.spawn(cleaner(log, [100, 100_000]));
    runtime.runUntilStalled();
    await handle.cancelAndJoin("x", { graceMs });
    assertEquals([log, runtime.clock.now()], [[...expected], end], `graceMs ${graceMs}`);
    assertEquals(runtime.metrics().timers, 0);
  }
});

test("a second cancel may shorten the grace, never lengthen it, and does not change the reason", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const handle = runtime.spawn(cleaner(log, [100_000]));
  runtime.runUntilStalled();
  handle.cancel("first", { graceMs: 1_000 });
  handle.cancel("longer", { graceMs: 50_000 });
  runtime.runUntilStalled();
  runtime.clock.advance(100);
  handle.cancel("shorter", { graceMs: 20 });
  const outcome = await handle.settled();
  assertEquals([log, runtime.clock.now()], [["AbortError"], 120]);
  assertEquals(outcome, { status: "cancelled", reason: { kind: "requested", note: "first" } });
  await assertNothingLeft(runtime);
});

test("a second cancel with grace 0 cuts a cleanup that is parked at once", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const handle = runtime.spawn(cleaner(log, [100_000]));
  runtime.runUntilStalled();
  handle.cancel();
  runtime.runUntilStalled();
  handle.cancel("now", { graceMs: 0 });
  await handle.settled();
  assertEquals(log, ["AbortError"]);
  assert(runtime.clock.now() <= 1);
});

test("the cleanup of many tasks shares nothing: each has its own grace", async () => {
  const runtime = new SimulatedRuntime();
  const logs = Array.from({ length: 50 }, () => [] as string[]);
  const handles = logs.map((log) => runtime.spawn(cleaner(log, [100])));
  runtime.runUntilStalled();
  handles.forEach((h, i) => h.cancel("x", { graceMs: i * 4 + 1 }));
  await runtime.run();
  assertEquals(
    logs.map(([end]) => end),
    logs.map((_, i) => i * 4 + 1 > 100 ? "slept 100" : "AbortError"),
  );
});

for (const kind of ["generator", "async function"]) {
  test(`swallowing the cancel 1 000 times in a loop: ${kind} ends cancelled within its own exit`, async () => {
    const swallowed: string[] = [];
    const runtime = new SimulatedRuntime({
      observer: { onSwallowedCancel: (t) => swallowed.push(t.name), onRefusal: () => {} },
    });
    let caught = 0;
    const handle = kind === "generator"
      ? runtime.spawn(function* (task) {
        while (caught < 1_000) {
          try {
            yield* task.sleep(10_000);
          } catch {
            caught++;
          }
        }
      }, { name: "deaf" })
      : runtime.spawn(async (task) => {
        while (caught < 1_000) {
          try {
            await task.sleep(10_000);
          } catch {
            caught++;
          }
        }
      }, { name: "deaf" });
    runtime.runUntilStalled();
    handle.cancel("stop", { graceMs: 0 });
    const outcome = await within(handle.settled(), "the swallower's end");
    assertEquals([caught, outcome.status, swallowed], [1_000, "cancelled", ["deaf"]]);
    await assertNothingLeft(runtime);
  });

  test(`${kind} that refuses is reported once by name, and costs no CPU (G25)`, async () => {
    const reports: RefusalReport[] = [];
    const runtime = new SimulatedRuntime({ observer: { onRefusal: (r) => reports.push(r) } });
    let caught = 0;
    let over = false;
    const isOver = () => over || caught > 5_000; // a spinning refuser must fail, not hang
    const handle = kind === "generator"
      ? runtime.spawn(function* () {
        while (!isOver()) {
          try {
            yield* Future.never();
          } catch {
            caught++;
          }
        }
      }, { name: "refuser" })
      : runtime.spawn(async (task) => {
        while (!isOver()) {
          try {
            await task.wait(Future.never());
          } catch {
            caught++;
          }
        }
      }, { name: "refuser" });
    runtime.runUntilStalled();
    handle.cancel({ kind: "shutdown" }, { graceMs: 1_000 });
    runtime.spawn(function* (task) {
      yield* task.sleep(3_600_000); // an hour of refusing
      over = true;
    });
    await within(runtime.run(), "an hour with a refuser");
    const { polls } = runtime.metrics();
    assertLess(caught, 4_000, "throws in an hour: about one a second, after a few prompt ones");
    assertLess(polls, 10_000);
    assertEquals(reports.map((r) => [r.task.name, r.reason.kind]), [["refuser", "shutdown"]]);
    assert(reports[0]!.deliveries > 5);
    assertEquals(reports[0]!.waitsFor, "never");
    assertEquals(handle.outcome()?.status, "cancelled");
  });
}

test("every await of a refuser throws the same Cancelled", async () => {
  const runtime = new SimulatedRuntime({ observer: { onRefusal: () => {} } });
  const caught: unknown[] = [];
  const handle = runtime.spawn(function* () {
    for (let i = 0; i < 30; i++) {
      try {
        yield* new Probe();
      } catch (error) {
        caught.push(error);
      }
    }
  });
  runtime.runUntilStalled();
  await handle.cancelAndJoin("same", { graceMs: 0 });
  assertEquals(caught.length, 30);
  for (const error of caught) assertStrictEquals(error, caught[0]);
  assert(caught[0] instanceof Cancelled);
});

test("a refuser that only yields is thrown into at every yield while the throws are prompt", () => {
  const runtime = new SimulatedRuntime({ observer: { onRefusal: () => {} } });
  let caught = 0;
  const handle = runtime.spawn(function* () {
    for (let i = 0; i < 50; i++) {
      try {
        yield* yieldNow();
      } catch {
        caught++;
      }
    }
  });
  runtime.turn();
  handle.cancel("x", { graceMs: 0 });
  runtime.runUntilStalled();
  assert(caught >= 8, `caught ${caught}`);
  assertEquals(handle.outcome()?.status, "cancelled");
});

test("throwIfCancelled throws the cancel that waits for a task, once per level, and nothing otherwise", () => {
  const runtime = new SimulatedRuntime();
  const log: unknown[] = [];
  const handle: { cancel(r: string): void } = runtime.spawn((task) => {
    task.throwIfCancelled();
    log.push("not cancelled");
    handle.cancel("long computation");
    try {
      task.throwIfCancelled();
    } catch (error) {
      log.push((error as Error).message);
      task.throwIfCancelled(); // in its grace: cleanup goes on
      log.push("cleaned up");
      throw error;
    }
  });
  runtime.runUntilStalled();
  assertEquals(log, ["not cancelled", 'Cancelled: requested ("long computation")', "cleaned up"]);
  assertEquals(runtime.metrics().cancelled, 1);
});
