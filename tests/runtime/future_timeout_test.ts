/**
 * Future.timeout: limits, and who wins at the deadline.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Future, TimeoutError } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("Future timeout throws TimeoutError after ms, and cancels what it waited for once", async () => {
  const runtime = new SimulatedRuntime();
  const probe = new Probe();
  const error = await assertRejects(
    () => Promise.resolve(runtime.spawn(probe.timeout(1_500))),
    TimeoutError,
    "1500 ms",
  );
  assertEquals([runtime.clock.now(), probe.cancels, error.timeoutMs], [1_500, 1, 1_500]);
  assertEquals(runtime.metrics().timers, 0);
});

test("Future timeout: a value that is ready at the deadline wins, whichever timer is filed first (V18)", () => {
  const runtime = new SimulatedRuntime();
  assertEquals(runtime.blockOn(runtime.sleep(10).map(() => "value").timeout(10)), "value");
  // Both are due in one jump far over the deadline.
  const late = runtime.spawn(runtime.sleep(10).map(() => "value").timeout(10));
  runtime.runUntilStalled();
  runtime.clock.advance(1_000);
  assertEquals(runtime.blockOn(late), "value");
  assertEquals(runtime.metrics().timers, 0);
});

test("Future timeout 0 checks once: a ready value, else TimeoutError at once", () => {
  const runtime = new SimulatedRuntime();
  assertEquals(runtime.blockOn(Future.ready(1).timeout(0)), 1);
  const probe = new Probe();
  assertThrows(() => runtime.blockOn(probe.timeout(0)), TimeoutError);
  assertEquals([probe.polls, probe.cancels, runtime.clock.now()], [1, 1, 0]);
});

test("Future timeout Infinity, undefined and null mean for ever and arm no timer", () => {
  const runtime = new SimulatedRuntime();
  for (const forever of [Infinity, undefined, null]) {
    const probe = new Probe<number>();
    const handle = runtime.spawn(probe.timeout(forever as number));
    runtime.runUntilStalled();
    assertEquals(runtime.metrics().timers, 0);
    probe.resolve(5);
    assertEquals(runtime.blockOn(handle), 5);
  }
});

test("Future timeout refuses NaN and negatives with a RangeError, at the call", () => {
  for (const ms of [NaN, -1, -Infinity]) {
    assertThrows(() => Future.ready(1).timeout(ms), RangeError, "0 or more");
  }
});

test("Future timeout: the value disarms the timer, and so does an error", () => {
  const runtime = new SimulatedRuntime();
  const ok = new Probe<number>();
  const bad = new Probe<number>();
  const handles = [runtime.spawn(ok.timeout(50)), runtime.spawn(bad.timeout(50))];
  runtime.runUntilStalled();
  assertEquals(runtime.metrics().timers, 2);
  ok.resolve(1);
  bad.reject(new Error("bad"));
  runtime.runUntilStalled();
  assertEquals(runtime.metrics().timers, 0);
  assertEquals(handles.map((h) => h.outcome()?.status), ["ok", "error"]);
});
