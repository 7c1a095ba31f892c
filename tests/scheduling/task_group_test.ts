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
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  Cancelled,
  getRuntime,
  GroupClosedError,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  TASK_PENDING,
  TaskGroup,
  taskGroup,
  taskGroupNamed,
  type TaskScope,
  TooManyTasksError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged, thrownBy, watched } from "../support/groups.ts";
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

test("TaskGroup maxConcurrency: children start in spawn order, and never more run between first poll and end", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.record({ ms: fc.nat(5), end: fc.constantFrom("ok", "throw", "cancel") }), {
        maxLength: 12,
      }),
      (limit, plan) => {
        const { runtime } = watched();
        const group = new TaskGroup({ runtime, maxConcurrency: limit, cancelOnError: false });
        const started: number[] = [];
        let live = 0;
        let most = 0;
        const handles = plan.map(({ ms, end }, i) =>
          group.spawn(function* (task: TaskScope) {
            started.push(i);
            most = Math.max(most, ++live);
            try {
              yield* task.sleep(ms);
              if (end === "throw") throw new Error(`child ${i}`);
              if (end === "cancel") yield* task.sleep(1_000);
            } finally {
              yield* task.sleep(1);
              live--;
            }
          })
        );
        runtime.spawn(function* (task) {
          yield* task.sleep(3);
          plan.forEach(({ end }, i) => end === "cancel" && handles[i]!.cancel());
        });
        try {
          group.blockingRun();
        } catch {
          // Failures are part of the plan.
        }
        assert(most <= limit, `${most} ran at once`);
        assertEquals(started, [...started].sort((a, b) => a - b));
        const { completed, failed, cancelled, pending, running } = group.stats();
        assertEquals([completed + failed + cancelled, pending, running], [plan.length, 0, 0]);
      },
    ),
    { numRuns: 200 },
  );
});

test("TaskGroup.setMaxConcurrency takes effect for those that wait; raising starts them", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, maxConcurrency: 1 });
  for (let i = 0; i < 4; i++) group.spawn(after(10, i));
  runtime.runUntilStalled();
  assertEquals([group.stats().running, group.stats().pending], [1, 3]);
  group.setMaxConcurrency(3);
  assertEquals([group.stats().running, group.stats().pending], [3, 1]);
  group.setMaxConcurrency(0);
  assertEquals([group.stats().running, group.stats().pending], [4, 0]);
  await group.run();
  assertThrows(() => group.setMaxConcurrency(-1), RangeError);
  assertThrows(() => group.setMaxConcurrency(1.5), RangeError);
});

test("TaskGroup.setMaxConcurrency counts the children that were started while there was no limit", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  for (let i = 0; i < 3; i++) group.spawn(after(10, i));
  runtime.runUntilStalled();
  group.setMaxConcurrency(2);
  const fourth = group.spawn(after(10, 3));
  runtime.runUntilStalled();
  assertEquals([group.stats().running, group.stats().pending], [3, 1]);
  assertEquals(fourth.status, TASK_PENDING);
  await group.run();
  assertEquals(runtime.clock.now(), 20);
});

test("TaskGroup maxConcurrency: a waiting child that is cancelled ends at once and frees nobody's slot", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, maxConcurrency: 1 });
  group.spawn(after(10, 0));
  let ran = false;
  const waiting = group.spawn(() => (ran = true));
  const last = group.spawn(after(10, 2));
  waiting.cancel();
  assertEquals(waiting.outcome()?.status, "cancelled");
  await group.run();
  assertEquals([ran, last.outcome()?.status, runtime.clock.now()], [false, "ok", 20]);
});

test("TaskGroup.setCancelOnError changes what a failure does from then on", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.setCancelOnError(false);
  const sibling = group.spawn(after(10, "kept"));
  group.spawn(failing(1, new Error("x")));
  await assertRejects(() => group.run(), Error, "x");
  assertEquals(sibling.outcome(), { status: "ok", value: "kept" });
});

test("TaskGroup.tasks with trackTiming has names, statuses and times; without it none", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, trackTiming: true, maxConcurrency: 1 });
  group.spawn(after(10, 0), { name: "a" });
  group.spawn(after(5, 1), { name: "b" });
  await group.run();
  assertEquals(
    group.tasks().map(({ name, status, spawnedMs, startedMs, endedMs }) => [
      name,
      status,
      spawnedMs,
      startedMs,
      endedMs,
    ]),
    [["a", TASK_COMPLETED, 0, 0, 10], ["b", TASK_COMPLETED, 0, 10, 15]],
  );
  const plain = new TaskGroup({ runtime });
  plain.spawn(() => 1);
  assertFalse("spawnedMs" in plain.tasks()[0]!);
  await plain.run();
});

test("TaskGroup names: option, TaskGroup.named, taskGroup and taskGroupNamed; the default runtime is used", async () => {
  assertEquals(
    [
      new TaskGroup({ name: "a" }),
      TaskGroup.named("b"),
      taskGroup({ name: "c" }),
      taskGroupNamed("d"),
    ]
      .map((group) => group.name),
    ["a", "b", "c", "d"],
  );
  const group = new TaskGroup();
  const before = getRuntime().metrics().spawned;
  group.spawn(() => 1);
  await group.run();
  assertEquals(getRuntime().metrics().spawned, before + 1);
});

test("TaskGroup.spawn in the Vais form polls a state", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  const handle = group.spawn({ n: 41 }, (state) => state.n + 1);
  await group.run();
  assertEquals(handle.outcome(), { status: "ok", value: 42 });
});

test("TaskGroup under maxTasks: spawn throws TooManyTasksError, counts nothing, and goes on when there is room", async () => {
  const runtime = new SimulatedRuntime({ maxTasks: 2 });
  const group = new TaskGroup({ runtime });
  group.spawn(after(1, 0));
  group.spawn(after(1, 1));
  assertThrows(() => group.spawn(() => 2), TooManyTasksError);
  assertEquals(group.total, 2);
  await group.run();
  const third = group.spawn(() => 2);
  await group.run();
  assertEquals(third.outcome(), { status: "ok", value: 2 });
});

test("TaskGroup made in a task ends with that task: an empty one takes no child afterwards", async () => {
  const runtime = new SimulatedRuntime();
  let group!: TaskGroup;
  await runtime.spawn(() => {
    group = new TaskGroup();
  });
  assertThrows(() => group.spawn(() => 1), GroupClosedError);
});

test("TaskGroup made in a task and left open: its children are cancelled and awaited before the task ends", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const handle = runtime.spawn(function* (task) {
    for (const name of ["a", "b", "c"]) {
      new TaskGroup({ name }).spawn(logged(log, name, 1_000, 10));
    }
    yield* task.sleep(1);
    new TaskGroup().spawn(logged(log, "not started", 1_000, 10));
  });
  await handle;
  assertEquals(log.sort(), ["a cancelled", "b cancelled", "c cancelled"]);
  assertEquals([runtime.clock.now(), runtime.taskCount], [11, 0]);
});
