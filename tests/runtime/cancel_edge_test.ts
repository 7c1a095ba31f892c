/**
 * Cancels at awkward moments, hooks that misbehave, and what a Cancelled tells.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import process from "node:process";
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
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("cancel of a promise not started yet: its late rejection is not unhandled", async () => {
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
