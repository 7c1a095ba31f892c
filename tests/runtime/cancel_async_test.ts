/**
 * Cancelling async bodies: signal, awaits of ours, awaits of others.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { Cancelled, Future, PENDING, Runtime, type TaskScope } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** A promise and its ends. */
function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((a, b) => [resolve, reject] = [a, b]);
  return { promise, resolve, reject };
}

test("an async body sees its signal abort at the cancel, with the Cancelled as its reason", async () => {
  const runtime = new SimulatedRuntime();
  const seen: unknown[] = [];
  const handle = runtime.spawn(async (task) => {
    task.signal.addEventListener("abort", () => seen.push(task.signal.reason));
    assertStrictEquals(task.signal, task.signal);
    await task.wait(Future.never());
  });
  runtime.runUntilStalled();
  handle.cancel("bye");
  assertEquals(seen.length, 1);
  assertInstanceOf(seen[0], Cancelled);
  assertEquals(await handle.settled(), {
    status: "cancelled",
    reason: { kind: "requested", note: "bye" },
  });
  assertEquals(runtime.clock.now(), 0); // thrown at once, not when the grace was over
  await assertNothingLeft(runtime);
});

test("a signal read after the cancel is aborted already", async () => {
  const runtime = new Runtime();
  const gate = deferred();
  const seen: unknown[] = [];
  const handle = runtime.spawn(async (task) => {
    await gate.promise;
    seen.push(task.signal.aborted, task.signal.reason instanceof Cancelled);
  });
  runtime.runUntilStalled();
  handle.cancel();
  gate.resolve();
  await handle.settled();
  assertEquals(seen, [true, true]);
});

test("an await of our future in an async body rejects with the Cancelled", async () => {
  const awaits: Record<string, (task: TaskScope) => PromiseLike<unknown>> = {
    "task.sleep": (task) => task.sleep(60_000),
    "task.wait(promise)": (task) => task.wait(new Promise(() => {})),
    "a bare future": () => new Probe(),
    "Future.never": () => Future.never(),
    "a combinator": (task) => Future.race([task.sleep(1_000), Future.never()]),
    "another task": (task) => task.runtime.spawn(Future.never()),
  };
  for (const [name, wait] of Object.entries(awaits)) {
    const runtime = new SimulatedRuntime();
    let caught: unknown;
    const handle = runtime.spawn(async (task) => {
      try {
        await wait(task);
      } catch (error) {
        caught = error;
        throw error;
      }
    });
    await hostDelay(0);
    runtime.runUntilStalled();
    await Promise.resolve();
    await Promise.resolve();
    await hostDelay(0);
    const outcome = await handle.cancelAndJoin("x");
    assertEquals([name, outcome.status], [name, "cancelled"]);
    assertInstanceOf(caught, Cancelled);
    assertEquals([runtime.clock.now(), runtime.metrics().timers], [0, 0]);
  }
});

test("an async task is finished only when its promise settles", async () => {
  const runtime = new Runtime();
  const gate = deferred();
  const handle = runtime.spawn(async () => {
    await gate.promise; // deaf to the cancel
    return "late";
  });
  runtime.runUntilStalled();
  handle.cancel();
  await hostDelay(1);
  assertEquals([handle.isFinished, runtime.taskCount], [false, 1]);
  gate.resolve();
  assertEquals(await handle.settled(), { status: "ok", value: "late" }); // never saw the cancel
  await assertNothingLeft(runtime);
});

test("cancelled during a foreign await, the next await of ours throws", async () => {
  for (const readsSignal of [false, true]) {
    const runtime = new SimulatedRuntime();
    const gate = deferred();
    const log: string[] = [];
    const handle = runtime.spawn(async (task) => {
      if (readsSignal) void task.signal;
      await gate.promise;
      log.push("resumed");
      await task.sleep(60_000);
      log.push("NEVER");
    });
    runtime.runUntilStalled();
    handle.cancel("x");
    gate.resolve();
    await handle.settled();
    assertEquals([log, runtime.clock.now()], [["resumed"], 0], `signal read: ${readsSignal}`);
  }
});

test("cancelled during a foreign await, the cleanup may still await within its grace", async () => {
  const runtime = new SimulatedRuntime();
  const gate = deferred();
  const log: string[] = [];
  const handle = runtime.spawn(async (task) => {
    try {
      await gate.promise;
      await task.sleep(10);
    } finally {
      await task.sleep(100);
      await task.sleep(100);
      log.push("cleaned up");
    }
  });
  runtime.runUntilStalled();
  handle.cancel();
  gate.resolve();
  assertEquals((await handle.settled()).status, "cancelled");
  assertEquals([log, runtime.clock.now()], [["cleaned up"], 200]);
});

test("cleanup of an async body may await in finally until the grace is over", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const handle = runtime.spawn(async (task) => {
    try {
      await task.sleep(60_000);
    } finally {
      await task.sleep(100);
      log.push("100");
      await task.sleep(60_000).then(() => log.push("NEVER"), (error) => log.push(error.name));
      await task.sleep(1).then(() => log.push("NEVER"), (error) => log.push(error.name));
    }
  });
  runtime.runUntilStalled();
  const outcome = await handle.cancelAndJoin("x", { graceMs: 1_000 });
  assertEquals(log, ["100", "AbortError", "AbortError"]);
  assertEquals([outcome.status, runtime.clock.now()], ["cancelled", 1_000]);
  await assertNothingLeft(runtime);
});

test("an async body that passes its signal to the platform ends cancelled by the platform's own error", async () => {
  const runtime = new Runtime();
  const platform = (signal: AbortSignal) =>
    new Promise<void>((_, reject) =>
      signal.addEventListener("abort", () => {
        reject(new DOMException("The operation was aborted", "AbortError"));
      })
    );
  const handle = runtime.spawn(async (task) => await platform(task.signal));
  runtime.runUntilStalled();
  assertEquals((await handle.cancelAndJoin()).status, "cancelled");
});

test("an AbortError without a cancel is a failure like any other", async () => {
  const runtime = new Runtime();
  const error = new DOMException("not ours", "AbortError");
  const handle = runtime.spawn(async () => await Promise.reject(error));
  assertEquals(await handle.settled(), { status: "error", error });
});

test("task.wait of a promise: cancel throws there; the promise's late rejection is not unhandled", async () => {
  const { default: process } = await import("node:process");
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const runtime = new Runtime();
    const gate = deferred();
    const handle = runtime.spawn(async (task) => await task.wait(gate.promise));
    runtime.runUntilStalled();
    await hostDelay(0);
    assertEquals((await handle.cancelAndJoin()).status, "cancelled");
    gate.reject(new Error("late"));
    await hostDelay(5);
    assertEquals(unhandled, []);
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
});

test("an async body is known again after task.wait of a foreign promise, and after each of our awaits", async () => {
  const runtime = new Runtime();
  const known: boolean[] = [];
  const handle = runtime.spawn(async (task) => {
    const look = () => known.push(runtime.currentTask?.id === task.id);
    look();
    await task.sleep(1);
    look();
    await task.wait(hostDelay(1));
    look();
    await Future.ready(1);
    look();
    const child = runtime.spawn(() => 1);
    await child;
    look();
  });
  await handle;
  assertEquals(known, [true, true, true, true, true]);
  assertEquals(runtime.currentTask, undefined);
});

test("two async bodies resumed in one batch each know their own task", async () => {
  const runtime = new SimulatedRuntime();
  const bodies = Array.from({ length: 20 }, (_, i) =>
    runtime.spawn(async (task) => {
      for (let round = 0; round < 5; round++) {
        await task.sleep(1 + (i * round) % 3);
        assertEquals(runtime.currentTask?.id, task.id);
      }
      return true;
    }));
  assert((await Promise.all(bodies)).every(Boolean));
});

test("each of several concurrent awaits of one async body rejects at the cancel", async () => {
  const runtime = new SimulatedRuntime();
  const handle = runtime.spawn(async (task) => {
    const ends = await Promise.allSettled([task.sleep(1_000), task.sleep(2_000), new Probe()]);
    assert(ends.every((e) => e.status === "rejected" && e.reason instanceof Cancelled));
    throw (ends[0] as PromiseRejectedResult).reason;
  });
  runtime.runUntilStalled();
  await Promise.resolve(); // the body's awaits begin in a microtask
  await Promise.resolve();
  assertEquals((await handle.cancelAndJoin()).status, "cancelled");
  assertEquals(runtime.clock.now(), 0);
  await assertNothingLeft(runtime);
});

test("an await that an async body left behind goes on by itself, and leaves nothing", async () => {
  const runtime = new SimulatedRuntime();
  let woke = false;
  const handle = runtime.spawn((task) => {
    void task.sleep(50).then(() => woke = true);
    return Promise.resolve("body over");
  });
  assertEquals(await handle, "body over");
  await runtime.sleep(100);
  assertEquals(woke, true);
  await assertNothingLeft(runtime);
});

test("cancelAndJoin settles after the cleanup, never before, and its promise never rejects", async () => {
  const runtime = new SimulatedRuntime();
  let cleaned = false;
  const handle = runtime.spawn(async (task) => {
    try {
      await task.wait({ poll: () => PENDING });
    } finally {
      await task.sleep(10);
      cleaned = true;
      // deno-lint-ignore no-unsafe-finally -- failing in the cleanup is what is tested
      throw new Error("cleanup failed");
    }
  });
  runtime.runUntilStalled();
  const outcome = await handle.cancelAndJoin();
  assertEquals([cleaned, outcome.status], [true, "error"]);
});
