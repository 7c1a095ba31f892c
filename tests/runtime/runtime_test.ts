/**
 * Runtime: order, batches, and what drives it.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  ClosedError,
  Future,
  type JoinHandle,
  PENDING,
  Runtime,
  TooManyTasksError,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("tasks run in the order they were spawned, and again in the order they were woken", () => {
  const runtime = new Runtime();
  const log: string[] = [];
  const probes = [0, 1, 2, 3].map((i) => {
    const probe = new Probe<void>();
    runtime.spawn(function* () {
      log.push(`start ${i}`);
      yield* probe;
      log.push(`end ${i}`);
    });
    return probe;
  });
  runtime.runUntilStalled();
  for (const i of [2, 0, 3, 1]) probes[i]!.resolve();
  runtime.runUntilStalled();
  assertEquals(log, [
    ...[0, 1, 2, 3].map((i) => `start ${i}`),
    ...[2, 0, 3, 1].map((i) => `end ${i}`),
  ]);
});

test("tasks that yield take turns round robin, whatever their number and lengths", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6), { minLength: 1, maxLength: 8 }), (lengths) => {
      const runtime = new Runtime();
      const log: [round: number, task: number][] = [];
      lengths.forEach((length, task) => {
        runtime.spawn(function* () {
          for (let round = 0; round <= length; round++) {
            log.push([round, task]);
            yield* yieldNow();
          }
        });
      });
      runtime.runUntilStalled();
      const sorted = [...log].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      assertEquals(log, sorted);
      assertEquals(log.length, lengths.reduce((a, b) => a + b + 1, 0));
    }),
    { numRuns: 100 },
  );
});

test("a batch polls what was runnable at its start: what wakes or spawns meanwhile waits for the next", () => {
  const runtime = new Runtime();
  const log: string[] = [];
  const probe = new Probe<void>();
  runtime.spawn(function* () {
    yield* probe;
    log.push("woken");
  });
  runtime.turn();
  runtime.spawn(() => {
    probe.resolve();
    runtime.spawn(() => void log.push("spawned"));
    log.push("actor");
  });
  runtime.spawn(() => void log.push("beside"));
  runtime.turn();
  assertEquals(log, ["actor", "beside"]);
  runtime.turn();
  assertEquals(log, ["actor", "beside", "woken", "spawned"]);
});

test("a task that yields for ever starves nobody", async () => {
  const runtime = new Runtime();
  let stop = false;
  let steps = 0;
  runtime.spawn(function* () {
    while (!stop) yield* yieldNow();
  });
  runtime.spawn(function* () {
    for (; steps < 100; steps++) yield* yieldNow();
  });
  const asleep = runtime.spawn(function* (task) {
    yield* task.sleep(3);
  });
  const inAsync = runtime.spawn(async (task) => {
    for (let i = 0; i < 5; i++) await task.sleep(1);
    for (let i = 0; i < 5; i++) await yieldNow();
    await hostDelay(1);
  });
  await asleep;
  await inAsync;
  stop = true;
  await runtime.run();
  assertEquals(steps, 100);
});

test("spawn never polls, and nothing is polled until somebody drives the runtime", async () => {
  const runtime = new Runtime();
  let polled = 0;
  const handle = runtime.spawn(() => void polled++);
  await hostDelay(2);
  assertEquals([polled, runtime.metrics().polls, runtime.metrics().turns], [0, 0, 0]);
  handle.outcome();
  void handle.status;
  handle.map(() => 0); // describing what to do drives nothing
  await hostDelay(2);
  assertEquals(polled, 0);
  await handle;
  assertEquals(polled, 1);
});

test("an awaited handle drives the whole runtime, and only while it is awaited", async () => {
  const runtime = new Runtime();
  const log: string[] = [];
  const other = runtime.spawn(function* () {
    log.push("other");
    yield* Future.fromPoll(0, () => PENDING as typeof PENDING | void);
  });
  await runtime.spawn(function* (task) {
    yield* task.sleep(1);
  });
  assertEquals(log, ["other"]);
  const late = runtime.spawn(() => void log.push("late"));
  await hostDelay(2);
  assertEquals(log, ["other"]);
  other.cancel();
  await runtime.run();
  assertEquals([log, late.status], [["other", "late"], 3]);
});

test("run drives until no task is left, also tasks spawned meanwhile, and can be used again (V15)", async () => {
  const runtime = new Runtime();
  const log: number[] = [];
  const spawn = (depth: number) => {
    runtime.spawn(function* (task) {
      yield* task.sleep(1);
      log.push(depth);
      if (depth > 0) spawn(depth - 1);
    });
  };
  for (let round = 0; round < 3; round++) {
    log.length = 0;
    spawn(3);
    await runtime.run();
    assertEquals([log, runtime.taskCount], [[3, 2, 1, 0], 0]);
  }
  await assertNothingLeft(runtime);
});

test("run with nothing to do resolves; two runs at once both resolve", async () => {
  const runtime = new Runtime();
  await runtime.run();
  runtime.spawn(function* (task) {
    yield* task.sleep(2);
  });
  await Promise.all([runtime.run(), runtime.run(), runtime.run()]);
  assertEquals(runtime.taskCount, 0);
});

test("runUntilStalled answers the tasks still alive, and waits neither for time nor for the host", () => {
  const runtime = new SimulatedRuntime();
  runtime.spawn(() => 1);
  runtime.spawn(function* (task) {
    yield* task.sleep(10);
  });
  runtime.spawn(new Promise(() => {}));
  assertEquals([runtime.runUntilStalled(), runtime.clock.now()], [2, 0]);
  runtime.clock.advance(10);
  assertEquals(runtime.runUntilStalled(), 1);
});

test("turn answers how long the runtime may wait", () => {
  const runtime = new SimulatedRuntime();
  runtime.spawn(function* (task) {
    yield* yieldNow();
    yield* task.sleep(70);
    yield* new Probe();
  });
  assertEquals(runtime.turn(), 0);
  assertEquals(runtime.turn(), 70);
  runtime.clock.advance(30);
  assertEquals(runtime.turn(), 40);
  runtime.clock.advance(40);
  assertEquals([runtime.turn(), runtime.turn()], [Infinity, Infinity]);
});

test("blockOn drives everything until its body is done, and no further", () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const worker = runtime.spawn(function* (task) {
    for (let i = 1;; i++) {
      yield* task.sleep(10);
      log.push(`tick ${i}`);
    }
  });
  const value = runtime.blockOn(function* (task) {
    yield* task.sleep(35);
    return "done";
  });
  assertEquals([value, log], ["done", ["tick 1", "tick 2", "tick 3"]]);
  assertEquals([worker.status, runtime.taskCount], [0, 1]);
});

test("blockOn throws the very error, takes any body, and joins a handle of its own", () => {
  const runtime = new Runtime();
  const boom = new Error("boom");
  assertStrictEquals(
    assertThrows(() =>
      runtime.blockOn(() => {
        throw boom;
      })
    ),
    boom,
  );
  assertEquals(runtime.blockOn({ poll: () => 1 }), 1);
  assertEquals(runtime.blockOn(() => Future.ready(5)), 5);
  const handle = runtime.spawn(() => 7);
  assertEquals([runtime.blockOn(handle), runtime.blockOn(handle)], [7, 7]);
  assertEquals(runtime.metrics().spawned, 4);
});

test("maxTasks limits live tasks: one more is a TooManyTasksError, an ended one makes room", () => {
  const runtime = new Runtime({ maxTasks: 2 });
  const first = runtime.spawn(() => 1);
  runtime.spawn(Future.never());
  const error = assertThrows(() => runtime.spawn(() => 3), TooManyTasksError, "maxTasks is 2");
  assertEquals([error.maxTasks, error.code, runtime.taskCount], [2, "ERR_TOO_MANY_TASKS", 2]);
  runtime.blockOn(first);
  runtime.spawn(() => 4);
  assertThrows(() => runtime.spawn(() => 5), TooManyTasksError);
});

test("close cancels every task, waits for their cleanup, and frees; spawn afterwards is a ClosedError", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const make = (name: string, ms: number) =>
    runtime.spawn(function* (task) {
      try {
        yield* Future.never();
      } finally {
        yield* task.sleep(ms);
        log.push(name);
        assertThrows(() => runtime.spawn(() => 1), ClosedError);
      }
    });
  const handles = [make("slow", 200), make("quick", 100)];
  const unborn = runtime.spawn(() => 1);
  runtime.runUntilStalled();
  const late = runtime.spawn(() => void log.push("NEVER"));
  const closing = runtime.close();
  assertStrictEquals(runtime.close(), closing);
  await closing;
  assertEquals(log, ["quick", "slow"]);
  assertEquals(handles.map((h) => h.outcome()), [
    { status: "cancelled", reason: { kind: "shutdown" } },
    { status: "cancelled", reason: { kind: "shutdown" } },
  ]);
  assertEquals([unborn.status, late.status, runtime.taskCount, runtime.metrics().timers], [
    3,
    4,
    0,
    0,
  ]);
  const error = assertThrows(() => runtime.spawn(() => 1), ClosedError);
  assertEquals(error.code, "ERR_CLOSED");
  await runtime.close();
});

test("asyncDispose closes", async () => {
  let handle: JoinHandle<never>;
  {
    await using runtime = new Runtime();
    handle = runtime.spawn(Future.never());
  }
  assertEquals(handle.status, 4);
});

test("close inside a task of the runtime is a TypeError there", async () => {
  const runtime = new Runtime();
  await assertRejects(
    () => Promise.resolve(runtime.spawn(() => runtime.close())),
    TypeError,
    "inside its task",
  );
  assert(runtime.spawn(() => 1));
});

test("a burst of 200 000 tasks ends, in order", () => {
  const runtime = new Runtime();
  let last = -1;
  let inOrder = true;
  for (let i = 0; i < 200_000; i++) {
    runtime.spawn(() => {
      inOrder &&= last === i - 1;
      last = i;
    });
  }
  assertEquals([runtime.runUntilStalled(), last, inOrder], [0, 199_999, true]);
  assertEquals(runtime.metrics().runnable, 0);
});
