/**
 * Closing an engine: every task has an outcome, every thread is gone.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { Cancelled, createEngine, type Engine, EngineClosedError } from "@vais/runtime";
import {
  newWords,
  reached,
  release,
  sharedWords,
  type Tasks,
  tasksModule,
  turn,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

const make = (config = {}): Promise<Engine<Tasks>> =>
  createEngine<Tasks>({ module: tasksModule, workerCount: 2, ...config });

/** How each ended: the value, or the name of the error. */
async function ends(tasks: readonly PromiseLike<unknown>[]): Promise<unknown[]> {
  return (await Promise.allSettled(tasks)).map((end) =>
    end.status === "fulfilled" ? end.value : end.reason.name
  );
}

test("closing waits for everything that was begun: running, queued, waiting outside", async () => {
  const engine = await make({ maxTasks: 4 });
  const words = newWords();
  const held = [1, 2].map((n) => engine.run("hold", [words, n]));
  await reached(words, 1);
  const queued = Array.from({ length: 20 }, (_, n) => engine.run("add", [n, 100]));
  const batch = engine.map([1, 2, 3, 4, 5, 6], (n) => n * 2);
  const stream = engine.stream("count", [newWords(), 5]);
  const blocked = engine.unblock("hold", [words, 9]);
  const closing = engine.close();
  assert(engine.isClosed);
  for (let i = 0; i < 5; i++) await turn();
  release(words);
  const items: number[] = [];
  for await (const n of stream) items.push(n);
  await closing;
  assertEquals(await ends(held), [1, 2]);
  assertEquals(await ends(queued), Array.from({ length: 20 }, (_, n) => n + 100));
  assertEquals(items, [0, 1, 2, 3, 4]);
  assertEquals(await blocked, 9);
  assertEquals(await batch, [2, 4, 6, 8, 10, 12]);
  assertEquals([engine.workerCount, engine.stats().died], [0, 0]);
});

test("closing without drain: what is queued never runs, what runs is told", async () => {
  const engine = await make({ workerCount: 1, maxTasks: 4 });
  const words = newWords(3);
  const running = engine.run("untilCancelled", [words]);
  await reached(words, 1);
  const queued = Array.from({ length: 3 }, () => engine.run("tally", [words, 2]));
  const outside = Array.from({ length: 3 }, () => engine.run("tally", [words, 2]));
  const submitted = engine.submit("tally", [words, 2]);
  const dispatched = new Promise((resolve) =>
    engine.dispatch("tally", [words, 2], resolve, resolve)
  );
  const batch = engine.map([1, 2, 3], (n) => n);
  const stream = engine.stream("count", [newWords(), 5]);
  const next = stream.next();
  await engine.close({ drain: false });
  assertEquals(await ends([running]), ["AbortError"]);
  assertEquals(
    await ends([...queued, ...outside, batch, next]),
    Array(8).fill("EngineClosedError"),
  );
  assertInstanceOf(await dispatched, EngineClosedError);
  await assertRejects(() => engine.waitForResult(submitted), EngineClosedError, "engine is closed");
  assertEquals([words[1], words[2]], [1, 0]);
});

test("what ignores that it is told is given up after the grace", async () => {
  const engine = await make({ workerCount: 1, graceMs: 5 });
  const words = newWords();
  const held = engine.run("hold", [words]);
  await reached(words, 1);
  const closing = engine.close({ drain: false });
  const error = await assertRejects(() => held, EngineClosedError);
  assertEquals(error.code, "ERR_ENGINE_CLOSED");
  release(words); // on Deno a thread that blocks cannot be ended
  await closing;
  assertEquals(engine.workerCount, 0);
});

test("draining has its own limit: then the rest is given up", async () => {
  const engine = await make({ workerCount: 1 });
  const words = sharedWords(engine);
  const done = engine.run("add", [1, 2]);
  const held = engine.run("hold", [words]);
  const queued = engine.run("add", [3, 4]);
  await reached(words, 1);
  const closing = engine.close({ timeoutMs: 5 });
  assertEquals(await ends([done, held, queued]), [3, "EngineClosedError", "EngineClosedError"]);
  release(words);
  await closing;
});

test("a closed engine refuses, each call in its way; closing again is the same", async () => {
  const engine = await make({ workerCount: 1 });
  const closing = engine.close();
  assertEquals(engine.close(), closing);
  const error = await assertRejects(() => engine.run("add", [1, 2]), EngineClosedError);
  assertEquals([error.name, error.code], ["EngineClosedError", "ERR_ENGINE_CLOSED"]);
  assertThrows(() => engine.submit("add", [1, 2]), EngineClosedError);
  await assertRejects(() => engine.map([1], (n) => n), EngineClosedError);
  await assertRejects(() => engine.unblock("add", [1, 2]), EngineClosedError);
  await assertRejects(() => engine.stream("count", [newWords(), 1]).next(), EngineClosedError);
  assertInstanceOf(
    await new Promise((resolve) => engine.dispatch("add", [1, 2], resolve, resolve)),
    EngineClosedError,
  );
  engine.resize(1);
  await closing;
  await engine.close({ drain: false });
  assertEquals(engine.stats().workers, 0);
});

test("await using closes at the end of its block, without waiting for what nobody waits for", async () => {
  const words = newWords();
  let task: PromiseLike<unknown>;
  let outer: Engine<Tasks>;
  {
    await using engine = await make({ workerCount: 1 });
    outer = engine;
    task = engine.run("untilAborted", [words]);
    await reached(words, 1);
  }
  assert(outer.isClosed);
  assertEquals(words[1], 1);
  assertEquals(await task, "aborted");
});

test("a result that was there before the end can be read after it", async () => {
  const engine = await make({ workerCount: 1 });
  const id = engine.submit("add", [1, 2]);
  await engine.close();
  assertEquals(await engine.waitForResult(id, 0), 3);
});

test("a cancelled task that is still running does not outlive its engine unheard", async () => {
  const engine = await make({ workerCount: 1 });
  const words = newWords();
  const task = engine.run("untilCancelled", [words]);
  await reached(words, 1);
  task.cancel();
  await assertRejects(() => task, Cancelled);
  await engine.close();
  assertEquals(words[1], 1);
});

test("engines close while their workers start, again and again", async () => {
  for (let i = 0; i < 5; i++) {
    const engine = await make({ workerCount: 1, minWorkers: 0 });
    const task = engine.run("add", [i, 1]);
    const end = ends([task]);
    await engine.close({ drain: i % 2 === 0 });
    assertEquals(await end, [i % 2 === 0 ? i + 1 : "EngineClosedError"]);
    assertEquals([engine.workerCount, engine.stats().starting], [0, 0]);
  }
});

test("a closed engine leaves no timer of the host behind", async () => {
  const { setInterval: real, clearInterval: clear } = globalThis;
  const open = new Set<unknown>();
  const counting = (...args: Parameters<typeof real>) => {
    const timer = real(...args);
    open.add(timer);
    return timer;
  };
  globalThis.setInterval = Object.assign(counting, real) as typeof real;
  globalThis.clearInterval = (timer) => {
    open.delete(timer);
    clear(timer as number);
  };
  try {
    const engine = await createEngine<Tasks>({ module: tasksModule, workerCount: 1 });
    assertEquals(await engine.run("add", [1, 2]), 3);
    for await (const n of engine.stream("count", [newWords(), 5])) assert(n < 5);
    assert(open.size > 0, "an engine at work holds the process");
    await engine.close();
    assertEquals(open.size, 0);
  } finally {
    globalThis.setInterval = real;
    globalThis.clearInterval = clear;
  }
});
