/**
 * TaskGroup.start: the handshake.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  Cancelled,
  Future,
  GroupClosedError,
  scope,
  TaskGroup,
  type TaskScope,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { caught } from "../support/groups.ts";
import { test } from "../support/test.ts";

test("start answers the value and the handle when the child is ready, while it goes on", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = new SimulatedRuntime();
    const group = new TaskGroup({ runtime });
    const started = kind === "generator"
      ? group.start(function* (task: TaskScope, ready: (port: number) => void) {
        yield* task.sleep(5);
        ready(8080);
        ready(9999); // only the first counts
        yield* task.sleep(10);
        return "served";
      })
      : group.start(async (task, ready: (port: number) => void) => {
        await task.sleep(5);
        ready(8080);
        await task.sleep(10);
        return "served";
      });
    const { value, handle } = await started;
    assertEquals([value, handle.isFinished, runtime.clock.now()], [8080, false, 5]);
    await group.run();
    assertEquals(handle.outcome(), { status: "ok", value: "served" });
  }
});

test("start: a failure before ready rejects the caller, and leaves the group alone", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const error = new Error("cannot bind");
  const sibling = group.spawn(function* (task) {
    yield* task.sleep(10);
    return "alive";
  });
  const started = group.start(function* (task) {
    yield* task.sleep(1);
    throw error;
  });
  assertStrictEquals(await caught(started), error);
  await group.run();
  assertEquals(sibling.outcome(), { status: "ok", value: "alive" });
});

test("start: a child that returns before it is ready rejects the caller with an Error that says so", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  await assertRejects(() => group.start(() => 1, { name: "server" }), Error, "server");
  await group.run();
});

test("start: a child cancelled before it is ready rejects the caller with Cancelled", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const started = group.start(function* (task) {
    yield* task.sleep(1_000);
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    group.cancelRemaining("not now");
  });
  const error = await caught(started);
  assertInstanceOf(error, Cancelled);
  assertEquals(error.reason, { kind: "requested", note: "not now" });
  await group.run();
});

test("start: a failure after ready is the group's, which cancels the siblings and rejects with it", async () => {
  const runtime = new SimulatedRuntime();
  const error = new Error("connection lost");
  const run = scope(async (s) => {
    await s.start(function* (task, ready: (value: string) => void) {
      ready("up");
      yield* task.sleep(5);
      throw error;
    });
    await s.sleep(1_000);
  }, { runtime });
  assertStrictEquals(await caught(run), error);
  assertEquals(runtime.clock.now(), 5);
});

test("start: a caller that is cancelled while it waits takes the child with it; the group goes on", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = new SimulatedRuntime();
    const group = new TaskGroup({ runtime });
    let cleaned = false;
    const start = () =>
      group.start(function* (task) {
        try {
          yield* task.sleep(1_000);
        } finally {
          cleaned = true;
        }
      });
    const caller = kind === "generator"
      ? runtime.spawn(function* () {
        yield* Future.from(start());
      })
      : runtime.spawn(async () => {
        await start();
      });
    runtime.spawn(function* (task) {
      yield* task.sleep(5);
      caller.cancel();
    });
    assertEquals((await caller.settled()).status, "cancelled");
    const sibling = group.spawn(() => "alive");
    await group.run();
    assertEquals([cleaned, sibling.outcome()?.status, runtime.clock.now()], [true, "ok", 5], kind);
  }
});

test("start on a closed group throws GroupClosedError, and the body never runs", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.close();
  let ran = false;
  assertInstanceOf(await caught(() => group.start(() => (ran = true))), GroupClosedError);
  assert(!ran);
});

test("start under maxConcurrency waits for a slot", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, maxConcurrency: 1 });
  group.spawn(function* (task) {
    yield* task.sleep(10);
  });
  const { value } = await group.start((_task, ready: (at: number) => void) => {
    ready(runtime.clock.now());
    return Promise.resolve();
  });
  assertEquals(value, 10);
  await group.run();
});
