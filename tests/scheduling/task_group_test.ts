/**
 * TaskGroup: spawning, counting, limits, ends.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Cancelled,
  GroupClosedError,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  TASK_PENDING,
  TaskGroup,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged, thrownBy } from "../support/groups.ts";
import { test } from "../support/test.ts";

test("TaskGroup.run waits for every child and result(i) has the values in spawn order from 0", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  for (const ms of [30, 10, 20]) group.spawn(after(ms, ms));
  assertEquals([group.total, group.completed, group.isDone], [3, 0, false]);
  await group.run();
  assertEquals([0, 1, 2].map((i) => group.result(i)), [30, 10, 20]);
  assertEquals([group.total, group.completed, group.isDone, group.isCancelled], [
    3,
    3,
    true,
    false,
  ]);
  assertEquals(runtime.clock.now(), 30);
});

test("TaskGroup.result, hasError and taskStatus throw RangeError outside 0..total-1", () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.spawn(() => 1);
  for (const read of ["result", "hasError", "taskStatus"] as const) {
    assertThrows(() => group[read](1), RangeError, "1");
    assertThrows(() => group[read](-1), RangeError);
    assertThrows(() => group[read](0.5), RangeError);
  }
});

test("TaskGroup: negative numbers, NaN, zero and undefined are values, not errors", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  const values = [-1, NaN, 0, undefined, -Infinity, null];
  for (const value of values) group.spawn(() => value);
  await group.run();
  assertEquals(values.map((_, i) => group.result(i)), values);
  assertEquals(values.map((_, i) => group.hasError(i)), values.map(() => false));
});

test("TaskGroup.taskStatus tells pending, completed, failed and cancelled apart", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, cancelOnError: false });
  group.spawn(() => 1);
  group.spawn(failing(0, new Error("x")));
  const third = group.spawn(after(100, 3));
  assertEquals(group.taskStatus(0), TASK_PENDING);
  runtime.runUntilStalled();
  third.cancel();
  await caught(group.run());
  assertEquals([0, 1, 2].map((i) => group.taskStatus(i)), [
    TASK_COMPLETED,
    TASK_FAILED,
    TASK_CANCELLED,
  ]);
  assertEquals([0, 1, 2].map((i) => group.hasError(i)), [false, true, false]);
  const { completed, failed, cancelled, successRate } = group.stats();
  assertEquals({ completed, failed, cancelled, successRate }, {
    completed: 1,
    failed: 1,
    cancelled: 1,
    successRate: 1 / 3,
  });
});

test("TaskGroup: an empty group is done, and run answers at once", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  assert(group.isDone);
  await group.run();
  assertEquals(group.stats().successRate, 0);
});

test("TaskGroup.run: a child cancelled by its handle is neither success nor error", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  const sibling = group.spawn(after(10, "kept"));
  group.spawn(after(10, 0)).cancel();
  await group.run();
  assertEquals(sibling.outcome(), { status: "ok", value: "kept" });
  assertEquals(group.result(1), undefined);
});

test("TaskGroup.run: the first failure cancels the siblings, whose cleanup is awaited first", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("first");
  const group = new TaskGroup({ runtime });
  group.spawn(logged(log, "a", 100, 7));
  group.spawn(failing(5, error));
  assertStrictEquals(await caught(group.run()), error);
  assertEquals(log, ["a cancelled"]);
  assertEquals(runtime.clock.now(), 12);
});

test("TaskGroup.run after a failure rejects again with the same error", async () => {
  const error = new Error("first");
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.spawn(failing(0, error));
  assertStrictEquals(await caught(group.run()), error);
  assertStrictEquals(await caught(group.run()), error);
});

test("TaskGroup.run after cancel rejects Cancelled, also for an empty group, each time", async () => {
  for (const children of [0, 2]) {
    const group = new TaskGroup({ runtime: new SimulatedRuntime() });
    for (let i = 0; i < children; i++) group.spawn(after(10, i));
    group.cancel("stop");
    for (let i = 0; i < 2; i++) {
      const error = await caught(group.run());
      assertInstanceOf(error, Cancelled);
      assertEquals(error.reason, { kind: "requested", note: "stop" });
    }
    assert(group.isCancelled);
    assertEquals(group.stats().cancelled, children);
  }
});

test("TaskGroup.spawn after cancel and after close throws GroupClosedError at once, and the body never runs", async () => {
  for (const end of ["cancel", "close"] as const) {
    const group = new TaskGroup({ runtime: new SimulatedRuntime() });
    group[end]();
    let ran = false;
    const error = thrownBy(() => group.spawn(() => (ran = true)));
    assertInstanceOf(error, GroupClosedError);
    assertEquals(error.code, "ERR_GROUP_CLOSED");
    await group.run().catch(() => {});
    assertFalse(ran);
    assertEquals(group.total, 0);
  }
});

test("TaskGroup.close lets living children go on, is idempotent, and run ends well", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  const child = group.spawn(after(5, "done"));
  group.close();
  group.close();
  assert(group.stats().isClosed);
  await group.run();
  assertEquals(child.outcome(), { status: "ok", value: "done" });
});

test("TaskGroup may be used again after a run that ended well", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.spawn(() => 1);
  await group.run();
  group.spawn(() => 2);
  assertFalse(group.isDone);
  await group.run();
  assertEquals([group.result(0), group.result(1), group.total], [1, 2, 2]);
});

test("TaskGroup.run waits for children spawned while it waits", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  let ran = false;
  group.spawn(function* (task) {
    yield* task.sleep(5);
    group.spawn(function* (task) {
      yield* task.sleep(5);
      ran = true;
    });
  });
  await group.run();
  assert(ran);
});

test("TaskGroup.cancelRemaining ends the living children; the group goes on and ends well", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const first = group.spawn(after(100, 1));
  runtime.runUntilStalled();
  group.cancelRemaining("enough");
  assertFalse(group.isCancelled);
  const second = group.spawn(() => 2);
  await group.run();
  assertEquals(first.outcome(), {
    status: "cancelled",
    reason: { kind: "requested", note: "enough" },
  });
  assertEquals(second.outcome(), { status: "ok", value: 2 });
});

test("TaskGroup.cancelAndJoin waits for the cleanup, and answers unless that fails", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const group = new TaskGroup({ runtime });
  group.spawn(logged(log, "a", 100, 20));
  runtime.runUntilStalled();
  await group.cancelAndJoin();
  assertEquals([log, runtime.clock.now()], [["a cancelled"], 20]);

  const bad = new TaskGroup({ runtime });
  const error = new Error("cleanup");
  bad.spawn(dirty(100, error));
  runtime.runUntilStalled();
  assertStrictEquals(await caught(bad.cancelAndJoin()), error);
});

test("TaskGroup.cancel never throws for a second call, and the first reason stays", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.spawn(after(10, 1));
  group.cancel("first");
  group.cancel("second");
  assertEquals((await caught(group.run()) as Cancelled).reason, {
    kind: "requested",
    note: "first",
  });
});

test("TaskGroup.blockingRun drives everything, and throws what run would reject with", () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  group.spawn(after(1_000, "late"));
  group.blockingRun();
  assertEquals([group.result(0), runtime.clock.now()], ["late", 1_000]);
  const error = new Error("x");
  group.spawn(failing(1, error));
  assertStrictEquals(thrownBy(() => group.blockingRun()), error);
});
