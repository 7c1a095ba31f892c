/**
 * Failures that nobody looks at: told once, never too early, never twice, never not at all.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import process from "node:process";
import { failuresOf, Runtime } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { hostDelay } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** A runtime whose unobserved failures are collected as `name: message`. */
function collecting() {
  const told: string[] = [];
  const runtime = new SimulatedRuntime({
    observer: {
      onUnobserved: (error, task) =>
        told.push(`${task?.name}: ${(error as Error).message ?? error}`),
    },
  });
  const fail = (name: string, error: unknown = new Error(name)) =>
    runtime.spawn(() => {
      throw error;
    }, { name });
  return { told, runtime, fail };
}

/** Runs `body`; answers the unhandled rejections of the process meanwhile. */
async function unhandledDuring(body: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  try {
    await body();
    await hostDelay(5);
  } finally {
    process.off("unhandledRejection", listener);
  }
  return unhandled;
}

test("run rejects with the first failure that nobody joined, the very value, once", async () => {
  const { runtime, fail, told } = collecting();
  const boom = new Error("first");
  fail("a", boom);
  fail("b");
  assertStrictEquals(await assertRejects(() => runtime.run()), boom);
  await runtime.run(); // told once
  await runtime.close();
  assertEquals(told, []);
});

test("failuresOf what run rejects with lists all failures, the first first, with task and moment", async () => {
  const { runtime, fail } = collecting();
  const boom = Object.freeze(new Error("frozen"));
  fail("a", boom);
  fail("b");
  const cleaning = runtime.spawn(function* (task) {
    try {
      yield* task.sleep(1_000);
    } finally {
      // deno-lint-ignore no-unsafe-finally -- what a bad cleanup does
      throw new Error("in cleanup");
    }
  }, { name: "c" });
  runtime.runUntilStalled();
  cleaning.cancel();
  const error = await assertRejects(() => runtime.run());
  assertStrictEquals(error, boom);
  assertEquals(failuresOf(error).map((f) => [f.task.name, f.during, (f.error as Error).message]), [
    ["a", "body", "frozen"],
    ["b", "body", "b"],
    ["c", "cleanup", "in cleanup"],
  ]);
  assertEquals(failuresOf(new Error("not ours")), []);
  assertEquals(failuresOf("primitive"), []);
});

test("a primitive that was thrown rejects run as it is; the others are reported, not lost", async () => {
  const { runtime, fail, told } = collecting();
  fail("a", "just a string");
  fail("b");
  fail("c", undefined);
  assertEquals(await runtime.run().then(() => "resolved", (error) => error), "just a string");
  assertEquals(told.map((t) => t.slice(0, 2)), ["b:", "c:"]);
});

test("the same error thrown in a later run is told with the task of that run", async () => {
  const { runtime, fail } = collecting();
  const shared = new Error("shared");
  fail("first", shared);
  await assertRejects(() => runtime.run());
  fail("second", shared);
  await assertRejects(() => runtime.run());
  assertEquals(failuresOf(shared).some((f) => f.task.name === "second"), true);
});

test("a failure joined before, meanwhile or later is not told again", async () => {
  const unhandled = await unhandledDuring(async () => {
    const { runtime, fail, told } = collecting();
    const late = fail("late");
    runtime.runUntilStalled();
    const joiner = runtime.spawn(function* () {
      try {
        yield* late; // joined long after it failed
      } catch { /* looked */ }
    });
    await joiner;
    const before = fail("before");
    const settled = before.settled().then((o) => o.status);
    await runtime.run();
    assertEquals(await settled, "error");
    const host = fail("host");
    runtime.runUntilStalled();
    await hostDelay(5);
    await assertRejects(() => Promise.resolve(host));
    await runtime.run();
    await runtime.close();
    assertEquals(told, []);
  });
  assertEquals(unhandled, []);
});

test("a failure is no unhandled rejection while its handle may still be joined", async () => {
  const unhandled = await unhandledDuring(async () => {
    const runtime = new Runtime();
    const handles = [
      runtime.spawn(() => Promise.reject(new Error("async"))),
      runtime.spawn(Promise.reject(new Error("promise"))),
      runtime.spawn(() => {
        throw new Error("sync");
      }),
    ];
    const other = runtime.spawn(function* (task) {
      yield* task.sleep(5);
    });
    await other;
    await hostDelay(5);
    for (const handle of handles) assertEquals((await handle.settled()).status, "error");
    await runtime.run();
  });
  assertEquals(unhandled, []);
});

test("close reports every failure that nobody joined, each with its task", async () => {
  const { runtime, fail, told } = collecting();
  fail("a");
  fail("b");
  runtime.runUntilStalled();
  await runtime.close();
  assertEquals(told, ["a: a", "b: b"]);
});

test("close reports every failure of the cleanup it started, each with its task", async () => {
  const { runtime, told } = collecting();
  for (const name of ["a", "b", "c"]) {
    runtime.spawn(function* (task) {
      try {
        yield* task.sleep(1_000);
      } finally {
        // deno-lint-ignore no-unsafe-finally -- what a bad cleanup does
        throw new Error(`cleanup of ${name}`);
      }
    }, { name });
  }
  runtime.runUntilStalled();
  await runtime.close();
  assertEquals(told.sort(), ["a: cleanup of a", "b: cleanup of b", "c: cleanup of c"]);
});

test("a cancelled task is neither a success nor a failure: run resolves", async () => {
  const { runtime, told } = collecting();
  const handle = runtime.spawn(runtime.sleep(1_000));
  runtime.runUntilStalled();
  handle.cancel();
  await runtime.run();
  await runtime.close();
  assertEquals([handle.status, told], [4, []]);
});

test("many runtimes with failures add no listener each to the process", () => {
  const before = process.listenerCount("exit");
  const runtimes = Array.from({ length: 20 }, () => {
    const { runtime, fail } = collecting();
    fail("x");
    runtime.runUntilStalled();
    return runtime;
  });
  const added = process.listenerCount("exit") - before;
  for (const runtime of runtimes) void runtime.close().then();
  assertEquals(added <= 1, true, `${added} exit listeners for 20 runtimes`);
});
