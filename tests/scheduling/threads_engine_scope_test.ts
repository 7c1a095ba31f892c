/**
 * Engine in the scope tree: made in a task it ends with it, and what is awaited in a task is cancelled with it.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  Cancelled,
  createEngine,
  type Engine,
  type EngineConfig,
  moveOnAfter,
  Runtime,
  scope,
  select,
  TaskGroup,
  WorkerStartError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import {
  endsThreads,
  newWords,
  reached,
  release,
  type Tasks,
  tasksModule,
  until,
  withEngine,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

const make = (config: EngineConfig = {}): Promise<Engine<Tasks>> =>
  createEngine<Tasks>({ module: tasksModule, workerCount: 1, ...config });

test("an engine made in a scope is closed with it", async () => {
  let engine!: Engine<Tasks>;
  const value = await scope(async () => {
    engine = await make();
    return await engine.run("add", [1, 2]);
  });
  assertEquals(value, 3);
  assert(engine.isClosed);
  assertEquals([engine.workerCount, engine.stats().inFlight], [0, 0]);
});

test("leaving a scope: what is queued never runs, what runs is told and waited for", async () => {
  const words = newWords(3);
  let engine!: Engine<Tasks>;
  const ends: Promise<unknown>[] = [];
  await scope(async () => {
    engine = await make();
    ends.push(engine.run("untilCancelled", [words]).catch((error) => error.name));
    await reached(words, 1);
    ends.push(engine.run("tally", [words, 2]).catch((error) => error.name));
  });
  assertEquals([words[1], words[2]], [1, 0]);
  assertEquals(await Promise.all(ends), ["AbortError", "EngineClosedError"]);
  assert(engine.isClosed);
});

test("a failing scope takes its engine with it, and rejects with its own failure", async () => {
  let engine!: Engine<Tasks>;
  await assertRejects(
    () =>
      scope(async (s) => {
        engine = await make();
        s.spawn(engine.run("fail", ["RangeError"]), { name: "asked to fail" });
        await s.sleep(60_000);
      }),
    RangeError,
    "failed as asked",
  );
  assertEquals([engine.isClosed, engine.workerCount], [true, 0]);
});

test("a detached engine outlives the scope it was made in", async () => {
  const engine = await scope(() => make({ detached: true }));
  assertEquals(await engine.run("add", [1, 2]), 3);
  await engine.close();
});

test("dumps show the engine under its task, its workers by name, and what they are at", async () => {
  await using runtime = new Runtime({ name: "shown" });
  const words = newWords();
  const task = runtime.spawn(async () => {
    await using engine = await make({ name: "hasher" });
    const held = engine.run("hold", [words]);
    await reached(words, 1);
    const dump = runtime.dump().toString();
    release(words);
    await held;
    return dump;
  }, { name: "owner" });
  const dump = await task;
  assertStringIncludes(dump, "[hasher]");
  assertStringIncludes(dump, "hasher worker 0");
  assertStringIncludes(dump, "waits for 1 task on its thread");
  assertEquals(runtime.taskCount, 0);
});

test("closing the runtime closes the engines of its tasks", async () => {
  const runtime = new Runtime();
  const words = newWords();
  let engine!: Engine<Tasks>;
  const task = runtime.spawn(async () => {
    engine = await make();
    await engine.run("untilCancelled", [words]);
  });
  const run = runtime.run();
  await reached(words, 1);
  await runtime.close();
  await run;
  assertEquals(task.outcome()?.status, "cancelled");
  assertEquals([engine.isClosed, engine.workerCount, words[1]], [true, 0, 1]);
});

test("an engine whose module fails ends create, and leaves nothing in the scope", async () => {
  await scope(async (s) => {
    const error = await assertRejects(
      () => createEngine({ workerCount: 2, module: "data:text/javascript,throw new Error('no')" }),
      WorkerStartError,
    );
    assertEquals(error.reason, "module");
    assertEquals(s.stats().running, 0);
  });
});

test("a scope cancelled while its engine starts ends, and the engine with it", async () => {
  const group = new TaskGroup();
  let engine: Engine<Tasks> | undefined;
  const task = group.spawn(async () => {
    engine = await make();
    await engine.run("add", [1, 2]);
  });
  await until(() => task.status !== 2); // it has begun
  await group.cancelAndJoin();
  assertEquals(task.outcome()?.status, "cancelled");
  await until(() => engine === undefined || engine.isClosed);
});

// ---- awaited in a task ----------------------------------------------------------------------------

withEngine(
  "a cancelled task takes back what it awaits: queued, it never runs",
  {},
  async (engine) => {
    const gate = newWords();
    const words = newWords();
    const held = engine.run("hold", [gate]);
    await reached(gate, 1);
    for (const kind of ["async", "generator", "pollable"]) {
      const queued = engine.run("tally", [words, 0]);
      const moved = await moveOnAfter(
        1,
        kind === "async" ? async () => await queued : kind === "generator"
          ? function* () {
            return yield* queued;
          }
          : async (s) => await s.spawn(queued),
      );
      assertEquals(moved, { timedOut: true });
      assertEquals(queued.status, "cancelled");
    }
    release(gate);
    await held;
    assertEquals(words[0], 0);
  },
);

/** Cancels a task that awaits `thing` once `words[0]` is 1; answers how it ended. */
async function cancelAwaiting(thing: PromiseLike<unknown>, words: Int32Array): Promise<unknown> {
  const group = new TaskGroup();
  const task = group.spawn(async () => await thing);
  const run = group.run();
  await reached(words, 1);
  task.cancel();
  await run;
  return task.outcome()?.status;
}

withEngine("running, it is told, and the task goes on when it has ended", {}, async (engine) => {
  const words = newWords();
  assertEquals(await cancelAwaiting(engine.run("untilCancelled", [words]), words), "cancelled");
  assertEquals(words[1], 1, "the wait was over before the function was");
  // What answers in spite of its cancel is heard.
  const answers = newWords();
  const task = engine.run("untilAborted", [answers]);
  assertEquals(await cancelAwaiting(task, answers), "ok");
  assertEquals(await task, "aborted");
});

withEngine(
  "what ignores its cancel is waited for until the grace is over, then left to the engine",
  {
    graceMs: 20,
  },
  async (engine) => {
    const words = newWords();
    const task = engine.run("hold", [words]);
    assertEquals(await cancelAwaiting(task, words), "cancelled");
    assertEquals([task.status, engine.stats().inFlight], ["cancelled", 1]);
    release(words);
    await until(() => engine.stats().inFlight === 0);
    assertEquals(engine.stats().died, 0);
  },
);

withEngine("with terminate its thread is ended after the grace, and replaced", {
  graceMs: 20,
}, async (engine) => {
  const words = newWords();
  const task = engine.run("loop", [words], { terminate: true });
  assertEquals(await cancelAwaiting(task, words), "cancelled");
  assertEquals(task.status, "cancelled");
  assertEquals(await engine.run("add", [1, 2]), 3);
  const { died, abandoned, workers } = engine.stats();
  assertEquals([died, abandoned, workers], [1, endsThreads ? 0 : 1, 1]);
});

withEngine(
  "a value that is there in spite of the cancel is had",
  { graceMs: 60_000 },
  async (engine) => {
    const words = newWords();
    const group = new TaskGroup();
    const task = engine.run("hold", [words, 5]);
    const waiting = group.spawn(function* () {
      return yield* task;
    });
    const run = group.run();
    await reached(words, 1);
    waiting.cancel();
    release(words);
    await run;
    assertEquals([task.status, await task], ["ok", 5]);
  },
);

withEngine(
  "one of several waiters may leave: the task goes on for the others",
  {},
  async (engine) => {
    const words = newWords();
    const task = engine.run("hold", [words, 5]);
    await reached(words, 1);
    const stays = task.then((value) => value);
    assertEquals(await moveOnAfter(1, () => task), { timedOut: true });
    assertEquals(task.status, "pending");
    release(words);
    assertEquals(await stays, 5);
  },
);

withEngine("the loser of a select is cancelled", {}, async (engine) => {
  const words = newWords();
  const slow = engine.run("untilAborted", [words]);
  const { index, value } = await select(slow, engine.run("add", [1, 2]));
  assertEquals([index, value], [1, 3]);
  await reached(words, 1, 1);
});

withEngine(
  "a batch in a cancelled task is taken back with all its calls",
  { maxTasks: 8 },
  async (engine) => {
    const words = newWords();
    const calls = Array.from({ length: 100 }, (): [Int32Array] => [words]);
    const batch = engine.runBatch("untilCancelled", calls);
    assertEquals(await cancelAwaiting(batch, words), "cancelled");
    assertEquals(words[0], 1);
    assertEquals(words[0], words[1]);
  },
);

withEngine(
  "abort signals cancel; one listener for all tasks of a signal, gone with the last",
  {},
  async (engine) => {
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = new Set<unknown>();
    const { addEventListener: add, removeEventListener: remove } = signal;
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners.add(args[1]);
      add.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners.delete(args[1]);
      remove.apply(signal, args);
    };
    const gate = newWords();
    const tasks = Array.from({ length: 20 }, () => engine.run("holdAsync", [gate], { signal }));
    assertEquals(listeners.size, 1);
    release(gate);
    await Promise.all(tasks);
    assertEquals(listeners.size, 0);
    const words = newWords();
    const running = engine.run("untilAborted", [words], { signal });
    await reached(words, 1);
    controller.abort(new Error("why"));
    const error = await assertRejects(() => running, Cancelled);
    assertEquals(error.reason.kind, "signal");
    await reached(words, 1, 1);
    const late = await assertRejects(() => engine.run("add", [1, 2], { signal }), Cancelled);
    assertEquals((late.reason as { reason: Error }).reason.message, "why");
    assertEquals(listeners.size, 0);
  },
);

test("in virtual time the clock jumps while an engine rests, and stands while it works", async () => {
  await using runtime = new SimulatedRuntime();
  const at = await runtime.spawn(async (task) => {
    await using engine = await make();
    const times = [runtime.clock.now()];
    await task.sleep(60_000);
    times.push(runtime.clock.now());
    await engine.run("sumLater", [3]);
    times.push(runtime.clock.now());
    return times;
  });
  assertEquals(at, [0, 60_000, 60_000]);
});
