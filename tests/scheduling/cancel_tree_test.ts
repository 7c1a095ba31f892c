/**
 * Large trees: depth, breadth, and linear work.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Cancelled, describeReason, Future, rootReason, scope, TaskGroup } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** `depth` scopes in each other, the lowest waits or fails. */
function nest(depth: number, bottom: () => Generator<unknown, void>) {
  return function* level(): Generator<unknown, void> {
    if (depth-- > 0) yield* scope(level);
    else yield* bottom();
  };
}

test("100 000 scopes in each other are built and cancelled without RangeError, in linearly many polls", async () => {
  const polls: number[] = [];
  for (const depth of [50_000, 100_000]) {
    const runtime = new SimulatedRuntime();
    let unwound = 0;
    const task = runtime.spawn(nest(depth, function* () {
      try {
        yield* Future.never();
      } finally {
        unwound++;
      }
    }));
    runtime.runUntilStalled();
    assertEquals(runtime.taskCount, depth + 1);
    const outcome = await task.cancelAndJoin("root");
    assert(outcome.status === "cancelled");
    assertEquals(rootReason(outcome.reason), { kind: "requested", note: "root" });
    assert(describeReason(outcome.reason).length < 2_000);
    assertEquals([unwound, runtime.taskCount], [1, 0]);
    polls.push(runtime.metrics().polls);
  }
  assert(polls[1]! / polls[0]! < 2.2, `polls ${polls}`);
});

test("a failure below 100 000 scopes reaches the root with its identity", async () => {
  const runtime = new SimulatedRuntime();
  const error = new Error("bottom");
  const task = runtime.spawn(nest(100_000, function* () {
    yield* Future.ready(0);
    throw error;
  }));
  assertEquals(await task.settled(), { status: "error", error });
});

test("100 000 nested scopes can be dumped", () => {
  const runtime = new SimulatedRuntime();
  runtime.spawn(nest(100_000, () => Future.never()[Symbol.iterator]() as never));
  runtime.runUntilStalled();
  assert(runtime.dump().toString().length > 0);
});

test("1 000 000 children on Deno, 100 000 on Node, are spawned and cancelled without RangeError", async () => {
  const count = "Deno" in globalThis ? 1_000_000 : 100_000;
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const never = () => Future.never();
  for (let i = 0; i < count; i++) group.spawn(never);
  runtime.runUntilStalled();
  assertEquals(group.stats().running, count);
  group.cancel();
  assertInstanceOf(await caught(group.run()), Cancelled);
  assertEquals([group.stats().cancelled, runtime.taskCount], [count, 0]);
});

/** Calls of a method while `run` runs, wherever it is called. */
async function calls(
  owner: object,
  method: string,
  run: () => PromiseLike<unknown> | unknown,
): Promise<number> {
  const table = owner as Record<string, (...args: unknown[]) => unknown>;
  const real = table[method]!;
  let count = 0;
  table[method] = function (...args) {
    count++;
    return real.apply(this, args);
  };
  try {
    await run();
  } finally {
    table[method] = real;
  }
  return count;
}

test("many background children end in linear work: each is cancelled once", async () => {
  const work: number[] = [];
  for (const count of [500, 1_000]) {
    const runtime = new SimulatedRuntime();
    const group = new TaskGroup({ runtime });
    for (let i = 0; i < count; i++) {
      group.spawn(function* (task) {
        yield* task.sleep(1_000);
      }, { background: true });
    }
    group.spawn(after(1, 0));
    // Each look at the clock is a cancel request (and a few others).
    work.push(await calls(runtime.clock, "now", () => group.run()));
  }
  assert(work[1]! / work[0]! < 2.5, `looks at the clock: ${work}`);
});

test("many waiters of one handle, group or scope are added and dropped in linear work", async () => {
  for (const target of ["handle", "scope"] as const) {
    const work: number[] = [];
    for (const count of [500, 1_000]) {
      const runtime = new SimulatedRuntime();
      const awaited = target === "handle"
        ? runtime.spawn(after(10, 0))
        : scope(after(10, 0), { runtime });
      const group = new TaskGroup({ runtime });
      for (let i = 0; i < count; i++) {
        group.spawn(function* () {
          yield* awaited;
        });
      }
      const includes = countingArrays(["includes", "indexOf"], () => {
        runtime.runUntilStalled();
      });
      await group.run();
      work.push(includes);
    }
    assert(work[1]! / Math.max(1, work[0]!) < 2.5, `${target}: elements searched ${work}`);
  }
});

/** Elements that `includes` and `indexOf` may have to look at while `run` runs. */
function countingArrays(methods: ("includes" | "indexOf")[], run: () => void): number {
  let looked = 0;
  const real = methods.map((method) => Array.prototype[method]);
  methods.forEach((method, i) => {
    Array.prototype[method] = function (this: unknown[], ...args: unknown[]) {
      looked += this.length;
      return (real[i] as (...args: unknown[]) => unknown).apply(this, args);
    } as never;
  });
  try {
    run();
  } finally {
    methods.forEach((method, i) => Array.prototype[method] = real[i] as never);
  }
  return looked;
}
