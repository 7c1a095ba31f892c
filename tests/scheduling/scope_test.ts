/**
 * Scopes: bodies, children, the order of ends, ownership.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Cancelled,
  effectiveDeadline,
  Future,
  GroupClosedError,
  parallelForEach,
  rootReason,
  Runtime,
  type Scope,
  scope,
  ScopedTask,
  scopedTask,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

test("scope answers the body's value, whether the body is a generator, async or plain function", async () => {
  const runtime = new SimulatedRuntime();
  assertEquals(await scope(() => 1, { runtime }), 1);
  assertEquals(
    await scope(function* (s) {
      yield* s.sleep(1);
      return 2;
    }, { runtime }),
    2,
  );
  assertEquals(
    await scope(async (s) => {
      await s.sleep(1);
      return 3;
    }, { runtime }),
    3,
  );
});

test("scope waits for its children, and for those they spawn into it", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  await scope((s) => {
    s.spawn(function* (task) {
      yield* task.sleep(5);
      s.spawn(logged(log, "grandchild", 5));
    });
    s.spawn(logged(log, "child", 20));
    log.push("body");
  }, { runtime });
  assertEquals(log, ["body", "grandchild done", "child done"]);
});

test("scope begins at once: the call itself starts it, awaited or not", () => {
  const runtime = new SimulatedRuntime();
  let began = false;
  scope(() => {
    began = true;
  }, { runtime });
  runtime.runUntilStalled();
  assert(began);
});

test("scope: a failing child cancels siblings and body, and is thrown after their cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("child");
  const run = scope(function* (s) {
    s.spawn(logged(log, "sibling", 1_000, 5));
    s.spawn(failing(10, error));
    yield* logged(log, "body", 1_000, 10)(s);
  }, { runtime });
  assertStrictEquals(await caught(run), error);
  assertEquals(log, ["sibling cancelled", "body cancelled"]);
  assertEquals(runtime.clock.now(), 20);
});

test("scope: a failing body cancels the children, and is thrown after their cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("body");
  const run = scope(function* (s) {
    s.spawn(logged(log, "child", 1_000, 5));
    yield* s.sleep(10);
    throw error;
  }, { runtime });
  assertStrictEquals(await caught(run), error);
  assertEquals([log, runtime.clock.now()], [["child cancelled"], 15]);
});

test("scope cancelled from outside rejects Cancelled after all cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const controller = new AbortController();
  const run = scope(function* (s) {
    s.spawn(logged(log, "child", 1_000, 5));
    yield* logged(log, "body", 1_000, 8)(s);
  }, { runtime, signal: controller.signal });
  runtime.runUntilStalled();
  controller.abort("user left");
  const error = await caught(run);
  assertInstanceOf(error, Cancelled);
  assertEquals(error.reason, { kind: "signal", reason: "user left" });
  assertEquals([log, runtime.clock.now()], [["child cancelled", "body cancelled"], 8]);
});

test("scope with a signal that is aborted already: the body never runs", async () => {
  const runtime = new SimulatedRuntime();
  let ran = false;
  const run = scope(() => (ran = true), { runtime, signal: AbortSignal.abort("no") });
  assertInstanceOf(await caught(run), Cancelled);
  assert(!ran);
});

test("scope.cancel ends the whole scope with that reason; cancelRemaining only the children", async () => {
  const runtime = new SimulatedRuntime();
  const cancelled = await caught(scope(function* (s) {
    s.cancel("enough");
    yield* s.sleep(1_000);
  }, { runtime }));
  assertEquals((cancelled as Cancelled).reason, { kind: "requested", note: "enough" });
  const value = await scope(function* (s) {
    s.spawn(after(1_000, 0));
    yield* s.sleep(1);
    s.cancelRemaining();
    yield* s.sleep(1);
    return "body goes on";
  }, { runtime });
  assertEquals([value, runtime.clock.now()], ["body goes on", 2]);
});

test("scope: background children are cancelled after the body and all others have ended, in 1 000 random mixes", () => {
  let state = 12_345;
  const random = (n: number) => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) % n;
  for (let round = 0; round < 1_000; round++) {
    const runtime = new SimulatedRuntime({ seed: round });
    const log: string[] = [];
    const count = 1 + random(6);
    const how = ["ends", "throws", "child throws"][random(3)]!;
    const plan = Array.from({ length: count }, (_, i) => ({
      name: `${i}`,
      background: random(2) === 0,
      ms: random(20),
      cleanupMs: random(5),
    }));
    const run = function* () {
      yield* scope(function* (s) {
        for (const { name, background, ms, cleanupMs } of plan) {
          s.spawn(function* (task) {
            try {
              yield* task.sleep(background ? 1_000 : ms);
            } finally {
              yield* runtime.sleep(cleanupMs);
              log.push(background ? "background" : "child");
            }
          }, { background, name });
        }
        if (how === "child throws") s.spawn(failing(random(10), new Error("child")));
        try {
          yield* s.sleep(random(20));
          if (how === "throws") throw new Error("body");
        } finally {
          log.push("body");
        }
      });
    };
    let failed = false;
    try {
      runtime.blockOn(run);
    } catch {
      failed = true;
    }
    assertEquals(failed, how !== "ends", `round ${round}`);
    // What is cancelled before it began logs nothing; services that log are the last.
    const first = log.indexOf("background");
    const rest = first < 0 ? [] : log.slice(first);
    assertEquals(rest, rest.map(() => "background"), `round ${round}: ${log}`);
    assertEquals(runtime.taskCount, 0);
  }
});

test("scope nested: the inner one ends before the outer one, and its failure passes through with identity", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("deep");
  const run = scope(function* (outer) {
    outer.spawn(logged(log, "outer child", 1_000, 1));
    yield* scope(function* (inner) {
      inner.spawn(logged(log, "inner child", 1_000, 10));
      yield* inner.sleep(5);
      throw error;
    });
  }, { runtime });
  assertStrictEquals(await caught(run), error);
  assertEquals(log, ["inner child cancelled", "outer child cancelled"]);
});

test("scope: a child that spawns in its finally while the scope is being cancelled gets GroupClosedError", async () => {
  const runtime = new SimulatedRuntime();
  let error: unknown;
  let ran = false;
  await caught(scope(function* (s) {
    s.spawn(function* (task) {
      try {
        yield* task.sleep(1_000);
      } finally {
        error = orError(() => s.spawn(() => (ran = true)));
      }
    });
    yield* s.sleep(1);
    throw new Error("body");
  }, { runtime }));
  assertInstanceOf(error, GroupClosedError);
  assert(!ran);
});

function orError(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    return error;
  }
}

test("scope: a child's finally may spawn while the scope only waits", async () => {
  const runtime = new SimulatedRuntime();
  let ran = false;
  await scope((s) => {
    s.spawn(function* (task) {
      try {
        yield* task.sleep(1);
      } finally {
        s.spawn(() => void (ran = true));
      }
    });
  }, { runtime });
  assert(ran);
});

test("scope that is over: spawn throws GroupClosedError, and the body never runs", async () => {
  const runtime = new SimulatedRuntime();
  let kept!: Scope;
  await scope((s) => {
    kept = s;
  }, { runtime });
  let ran = false;
  assertThrows(() => kept.spawn(() => (ran = true)), GroupClosedError);
  await runtime.run();
  assert(!ran);
});

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

test("scope: children that catch everything only delay the end to their next await", () => {
  const { runtime, swallowed } = watched();
  const error = (() => {
    try {
      runtime.blockOn(function* () {
        yield* scope(function* (s) {
          s.spawn(function* stubborn(task) {
            for (let i = 0; i < 1_000; i++) {
              try {
                yield* task.sleep(1);
              } catch {
                // goes on
              }
            }
          });
          yield* s.sleep(5);
          s.cancel("end");
        }, { graceMs: 0 });
      });
    } catch (error) {
      return error;
    }
  })();
  assertInstanceOf(error, Cancelled);
  assertEquals(rootReason(error.reason), { kind: "requested", note: "end" });
  assertEquals(swallowed, ["stubborn"]);
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
