/**
 * Limits in time: withTimeout, moveOnAfter, withDeadline, effectiveDeadline.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Cancelled,
  effectiveDeadline,
  failuresOf,
  moveOnAfter,
  race,
  rootReason,
  scope,
  shield,
  TaskGroup,
  TimeoutError,
  withDeadline,
  withTimeout,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged, thrownBy } from "../support/groups.ts";
import { test } from "../support/test.ts";

test("withTimeout answers the value in time, and throws TimeoutError at the limit, after the cleanup", async () => {
  const runtime = new SimulatedRuntime();
  assertEquals(await withTimeout(10, after(9, "in time"), { runtime }), "in time");
  const log: string[] = [];
  const error = await caught(withTimeout(10, (s) => {
    s.spawn(logged(log, "child", 1_000, 5));
    return logged(log, "body", 1_000, 7)(s);
  }, { runtime, name: "job" }));
  assertInstanceOf(error, TimeoutError);
  assertEquals([error.timeoutMs, error.code], [10, "ERR_TIMEOUT"]);
  assert(error.message.includes("job"), error.message);
  assertEquals([log, runtime.clock.now()], [["child cancelled", "body cancelled"], 26]);
});

test("withTimeout: a value that is ready exactly at the deadline wins", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = new SimulatedRuntime();
    const run = kind === "generator"
      ? withTimeout(10, after(10, "value"), { runtime })
      : withTimeout(10, async (s) => {
        await s.sleep(10);
        return "value";
      }, { runtime });
    assertEquals(await run, "value", kind);
  }
});

test("withTimeout 0 polls once and then throws; null, undefined and Infinity never time out", async () => {
  const runtime = new SimulatedRuntime();
  assertEquals(await withTimeout(0, () => "at once", { runtime }), "at once");
  assertInstanceOf(await caught(withTimeout(0, after(1, 0), { runtime })), TimeoutError);
  for (const ms of [null, undefined, Infinity]) {
    assertEquals(await withTimeout(ms, after(1e9, "late"), { runtime }), "late");
  }
  assertEquals(runtime.metrics().timers, 0);
});

test("withTimeout and moveOnAfter: negative and NaN are RangeError, before anything runs", () => {
  for (const limit of [withTimeout, moveOnAfter]) {
    for (const ms of [-1, NaN, -Infinity]) {
      assertThrows(() => limit(ms, () => assert(false)), RangeError, `${ms}`);
    }
  }
});

test("withTimeout: an error before the limit beats it; one in the cleanup comes after TimeoutError in failuresOf", async () => {
  const runtime = new SimulatedRuntime();
  const early = new Error("early");
  assertStrictEquals(await caught(withTimeout(10, failing(5, early), { runtime })), early);
  const late = new Error("cleanup");
  const error = await caught(withTimeout(10, dirty(100, late), { runtime }));
  assertInstanceOf(error, TimeoutError);
  assertEquals(failuresOf(error).map((f) => f.error), [error, late]);
});

test("withTimeout: a deadline that is moved during the cleanup still rejects with TimeoutError", async () => {
  const runtime = new SimulatedRuntime();
  const error = await caught(withTimeout(10, function* (s) {
    try {
      yield* s.sleep(1_000);
    } finally {
      s.deadlineMs = runtime.clock.now() + 5;
      yield* s.sleep(20);
    }
  }, { runtime }));
  assertInstanceOf(error, TimeoutError);
  assertEquals(error.timeoutMs, 10);
});

test("moveOnAfter answers timedOut or the value; errors are thrown, also those of the cleanup", async () => {
  const runtime = new SimulatedRuntime();
  assertEquals(await moveOnAfter(10, after(5, 7), { runtime }), { timedOut: false, value: 7 });
  assertEquals(await moveOnAfter(10, after(50, 7), { runtime }), { timedOut: true });
  assertEquals(await moveOnAfter(10, () => undefined, { runtime }), {
    timedOut: false,
    value: undefined,
  });
  const error = new Error("x");
  assertStrictEquals(await caught(moveOnAfter(10, failing(1, error), { runtime })), error);
  const run = moveOnAfter(10, dirty(50, error), { runtime });
  const thrown = await caught(run);
  assert(thrown === error || failuresOf(thrown).some((f) => f.error === error), String(thrown));
});

test("moveOnAfter cancelled from outside rejects Cancelled, also when the limit passes in the cleanup", async () => {
  for (const cleanupMs of [1, 20]) {
    const runtime = new SimulatedRuntime();
    const controller = new AbortController();
    runtime.spawn(function* (task) {
      yield* task.sleep(5);
      controller.abort("user");
    });
    const run = moveOnAfter(10, logged([], "body", 100, cleanupMs), {
      runtime,
      signal: controller.signal,
    });
    const error = await run.then((value) => value, (error) => error);
    assertInstanceOf(error, Cancelled);
    assertEquals(rootReason(error.reason).kind, "signal");
  }
});

test("withDeadline takes ms of the runtime's clock or a Date; one that has passed acts like 0", async () => {
  const runtime = new SimulatedRuntime({ startMs: 1_000 });
  assertInstanceOf(await caught(withDeadline(1_010, after(11, 0), { runtime })), TimeoutError);
  assertEquals(runtime.clock.now(), 1_010);
  assertEquals(await withDeadline(1_020, after(5, "x"), { runtime }), "x");
  const date = new Date(Date.now() + 10_000);
  assertInstanceOf(await caught(withDeadline(date, after(60_000, 0), { runtime })), TimeoutError);
  for (const past of [0, new Date(0), -1, -Infinity]) {
    assertEquals(await withDeadline(past, () => "at once", { runtime }), "at once");
    assertInstanceOf(await caught(withDeadline(past, after(1, 0), { runtime })), TimeoutError);
  }
  assertEquals(await withDeadline(Infinity, after(1, "x"), { runtime }), "x");
});

test("Scope.deadlineMs may be moved later, earlier, into the past, and away", async () => {
  const runtime = new SimulatedRuntime();
  const move = (to: (now: number) => number) =>
    caught(async () => {
      await withTimeout(10, function* (s) {
        yield* s.sleep(5);
        s.deadlineMs = to(runtime.clock.now());
        yield* s.sleep(15);
        throw "in time";
      }, { runtime });
    });
  assertEquals(await move((now) => now + 50), "in time");
  assertEquals(await move(() => Infinity), "in time");
  for (const to of [(now: number) => now + 1, (now: number) => now, () => 0]) {
    const start = runtime.clock.now();
    assertInstanceOf(await move(to), TimeoutError);
    assert(runtime.clock.now() - start <= 6);
  }
  assertEquals(runtime.metrics().timers, 0);
});

test("effectiveDeadline: the outer wins in all 81 nestings of four limits", () => {
  const choices = [Infinity, 100, 200];
  for (let n = 0; n < 81; n++) {
    const limits = [0, 1, 2, 3].map((i) => choices[Math.floor(n / 3 ** i) % 3]!);
    const runtime = new SimulatedRuntime();
    const seen: number[] = [];
    const level = (i: number) =>
      function* (): Generator<unknown, void> {
        seen.push(effectiveDeadline());
        if (i < limits.length) yield* withTimeout(limits[i]!, level(i + 1));
      };
    runtime.blockOn(level(0));
    const expected = [Infinity, ...limits.map((_, i) => Math.min(...limits.slice(0, i + 1)))];
    assertEquals(seen, expected, `${limits}`);
  }
});

test("effectiveDeadline takes a task or scope, sees group limits and moves, and is Infinity outside", async () => {
  const runtime = new SimulatedRuntime();
  assertEquals(effectiveDeadline(), Infinity);
  const group = new TaskGroup({ runtime, timeoutMs: 70 });
  group.spawn((task) => assertEquals(effectiveDeadline(task), 70));
  await group.run();
  await scope(function* (s) {
    assertEquals(effectiveDeadline(s), 60);
    s.deadlineMs = 40;
    assertEquals([effectiveDeadline(s), s.deadlineMs], [40, 40]);
    yield* s.sleep(1);
  }, { runtime, timeoutMs: 60 });
  await withTimeout(50, function* () {
    yield* shield(10, () => assertEquals(effectiveDeadline(), Infinity));
  }, { runtime });
});

test("withTimeout nested: whichever is earlier throws, and the inner one passes through the outer", async () => {
  for (const [outer, inner] of [[10, 50], [50, 10]] as const) {
    const runtime = new SimulatedRuntime();
    const error = await caught(withTimeout(outer, function* () {
      yield* withTimeout(inner, after(1_000, 0));
    }, { runtime }));
    assertInstanceOf(error, TimeoutError);
    assertEquals([error.timeoutMs, runtime.clock.now()], [10, 10]);
  }
});

test("timeoutMs of a group rejects run() with TimeoutError after the cleanup; 0 polls each child once", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const group = new TaskGroup({ runtime, timeoutMs: 10 });
  group.spawn(logged(log, "a", 1_000, 5));
  assertInstanceOf(await caught(group.run()), TimeoutError);
  assertEquals([log, runtime.clock.now()], [["a cancelled"], 15]);
  const once = new TaskGroup({ runtime, timeoutMs: 0 });
  const quick = once.spawn(() => "polled");
  once.spawn(after(1, 0));
  assertInstanceOf(await caught(once.run()), TimeoutError);
  assertEquals(quick.outcome(), { status: "ok", value: "polled" });
});

test("timeoutMs inside joins is independent of a limit around them", async () => {
  const runtime = new SimulatedRuntime();
  const error = await caught(withTimeout(100, function* () {
    yield* race([after(1_000, 0)], { timeoutMs: 10 });
  }, { runtime }));
  assertInstanceOf(error, TimeoutError);
  assertEquals([error.timeoutMs, runtime.clock.now()], [10, 10]);
});

test("withTimeout: a limit of years is exact", async () => {
  const runtime = new SimulatedRuntime();
  const ms = 2 ** 33 + 1;
  assertInstanceOf(await caught(withTimeout(ms, after(ms + 1, 0), { runtime })), TimeoutError);
  assertEquals(runtime.clock.now(), ms);
  assertInstanceOf(thrownBy(() => withDeadline(new Date("no date"), () => 0)), RangeError);
});
