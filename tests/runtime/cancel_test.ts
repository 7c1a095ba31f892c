/**
 * Cancelling generator and poll tasks: where the throw lands, and that no request is lost.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  Cancelled,
  type CancelReason,
  describeReason,
  Future,
  type JoinHandle,
  PENDING,
  rootReason,
  Runtime,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, Probe } from "../support/probes.ts";
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

test("cancel of a promise not started yet: its late rejection is not unhandled", async () => {
  const { default: process } = await import("node:process");
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const runtime = new Runtime();
    const rejects: ((error: Error) => void)[] = [];
    const make = () => new Promise<never>((_, reject) => void rejects.push(reject));
    runtime.spawn(make()).cancel();
    runtime.spawn(Future.from(make())).cancel();
    const started = runtime.spawn(make());
    runtime.runUntilStalled();
    started.cancel();
    for (const reject of rejects) reject(new Error("late"));
    await hostDelay(5);
    assertEquals(unhandled.map(String), []);
  } finally {
    process.off("unhandledRejection", onUnhandled);
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

test("a cancel that arrives while the task's awaited future is polled is not lost", () => {
  const runtime = new Runtime();
  const handle: JoinHandle<void> = runtime.spawn(function* () {
    yield* Future.fromPoll(0, () => {
      handle.cancel("from within");
      return PENDING;
    });
  });
  runtime.runUntilStalled();
  assertEquals(handle.status, TASK_CANCELLED);
});

test("a cancel during the poll of an async body's await leaves no wait counted", async () => {
  for (const answer of ["value", PENDING] as const) {
    const runtime = new SimulatedRuntime();
    const handle: JoinHandle<unknown> = runtime.spawn(async (task) =>
      await task.wait(Future.fromPoll(0, () => {
        handle.cancel("from within");
        return answer;
      }))
    );
    await handle.settled();
    await assertNothingLeft(runtime);
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

test("cancel never throws and never runs or loses anything, even if a cancel hook throws", () => {
  const runtime = new Runtime();
  const bad = () => ({
    poll: () => PENDING,
    cancel(): void {
      throw new Error("a hook must not throw, but did");
    },
  });
  const polled = runtime.spawn(bad());
  const awaiting = runtime.spawn(function* () {
    yield* Future.from(bad());
  });
  const after = runtime.spawn(function* () {
    yield* Future.never();
  });
  runtime.runUntilStalled();
  const thrown: unknown[] = [];
  for (const handle of [polled, awaiting, after]) {
    try {
      handle.cancel();
    } catch (error) {
      thrown.push(error);
    }
  }
  runtime.runUntilStalled();
  assertEquals(thrown.map(String), []);
  assert([polled, awaiting, after].every((h) => h.isFinished));
  for (const handle of [polled, awaiting]) void handle.settled().then();
});

test("a cancel hook that throws while its task is queued does not stop the runtime", () => {
  const runtime = new Runtime();
  let wake = () => {};
  const handle = runtime.spawn(function* () {
    yield* Future.from({
      poll(waker) {
        wake = () => waker.wake();
        return PENDING;
      },
      cancel() {
        throw new Error("hook");
      },
    });
  });
  runtime.runUntilStalled();
  wake();
  handle.cancel();
  const other = runtime.spawn(() => "runs on");
  runtime.runUntilStalled();
  assertEquals([handle.isFinished, other.status], [true, TASK_COMPLETED]);
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

test("Cancelled is an AbortError with a code, a reason, and a message that tells the chain", () => {
  const root: CancelReason = { kind: "deadline", timeoutMs: 50 };
  const chain: CancelReason = {
    kind: "parent",
    by: "b",
    cause: { kind: "parent", by: "a", cause: root },
  };
  const error = new Cancelled(chain);
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.code, error.reason], ["AbortError", "ERR_CANCELLED", chain]);
  const text = "b was cancelled <- a was cancelled <- deadline of 50 ms passed";
  assertEquals([describeReason(chain), error.message], [text, `Cancelled: ${text}`]);
  assertStrictEquals(rootReason(chain), root);
  assertEquals(
    describeReason({ kind: "requested", by: "main", note: "bye" }),
    'requested by main ("bye")',
  );
  assertEquals(describeReason({ kind: "shutdown", signal: "SIGINT" }), "shutdown on SIGINT");
  assertEquals(new Cancelled(error).reason, chain);
});

test("describeReason of a chain 100 000 long shows both ends, without recursion", () => {
  let reason: CancelReason = { kind: "requested", note: "root" };
  for (let i = 0; i < 100_000; i++) reason = { kind: "parent", by: `p${i}`, cause: reason };
  const text = describeReason(reason);
  assert(text.startsWith("p99999 was cancelled <- ") && text.endsWith('<- requested ("root")'));
  assert(text.length < 2_000 && text.includes("more …"));
  assertEquals(rootReason(reason).kind, "requested");
});
