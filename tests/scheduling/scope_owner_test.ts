/**
 * Scopes: who owns them, and the forms beside `scope`: parallelForEach, ScopedTask.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  effectiveDeadline,
  Future,
  GroupClosedError,
  parallelForEach,
  Runtime,
  type Scope,
  scope,
  ScopedTask,
  scopedTask,
  select,
  sleep,
  TaskGroup,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged } from "../support/groups.ts";
import { test } from "../support/test.ts";

test("scope in an async body belongs to that body's task", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const task = runtime.spawn(async () => {
    await scope(async (s) => {
      s.spawn(logged(log, "child", 1_000, 3));
      await s.sleep(1_000);
    });
  });
  runtime.runUntilStalled();
  const outcome = await task.cancelAndJoin("stop");
  assertEquals([outcome.status, log, runtime.clock.now()], ["cancelled", ["child cancelled"], 3]);
});

test("scope that nobody awaits is still its task's: the task ends only after the scope has cleaned up", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const task = runtime.spawn(function* (task) {
    scope(logged(log, "scope", 1_000, 10));
    yield* task.sleep(1);
    log.push("body ended");
  });
  await task;
  assertEquals([log, runtime.clock.now()], [["body ended", "scope cancelled"], 11]);
});

test("scope left behind in Future.race and timeout still cleans up before its task ends", async () => {
  for (const form of ["race", "timeout"] as const) {
    const runtime = new SimulatedRuntime();
    const log: string[] = [];
    const task = runtime.spawn(function* (task) {
      const slow = scope(logged(log, "slow", 1_000, 10));
      if (form === "race") yield* Future.race([slow, task.sleep(5)]);
      else yield* slow.timeout(5).catch(() => {});
      log.push("body ended");
    });
    await task;
    assert(log.includes("slow cancelled"), `${form}: ${log}`);
    assertEquals([runtime.clock.now(), runtime.taskCount], [15, 0], form);
  }
});

test("scope opened by a task that was cancelled before, and not told yet, is cancelled too", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = new SimulatedRuntime();
    const sleeper = function* (s: Scope) {
      yield* s.sleep(100_000);
    };
    const task = kind === "generator"
      ? runtime.spawn(function* () {
        task.cancel();
        yield* scope(sleeper);
      })
      : runtime.spawn(async () => {
        task.cancel();
        await scope(sleeper);
      });
    const outcome = await task.settled();
    assertEquals([outcome.status, runtime.clock.now()], ["cancelled", 0], kind);
  }
});

test("scope: the body may run() its own group, and goes on when the children have ended", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  await scope(async (s) => {
    s.spawn(logged(log, "child", 5));
    await s.run();
    log.push("body goes on");
  }, { runtime });
  assertEquals(log, ["child done", "body goes on"]);
});

test("scope members: id, name, runtime, signal, deadlineMs and throwIfCancelled", async () => {
  const runtime = new SimulatedRuntime();
  await caught(scope(function* (s) {
    assertEquals([s.name, s.runtime, s.deadlineMs], ["members", runtime, 50]);
    assertEquals(runtime.currentTask?.id, s.id);
    assertEquals(effectiveDeadline(), 50);
    assert(!s.signal.aborted);
    s.throwIfCancelled();
    try {
      yield* s.sleep(1_000);
    } finally {
      assert(s.signal.aborted);
    }
  }, { runtime, name: "members", timeoutMs: 50 }));
});

test("scope may be awaited by host code and by several waiters; each gets the value", async () => {
  const runtime = new SimulatedRuntime();
  const run = scope(after(5, "value"), { runtime });
  const inside = runtime.spawn(function* () {
    return yield* run;
  });
  assertEquals(await Promise.all([run, run, inside]), ["value", "value", "value"]);
});

test("parallelForEach runs every item within maxConcurrency, and rejects like a scope", async () => {
  const runtime = new SimulatedRuntime();
  let live = 0;
  let most = 0;
  const seen: number[] = [];
  await parallelForEach([1, 2, 3, 4], function* (item, index, task) {
    most = Math.max(most, ++live);
    yield* task.sleep(10);
    live--;
    seen.push(item * 10 + index);
  }, { runtime, maxConcurrency: 2 });
  assertEquals([seen, most, runtime.clock.now()], [[10, 21, 32, 43], 2, 20]);
  const error = new Error("item");
  const run = parallelForEach([1], failing(0, error) as never, { runtime });
  assertStrictEquals(await caught(run), error);
  await parallelForEach([], () => {}, { runtime });
});

test("parallelForEach: an error of the items cancels the living children", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const items = (function* () {
    yield "a";
    throw new Error("source");
  })();
  const run = parallelForEach(items, (name, _i, task) => logged(log, name, 1_000, 1)(task), {
    runtime,
  });
  await assertRejects(() => run, Error, "source");
  assert(runtime.clock.now() < 1_000, `waited ${runtime.clock.now()} ms for the children`);
});

test("ScopedTask.runAndCleanup waits for all, and cleans up on a failure too", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("child");
  const scoped = new ScopedTask({ runtime });
  scoped.spawn(logged(log, "a", 1_000, 5));
  scoped.spawn(failing(1, error));
  assertStrictEquals(await caught(scoped.runAndCleanup()), error);
  assertEquals([log, runtime.taskCount], [["a cancelled"], 0]);
  assertThrows(() => scoped.spawn(() => 1), GroupClosedError);
  const good = scopedTask({ runtime });
  const child = good.spawn(after(3, "x"));
  await good.runAndCleanup();
  assertEquals(child.outcome(), { status: "ok", value: "x" });
});

test("ScopedTask await using cancels what is left and waits; a failing cleanup is thrown", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  {
    await using scoped = new ScopedTask({ runtime });
    scoped.spawn(logged(log, "a", 1_000, 5));
    runtime.runUntilStalled();
  }
  assertEquals(log, ["a cancelled"]);
  const leave = async () => {
    await using scoped = scopedTask({ runtime });
    scoped.spawn(dirty(1_000, new Error("cleanup")));
    runtime.runUntilStalled();
  };
  await assertRejects(leave, Error, "cleanup");
});

test("scope: a task whose host code never awaits anything leaves nothing behind", async () => {
  const runtime = new Runtime();
  let ended = false;
  scope(function* (s) {
    yield* s.sleep(1);
    ended = true;
  }, { runtime });
  await runtime.run();
  assertEquals([ended, runtime.taskCount, runtime.metrics().timers], [true, 0, 0]);
});

test("a signal that aborts before the first spawn of a group closes it: no child escapes", async () => {
  const controller = new AbortController();
  const runtime = new SimulatedRuntime();
  await scope(() => {
    const group = new TaskGroup({ signal: controller.signal });
    controller.abort();
    assertThrows(() => group.spawn((task) => task.sleep(50)), GroupClosedError);
  }, { runtime });
  assertEquals(runtime.taskCount, 0);
});

test("the failure of a scope that lost a select in the same turn is told", async () => {
  const runtime = new SimulatedRuntime();
  await scope(function* () {
    const lost = scope(() => {
      throw new Error("lost");
    });
    yield* select(lost, sleep(0));
  }, { runtime });
  await assertRejects(() => runtime.run(), Error, "lost");
});
