/**
 * Joins: all, allSettled, race, any, quorum, joinWith.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  all,
  allSettled,
  any,
  Cancelled,
  failuresOf,
  Future,
  type JoinOptions,
  joinWith,
  type Outcome,
  quorum,
  race,
  rootReason,
  type TaskBody,
  TimeoutError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** The joins that take nothing but bodies, under one type. */
const JOINS = [all, allSettled, race, any] as ((
  bodies: TaskBody<unknown>[],
  options: JoinOptions,
) => PromiseLike<unknown>)[];

test("all answers the values in the order of the bodies, each with its own type", async () => {
  const runtime = new SimulatedRuntime();
  const values = await all([
    after(20, 1),
    (): string => "two",
    async (task) => {
      await task.sleep(5);
      return true;
    },
    Future.ready(4n),
    Promise.resolve(null),
  ], { runtime });
  // The types are part of the test.
  const typed: [number, string, boolean, bigint, null] = values;
  assertEquals(typed, [1, "two", true, 4n, null]);
  assertEquals(await all([], { runtime }), []);
});

test("all: the first failure cancels the rest, and is thrown after their cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("first");
  const run = all([logged(log, "a", 1_000, 10), failing(5, error), failing(500, "later")], {
    runtime,
  });
  assertStrictEquals(await caught(run), error);
  assertEquals([log, runtime.clock.now()], [["a cancelled"], 15]);
});

test("allSettled answers every outcome in order, and never rejects because of a body", async () => {
  const runtime = new SimulatedRuntime();
  const outcomes: Outcome<unknown>[] = await allSettled([
    after(10, "late"),
    failing(1, "no"),
    (task) => {
      runtime.currentTask!.cancel("self");
      return task.sleep(1_000);
    },
  ], { runtime });
  assertEquals(outcomes, [
    { status: "ok", value: "late" },
    { status: "error", error: "no" },
    { status: "cancelled", reason: { kind: "requested", note: "self" } },
  ]);
  assertEquals(runtime.clock.now(), 10);
  assertEquals(await allSettled([], { runtime }), []);
});

test("race answers the first to end, by value or error; losers are cancelled and awaited", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const value = await race<unknown>([logged(log, "loser", 1_000, 10), after(5, "first")], {
    runtime,
  });
  assertEquals([value, log, runtime.clock.now()], ["first", ["loser cancelled"], 15]);
  const error = new Error("first");
  assertStrictEquals(
    await caught(race<unknown>([after(100, 0), failing(5, error)], { runtime })),
    error,
  );
});

test("race: a body that is cancelled first makes it reject with Cancelled", async () => {
  const runtime = new SimulatedRuntime();
  const run = race<unknown>([(task) => {
    runtime.currentTask!.cancel("gave up");
    return task.sleep(1_000);
  }, after(100, 0)], { runtime });
  const error = await caught(run);
  assertInstanceOf(error, Cancelled);
  assertEquals(rootReason(error.reason), { kind: "requested", note: "gave up" });
});

test("any answers the first value; failures before it are waited out, losers cancelled and awaited", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const value = await any<unknown>([
    failing(1, "x"),
    logged(log, "loser", 1_000, 10),
    after(5, "value"),
  ], { runtime });
  assertEquals([value, log, runtime.clock.now()], ["value", ["loser cancelled"], 15]);
});

test("any: when all fail, an AggregateError has the errors in the order of the bodies; also for none", async () => {
  const runtime = new SimulatedRuntime();
  const errors = [new Error("a"), new Error("b")];
  const error = await caught(any([failing(5, errors[0]), failing(1, errors[1])], { runtime }));
  assertInstanceOf(error, AggregateError);
  assertEquals(error.errors, errors);
  const none = await caught(any([], { runtime }));
  assertInstanceOf(none, AggregateError);
  assertEquals(none.errors, []);
});

test("quorum answers the first n values in the order they came, then cancels the rest", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const values = await quorum<unknown>(2, [
    after(20, "second"),
    failing(1, "down"),
    after(10, "first"),
    logged(log, "loser", 1_000),
  ], { runtime });
  assertEquals([values, log, runtime.clock.now()], [["first", "second"], ["loser cancelled"], 20]);
});

test("quorum that cannot be reached any more rejects at once, and cancels the rest", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = await caught(quorum<unknown>(2, [
    failing(1, "a"),
    failing(2, "b"),
    logged(log, "useless", 1_000),
  ], { runtime }));
  assertInstanceOf(error, AggregateError);
  assertEquals([error.errors, log, runtime.clock.now()], [["a", "b"], ["useless cancelled"], 2]);
});

test("race and quorum with too few bodies are a RangeError", () => {
  for (const make of [() => race([]), () => quorum(2, [() => 1]), () => quorum(0, [() => 1])]) {
    try {
      make();
      assert(false, "nothing was thrown");
    } catch (error) {
      assertInstanceOf(error, RangeError);
    }
  }
});

test("joins: a loser that fails in its cleanup is not swallowed", async () => {
  const lost = new Error("cleanup");
  const joins = {
    race: () => race<unknown>([after(1, 0), dirty(100, lost)], { runtime: new SimulatedRuntime() }),
    any: () => any<unknown>([after(1, 0), dirty(100, lost)], { runtime: new SimulatedRuntime() }),
    quorum: () =>
      quorum<unknown>(1, [after(1, 0), dirty(100, lost)], { runtime: new SimulatedRuntime() }),
    all: () =>
      all([failing(1, new Error("first")), dirty(100, lost)], { runtime: new SimulatedRuntime() }),
  };
  for (const [name, join] of Object.entries(joins)) {
    const error = await caught(join());
    const behind = failuresOf(error).map((failure) => failure.error);
    assert(behind.includes(lost), `${name}: ${behind}`);
    assertStrictEquals(behind[0], error, name);
    if (name === "all") assertEquals((error as Error).message, "first");
  }
});

test("quorum missed and a loser that fails in its cleanup: failuresOf has all of them, the bodies' first", async () => {
  const [a, lost] = [new Error("a"), new Error("cleanup")];
  const error = await caught(
    quorum<unknown>(2, [failing(1, a), dirty(100, lost)], { runtime: new SimulatedRuntime() }),
  );
  assertInstanceOf(error, AggregateError);
  assertEquals(error.errors, [a]);
  assertEquals(failuresOf(error).map((failure) => failure.error), [a, lost]);
});

test("joinWith tells each end once, with index and handle, and asks for the result once, at the end", async () => {
  const runtime = new SimulatedRuntime();
  const log: unknown[] = [];
  const value = await joinWith<number, string>(
    {
      name: "mine",
      onEnd(outcome, index, handle) {
        log.push([outcome.status, index, handle.isFinished]);
        return "continue";
      },
      result() {
        log.push(`result at ${runtime.clock.now()}`);
        return "made";
      },
    },
    [after(20, 1), failing(10, "x") as never, after(30, 3)],
    { runtime },
  );
  assertEquals(value, "made");
  assertEquals(log, [["error", 1, true], ["ok", 0, true], ["ok", 2, true], "result at 30"]);
});

test("joinWith: stop cancels the rest; their ends are not told, and result comes after their cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const log: unknown[] = [];
  await joinWith<unknown, void>(
    {
      onEnd(_outcome, index) {
        log.push(index);
        return "stop";
      },
      result: () => void log.push(`result at ${runtime.clock.now()}`),
    },
    [after(1, 0), logged([], "loser", 1_000, 10)],
    { runtime },
  );
  assertEquals(log, [0, "result at 11"]);
});

test("joinWith: what onEnd or result throw is thrown, after the rest was cancelled", async () => {
  for (const where of ["onEnd", "result"] as const) {
    const runtime = new SimulatedRuntime();
    const log: string[] = [];
    const error = new Error(where);
    const run = joinWith<unknown, void>(
      {
        onEnd() {
          if (where === "onEnd") throw error;
          return "stop";
        },
        result() {
          throw error;
        },
      },
      [after(1, 0), logged(log, "loser", 1_000)],
      { runtime },
    );
    assertStrictEquals(await caught(run), error);
    assertEquals([log, runtime.taskCount], [["loser cancelled"], 0]);
  }
});

test("joinWith onTimeout makes a partial result when the time is over, after the cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const got: unknown[] = [];
  const joiner = {
    onEnd(outcome: Outcome<unknown>) {
      if (outcome.status === "ok") got.push(outcome.value);
      return "continue" as const;
    },
    onTimeout: () => ["partial", ...got],
    result: () => got,
  };
  const bodies = [after(1, "quick"), logged([], "slow", 1_000, 5)];
  assertEquals(await joinWith<unknown, unknown[]>(joiner, bodies, { runtime, timeoutMs: 10 }), [
    "partial",
    "quick",
  ]);
  assertEquals(runtime.clock.now(), 15);
  assertEquals(
    await joinWith<unknown, unknown[]>(joiner, [after(1, "x")], { runtime, timeoutMs: 10 }),
    ["quick", "x"],
  );
});

test("joins without onTimeout throw TimeoutError when the time is over; 0 polls each body once", async () => {
  const runtime = new SimulatedRuntime();
  for (const join of JOINS) {
    const error = await caught(join([after(50, 0)], { runtime, timeoutMs: 10 }));
    assertInstanceOf(error, TimeoutError, join.name);
    assertEquals(error.timeoutMs, 10);
  }
  assertEquals(await all([() => "polled"], { runtime, timeoutMs: 0 }), ["polled"]);
});

test("joinWith cancelled from outside rejects Cancelled, not with a partial result, also when the limit passes in the cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const controller = new AbortController();
  runtime.spawn(function* (task) {
    yield* task.sleep(5);
    controller.abort("user");
  });
  const run = joinWith<unknown, string>(
    {
      onEnd: () => "continue",
      onTimeout: () => "partial",
      result: () => "result",
    },
    [logged([], "body", 1_000, 20)],
    { runtime, timeoutMs: 10, signal: controller.signal },
  );
  const error = await run.then((value) => value, (error) => error);
  assertInstanceOf(error, Cancelled);
});

test("joins with a signal that is aborted already reject with Cancelled, and run no body", async () => {
  let ran = false;
  const signal = AbortSignal.abort("no");
  for (const join of JOINS) {
    const runtime = new SimulatedRuntime();
    const error = await caught(() => join([() => (ran = true)], { runtime, signal }));
    assertInstanceOf(error, Cancelled, join.name);
    assertEquals(error.reason, { kind: "signal", reason: "no" });
  }
  assert(!ran);
});

test("joins in a task are cancelled with it, and end first", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const task = runtime.spawn(function* () {
    yield* all([logged(log, "a", 1_000, 5), logged(log, "b", 1_000, 10)]);
  });
  runtime.runUntilStalled();
  assertEquals((await task.cancelAndJoin()).status, "cancelled");
  assertEquals([log, runtime.clock.now()], [["a cancelled", "b cancelled"], 10]);
});

test("joins keep maxConcurrency, first in first out", async () => {
  const runtime = new SimulatedRuntime();
  await all([after(10, 0), after(10, 0), after(10, 0)], { runtime, maxConcurrency: 2 });
  assertEquals(runtime.clock.now(), 20);
});
