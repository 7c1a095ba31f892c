/**
 * An engine without workers: the calling thread runs everything.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Cancelled,
  createEngine,
  currentThreadTask,
  type Engine,
  TimeoutError,
  WorkerStartError,
} from "@vais/runtime";
import {
  newWords,
  release,
  type Tasks,
  tasksModule,
  turn,
  withEngine,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

const inline = { workerCount: 0 };

withEngine("a synchronous function has ended when run answers", inline, async (engine) => {
  const task = engine.run("add", [1, 2]);
  assertEquals([task.status, task.worker, task.isSettled], ["ok", -1, true]);
  assertEquals(await task, 3);
  assertEquals([engine.workerCount, engine.workers, engine.hasRoom], [0, [], true]);
  const id = engine.submit("add", [3, 4]);
  assertEquals(await engine.waitForResult(id, 0), 7);
  assertEquals(await engine.run("add", [1, 1], { timeoutMs: 0 }), 2);
  assertEquals(engine.stats().completed, 3);
});

withEngine("arguments, results and errors are themselves, not copies", inline, async (engine) => {
  const value = { self: true };
  assert(await engine.run("echo", [value]) === value);
  const error = new Error("itself");
  const thrown = await engine.run((error: Error) => {
    throw error;
  }, [error]).catch((error) => error);
  assert(thrown === error);
  const streamed = engine.stream(function* (error: Error) {
    yield 1;
    throw error;
  }, [error]);
  assertEquals(await streamed.next(), { done: false, value: 1 });
  assert(await streamed.next().catch((error) => error) === error);
});

withEngine(
  "asynchronous functions, generators, streams and batches work too",
  inline,
  async (engine) => {
    const words = newWords();
    const held = engine.run("holdAsync", [words, 6]);
    assertEquals([held.status, engine.stats().inFlight], ["pending", 1]);
    await assertRejects(() => engine.run("holdAsync", [words], { timeoutMs: 0 }), TimeoutError);
    release(words);
    assertEquals(await held, 6);
    assertEquals(await engine.run("sumLater", [3]), 6);
    assertEquals(await engine.map([1, 2, 3], (n) => n * 2), [2, 4, 6]);
    assertEquals(await engine.runBatch("add", [[1, 2], [3, 4]]), [3, 7]);
    const got: number[] = [];
    for await (const n of engine.stream("count", [newWords(), 100], { buffer: 2 })) {
      got.push(n);
      if (n === 40) break;
    }
    assertEquals(got.length, 41);
    assertEquals(await new Promise((resolve) => engine.dispatch("add", [1, 1], resolve)), 2);
    assertEquals(await engine.unblock("add", [5, 5]), 10);
  },
);

withEngine("a batch of many calls that end at once needs no stack", inline, async (engine) => {
  const results = await engine.map(Array.from({ length: 50_000 }, (_, n) => n), (n) => n + 1);
  assertEquals([results.length, results[49_999]], [50_000, 50_000]);
});

withEngine("a running task is told that it is cancelled", inline, async (engine) => {
  const words = newWords();
  const task = engine.run("untilAborted", [words]);
  task.cancel("enough");
  await assertRejects(() => task, Cancelled);
  for (let i = 0; words[1] === 0 && i < 100; i++) await turn();
  assertEquals(words[1], 1);
  assertEquals(currentThreadTask(), undefined);
  assertEquals(await engine.run("whoami", []), -1);
});

test("its module is loaded by create, which says what is wrong with it", async () => {
  await assertRejects(
    () => createEngine({ workerCount: 0, module: "data:text/javascript,throw new Error('no')" }),
    Error,
    "no",
  );
  const engine: Engine<Tasks> = await createEngine({ workerCount: 0, module: tasksModule });
  assertThrows(() => engine.run("nope" as "add", [1, 2]), TypeError, "exports no such function");
  assertThrows(() => engine.resize(2), RangeError, "without workers");
  assertEquals(await engine.terminateWorker(0), false);
  await engine.close();
  assert(engine.isClosed);
  assert(WorkerStartError.name === "WorkerStartError");
});
