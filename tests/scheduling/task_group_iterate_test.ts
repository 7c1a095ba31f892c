/**
 * TaskGroup: completions, map, forEach, and the end of an `await using` block.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  Cancelled,
  effectiveDeadline,
  GroupClosedError,
  TaskGroup,
  type TaskScope,
  withTimeout,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, dirty, failing, logged, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

test("TaskGroup async iterator: completions come as they end, those that ended before first, each once", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, cancelOnError: false });
  group.spawn(() => "early", { name: "early" });
  runtime.runUntilStalled();
  group.spawn(after(20, "slow"), { name: "slow" });
  group.spawn(failing(10, "bad"), { name: "bad" });
  const gone = group.spawn(after(30, ""), { name: "gone" });
  runtime.spawn(function* (task) {
    yield* task.sleep(25);
    gone.cancel();
  });
  const seen: unknown[] = [];
  for await (const { handle, outcome } of group) seen.push([handle.name, outcome.status]);
  assertEquals(seen, [["early", "ok"], ["bad", "error"], ["slow", "ok"], ["gone", "cancelled"]]);
  await caught(group.run());
});

test("TaskGroup async iterator: next() is a future that a generator task may yield*", () => {
  const runtime = new SimulatedRuntime();
  const seen = runtime.blockOn(function* () {
    const group = new TaskGroup();
    for (const ms of [3, 1, 2]) group.spawn(after(ms, ms));
    const iterator = group[Symbol.asyncIterator]();
    const seen: unknown[] = [];
    for (;;) {
      const step = yield* (iterator.next() as unknown as Generator<
        unknown,
        IteratorResult<{ outcome: { value?: unknown } }>
      >);
      if (step.done) return seen;
      seen.push(step.value.outcome.value);
    }
  });
  assertEquals(seen, [1, 2, 3]);
});

test("TaskGroup async iterator of an empty group ends at once; background children do not keep it", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  for await (const _ of group) throw new Error("there is none");
  group.spawn(after(1_000, 0), { background: true });
  group.spawn(after(1, 1), { name: "child" });
  const seen: string[] = [];
  for await (const { handle } of group) seen.push(handle.name);
  assertEquals(seen, ["child"]);
  await group.run();
});

test("TaskGroup.waitAny answers each child once, in the order of ending, then undefined", async () => {
  const runtime = new SimulatedRuntime();
  const seen = await runtime.spawn(async () => {
    const group = new TaskGroup({ runtime });
    for (const ms of [0, 0]) group.spawn(() => ms);
    return [
      (await group.waitAny())?.outcome.status,
      (await group.waitAny())?.outcome.status,
      await group.waitAny(),
    ];
  });
  assertEquals(seen, ["ok", "ok", undefined]);
});

test("TaskGroup.waitAny awaited by host code drives the group's own runtime", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.spawn(after(5, "x"));
  assertEquals((await group.waitAny())?.outcome, { status: "ok", value: "x" });
  await group.run();
});

test("TaskGroup.waitAny after undefined sees the children spawned later", async () => {
  const runtime = new SimulatedRuntime();
  const seen = await runtime.spawn(async () => {
    const group = new TaskGroup({ runtime });
    group.spawn(() => 1);
    await group.waitAny();
    const none = await group.waitAny();
    group.spawn(() => 2);
    return [none, (await group.waitAny())?.outcome];
  });
  assertEquals(seen, [undefined, { status: "ok", value: 2 }]);
});

test("TaskGroup.map runs in parallel and answers the results in the order of the items", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const results = await group.map([30, 10, 20], function* (ms, index, task) {
    yield* task.sleep(ms);
    return `${index}:${ms}`;
  });
  assertEquals(results, ["0:30", "1:10", "2:20"]);
  assertEquals(runtime.clock.now(), 30);
});

test("TaskGroup.map takes an item only when there is room for its child", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, maxConcurrency: 2 });
  let pulled = 0;
  let ended = 0;
  let ahead = 0;
  function* items() {
    for (let i = 0; i < 10; i++) {
      ahead = Math.max(ahead, ++pulled - ended);
      yield i;
    }
  }
  const results = await group.map(items(), function* (item, _index, task) {
    yield* task.sleep(10 - item);
    ended++;
    return item;
  });
  assertEquals(results, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(ahead, 2);
});

test("TaskGroup.map goes on at once when setMaxConcurrency makes room", async () => {
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, maxConcurrency: 1 });
  const all = group.map([1, 2, 3], (_item, _index, task) => after(10, 0)(task));
  runtime.runUntilStalled();
  group.setMaxConcurrency(3);
  runtime.runUntilStalled();
  assertEquals(group.stats().running, 3);
  await all;
});

test("TaskGroup.map and forEach: a failure stops the pulling, calls return() once, and is thrown after the cleanup", async () => {
  for (const method of ["map", "forEach"] as const) {
    const runtime = new SimulatedRuntime();
    const log: string[] = [];
    const error = new Error("item 1");
    const group = new TaskGroup({ runtime, maxConcurrency: 2 });
    let pulled = 0;
    let returned = 0;
    const items: Iterable<number> = {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: pulled++ }),
        return: () => (returned++, { done: true, value: undefined }),
      }),
    };
    const fn = (item: number, _index: number, task: TaskScope) =>
      (item === 1 ? failing(5, error) : logged(log, `${item}`, 100, 10))(task);
    const run = method === "map" ? group.map(items, fn) : group.forEach(items, fn);
    assertStrictEquals(await caught(run), error);
    assertEquals([log, pulled, returned, runtime.clock.now()], [["0 cancelled"], 2, 1, 15]);
    assertStrictEquals(await caught(group.run()), error);
  }
});

test("TaskGroup.map: an error of the items cancels the living children, and is thrown when they have ended", async () => {
  const runtime = new SimulatedRuntime();
  const error = new Error("source");
  const group = new TaskGroup({ runtime });
  let ended = 0;
  const run = group.map(
    (function* () {
      yield 1;
      throw error;
    })(),
    function* (_item, _index, task) {
      try {
        yield* task.sleep(1_000);
      } finally {
        yield* runtime.sleep(5);
        ended++;
      }
    },
  );
  runtime.runUntilStalled();
  assertStrictEquals(await caught(run), error);
  assertEquals([ended, group.completed], [0, 1]); // cancelled before it was started
});

test("TaskGroup.map that nobody awaits: an error of the items still reaches run() or the observer", async () => {
  const { runtime, unobserved } = watched();
  const error = new Error("source");
  const group = new TaskGroup({ runtime });
  void group.map(
    // deno-lint-ignore require-yield -- the items fail at once
    (function* (): Generator<number> {
      throw error;
    })(),
    (item) => item,
  );
  const thrown = await group.run().then(() => undefined, (error) => error);
  await runtime.close();
  assertEquals([thrown, ...unobserved].filter((e) => e === error).length, 1);
});

test("TaskGroup.map on a closed group rejects with GroupClosedError and takes no item", async () => {
  const group = new TaskGroup({ runtime: new SimulatedRuntime() });
  group.close();
  let pulled = 0;
  const items = (function* () {
    pulled++;
    yield 1;
  })();
  assertInstanceOf(await caught(() => group.map(items, (item) => item)), GroupClosedError);
  assertEquals(pulled, 0);
});

test("TaskGroup.forEach in an async body: after it the body's task is still known", async () => {
  const runtime = new SimulatedRuntime();
  const deadline = await withTimeout(100, async () => {
    const group = new TaskGroup();
    await group.forEach([1, 2], (item) => item);
    return effectiveDeadline();
  }, { runtime });
  assertEquals(deadline, 100);
});

test("TaskGroup await using: a block left without run() cancels the children and waits for them", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  {
    await using group = new TaskGroup({ runtime });
    group.spawn(logged(log, "a", 1_000, 10));
    runtime.runUntilStalled();
  }
  assertEquals([log, runtime.clock.now()], [["a cancelled"], 10]);
});

test("TaskGroup await using: after run() it changes nothing, and the group is closed", async () => {
  const runtime = new SimulatedRuntime();
  let kept: TaskGroup;
  {
    await using group = kept = new TaskGroup({ runtime });
    group.spawn(after(5, "value"));
    await group.run();
  }
  assertEquals([kept.result(0), kept.isCancelled], ["value", false]);
  assert(kept.stats().isClosed);
});

test("TaskGroup await using: the error that leaves the block is thrown, after the children's cleanup", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const error = new Error("block");
  const leave = async () => {
    await using group = new TaskGroup({ runtime });
    group.spawn(logged(log, "a", 1_000, 10));
    runtime.runUntilStalled();
    await Promise.resolve();
    throw error;
  };
  assertStrictEquals(await caught(leave()), error);
  assertEquals(log, ["a cancelled"]);
});

test("TaskGroup await using: a child's failure that run() did not see is thrown at the end of the block", async () => {
  const runtime = new SimulatedRuntime();
  const leave = async () => {
    await using group = new TaskGroup({ runtime });
    group.spawn(dirty(1_000, new Error("cleanup")));
    runtime.runUntilStalled();
  };
  await assertRejects(leave, Error, "cleanup");
});

test("TaskGroup await using: children spawned after a run() that ended well are cancelled, not waited out", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  {
    await using group = new TaskGroup({ runtime });
    group.spawn(() => 1);
    await group.run();
    group.spawn(logged(log, "second round", 1_000));
    runtime.runUntilStalled();
  }
  assertEquals([log, runtime.clock.now()], [["second round cancelled"], 0]);
});

test("TaskGroup await using in an async body: after the block the body's task is still known", async () => {
  const runtime = new SimulatedRuntime();
  const deadline = await withTimeout(100, async () => {
    {
      await using group = new TaskGroup();
      group.spawn(() => 1);
    }
    return effectiveDeadline();
  }, { runtime });
  assertEquals(deadline, 100);
});

test("TaskGroup.map whose caller is cancelled cancels its children and takes no more items", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const group = new TaskGroup({ runtime, maxConcurrency: 1 });
  const caller = runtime.spawn(async (task) => {
    await task.wait(group.map(["a", "b"], (name, _index, task) => logged(log, name, 100, 5)(task)));
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(10);
    caller.cancel();
  });
  assertInstanceOf(await caught(caller), Cancelled);
  await group.run();
  assertEquals(log, ["a cancelled"]);
});
