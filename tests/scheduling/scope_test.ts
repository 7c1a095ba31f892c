/**
 * Scopes: bodies, children, the order of ends, ownership.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Cancelled, GroupClosedError, rootReason, type Scope, scope } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, failing, logged, watched } from "../support/groups.ts";
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
