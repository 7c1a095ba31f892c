/**
 * Shields: a section goes on for a while after the cancel.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Cancelled, Future, scope, shield, type TaskScope, withTimeout } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, failing } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** Runs `body` as a task, cancels it at 5 ms; answers what it logged, how it ended, and when. */
async function cancelledAt5(
  body: (task: TaskScope, log: unknown[]) => Generator<unknown, unknown> | Promise<unknown>,
): Promise<unknown[]> {
  const runtime = new SimulatedRuntime();
  const log: unknown[] = [];
  const task = runtime.spawn((task) => body(task, log) as Generator<unknown, unknown>);
  runtime.spawn(function* (timer) {
    yield* timer.sleep(5);
    task.cancel();
  });
  const { status } = await task.settled();
  await runtime.run();
  assertEquals([runtime.taskCount, runtime.metrics().timers], [0, 0]);
  return [log, status, runtime.clock.now()];
}

test("shield delivers its value after a cancel, and the cancel is thrown at the next await", async () => {
  const generator = await cancelledAt5(function* (task, log) {
    log.push(yield* shield(100, after(20, "committed")));
    yield* task.sleep(1_000);
    log.push("never");
  });
  assertEquals(generator, [["committed"], "cancelled", 20]);
  const async = await cancelledAt5(async (task, log) => {
    log.push(await shield(100, after(20, "committed")));
    await task.sleep(1_000);
    log.push("never");
  });
  assertEquals(async, [["committed"], "cancelled", 20]);
});

test("shield counts its limit from the cancel, not from its start", async () => {
  const result = await cancelledAt5(function* (_task, log) {
    try {
      yield* shield(10, after(1_000, 0));
    } catch (error) {
      log.push((error as Error).name);
      throw error;
    }
  });
  assertEquals(result, [["AbortError"], "cancelled", 15]);
  const runtime = new SimulatedRuntime();
  assertEquals(await shield(10, after(500, "nobody cancels")), "nobody cancels");
  assertEquals(runtime.clock.now(), 0);
});

test("shield: a section that its limit cuts off has no grace", async () => {
  const result = await cancelledAt5(function* (_task, log) {
    yield* shield(10, function* (s) {
      try {
        yield* s.sleep(1_000);
      } finally {
        try {
          yield* s.sleep(100);
          log.push("never");
        } finally {
          log.push("cut");
        }
      }
    });
  });
  assertEquals(result.slice(0, 2), [["cut"], "cancelled"]);
  assertEquals((result[2] as number) <= 17, true, `at ${result[2]}`);
});

test("shield opened in the finally of a cancelled task runs, also longer than the grace", async () => {
  const runtime = new SimulatedRuntime();
  const log: unknown[] = [];
  const task = runtime.spawn(function* (task) {
    try {
      yield* task.sleep(1_000);
    } finally {
      log.push(yield* shield(500, after(300, "saved")));
    }
  });
  runtime.runUntilStalled();
  task.cancel("stop", { graceMs: 50 });
  assertEquals([(await task.settled()).status, log, runtime.clock.now()], [
    "cancelled",
    ["saved"],
    300,
  ]);
});

test("shield opened in the finally of a cancelled task: the limit counts from its start", async () => {
  const runtime = new SimulatedRuntime();
  const task = runtime.spawn(function* (task) {
    try {
      yield* task.sleep(1_000);
    } finally {
      yield* shield(40, after(300, "late"));
    }
  });
  runtime.runUntilStalled();
  task.cancel();
  assertEquals([(await task.settled()).status, runtime.clock.now()], ["cancelled", 40]);
});

test("shield nested: the section goes on while the outer one protects it", async () => {
  const result = await cancelledAt5(function* (task, log) {
    yield* shield(100, function* () {
      log.push(yield* shield(10, after(50, "inner")));
    });
    yield* task.sleep(1_000);
  });
  assertEquals(result, [["inner"], "cancelled", 50]);
});

test("shield protects the children of its section, and a limit around it", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const run = withTimeout(5, function* (s) {
    yield* shield(100, function* (inner) {
      inner.spawn(function* (task) {
        yield* task.sleep(20);
        log.push("child done");
      });
      yield* inner.sleep(10);
      log.push("section done");
    });
    yield* s.sleep(1_000);
  }, { runtime });
  await caught(run);
  assertEquals([log, runtime.clock.now()], [["section done", "child done"], 20]);
});

test("shield passes errors through, and takes a future or a promise as well as a body", async () => {
  const runtime = new SimulatedRuntime();
  await runtime.spawn(function* () {
    assertEquals(yield* shield(1, Future.ready(1)), 1);
    assertEquals(yield* shield(1, runtime.sleep(5).map(() => 2)), 2);
  });
  await runtime.spawn(async () => {
    assertEquals(await shield(1, Promise.resolve(3)), 3);
    await assertRejects(() => shield(1, failing(1, new Error("x"))), Error, "x");
  });
});

test("shield with Infinity is cut off by nothing", async () => {
  const result = await cancelledAt5(function* (_task, log) {
    log.push(yield* shield(Infinity, after(1e7, "done")));
  });
  assertEquals(result.slice(0, 1), [["done"]]);
});

test("shield: an explicit cancel from inside its section is not held back", async () => {
  const runtime = new SimulatedRuntime();
  const error = await caught(scope(function* () {
    yield* shield(1_000, function* (s) {
      s.cancel("myself");
      yield* s.sleep(1_000);
    });
  }, { runtime }));
  assertInstanceOf(error, Cancelled);
  assertEquals(runtime.clock.now(), 0);
});

test("shield requires its limit: without one it does not compile, and throws", () => {
  // @ts-expect-error -- the limit is required
  assertThrows(() => shield(() => 1), TypeError);
  assertThrows(() => shield(-1, () => 1), RangeError);
  assertThrows(() => shield(NaN, () => 1), RangeError);
});
