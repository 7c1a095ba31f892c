/**
 * Deadlocks are errors: nothing left that could wake, and cycles of joins.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  DeadlockError,
  Future,
  HostParker,
  type JoinHandle,
  type Parker,
  PENDING,
  Runtime,
  scope,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime, VirtualClock } from "@vais/runtime/testing";
import { hostDelay, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** Tasks that each join the tasks of their list, by index; names n0, n1, … */
function spawnGraph(runtime: Runtime, joins: readonly (readonly number[])[]) {
  const handles: JoinHandle<string>[] = [];
  joins.forEach((list, i) => {
    handles.push(runtime.spawn(function* () {
      yield* yieldNow();
      for (const j of list) yield* handles[j]!;
      return `n${i}`;
    }, { name: `n${i}` }));
  });
  return handles;
}

test("run rejects with DeadlockError when nothing is armed that could wake a task; the dump is in it", async () => {
  const runtime = new Runtime({ name: "stuck" });
  const worker = runtime.spawn(Future.never(), { name: "worker" });
  runtime.spawn(function* () {
    yield* worker;
  }, { name: "boss" });
  const error = await assertRejects(() => runtime.run(), DeadlockError, "nothing can wake them");
  assertEquals(error.code, "ERR_DEADLOCK");
  for (const part of ["stuck: 2 tasks", "worker #0 pending", "boss #1", "waits for join worker"]) {
    assertStringIncludes(error.message, part);
  }
});

test("after a DeadlockError the runtime can be used: the stuck task cancelled, run again", async () => {
  const runtime = new Runtime();
  const stuck = runtime.spawn(Future.never());
  await assertRejects(() => runtime.run(), DeadlockError);
  assertEquals(stuck.status, 0);
  stuck.cancel();
  const other = runtime.spawn(() => 1);
  await runtime.run();
  assertEquals([await other, runtime.taskCount], [1, 0]);
});

test("an awaited handle that can never end rejects with DeadlockError", async () => {
  const runtime = new Runtime();
  const handle = runtime.spawn(Future.never());
  await assertRejects(() => Promise.resolve(handle), DeadlockError);
  await assertRejects(() => Promise.resolve(handle.settled()), DeadlockError);
});

test("no deadlock is told while a timer, a promise or host code could still wake", async () => {
  const runtime = new Runtime();
  let wake = () => {};
  let woken = false;
  const handles = [
    runtime.spawn(function* (task) {
      yield* task.sleep(8);
    }),
    runtime.spawn(hostDelay(8)),
    runtime.spawn(async () => await hostDelay(8)),
    runtime.spawn(function* () {
      yield* Future.fromPoll(0, (_, waker) => {
        wake = () => waker.wake();
        return woken ? undefined : PENDING;
      });
    }),
  ];
  for (const handle of handles) {
    const joiner = runtime.spawn(function* () {
      yield* handle;
    });
    if (handle === handles[3]) {
      void hostDelay(8).then(() => (woken = true, wake()));
    }
    await joiner;
  }
  await runtime.run();
});

test("blockOn throws DeadlockError, with the dump, and cancels the body it spawned", () => {
  const runtime = new Runtime({ name: "blocked" });
  let cleaned = false;
  const error = assertThrows(() =>
    runtime.blockOn(function* waiter() {
      try {
        yield* Future.never();
      } finally {
        cleaned = true;
      }
    }), DeadlockError);
  assertStringIncludes(error.message, "blocked: 1 task");
  assertStringIncludes(error.message, "waiter #0 pending, waits for never");
  assertEquals([cleaned, runtime.taskCount], [true, 0]);
});

test("blockOn says that host promises cannot progress inside it", () => {
  for (const body of [() => hostDelay(1), async () => await hostDelay(1), hostDelay(1)]) {
    const runtime = new SimulatedRuntime({ observer: { onRefusal: () => {} } });
    assertThrows(() => runtime.blockOn(body), DeadlockError, "host promises");
  }
});

test("blockOn tells the deadlock also when a task cancelled before still refuses to end", () => {
  const clock = new VirtualClock();
  let parks = 0;
  const parker: Parker = Object.assign(new HostParker(), {
    parkSync(ms: number) {
      if (++parks > 100) throw new Error("parks for ever");
      clock.advance(ms);
    },
  });
  const runtime = new Runtime({ clock, parker, observer: { onRefusal: () => {} } });
  const deaf = runtime.spawn(async () => await hostDelay(1));
  runtime.runUntilStalled();
  deaf.cancel("x", { graceMs: 0 });
  assertThrows(() => runtime.blockOn(Future.never()), DeadlockError);
});

test("blockOn of a handle of its own leaves the task alone when it is stuck", async () => {
  const runtime = new Runtime();
  const handle = runtime.spawn(hostDelay(1).then(() => "later"));
  assertThrows(() => runtime.blockOn(handle), DeadlockError);
  assertEquals(handle.isFinished, false);
  assertEquals(await handle, "later");
});

test("a task that joins itself gets a DeadlockError there, with its name", async () => {
  const runtime = new Runtime();
  const handle: JoinHandle<unknown> = runtime.spawn(
    function* narcissus(): Generator<unknown, unknown> {
      return yield* handle;
    },
  );
  await assertRejects(() => runtime.run(), DeadlockError, "narcissus #0 -> narcissus #0");
  assertEquals(handle.status, 5);
});

for (const size of [2, 3, 10]) {
  test(`a cycle of ${size} joins: a DeadlockError with all names in the youngest, the others get it by joining`, async () => {
    const runtime = new Runtime();
    const handles = spawnGraph(
      runtime,
      Array.from({ length: size }, (_, i) => [(i + 1) % size]),
    );
    const outcomes = await Promise.all(handles.map((h) => h.settled()));
    for (const outcome of outcomes) {
      assert(outcome.status === "error");
      assertInstanceOf(outcome.error, DeadlockError);
      for (let i = 0; i < size; i++) assertStringIncludes(outcome.error.message, `n${i} #${i}`);
    }
    assertEquals(runtime.taskCount, 0);
  });
}

test("the youngest of a cycle may catch its DeadlockError and go on: the others end well", async () => {
  const runtime = new Runtime();
  const b: { handle?: JoinHandle<string> } = {};
  const a = runtime.spawn(function* (): Generator<unknown, string> {
    return `a after ${yield* b.handle!}`;
  });
  b.handle = runtime.spawn(function* () {
    try {
      yield* a;
    } catch (error) {
      assertInstanceOf(error, DeadlockError);
    }
    return "b recovered";
  });
  await runtime.run();
  assertEquals(await a, "a after b recovered");
});

test("a cycle is found although unrelated tasks run on", async () => {
  const runtime = new SimulatedRuntime();
  let stop = false;
  runtime.spawn(function* () {
    while (!stop) yield* yieldNow();
  });
  runtime.spawn(function* (task) {
    while (!stop) yield* task.sleep(1);
  });
  const [first] = spawnGraph(runtime, [[], [2], [1]]).slice(1);
  const outcome = await within(Promise.resolve(first!.settled()), "the cycle was not found");
  stop = true;
  assertEquals(outcome.status, "error");
  await runtime.run();
});

test("200 random acyclic join graphs are never flagged", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 12 }),
      fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { maxLength: 40 }),
      fc.boolean(),
      (n, edges, younger) => {
        const joins: number[][] = Array.from({ length: n }, () => []);
        for (const [a, b] of edges) {
          const [low, high] = [Math.min(a % n, b % n), Math.max(a % n, b % n)];
          if (low !== high) younger ? joins[low]!.push(high) : joins[high]!.push(low);
        }
        const runtime = new Runtime();
        const handles = spawnGraph(runtime, joins);
        assertEquals(runtime.runUntilStalled(), 0);
        assertEquals(handles.map((h) => h.outcome()?.status), handles.map(() => "ok" as const));
      },
    ),
    { numRuns: 200 },
  );
});

test("200 random graphs with a cycle: it is found, and every task ends", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 10 }),
      fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 12 }),
      fc.nat(9),
      (n, edges, cycleSize) => {
        const size = 1 + cycleSize % n;
        const joins = Array.from({ length: n }, (_, i) => i < size ? [(i + 1) % size] : []);
        for (const [from, to] of edges) {
          if (from % n !== to % n) joins[from % n]!.push(to % n);
        }
        const runtime = new Runtime();
        const handles = spawnGraph(runtime, joins);
        assertEquals(runtime.runUntilStalled(), 0, runtime.dump().toString());
        const ends = handles.slice(0, size).map((h) => h.outcome());
        assert(ends.some((o) => o?.status === "error" && o.error instanceof DeadlockError));
        for (const handle of handles) void handle.settled().then();
      },
    ),
    { numRuns: 200 },
  );
});

test("joins of async bodies that wait for each other are a deadlock of run() in virtual time", async () => {
  const runtime = new SimulatedRuntime();
  const b: { handle?: JoinHandle<void> } = {};
  const a = runtime.spawn(async () => await b.handle!, { name: "async a" });
  b.handle = runtime.spawn(async () => await a, { name: "async b" });
  const error = await assertRejects(() => within(runtime.run(), "run"), DeadlockError);
  assertStringIncludes(error.message, "async a #0 pending, waits for join async b");
});

test("an async body that waits for a task and for something foreign at once is no deadlock", async () => {
  const runtime = new Runtime();
  const service = runtime.spawn(async () => await Future.never());
  const ended = await runtime.spawn(async () => {
    await Promise.race([service, hostDelay(10)]);
    return service.cancelAndJoin();
  });
  assertEquals(ended.status, "cancelled");
  await runtime.run();
});

test("a deadlock is told when the last wait for something outside is over", async () => {
  const stuck = scope(async (s) => {
    s.spawn(function* () {
      yield* Future.never();
    });
    await hostDelay(5);
  }, { runtime: new Runtime() });
  await assertRejects(() => within(Promise.resolve(stuck), "the end"), DeadlockError);
});

test("joining a task that joined the joiner's own child is no deadlock", async () => {
  const runtime = new Runtime();
  const child = runtime.spawn(function* (task) {
    yield* task.sleep(1);
    return "child";
  });
  const other = runtime.spawn(function* () {
    return yield* child;
  });
  assertEquals(
    await runtime.spawn(function* () {
      return [yield* other, yield* child];
    }),
    ["child", "child"],
  );
});

for (const [direction, step] of [["older", -1], ["younger", 1]] as const) {
  test(`a chain of 10 000 tasks that each join the next ${direction} one costs linear time`, () => {
    const runtime = new Runtime();
    const handles: JoinHandle<unknown>[] = [];
    for (let i = 0; i < 10_000; i++) {
      handles.push(runtime.spawn(function* () {
        const next = handles[i + step];
        yield* next ?? Future.never();
      }));
    }
    const begun = performance.now();
    assertEquals(runtime.runUntilStalled(), 10_000);
    // 20 ms when linear; 5 s and more when each park walks the whole chain.
    assert(performance.now() - begun < 2_000, `took ${performance.now() - begun} ms`);
  });
}
