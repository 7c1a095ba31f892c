/**
 * Workers die, in every way there is: only what they were running is lost, and the pool is whole again.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLessOrEqual,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  createEngine,
  type Engine,
  type EngineConfig,
  TimeoutError,
  type WorkerEndInfo,
  WorkerLostError,
} from "@vais/runtime";
import {
  deadlyModule,
  type DeadlyTasks,
  endsThreads,
  newWords,
  reached,
  release,
  sharedWords,
  turn,
  until,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

const DEATHS = 200;
const OFTEN = ["exit", "close", "throw", "reject", "outside"] as const;
/** A loop is given up where the host cannot end it; a full heap ends its thread only on Node. */
const WAYS = [...OFTEN, ...OFTEN, "loop", ...(endsThreads ? ["fill"] as const : [])] as const;

async function make(config: EngineConfig = {}): Promise<
  { engine: Engine<DeadlyTasks>; ends: WorkerEndInfo[] }
> {
  const ends: WorkerEndInfo[] = [];
  const engine = await createEngine<DeadlyTasks>({
    module: deadlyModule,
    workerCount: 2,
    hooks: { onWorkerEnd: (end) => ends.push(end) },
    ...config,
  });
  return { engine, ends };
}

/** The same numbers each time. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 8) % below;
  };
}

test("200 deaths under load: every other task is done exactly once, the pool is whole again", async () => {
  const { engine, ends } = await make({
    graceMs: 1,
    maxAbandoned: 60,
    ...(endsThreads ? { resourceLimits: { maxOldGenerationSizeMb: 24 } } : {}),
  });
  const draw = random(20_261_121);
  const tallies = sharedWords(engine, 20_000);
  const outcomes: Promise<unknown>[] = [];
  const killers: Promise<string>[] = [];
  let loops = 0;
  let submitted = 0;
  let outside = 0;
  const load = (count: number) => {
    for (let i = 0; i < count; i++) {
      const index = submitted++;
      const fn = draw(10) === 0 ? "tallyLater" : "tally";
      outcomes.push(engine.run(fn, [tallies, index]).catch((error) => error));
    }
  };
  for (let death = 0; death < DEATHS; death++) {
    load(1 + draw(40));
    const how = WAYS[draw(WAYS.length)]!;
    if (how === "loop") {
      // Told to end with its thread, while others are queued behind it.
      const words = newWords();
      const stuck = engine.run("loop", [words], { terminate: true });
      const end = stuck.then(() => "value", (error) => error.name);
      await until(() => words[0]! > 0 || stuck.isSettled);
      if (!stuck.isSettled) {
        stuck.cancel();
        loops++;
        assertEquals(await end, "AbortError");
        await until(() => stuck.worker < 0); // its thread is ended, or given up
      } else killers.push(end); // another one ended it before
      release(words);
    } else if (how === "fill") {
      killers.push(engine.run("fill", []).then(() => "value", (error) => error.name));
    } else if (how === "outside") {
      const { workers } = engine;
      const victim = workers[draw(Math.max(1, workers.length))];
      if (victim !== undefined && await engine.terminateWorker(victim)) outside++;
      else death--;
    } else {
      killers.push(engine.run("die", [how]).then(() => "value", (error) => error.name));
    }
    load(draw(40));
    while (engine.pending > 200) await turn();
    if (draw(3) === 0) await turn();
  }
  const results = await Promise.all(outcomes);
  assertEquals(await Promise.all(killers), killers.map(() => "WorkerLostError"));
  let lost = 0;
  for (const [index, result] of results.entries()) {
    if (result === index) {
      assertEquals(tallies[index], 1, `task ${index} ran ${tallies[index]} times`);
    } else {
      lost++;
      assertInstanceOf(result, WorkerLostError);
      assertLessOrEqual(tallies[index]!, 1, `the lost task ${index} ran twice`);
    }
  }
  await until(() => engine.stats().workers === 2 && engine.stats().starting === 0);
  const stats = engine.stats();
  assertEquals([stats.inFlight, stats.waiting, stats.cancelled], [0, 0, loops]);
  assert(loops > 5 && stats.abandoned === (endsThreads ? 0 : loops));
  assertEquals(stats.completed + stats.lost + stats.cancelled, stats.submitted);
  assertEquals(stats.lost, lost + killers.length);
  assertEquals(ends.reduce((sum, end) => sum + end.lostTasks, 0), stats.lost + loops);
  assert(ends.some((end) => end.how === "threw") && ends.some((end) => end.how === "exited"));
  assert(outside > 0 && killers.length > 0);
  const again = sharedWords(engine, 500);
  const after = Array.from({ length: 500 }, (_, n) => engine.run("tally", [again, n]));
  assertEquals((await Promise.all(after)).length, 500);
  await engine.close();
  assertEquals(engine.stats().workers, 0);
});

test("each way to die says what it was", async () => {
  const { engine, ends } = await make({ workerCount: 1, name: "mortal" });
  for (const how of ["exit", "close", "throw", "reject"] as const) {
    const error = await assertRejects(() => engine.run("die", [how]), WorkerLostError);
    assertEquals([error.code, error.worker], ["ERR_WORKER_LOST", "mortal worker 0"]);
    assertStringIncludes(error.message, "Cannot finish die: worker mortal worker 0");
    const threw = how === "throw" || how === "reject";
    assertEquals(error.how, threw ? "threw" : "exited", how);
    if (threw) {
      assertStringIncludes(
        (error.cause as Error).message,
        how === "throw" ? "in a timer" : "nobody",
      );
    } else if (how === "exit") assertEquals(error.exitCode, 3);
  }
  const words = sharedWords(engine);
  assertEquals(await engine.run("tally", [words, 1]), 1);
  assertEquals(ends.map(({ lostTasks }) => lostTasks), [1, 1, 1, 1]);
  await engine.close();
});

test("an idle worker that dies is replaced, and loses nothing", async () => {
  const { engine, ends } = await make();
  const words = sharedWords(engine, 300);
  for (let round = 0; round < 5; round++) {
    for (const worker of engine.workers) assert(await engine.terminateWorker(worker));
    const tasks = Array.from(
      { length: 50 },
      (_, n) => engine.run("tally", [words, round * 50 + n]),
    );
    await Promise.all(tasks);
  }
  assert(words.subarray(0, 250).every((count) => count === 1));
  assertEquals(engine.stats().lost, 0);
  assertEquals(ends.filter(({ how }) => how === "abandoned"), []);
  await engine.close();
});

test("a thread that is ended from outside loses what it runs; a busy one is given up where it cannot be ended", async () => {
  const { engine, ends } = await make({ workerCount: 1, maxAbandoned: 1 });
  const words = sharedWords(engine);
  const others = sharedWords(engine, 20);
  const stuck = engine.run("loop", [words]);
  await reached(words, 1);
  const waiting = Array.from({ length: 20 }, (_, n) => engine.run("tally", [others, n]));
  const worker = stuck.worker;
  assert(await engine.terminateWorker(worker));
  const error = await assertRejects(() => stuck, WorkerLostError);
  assertEquals(error.how, "terminated");
  assertEquals(await Promise.all(waiting), Array.from({ length: 20 }, (_, n) => n));
  assert(others.every((count) => count === 1));
  assertEquals(ends[0]!.how, endsThreads ? "terminated" : "abandoned");
  assertEquals(engine.stats().abandoned, endsThreads ? 0 : 1);
  release(words);
  await engine.close();
});

test("time limit and terminate: the caller hears at once, the thread is ended after the grace", async () => {
  const { engine } = await make({ workerCount: 1, graceMs: 5 });
  const words = sharedWords(engine);
  const others = sharedWords(engine);
  const stuck = engine.run("loop", [words], { timeoutMs: 200, terminate: true });
  await reached(words, 1);
  const next = engine.run("tally", [others, 0]);
  await assertRejects(() => stuck, TimeoutError);
  assertEquals(await next, 0);
  assertEquals([engine.stats().died, engine.stats().timedOut], [1, 1]);
  release(words);
  await engine.close();
});

test("terminate: also a task on a worker that is about to leave", async () => {
  const { engine } = await make({ graceMs: 5 });
  const words = sharedWords(engine);
  const stuck = [1, 2].map(() => engine.run("loop", [words], { terminate: true }));
  await reached(words, 2);
  engine.resize(1);
  for (const task of stuck) task.cancel();
  for (const task of stuck) await assertRejects(() => task);
  await until(() => engine.stats().died === 2 && engine.stats().inFlight === 0);
  release(words);
  await engine.close();
});

test("terminate ends no other task in place of the one that was meant", async () => {
  const { engine } = await make({ workerCount: 1, graceMs: 0 });
  const words = sharedWords(engine, 400);
  for (let n = 0; n < 100; n++) {
    const task = engine.run("tally", [words, n], { terminate: true });
    const neighbour = engine.run("tally", [words, 200 + n]);
    if (n % 3 === 0) await turn();
    task.cancel();
    const end = await task.then(() => "ok", (error) => error.name);
    assert(end === "ok" || end === "AbortError", end);
    assertEquals(await neighbour, 200 + n);
  }
  assert(words.subarray(200, 300).every((count) => count === 1));
  assertEquals(engine.stats().lost, 0);
  await engine.close();
});

if (!endsThreads) {
  test("no more threads are given up than maxAbandoned: the callers go on, the worker is kept", async () => {
    // deno-lint-ignore no-console -- it is said there, once
    const { error: tell } = console;
    const told: string[] = [];
    console.error = (text: string) => told.push(text);
    const { engine, ends } = await make({ workerCount: 1, graceMs: 1, maxAbandoned: 2 });
    try {
      const words = sharedWords(engine);
      for (let n = 1; n <= 3; n++) {
        const stuck = engine.run("loop", [words], { terminate: true });
        await reached(words, n);
        stuck.cancel();
        await assertRejects(() => stuck);
        if (n <= 2) await until(() => ends.length === n);
      }
      await turn();
      assertEquals([engine.stats().abandoned, engine.stats().workers], [2, 1]);
      assertEquals(told.length, 1);
      assertStringIncludes(told[0]!, "has given up 2 threads that this host cannot end");
      release(words);
      await until(() => engine.stats().inFlight === 0);
      assertEquals(await engine.run("tally", [sharedWords(engine), 1]), 1);
    } finally {
      console.error = tell;
      await engine.close();
    }
  });
} else {
  test("a worker whose heap is full is lost alone", async () => {
    const { engine, ends } = await make({ resourceLimits: { maxOldGenerationSizeMb: 24 } });
    const words = sharedWords(engine, 1_000);
    for (let round = 0; round < 4; round++) {
      const full = engine.run("fill", []);
      const others = Array.from(
        { length: 100 },
        (_, n) => engine.run("tally", [words, round * 100 + n]),
      );
      const error = await assertRejects(() => full, WorkerLostError);
      assertEquals(error.how, "out-of-memory");
      await Promise.all(others);
    }
    assert(words.subarray(0, 400).every((count) => count === 1));
    assertEquals(ends.map(({ how }) => how), Array(4).fill("out-of-memory"));
    await engine.close();
  });
}

test("workers that cannot start any more: what waits is told why, and later ones may do", async () => {
  const { engine } = await make({ workerCount: 1, startTimeoutMs: 1 }).catch((error) => {
    assertEquals([error.name, error.reason], ["WorkerStartError", "timeout"]);
    return make({ workerCount: 1, minWorkers: 0, startTimeoutMs: 1 });
  });
  const error = await assertRejects(() => engine.run("tally", [sharedWords(engine), 0]));
  assertEquals((error as Error).name, "WorkerStartError");
  await engine.close({ drain: false });
});
