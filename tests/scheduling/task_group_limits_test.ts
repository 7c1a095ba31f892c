/**
 * TaskGroup: maxConcurrency, maxTasks, options, and the task it belongs to.
 *
 * @module
 */
import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  getRuntime,
  GroupClosedError,
  TASK_COMPLETED,
  TASK_PENDING,
  TaskGroup,
  taskGroup,
  taskGroupNamed,
  type TaskScope,
  TooManyTasksError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, failing, logged, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

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
