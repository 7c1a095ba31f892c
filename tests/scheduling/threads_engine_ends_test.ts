/**
 * How engines end while somebody waits for them: with a scope that fails or is cancelled, drained, cut short.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  Cancelled,
  createEngine,
  type Engine,
  EngineClosedError,
  type EngineConfig,
  type Operation,
  scope,
  shield,
  TaskGroup,
} from "@vais/runtime";
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

/** Longer than any test may take. */
const FOR_EVER_MS = 3_600_000;

const make = (config: EngineConfig = {}): Promise<Engine<Tasks>> =>
  createEngine<Tasks>({ module: tasksModule, workerCount: 1, ...config });

async function nameOf(task: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await task;
  } catch (error) {
    return (error as Error).name;
  }
}

// ---- with a scope -----------------------------------------------------------------------------

test("a body that throws: its error is the scope's; its engine's tasks stop in their own way", async () => {
  const words = newWords();
  let engine!: Engine<Tasks>;
  let child!: { outcome(): { readonly status: string } | undefined };
  await assertRejects(
    () =>
      scope(async (s) => {
        engine = await make({ graceMs: FOR_EVER_MS });
        child = s.spawn(async () => {
          await engine.run("loop", [words], { terminate: true, graceMs: 1 });
        });
        await reached(words, 1);
        throw new Error("body");
      }),
    Error,
    "body",
  );
  assertEquals(child.outcome()?.status, "cancelled");
  assertEquals([engine.workerCount, engine.stats().died], [0, 1]);
  release(words); // on Deno a thread that loops cannot be ended
});

test("a body that throws cancels those that wait for its engine, whatever they wait for", async () => {
  const words = newWords();
  const gate = newWords();
  let engine!: Engine<Tasks>;
  const children: { outcome(): { readonly status: string } | undefined }[] = [];
  await assertRejects(
    () =>
      scope(async (s) => {
        engine = await make({ maxTasks: 2 });
        const wait = (what: () => PromiseLike<unknown>) =>
          children.push(s.spawn(async () => void await what()));
        wait(() => engine.run("untilCancelled", [words]));
        await reached(words, 1);
        wait(() => engine.run("tally", [gate, 0]));
        wait(() => engine.run("tally", [gate, 0])); // waits for a slot
        wait(() => engine.map([1, 2, 3], (n) => n));
        const id = engine.submit("tally", [gate, 0]);
        wait(() => engine.waitForResult(id));
        await turn();
        throw new Error("body");
      }),
    Error,
    "body",
  );
  assertEquals(children.map((one) => one.outcome()?.status), Array(5).fill("cancelled"));
  assertEquals([words[1], gate[0]], [1, 0]);
});

test("what is queued is out before what runs is told to stop, and makes way for it", async () => {
  const words = newWords();
  const engine = await make({ maxTasks: 2_000 });
  const gate = sharedWords(engine);
  const running = engine.run("untilCancelled", [words]);
  await reached(words, 1);
  const queued = Array.from({ length: 1_000 }, () => engine.run("tally", [gate, 0]));
  await turn();
  const ends = Promise.allSettled([running, ...queued]);
  await engine.close({ drain: false });
  assertEquals((await ends).filter(({ status }) => status === "fulfilled").length, 0);
  assertEquals([words[1], gate[0]], [1, 0]);
});

test("a cancelled scope: what waits for its engine ends as cancelled, not with a failure", async () => {
  const words = newWords();
  const ends: unknown[] = [];
  const controller = new AbortController();
  const error = await assertRejects(() =>
    scope(async (s) => {
      const engine = await make();
      for (const name of ["untilCancelled", "tally"] as const) {
        s.spawn(async () => {
          try {
            await engine.run(name, [words, 1]);
          } catch (error) {
            ends.push(error);
            throw error;
          }
        });
      }
      await reached(words, 1);
      controller.abort(new Error("why"));
      await s.sleep(FOR_EVER_MS);
    }, { signal: controller.signal }), Cancelled);
  assertEquals(error.reason.kind, "signal");
  assertEquals([ends.length, ends.every((one) => one instanceof Cancelled)], [2, true]);
});

test("children cannot outlive an engine that the body made: the scope fails, and says so", async () => {
  const words = newWords();
  await assertRejects(
    () =>
      scope(async (s) => {
        const engine = await make({ maxTasks: 1 });
        s.spawn(async () =>
          void await engine.runBatch("untilAborted", [[words], [words], [words]])
        );
        await reached(words, 1);
      }),
    EngineClosedError,
  );
  assertEquals([words[0], words[1]], [1, 1]);
});

test("what the body left open may wait for its engine: nothing waits in a ring", async () => {
  const gate = newWords();
  let left!: TaskGroup;
  let isInside = false;
  let seen: unknown;
  await assertRejects(
    () =>
      scope(async () => {
        const engine = await make({ graceMs: 1 });
        engine.run("loop", [gate], { graceMs: 1 }).catch(() => {});
        await reached(gate, 1);
        left = new TaskGroup();
        left.spawn(async () => {
          await shield(60_000, async () => {
            isInside = true;
            seen = await nameOf(engine.run("add", [1, 2]));
          });
        });
        while (!isInside) await turn();
        throw new Error("body");
      }),
    Error,
    "body",
  );
  await left.run().catch(() => {});
  assertEquals(seen, "EngineClosedError");
  release(gate);
});

test("a scope cancelled while its engine is made: create rejects with that", async () => {
  const group = new TaskGroup();
  let end: unknown;
  const task = group.spawn(async () => {
    const made = make();
    group.cancel("not needed");
    end = await made.catch((error) => error);
    throw end;
  });
  await group.run().catch(() => {});
  assertInstanceOf(end, Cancelled);
  assertEquals(task.outcome()?.status, "cancelled");
});

// ---- many that fail at once ---------------------------------------------------------------------

test("any number of waiting tasks may fail as they get their slot", async () => {
  const engine = await make({ maxTasks: 1 });
  const words = newWords();
  const held = engine.run("holdAsync", [words, 1]);
  const bad = Array.from({ length: 20_000 }, () => engine.run("echo", [Symbol()]));
  const last = engine.run("add", [1, 2]);
  release(words);
  assertEquals(await held, 1);
  const ends = await Promise.allSettled(bad);
  assert(ends.every((one) => one.status === "rejected" && one.reason.name === "DataCloneError"));
  assertEquals(await last, 3);
  await engine.close();
});

test("so may they end, where they run on the calling thread", async () => {
  const engine = await make({ workerCount: 0, maxTasks: 1 });
  const words = newWords();
  const held = engine.run("holdAsync", [words, 1]);
  const sums = Array.from({ length: 20_000 }, (_, n) => engine.run("add", [n, 1]));
  release(words);
  assertEquals(await held, 1);
  assertEquals((await Promise.all(sums)).at(-1), 20_000);
  await engine.close();
});

// ---- closing --------------------------------------------------------------------------------------

/** Begins calls with longer and longer limits until one of them has begun to run; answers how that one ended. */
async function runAndEnd(
  words: Int32Array,
  begin: (timeoutMs: number) => Operation<unknown>,
): Promise<unknown> {
  for (let timeoutMs = 20;; timeoutMs *= 2) {
    let isOver = false;
    const end = nameOf(begin(timeoutMs)).finally(() => isOver = true);
    while (!isOver && Atomics.load(words, 0) === 0) await turn();
    if (Atomics.load(words, 0) > 0) return await end;
  }
}

test("closing does not wait for what has its outcome, though it runs on", async () => {
  const begins: ((engine: Engine<Tasks>, words: Int32Array, timeoutMs: number) => unknown)[] = [
    (engine, words, timeoutMs) => engine.run("holdAsync", [words], { timeoutMs }),
    (engine, words, timeoutMs) => engine.runBatch("holdAsync", [[words], [words]], { timeoutMs }),
    (engine, words, timeoutMs) =>
      engine.run("holdAsync", [words], { signal: AbortSignal.timeout(timeoutMs) }),
  ];
  for (const begin of begins) {
    const engine = await make({ graceMs: 1 });
    const words = newWords();
    const end = await runAndEnd(
      words,
      (timeoutMs) => begin(engine, words, timeoutMs) as Operation<unknown>,
    );
    assert(end === "TimeoutError" || end === "AbortError", `${end}`);
    assert(engine.pending > 0);
    await engine.close();
    assertEquals(engine.workerCount, 0);
  }
});

test("closing again without drain cuts the draining short; so does a shorter limit", async () => {
  for (const again of [{ drain: false }, { timeoutMs: 1 }]) {
    const engine = await make({ graceMs: 1 });
    const words = newWords();
    const held = engine.run("holdAsync", [words]);
    const queued = engine.map([1, 2, 3], (n) => n);
    const end = Promise.all([nameOf(held), nameOf(queued)]);
    await reached(words, 1);
    const closing = engine.close();
    await turn();
    assertEquals(engine.close(again), closing);
    assertEquals((await end)[0], "EngineClosedError");
    await closing;
    assertEquals(engine.workerCount, 0);
  }
});

test("closing runs batches that were begun to their end, however long; those begun later not at all", async () => {
  const engine = await make({ maxTasks: 4 });
  const items = Array.from({ length: 200 }, (_, n) => n);
  const batch = engine.map(items, (n) => n + 1);
  const other = engine.runBatch("add", items.map((n): [number, number] => [n, 2]));
  const closing = engine.close();
  const late = engine.map(items, (n) => n);
  await assertRejects(() => late, EngineClosedError);
  assertEquals(await batch, items.map((n) => n + 1));
  assertEquals(await other, items.map((n) => n + 2));
  await closing;
});

test("a batch whose items never end is ended by closing without drain", async () => {
  const engine = await make({ maxTasks: 4 });
  let taken = 0;
  const endless = function* () {
    for (;;) yield taken++;
  };
  const batch = engine.forEach(endless(), (n) => n);
  const end = nameOf(batch);
  const closing = engine.close();
  while (taken < 20) await turn();
  void engine.close({ drain: false });
  assertEquals(await end, "EngineClosedError");
  await closing;
});

test("without drain a task is ended in its own way, when that is sooner", async () => {
  const engine = await make({ graceMs: FOR_EVER_MS });
  const words = newWords();
  const held = engine.run("loop", [words], { terminate: true, graceMs: 1 });
  await reached(words, 1);
  const end = nameOf(held);
  await engine.close({ drain: false });
  assertEquals(await end, "EngineClosedError");
  assertEquals(engine.stats().died, 1);
  release(words);
});
