/**
 * Looking at a runtime: hooks, counters, dumps.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Future, type Observer, Runtime, TASK_PENDING, TaskDump, yieldNow } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** Runs `body` with console.error collected. */
async function consoleErrors(body: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (...args: unknown[]) => void lines.push(args.map(String).join(" "));
  try {
    await body();
  } finally {
    console.error = error;
  }
  return lines;
}

test("observer hooks tell spawn, poll and exit of each task, and parks of the runtime, in order", async () => {
  const log: string[] = [];
  const runtime = new SimulatedRuntime({
    observer: {
      onSpawn: (task) => log.push(`spawn ${task.name} #${task.id}`),
      onPoll: (task) => log.push(`poll ${task.name}`),
      onExit: (task, status) => log.push(`exit ${task.name} ${status}`),
      onPark: (ms) => log.push(`park ${ms}`),
      onUnpark: () => log.push("unpark"),
    },
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(10);
  }, { name: "a" });
  runtime.spawn(() => {
    throw new Error("x");
  }, { name: "b" });
  const c = runtime.spawn(Future.never(), { name: "c" });
  c.cancel();
  await runtime.run().catch(() => {});
  assertEquals(log, [
    "spawn a #0",
    "spawn b #1",
    "spawn c #2",
    "exit c cancelled",
    "poll a",
    "poll b",
    "exit b error",
    "park 10",
    "unpark",
    "poll a",
    "exit a ok",
  ]);
});

test("a hook is called as a method of its observer", async () => {
  class Counter implements Observer {
    spawned = 0;
    onSpawn() {
      this.spawned++;
    }
  }
  const observer = new Counter();
  const runtime = new Runtime({ observer });
  runtime.spawn(() => 1);
  await runtime.run();
  assertEquals(observer.spawned, 1);
});

test("a hook that throws is removed and told on the console; the others go on, and so do the tasks", async () => {
  let polls = 0;
  let throws = 0;
  const lines = await consoleErrors(async () => {
    const runtime = new Runtime({
      observer: {
        onPoll: () => void polls++,
        onSpawn() {
          throws++;
          throw new Error("broken hook");
        },
      },
    });
    const handles = [runtime.spawn(() => 1), runtime.spawn(() => 2)];
    await runtime.run();
    assertEquals(handles.map((h) => h.status), [3, 3]);
  });
  assertEquals([throws, polls, lines.length], [1, 2, 1]);
  assertStringIncludes(lines[0]!, "onSpawn");
  assertStringIncludes(lines[0]!, "broken hook");
});

test("an onUnobserved hook that throws does not swallow the failure it was told", async () => {
  const lines = await consoleErrors(async () => {
    const runtime = new Runtime({
      observer: {
        onUnobserved() {
          throw new Error("broken hook");
        },
      },
    });
    runtime.spawn(() => {
      throw new Error("the failure itself");
    });
    runtime.runUntilStalled();
    await runtime.close();
  });
  assertStringIncludes(lines.join("\n"), "the failure itself");
});

test("without an observer a failure that nobody joined is printed when the runtime closes", async () => {
  const lines = await consoleErrors(async () => {
    const runtime = new Runtime();
    runtime.spawn(() => {
      throw new Error("printed");
    }, { name: "lonely" });
    runtime.runUntilStalled();
    await runtime.close();
  });
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, "lonely failed, and nobody joined it");
});

test("metrics count exactly", async () => {
  const runtime = new SimulatedRuntime();
  const zero = {
    spawned: 0,
    alive: 0,
    polls: 0,
    turns: 0,
    parks: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    runnable: 0,
    timers: 0,
  };
  assertEquals(runtime.metrics(), zero);
  const ok = runtime.spawn(function* () {
    yield* yieldNow();
    yield* yieldNow();
  });
  const bad = runtime.spawn(() => {
    throw new Error("x");
  });
  const parked = runtime.spawn(new Probe());
  const asleep = runtime.spawn(runtime.sleep(50));
  assertEquals(runtime.metrics(), { ...zero, spawned: 4, alive: 4, runnable: 4 });
  runtime.turn();
  assertEquals(runtime.metrics(), {
    ...zero,
    spawned: 4,
    alive: 3,
    polls: 4,
    turns: 1,
    failed: 1,
    runnable: 1,
    timers: 1,
  });
  runtime.turn();
  runtime.turn();
  parked.cancel();
  await bad.settled();
  const { polls, turns, parks, ...rest } = runtime.metrics();
  assertEquals(rest, {
    spawned: 4,
    alive: 1,
    completed: 1,
    failed: 1,
    cancelled: 1,
    runnable: 0,
    timers: 1,
  });
  assertEquals([polls, parks], [6, 0]);
  assert(turns >= 3);
  await asleep;
  assertEquals([runtime.metrics().completed, runtime.metrics().timers], [2, 0]);
  assertEquals([runtime.metrics().parks, ok.status], [1, 3]);
});

test("dump tells each live task: name, id, status, what it waits for, why it is being cancelled", () => {
  const runtime = new SimulatedRuntime({ name: "demo" });
  const sleeper = runtime.spawn(function* (task) {
    yield* task.sleep(1_500);
  }, { name: "sleeper" });
  runtime.spawn(function* () {
    yield* sleeper;
  }, { name: "joiner" });
  const cleaning = runtime.spawn(function* (task) {
    try {
      yield* Future.never();
    } finally {
      yield* task.sleep(5);
    }
  }, { name: "cleaning" });
  runtime.spawn(Future.race([sleeper, Future.never()]), { name: "racer" });
  runtime.spawn(new Promise(() => {}), { name: "promise" });
  runtime.runUntilStalled();
  cleaning.cancel("over");
  runtime.runUntilStalled();
  runtime.spawn(() => 1, { name: "fresh" });
  const dump = runtime.dump();
  assert(dump instanceof TaskDump);
  assertEquals(dump.runtime, "demo");
  assertEquals(dump.entries[0], {
    depth: 0,
    id: 0,
    name: "sleeper",
    status: TASK_PENDING,
    waitsFor: "sleep 1500 ms",
  });
  const text = dump.toString();
  for (
    const line of [
      "demo: 6 tasks",
      "sleeper #0 pending, waits for sleep 1500 ms",
      "joiner #1 pending, waits for join sleeper",
      'cleaning #2 pending, waits for sleep 5 ms, being cancelled: requested ("over")',
      "racer #3 pending",
      "promise #4 pending",
      "fresh #5 pending",
    ]
  ) assertStringIncludes(text, line);
});

test("dump of a poll-style task and of an async body tells what they wait for", async () => {
  const runtime = new SimulatedRuntime();
  runtime.spawn(runtime.sleep(70), { name: "future" });
  runtime.spawn(async (task) => await task.sleep(80), { name: "async" });
  runtime.runUntilStalled();
  await Promise.resolve();
  await Promise.resolve();
  const text = runtime.dump().toString();
  assertStringIncludes(text, "async #1 pending, waits for sleep 80 ms");
  assertStringIncludes(text, "future #0 pending, waits for sleep 70 ms");
});

test("dump folds siblings alike, and stays short for 10 000 tasks", () => {
  const runtime = new SimulatedRuntime();
  for (let i = 0; i < 10_000; i++) {
    runtime.spawn(runtime.sleep(1_000 + i), { name: `worker ${i}` });
  }
  runtime.runUntilStalled();
  const dump = runtime.dump();
  assertEquals(dump.entries.length, 10_000);
  const text = dump.toString();
  assertStringIncludes(text, "10000 tasks");
  assertStringIncludes(text, "9997 more like this");
  assert(text.split("\n").length < 10);
});

test("spawnSites records where each task was spawned, for dumps and deadlocks", () => {
  const runtime = new Runtime({ observer: { spawnSites: true } });
  runtime.spawn(Future.never(), { name: "sited" });
  assertStringIncludes(runtime.dump().entries[0]!.spawnSite!, "observer_test");
  assertEquals(new Runtime().dump().toString(), "runtime: 0 tasks");
});
