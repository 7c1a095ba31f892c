/**
 * Engine: how many workers there are, blocking calls, counters and hooks.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import {
  createEngine,
  type EngineHooks,
  type EngineStats,
  type ThreadTask,
  TimeoutError,
  type WorkerEndInfo,
  WorkerStartError,
} from "@vais/runtime";
import {
  newWords,
  reached,
  release,
  sharedWords,
  type Tasks,
  tasksModule,
  turn,
  until,
  withEngine,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

// ---- size ---------------------------------------------------------------------------------------

withEngine(
  "resize: more start, those too many end when they are done",
  { maxWorkers: 4 },
  async (engine) => {
    const words = sharedWords(engine);
    engine.resize(3);
    await until(() => engine.stats().workers === 3);
    const held = [1, 2, 3].map((n) => engine.run("hold", [words, n]));
    await reached(words, 3);
    engine.resize(1);
    assertEquals(engine.workerCount, 1);
    assertEquals(engine.stats().inFlight, 3);
    release(words);
    assertEquals(await Promise.all(held), [1, 2, 3]);
    await until(() => engine.workers.length === 1 && engine.stats().workers === 1);
    assertEquals(await engine.run("add", [1, 2]), 3);
    engine.resize(2, 0);
    assertEquals(await engine.map([1, 2, 3], (n) => n), [1, 2, 3]);
    assertEquals(engine.stats().died, 0);
  },
);

withEngine("without minWorkers none is there at first, and as many come as there is work for", {
  workerCount: 2,
  minWorkers: 0,
}, async (engine) => {
  assertEquals(engine.workerCount, 0);
  assertEquals(await engine.run("add", [1, 2]), 3);
  assertEquals(engine.workerCount, 1);
  const words = sharedWords(engine);
  const held = [1, 2, 3].map((n) => engine.run("hold", [words, n]));
  await reached(words, 2);
  assertEquals(engine.stats().workers, 2);
  release(words);
  assertEquals(await Promise.all(held), [1, 2, 3]);
});

test("workers that had nothing to do for keepAliveMs end, down to minWorkers", async () => {
  const ends: WorkerEndInfo[] = [];
  const engine = await createEngine<Tasks>({
    module: tasksModule,
    workerCount: 2,
    minWorkers: 1,
    keepAliveMs: 10,
    hooks: { onWorkerEnd: (end) => ends.push(end) },
  });
  const words = sharedWords(engine);
  const held = [engine.run("hold", [words, 1]), engine.run("hold", [words, 2])];
  await reached(words, 2);
  for (let i = 0; i < 20; i++) await turn();
  assertEquals([engine.stats().workers, ends.length], [2, 0], "busy ones stay");
  release(words);
  await Promise.all(held);
  await until(() => ends.length === 1);
  assertEquals([ends[0]!.how, ends[0]!.lostTasks, engine.stats().workers], ["stopped", 0, 1]);
  assertEquals(await engine.run("add", [1, 2]), 3);
  await engine.close();
});

test("tasks that come while idle workers end are all done", async () => {
  const engine = await createEngine<Tasks>({
    module: tasksModule,
    workerCount: 2,
    minWorkers: 0,
    keepAliveMs: 1,
  });
  for (let round = 0; round < 12; round++) {
    const all = Array.from({ length: 40 }, (_, n) => engine.run("add", [n, round]));
    assertEquals(await Promise.all(all), Array.from({ length: 40 }, (_, n) => n + round));
    for (let i = 0; i < round % 4; i++) await turn();
  }
  await engine.close();
  assertEquals([engine.stats().completed, engine.stats().died], [480, 0]);
});

// ---- blocking -----------------------------------------------------------------------------------

withEngine(
  "unblock: each call has a thread of its own, beside the workers",
  { maxBlocking: 3 },
  async (engine) => {
    const words = sharedWords(engine);
    const blocked = [1, 2, 3, 4].map((n) => engine.unblock("hold", [words, n]));
    await reached(words, 3);
    assertEquals(await engine.run("add", [1, 2]), 3); // the one worker is free
    assertEquals([engine.stats().blockingWorkers, engine.stats().workers], [3, 1]);
    assertEquals(words[0], 3, "more than maxBlocking");
    release(words);
    assertEquals(await Promise.all(blocked), [1, 2, 3, 4]);
    assertEquals(await engine.unblock((text: string) => text.length, ["four"]), 4);
    await assertRejects(() => engine.unblock("fail", ["RangeError"]), RangeError);
    const words2 = newWords();
    await assertRejects(() => engine.unblock("hold", [words2], { timeoutMs: 1 }), TimeoutError);
    release(words2);
  },
);

// ---- counters -----------------------------------------------------------------------------------

withEngine(
  "every task is counted once by how it ended, and is timed",
  { maxTasks: 4 },
  async (engine) => {
    const words = sharedWords(engine);
    const held = engine.run("holdAsync", [words]);
    const ends = [
      engine.run("add", [1, 2]),
      engine.run("fail", ["Error"]),
      engine.run("untilAborted", [newWords()], { timeoutMs: 5 }),
    ];
    const cancelled = engine.run("holdAsync", [words]);
    cancelled.cancel();
    await Promise.allSettled([...ends, cancelled]);
    release(words);
    await held;
    await until(() => engine.stats().inFlight === 0);
    const stats = engine.stats();
    const some: Partial<EngineStats> = {
      workers: 1,
      starting: 0,
      submitted: 5,
      completed: 2,
      failed: 1,
      cancelled: 1,
      timedOut: 1,
      lost: 0,
      rejected: 0,
      inFlight: 0,
      waiting: 0,
    };
    for (const [name, value] of Object.entries(some)) {
      assertEquals([name, stats[name as keyof EngineStats]], [name, value]);
    }
    assertEquals(stats.latency.count, 5);
    assertGreaterOrEqual(stats.highWater, 4);
    assertLessOrEqual(stats.latency.min, stats.latency.p50);
    engine.resetStats();
    const { submitted, completed, highWater, latency } = engine.stats();
    assertEquals([submitted, completed, highWater, latency.count], [0, 0, 0, 0]);
  },
);

withEngine("of many tasks one in eight or so is timed", {}, async (engine) => {
  for (let round = 0; round < 18; round++) {
    await Promise.all(Array.from({ length: 500 }, (_, n) => engine.run("add", [n, 0])));
  }
  const { latency, completed } = engine.stats();
  assertEquals(completed, 9_000);
  assertGreaterOrEqual(latency.count, 1_000 + 8_000 / 16);
  assertLessOrEqual(latency.count, 1_000 + 8_000 / 4);
});

withEngine("a time limit of 0 is over at once, a long one is not", {}, async (engine) => {
  const error = await assertRejects(
    () => engine.run("add", [1, 2], { timeoutMs: 0 }),
    TimeoutError,
  );
  assertEquals([error.timeoutMs, error.code], [0, "ERR_TIMEOUT"]);
  for (const timeoutMs of [60_000, 2 ** 33, Infinity, null, undefined]) {
    assertEquals(await engine.run("add", [1, 2], { timeoutMs: timeoutMs as number }), 3);
  }
});

// ---- hooks --------------------------------------------------------------------------------------

test("hooks see workers and tasks come and go; one that throws is removed", async () => {
  const log: string[] = [];
  const tasks = new Set<ThreadTask<unknown>>();
  let throws = 0;
  const hooks: EngineHooks = {
    onWorkerStart: ({ worker, name }) => log.push(`start ${worker} ${name}`),
    onWorkerEnd: ({ worker, how, lostTasks }) => log.push(`end ${worker} ${how} ${lostTasks}`),
    onTaskStart: (task) => {
      tasks.add(task);
      log.push(`+${task.id} ${task.name} ${task.status}`);
    },
    onTaskEnd: (task) => {
      assert(tasks.delete(task));
      log.push(`-${task.id}`);
      throws++;
      throw new Error("of a hook");
    },
  };
  // deno-lint-ignore no-console -- what a removed hook threw is told there
  const { error: tell } = console;
  const told: unknown[] = [];
  console.error = (...args) => told.push(args[0]);
  const engine = await createEngine<Tasks>({
    module: tasksModule,
    workerCount: 1,
    name: "hooked",
    hooks,
  });
  try {
    await engine.run("add", [1, 2]);
    await engine.run((n: number) => n, [1]);
  } finally {
    await engine.close();
    console.error = tell;
  }
  assertEquals(log, [
    "start 0 hooked worker 0",
    "+1 add pending",
    "-1",
    "+2 inline function pending",
    "end 0 stopped 0",
  ]);
  assertEquals(throws, 1);
  assertEquals(told, ["@vais/runtime: hooks.onTaskEnd threw and was removed:"]);
});

test("an engine whose module does not load fails with the reason, and leaves nothing", async () => {
  const error = await assertRejects(
    () =>
      createEngine({
        module: "data:text/javascript,export const x = 1; throw new RangeError('not today')",
        workerCount: 2,
      }),
    WorkerStartError,
    "not today",
  );
  assertEquals([error.code, error.reason], ["ERR_WORKER_START", "module"]);
  assertNotEquals(error.cause, undefined);
});

test("a program whose engine rests may end without closing it", async () => {
  const engine = await createEngine<Tasks>({
    module: tasksModule,
    workerCount: 1,
    name: "left open",
  });
  assertEquals(await engine.run("add", [1, 2]), 3);
  // Nothing keeps the process: the test runner would not end otherwise.
});
