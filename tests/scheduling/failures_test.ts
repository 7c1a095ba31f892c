/**
 * Failures: the primary one keeps its identity, all are listed, none vanishes.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import process from "node:process";
import {
  any,
  failuresOf,
  Future,
  type JoinHandle,
  joinWith,
  moveOnAfter,
  race,
  scope,
  scopedIterable,
  sleep,
  TaskGroup,
  TaskGroupError,
  withTimeout,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** `[name, during]` of all failures behind an error. */
const listOf = (error: unknown) => failuresOf(error).map(({ task, during }) => [task.name, during]);

const errorsOf = (error: unknown) => failuresOf(error).map((failure) => failure.error);

test("scope rejects with the first failure itself, whatever fails later; failuresOf has all in order", async () => {
  const { runtime, unobserved } = watched();
  class Custom extends Error {}
  const a = Object.freeze(new Custom("A"));
  const [b, x, y] = ["B", "X", "Y"].map((m) => new Error(m));
  const error = await caught(scope(function* body(s) {
    s.spawn(failing(5, a), { name: "a" });
    s.spawn(dirty(100, b), { name: "b" });
    s.spawn(dirty(100, x), { name: "x" });
    yield* dirty(100, y)(s);
  }, { runtime }));
  assertStrictEquals(error, a);
  assertInstanceOf(error, Custom);
  for (const one of [a, b, x, y]) assert(errorsOf(error).includes(one), String(one));
  assertStrictEquals(errorsOf(error)[0], a);
  assertEquals(
    listOf(error).sort(),
    [["a", "body"], ["b", "cleanup"], ["body", "cleanup"], ["x", "cleanup"]],
  );
  await runtime.close();
  assertEquals(unobserved, []);
});

test("failuresOf has the same shape for 1 and for 100 failures, and each failure names its task", async () => {
  for (const count of [1, 100]) {
    const { runtime } = watched();
    const errors = Array.from({ length: count }, (_, i) => new Error(`${i}`));
    const error = await caught(scope((s) => {
      errors.forEach((e, i) => s.spawn(failing(0, e), { name: `${i}` }));
    }, { runtime, cancelOnError: false }));
    assertStrictEquals(error, errors[0]);
    assertEquals(listOf(error), errors.map((_, i) => [`${i}`, "body"]));
    assert(failuresOf(error).every(({ task }) => typeof task.id === "number"));
  }
});

test("failuresOf of values that no scope threw is empty", () => {
  for (const value of [undefined, null, 1, "x", {}, new Error("x"), Object.freeze({})]) {
    assertEquals(failuresOf(value), []);
  }
});

test("scope: thrown primitives keep their value; the other failures reach the observer", async () => {
  const { runtime, unobserved } = watched();
  const other = new Error("other");
  const error = await caught(scope((s) => {
    s.spawn(failing(5, "just a string"));
    s.spawn(dirty(100, other));
  }, { runtime }));
  assertEquals(error, "just a string");
  assertEquals(unobserved, [other]);
  const nothing = scope(() => Promise.reject(undefined), { runtime });
  assertEquals(await nothing.then(() => "value", (error) => [error]), [undefined]);
});

test("failuresOf: the same error thrown by two tasks is listed for both", async () => {
  const { runtime } = watched();
  const error = new Error("shared");
  await caught(scope((s) => {
    s.spawn(failing(0, error), { name: "a" });
    s.spawn(failing(0, error), { name: "b" });
  }, { runtime, cancelOnError: false }));
  assertEquals(listOf(error), [["a", "body"], ["b", "body"]]);
});

test("failuresOf: an error object thrown again in an unrelated scope tells of that scope only", async () => {
  const { runtime } = watched();
  const error = new Error("constant");
  await caught(scope((s) => {
    s.spawn(failing(0, error), { name: "old" });
    s.spawn(failing(0, new Error("old neighbour")));
  }, { runtime }));
  await caught(scope((s) => void s.spawn(failing(0, error), { name: "new" }), { runtime }));
  assertEquals(listOf(error), [["new", "body"]]);
});

test("failuresOf: nested scopes are flattened, the primary first, with what failed further out", async () => {
  const { runtime } = watched();
  const [a, b, c] = ["a", "b", "c"].map((m) => new Error(m));
  const error = await caught(scope(function* (outer) {
    outer.spawn(dirty(1_000, c), { name: "c" });
    yield* scope(function* (inner) {
      inner.spawn(dirty(1_000, b), { name: "b" });
      yield* inner.sleep(1);
      throw a;
    }, { name: "inner" });
  }, { runtime, name: "outer" }));
  assertStrictEquals(error, a);
  assertEquals(listOf(error), [["inner", "body"], ["b", "cleanup"], ["c", "cleanup"]]);
});

test("failures aggregate: always a TaskGroupError, also for one, and failuresOf lists them", async () => {
  for (const count of [1, 3]) {
    const { runtime } = watched();
    const errors = Array.from({ length: count }, (_, i) => new Error(`${i}`));
    const error = await caught(scope((s) => {
      for (const e of errors) s.spawn(failing(0, e));
    }, { runtime, failures: "aggregate", cancelOnError: false }));
    assertInstanceOf(error, TaskGroupError);
    assertInstanceOf(error, AggregateError);
    assertEquals([error.errors, error.code, error.cause], [errors, "ERR_TASK_GROUP", errors[0]]);
    assertEquals(errorsOf(error), errors);
  }
});

test("failures aggregate: a second run of a supervisor has the later failures too", async () => {
  const { runtime } = watched();
  const group = new TaskGroup({ runtime, failures: "aggregate", cancelOnError: false });
  group.spawn(failing(0, "a"));
  await caught(group.run());
  group.spawn(failing(0, "b"));
  assertEquals((await caught(group.run()) as TaskGroupError).errors, ["a", "b"]);
});

test("cancelOnError false isolates siblings, and reports all failures at the end", async () => {
  const { runtime } = watched();
  const group = new TaskGroup({ runtime, cancelOnError: false });
  const [a, b] = [new Error("a"), new Error("b")];
  group.spawn(failing(1, a));
  const good = group.spawn(after(10, "good"));
  group.spawn(failing(5, b));
  assertStrictEquals(await caught(group.run()), a);
  assertEquals([good.outcome()?.status, errorsOf(a)], ["ok", [a, b]]);
});

test("a failure in a group that nobody runs is told once the runtime closes, exactly once", async () => {
  const { runtime, unobserved } = watched();
  const error = new Error("lost?");
  const group = new TaskGroup({ runtime });
  group.spawn(failing(0, error));
  runtime.runUntilStalled();
  await runtime.close();
  assertEquals(unobserved, [error]);
  assert(group.isDone);
});

test("a scope that nobody awaits: its failure is told once; awaited late it is not told at all", async () => {
  for (const late of [false, true]) {
    const { runtime, unobserved } = watched();
    const error = new Error("lost?");
    const run = scope(failing(1, error), { runtime });
    runtime.blockOn(after(5, 0));
    if (late) assertStrictEquals(await caught(run), error);
    await runtime.close();
    assertEquals(unobserved, late ? [] : [error]);
  }
});

test("two joins that nobody awaits: both failures are told", async () => {
  const { runtime, unobserved } = watched();
  for (const name of ["a", "b"]) void any([failing(0, new Error(name))], { runtime });
  runtime.runUntilStalled();
  await runtime.close();
  assertEquals(
    unobserved.map((error) => (error as AggregateError).errors.map((e: Error) => e.message)),
    [["a"], ["b"]],
  );
});

/** Ways to lose sight of a failure; each must come out as thrown, listed, or told. */
const HIDDEN: Record<string, (lost: Error) => (w: ReturnType<typeof watched>) => unknown> = {
  "start that nobody awaits": (lost) => ({ runtime }) => {
    const group = new TaskGroup({ runtime });
    void group.start(failing(1, lost) as never);
    return group.run();
  },
  "start whose caller was cancelled": (lost) => ({ runtime }) => {
    const group = new TaskGroup({ runtime });
    const caller = runtime.spawn(function* () {
      yield* Future.from(group.start(dirty(100, lost) as never));
    });
    runtime.spawn(function* (task) {
      yield* task.sleep(1);
      caller.cancel();
    });
    return group.run();
  },
  "run() that nobody awaits": (lost) => ({ runtime }) => {
    const group = new TaskGroup({ runtime });
    group.spawn(failing(1, lost));
    void group.run();
    return runtime.run();
  },
  "second round of a group that ran": (lost) => async ({ runtime }) => {
    await using group = new TaskGroup({ runtime });
    group.spawn(() => 1);
    await group.run();
    group.spawn(failing(0, lost));
    runtime.runUntilStalled();
  },
  "cleanup of a scope left behind by timeout()": (lost) => ({ runtime }) =>
    runtime.spawn(function* () {
      yield* scope(dirty(100, lost)).timeout(5);
    }),
  "cleanup of a scope that lost a Future.race": (lost) => ({ runtime }) =>
    runtime.spawn(function* (task) {
      yield* Future.race([scope(dirty(100, lost)), task.sleep(5)]);
    }),
  "cleanup of a scope that its task does not await": (lost) => ({ runtime }) =>
    runtime.spawn(function* (task) {
      scope(dirty(100, lost));
      yield* task.sleep(5);
    }),
  "cleanup of a group that its task left open": (lost) => ({ runtime }) =>
    runtime.spawn(function* (task) {
      new TaskGroup().spawn(dirty(100, lost));
      yield* task.sleep(5);
    }),
  "cleanup of a loser when the joiner's onEnd throws": (lost) => ({ runtime }) =>
    joinWith(
      {
        onEnd() {
          throw new Error("onEnd");
        },
        result: () => 0,
      },
      [after(1, 0), dirty(100, lost) as never],
      { runtime },
    ),
  "cleanup of a loser when the joiner throws a primitive": (lost) => ({ runtime }) =>
    joinWith(
      {
        onEnd: () => "stop",
        result() {
          throw "primitive";
        },
      },
      [after(1, 0), dirty(100, lost) as never],
      { runtime },
    ),
  "cleanup of a loser of race": (lost) => ({ runtime }) =>
    race<unknown>([after(1, 0), dirty(100, lost)], { runtime }),
  "cleanup after a timeout": (lost) => ({ runtime }) =>
    withTimeout(5, dirty(100, lost), { runtime }),
  "producer of an iterator that was dropped after a value": (lost) => async ({ runtime }) => {
    const iterator = scopedIterable<number>(function* (emit) {
      yield* emit(1);
      throw lost;
    }, { runtime })[Symbol.asyncIterator]();
    await iterator.next();
  },
  "child of a scope awaited by a task that was cancelled": (lost) => ({ runtime }) => {
    const waiter = runtime.spawn(function* () {
      yield* scope(dirty(100, lost));
    });
    runtime.spawn(function* (task) {
      yield* task.sleep(5);
      waiter.cancel();
    });
    return waiter;
  },
};

for (const [name, make] of Object.entries(HIDDEN)) {
  test(`no failure vanishes: ${name}`, async () => {
    const seen = watched();
    const lost = new Error(`lost: ${name}`);
    let thrown: unknown;
    try {
      await make(lost)(seen);
    } catch (error) {
      thrown = error;
    }
    const told: unknown[] = [thrown, ...errorsOf(thrown)];
    try {
      await seen.runtime.run();
    } catch (error) {
      told.push(error, ...errorsOf(error));
    }
    await seen.runtime.close();
    told.push(...seen.unobserved, ...seen.unobserved.flatMap(errorsOf));
    assert(told.includes(lost), `the failure was neither thrown, listed nor told: ${told}`);
  });
}

test("late joins never cause an unhandledRejection event", async () => {
  const events: unknown[] = [];
  const listener = (reason: unknown) => void events.push(reason);
  process.on("unhandledRejection", listener);
  try {
    const { runtime, unobserved } = watched();
    const group = new TaskGroup({ runtime, cancelOnError: false });
    const handles: JoinHandle<unknown>[] = [
      group.spawn(failing(0, new Error("generator"))),
      group.spawn(() => Promise.reject(new Error("async"))),
      runtime.spawn(() => Promise.reject(new Error("root"))),
    ];
    const run = scope(failing(0, new Error("scope")), { runtime });
    const joined = race([failing(0, new Error("race"))], { runtime });
    const started = group.start(failing(0, new Error("start")) as never);
    runtime.runUntilStalled();
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve) => void setTimeout(resolve, 1));
      runtime.runUntilStalled();
    }
    for (const handle of handles) assertInstanceOf(await caught(handle), Error);
    for (const late of [run, joined, started]) assertInstanceOf(await caught(late), Error);
    await caught(group.run());
    await runtime.close();
    await new Promise<void>((resolve) => void setTimeout(resolve, 1));
    assertEquals([events, unobserved], [[], []]);
  } finally {
    process.off("unhandledRejection", listener);
  }
});

test("a scope whose cleanup fails when its waiter is cancelled: the waiter's own cleanup hides nothing", async () => {
  for (const kind of ["generator", "async"]) {
    await using runtime = new SimulatedRuntime();
    const failing = dirty(1_000, new RangeError("planned"));
    let cleaned = 0;
    const error = await runtime.spawn(() =>
      moveOnAfter(
        3,
        kind === "generator"
          ? function* () {
            try {
              yield* scope(failing);
            } finally {
              yield* sleep(1);
              cleaned++;
            }
          }
          : async () => {
            try {
              await scope(failing);
            } finally {
              await sleep(1);
              cleaned++;
            }
          },
      )
    ).catch((error) => error);
    const messages = failuresOf(error).map((failure) => (failure.error as Error).message);
    assertEquals([messages.slice(1), cleaned], [["planned"], 1], kind);
  }
});
