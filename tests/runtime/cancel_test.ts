/**
 * Cancelling generator and poll tasks: where the throw lands, and that no request is lost.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  Cancelled,
  Future,
  type JoinHandle,
  Runtime,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("cancel throws Cancelled at the await where the task is parked, and the wait is given back once", () => {
  const runtime = new Runtime();
  const probe = new Probe();
  const log: unknown[] = [];
  const handle = runtime.spawn(function* () {
    try {
      yield* probe;
    } catch (error) {
      log.push(error);
      throw error;
    }
  });
  runtime.runUntilStalled();
  handle.cancel("enough");
  assertEquals([handle.isFinished, log.length], [false, 0]); // a request: runs no code of the task
  runtime.runUntilStalled();
  assertInstanceOf(log[0], Cancelled);
  assertEquals(handle.outcome(), {
    status: "cancelled",
    reason: { kind: "requested", note: "enough" },
  });
  assertEquals([handle.status, probe.cancels], [TASK_CANCELLED, 1]);
  assertStrictEquals(probe.reason, log[0]);
});

test("cancel of a task not started yet ends it at once: its body never runs", async () => {
  for (
    const make of [
      (log: string[]) => () => void log.push("function"),
      (log: string[]) =>
        function* () {
          log.push("generator");
          yield* yieldNow();
        },
      (log: string[]) => async () => {
        await null;
        log.push("async");
      },
      (log: string[]) => ({ poll: () => void log.push("poll") }),
    ]
  ) {
    const runtime = new Runtime();
    const log: string[] = [];
    const handle = runtime.spawn<unknown>(make(log));
    handle.cancel();
    assertEquals([handle.isFinished, handle.status], [true, TASK_CANCELLED]);
    assertEquals((await handle.settled()).status, "cancelled");
    await runtime.run();
    assertEquals(log, []);
    await assertNothingLeft(runtime);
  }
});

test("cancel of a queued task is thrown at its turn, and what it was granted is given back", () => {
  const runtime = new Runtime();
  const probe = new Probe<string>();
  const log: string[] = [];
  const handle = runtime.spawn(function* () {
    log.push(yield* probe);
  });
  runtime.runUntilStalled();
  probe.resolve("granted"); // queued now
  handle.cancel();
  runtime.runUntilStalled();
  assertEquals([log, handle.status, probe.cancels, probe.polls], [[], TASK_CANCELLED, 1, 1]);
});

test("cancel of a task that yields for ever is thrown at its next await", () => {
  for (const readsSignal of [false, true]) {
    const runtime = new Runtime();
    let rounds = 0;
    const handle = runtime.spawn(function* (task) {
      if (readsSignal) void task.signal; // having a signal must not replace the throw
      for (; rounds < 1_000; rounds++) yield* yieldNow();
    });
    runtime.turn();
    runtime.turn();
    handle.cancel();
    runtime.runUntilStalled();
    assertEquals([handle.status, rounds], [TASK_CANCELLED, 1], `signal read: ${readsSignal}`);
  }
});

test("a task that cancels itself goes on to its next await, which throws", () => {
  for (const readsSignal of [false, true]) {
    const runtime = new Runtime();
    const log: string[] = [];
    const handle: JoinHandle<void> = runtime.spawn(function* (task) {
      if (readsSignal) void task.signal;
      handle.cancel();
      log.push("still running");
      yield* Future.ready(0);
      log.push("never");
    });
    runtime.runUntilStalled();
    assertEquals([log, handle.status], [["still running"], TASK_CANCELLED]);
  }
});

test("async cleanup of an inner generator is awaited, and the outer's next statement never runs (G6)", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  function* inner(task: { sleep(ms: number): Future<void> }) {
    try {
      yield* task.sleep(1_000);
    } finally {
      log.push("cleanup begins");
      yield* task.sleep(10);
      yield* task.sleep(10);
      log.push("cleanup ends");
    }
  }
  const handle = runtime.spawn(function* (task) {
    try {
      yield* inner(task);
      log.push("NEXT STATEMENT");
    } finally {
      yield* task.sleep(5);
      log.push("outer cleanup");
    }
    log.push("NEVER");
  });
  runtime.runUntilStalled();
  const outcome = await handle.cancelAndJoin("stop");
  assertEquals(log, ["cleanup begins", "cleanup ends", "outer cleanup"]);
  assertEquals([outcome.status, runtime.clock.now()], ["cancelled", 25]);
  await assertNothingLeft(runtime);
});

test("an error thrown in cleanup fails the task with that very error", () => {
  const runtime = new Runtime();
  const boom = new Error("cleanup failed");
  const handle = runtime.spawn(function* () {
    try {
      yield* Future.never();
    } finally {
      // deno-lint-ignore no-unsafe-finally -- what a bad cleanup does
      throw boom;
    }
  });
  runtime.runUntilStalled();
  handle.cancel();
  runtime.runUntilStalled();
  assertEquals([handle.status, handle.outcome()], [TASK_FAILED, { status: "error", error: boom }]);
  void handle.settled().then();
});

test("a body that catches its cancel and returns is cancelled all the same, and told as swallowed", () => {
  const swallowed: string[] = [];
  const runtime = new Runtime({
    observer: { onSwallowedCancel: (task, reason) => swallowed.push(task.name + reason.kind) },
  });
  const handle = runtime.spawn(function* () {
    try {
      yield* Future.never();
    } catch { /* swallowed */ }
    return "as if nothing had happened";
  }, { name: "deaf " });
  runtime.runUntilStalled();
  handle.cancel();
  runtime.runUntilStalled();
  assertEquals([handle.status, swallowed], [TASK_CANCELLED, ["deaf requested"]]);
});

test("a cancel that comes too late changes nothing: a value before any await is the outcome", () => {
  const runtime = new Runtime();
  const handle: JoinHandle<string> = runtime.spawn(() => {
    handle.cancel();
    return "done anyway";
  });
  runtime.runUntilStalled();
  assertEquals(handle.outcome(), { status: "ok", value: "done anyway" });
  handle.cancel();
  assertEquals(handle.status, TASK_COMPLETED);
});

test("cancel of a poll body calls its cancel hook once with the Cancelled, and polls it no more", () => {
  const runtime = new Runtime();
  const probe = new Probe();
  const handle = runtime.spawn(probe);
  runtime.runUntilStalled();
  handle.cancel("first");
  handle.cancel("second");
  assertEquals([probe.cancels, probe.polls, handle.status], [1, 1, TASK_CANCELLED]);
  assertEquals((probe.reason as Cancelled).reason, { kind: "requested", note: "first" });
  probe.waker!.wake();
  runtime.runUntilStalled();
  assertEquals([probe.cancels, probe.polls], [1, 1]);
});

test("abandoning a join does not cancel the task that was joined", () => {
  const runtime = new Runtime();
  const worker = runtime.spawn(new Probe());
  const joiner = runtime.spawn(function* () {
    yield* worker;
  });
  const racer = runtime.spawn(Future.race([worker, Future.ready(0)]));
  runtime.runUntilStalled();
  joiner.cancel();
  runtime.runUntilStalled();
  assertEquals([joiner.status, racer.status, worker.status], [TASK_CANCELLED, TASK_COMPLETED, 0]);
});
