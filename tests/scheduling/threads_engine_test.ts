/**
 * Engine: calls on other threads, their results, errors, numbers and priorities.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  Cancelled,
  createDefaultEngine,
  currentThreadTask,
  NumaStealPolicy,
  ResultNotFoundError,
  RoundRobinStealPolicy,
  runTask,
  runWorkload,
  type Stealing,
  submitTask,
  TimeoutError,
  usableCpus,
  waitForResult,
} from "@vais/runtime";
import type { Any } from "../support/bad_input.ts";
import {
  newWords,
  reached,
  release,
  turn,
  until,
  withEngine,
} from "../support/threads_engine_tasks.ts";
import { test } from "../support/test.ts";

// ---- values -------------------------------------------------------------------------------------

withEngine("values of all kinds go there and back", {}, async (engine) => {
  const values: unknown[] = [
    0,
    -0,
    1.5,
    NaN,
    -Infinity,
    2 ** 53,
    2 ** 40,
    -1,
    "",
    "text \u{1f600} \ud800",
    "x".repeat(100_000),
    true,
    null,
    undefined,
    10n ** 30n,
    [],
    [1, [2, [3]]],
    { a: 1, b: { c: "d" } },
    new Map([["k", [1]]]),
    new Date(1e12),
    /x/gi,
    new Uint8Array([1, 2, 3]),
    Float64Array.of(0.1, -0),
    new ArrayBuffer(70_000),
    [undefined, , 3],
    { u: undefined },
  ];
  for (const value of values) assertEquals(await engine.run("echo", [value]), value);
  assert(Object.is(await engine.run("echo", [-0]), -0));
  const set = await engine.run("echo", [new Set([1, "a"])]) as Set<unknown>;
  assertEquals([...set], [1, "a"]);
});

withEngine(
  "values that JSON can say come back the same, whatever their size",
  {},
  async (engine) => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (a, b) => {
        assertEquals(await engine.run((a: unknown, b: unknown) => [b, a], [a, b]), [b, a]);
      }),
      { numRuns: 60 },
    );
  },
);

withEngine("what is transferred is moved, what is shared is shared", {}, async (engine) => {
  const buffer = new ArrayBuffer(16);
  const moved = await engine.run((b: ArrayBuffer) => b.byteLength, [buffer], {
    transfer: [buffer],
  });
  assertEquals([moved, buffer.byteLength], [16, 0]);
  const words = newWords();
  await engine.run("tally", [words, 1]);
  engine.share(words.buffer as SharedArrayBuffer);
  await engine.run("tally", [words, 1]);
  assertEquals(words[1], 2);
  const lease = engine.lease(100)!;
  lease.bytes.fill(7);
  assertEquals(await engine.run((b: Uint8Array) => b.length * b[99]!, [lease.bytes]), 700);
  lease.release();
  lease.release();
  const taken = Array.from({ length: 1_000 }, () => engine.lease(2 ** 20));
  assert(taken.some((one) => one === undefined) && taken[0] !== undefined);
  for (const one of taken) one?.release();
  assert(engine.lease(2 ** 20) !== undefined);
});

withEngine("what cannot be cloned rejects its task, and no other", {}, async (engine) => {
  const good = engine.run("add", [1, 2]);
  const error = await assertRejects(() => engine.run("echo", [() => 1]));
  assertEquals((error as Error).name, "DataCloneError");
  const back = await assertRejects(() => engine.run(() => () => 1, []));
  assertEquals((back as Error).name, "DataCloneError");
  assertEquals(await good, 3);
});

// ---- functions ----------------------------------------------------------------------------------

withEngine("functions by name, self-contained ones, generators, async ones", {}, async (engine) => {
  const sum: number = await engine.run("add", [40, 2]);
  const text: string = await engine.run((a: string, n: number) => a.repeat(n), ["ab", 2]);
  const later: number = await engine.run(async (n: number) => {
    await Promise.resolve();
    return n + 1;
  }, [41]);
  const generated: number = await engine.run("sumLater", [4]);
  const inline: number = await engine.run(function* (n: number): Generator<unknown, number> {
    if (n < 0) yield 0;
    return n;
  }, [5]);
  assertEquals([sum, text, later, generated, inline], [42, "abab", 42, 10, 5]);
});

withEngine("a name that is not exported is refused at once, with those that are", {}, (engine) => {
  const error = assertThrows(() => engine.run("nope" as Any, []), TypeError);
  assert(
    error.message.includes('Cannot run "nope"') &&
      error.message.includes("it exports add, count, "),
  );
  assertThrows(() => engine.run("limit" as Any, []), TypeError, "exports no such function");
  assertThrows(() => engine.run("toString" as Any, []), TypeError, "exports no such function");
  return Promise.resolve();
});

withEngine("calls are typed by the module, and by the function", {}, async (engine) => {
  const wrong = [
    // @ts-expect-error -- no such function
    () => engine.run("subtract", [1, 2]),
    // @ts-expect-error -- not a string
    () => engine.run("add", ["1", 2]).then((n) => n),
    // @ts-expect-error -- one is missing
    () => engine.run((a: number, b: number) => a + b, [1]),
    // @ts-expect-error -- no number comes back
    (): Promise<number> => engine.run((text: string) => text, ["x"]),
    // @ts-expect-error -- `add` takes two
    () => engine.map([1, 2], "tally"),
  ];
  assertEquals(wrong.length, 5);
  const text: string = await engine.run((n: number) => `${n}`, [5]);
  const items: AsyncIterable<number> = engine.stream("count", [newWords(), 1]);
  for await (const item of items) assertEquals([text, item], ["5", 0]);
});

withEngine("a function that uses what is around it is refused, with the names", {}, (engine) => {
  const captured = 5;
  assertThrows(() => engine.run((n: number) => n + captured, [1]), TypeError, "captured");
  return Promise.resolve();
});

test("an engine without a module runs self-contained functions only", async () => {
  await using engine = await createDefaultEngine();
  assertEquals(engine.workerCount, Math.max(1, usableCpus().count - 1));
  assertEquals(await engine.run((n: number) => n * 2, [4]), 8);
  assertThrows(() => engine.run("add", [1, 2]), TypeError, "without a module");
});

withEngine("the same expression is one function, however often it is made", {}, async (engine) => {
  const results = [];
  for (let n = 0; n < 50; n++) results.push(engine.run((x: number) => x + 1, [n]));
  assertEquals(await Promise.all(results), Array.from({ length: 50 }, (_, n) => n + 1));
});

// ---- errors -------------------------------------------------------------------------------------

withEngine("errors keep class, message, code, cause and stack", {}, async (engine) => {
  for (const name of ["RangeError", "TypeError", "SyntaxError", "Error"]) {
    const error = await assertRejects(() => engine.run("fail", [name])) as Any;
    assertInstanceOf(error, (globalThis as Any)[name]);
    assertEquals([error.message, error.code], ["failed as asked", "E_ASKED"]);
    assertEquals(error.cause.message, "the cause");
    assert(error.stack.includes("fail"));
  }
  const thrown = await engine.run(() => {
    throw 42;
  }, []).catch((error) => error);
  assertEquals(thrown, 42);
  const nothing = await engine.run(() => {
    throw undefined;
  }, []).then(() => "value", (error) => [error]);
  assertEquals(nothing, [undefined]);
});

withEngine("a task that throws leaves its worker as it was", {}, async (engine) => {
  const tasks = Array.from(
    { length: 200 },
    (_, i) => i % 3 === 0 ? engine.run("fail", ["Error"]) : engine.run("add", [i, 0]),
  );
  const ends = await Promise.allSettled(tasks);
  assertEquals(ends.filter(({ status }) => status === "rejected").length, 67);
  assertEquals(engine.stats().died, 0);
});

// ---- one thread, several tasks ------------------------------------------------------------------

withEngine("asynchronous tasks of one worker run side by side", {}, async (engine) => {
  const words = newWords();
  const held = [1, 2, 3].map((n) => engine.run("holdAsync", [words, n]));
  await reached(words, 3);
  assertEquals(await engine.run("add", [1, 1]), 2);
  release(words);
  assertEquals(await Promise.all(held), [1, 2, 3]);
});

withEngine(
  "cancelling one of two tasks of a thread leaves the other running",
  {},
  async (engine) => {
    const one = newWords();
    const other = newWords();
    const cancelled = engine.run("untilAborted", [one]);
    const goesOn = engine.run("holdAsync", [other, 7]);
    await reached(one, 1);
    await reached(other, 1);
    cancelled.cancel("not needed");
    await assertRejects(() => cancelled, Cancelled);
    await reached(one, 1, 1); // it has heard of it
    release(other);
    assertEquals(await goesOn, 7);
    assertEquals(engine.stats().died, 0);
  },
);

withEngine(
  "at most `concurrency` asynchronous tasks are begun",
  { concurrency: 2 },
  async (engine) => {
    const words = newWords();
    const held = [1, 2, 3, 4].map((n) => engine.run("holdAsync", [words, n]));
    await reached(words, 2);
    for (let i = 0; i < 5; i++) await turn();
    assertEquals(words[0], 2);
    release(words);
    assertEquals(await Promise.all(held), [1, 2, 3, 4]);
  },
);

// ---- numbers: submit and waitForResult ----------------------------------------------------------

withEngine(
  "submit answers numbers from 1; a result is there for one reader",
  {},
  async (engine) => {
    const ids = [1, 2, 3].map((n) => engine.submit("add", [n, n]));
    assertEquals(ids, [1, 2, 3]);
    assertEquals(await engine.waitForResult(3), 6);
    assertEquals(await engine.waitForResult(1, 60_000), 2);
    const gone = await assertRejects(() => engine.waitForResult(1), ResultNotFoundError);
    assertEquals([gone.code, gone.taskId], ["ERR_RESULT_NOT_FOUND", 1]);
    await assertRejects(() => engine.waitForResult(99), ResultNotFoundError);
    assertEquals(await engine.waitForResult(2), 4);
  },
);

withEngine(
  "waiting has its own time limit: the task goes on, and can be waited for again",
  {},
  async (engine) => {
    const words = newWords();
    const id = engine.submit("hold", [words, 5]);
    await assertRejects(() => engine.waitForResult(id, 0), TimeoutError);
    await assertRejects(() => engine.waitForResult(id, 1), TimeoutError, "after 1 ms");
    release(words);
    assertEquals(await engine.waitForResult(id, null), 5);
  },
);

withEngine("a result that is there is had with a time limit of 0", {}, async (engine) => {
  const id = engine.submit("add", [1, 2]);
  await until(() => engine.stats().unread === 1);
  assertEquals(await engine.waitForResult(id, 0), 3);
});

withEngine("results nobody reads are bounded: the oldest go", { maxUnread: 3 }, async (engine) => {
  const ids = Array.from({ length: 5 }, (_, n) => engine.submit("add", [n, 0]));
  await until(() => engine.stats().completed === 5);
  assertEquals([engine.stats().unread, engine.stats().dropped], [3, 2]);
  await assertRejects(() => engine.waitForResult(ids[0]!), ResultNotFoundError);
  assertEquals(await engine.waitForResult(ids[4]!), 4);
  const detached = engine.submit("add", [1, 1], { detach: true });
  await until(() => engine.stats().completed === 6);
  await assertRejects(() => engine.waitForResult(detached), ResultNotFoundError);
  assertEquals(engine.stats().unread, 2);
});

withEngine("a submitted task is cancelled by its number", {}, async (engine) => {
  const words = newWords();
  const held = engine.submit("hold", [words]);
  const queued = engine.submit("tally", [words, 0]);
  await reached(words, 1);
  assert(engine.cancel(queued, "no"));
  assert(!engine.cancel(queued));
  assert(!engine.cancel(77));
  const error = await assertRejects(() => engine.waitForResult(queued), Cancelled);
  assertEquals(error.reason, { kind: "requested", note: "no" });
  release(words);
  await engine.waitForResult(held);
  assertEquals(words[0], 1, "the queued one ran");
});

withEngine("abi's functions are the engine's methods", {}, async (engine) => {
  const id = submitTask(engine, "add", [1, 2]);
  assertEquals(await waitForResult(engine, id, 60_000), 3);
  assertEquals(await runTask(engine, "add", [3, 4]), 7);
  assertEquals(await runWorkload(engine, (n: number) => n, [5]), 5);
});

// ---- priorities ---------------------------------------------------------------------------------

withEngine("high before normal before low, first in, first out in each", {}, async (engine) => {
  const gate = newWords();
  const order = newWords(40);
  const held = engine.run("hold", [gate]);
  await reached(gate, 1);
  const tasks = [];
  for (let i = 0; i < 5; i++) {
    tasks.push(engine.run("note", [order, 300 + i], { priority: "low" }));
    tasks.push(engine.run("note", [order, 200 + i]));
    tasks.push(engine.run("note", [order, 100 + i], { priority: "high" }));
  }
  release(gate);
  await Promise.all([held, ...tasks]);
  const noted = [...order.subarray(1, 16)];
  const of = (lane: number) => noted.filter((n) => Math.floor(n / 100) === lane);
  for (const lane of [1, 2, 3]) {
    assertEquals(of(lane), [0, 1, 2, 3, 4].map((i) => lane * 100 + i));
  }
  assertEquals(noted.filter((n) => n < 300), [...of(1), ...of(2)]);
});

withEngine("low tasks are not starved by a stream of others", { maxTasks: 64 }, async (engine) => {
  const gate = newWords();
  const order = newWords(1_200);
  const held = engine.run("hold", [gate]);
  await reached(gate, 1);
  const low = engine.run("note", [order, 1], { priority: "low" });
  let others = 0;
  const again = (): Promise<void> => {
    if (low.isSettled || others >= 1_000) return Promise.resolve();
    others++;
    return engine.run("note", [order, 2], { priority: "high" }).then(again);
  };
  const streams = Array.from({ length: 40 }, again);
  release(gate);
  await low;
  await Promise.all([held, ...streams]);
  assert(others < 1_000, "the low one came last");
});

// ---- stealing -----------------------------------------------------------------------------------

const policies: [string, Stealing][] = [
  ["random", "random"],
  ["round-robin", "round-robin"],
  ["none", "none"],
  ["a RoundRobinStealPolicy", new RoundRobinStealPolicy(2)],
  ["a NumaStealPolicy", new NumaStealPolicy({ nodes: [0, 1], seed: 3 })],
];
for (const [name, stealPolicy] of policies) {
  withEngine(
    `2 000 tasks, once each, stealing: ${name}`,
    { workerCount: 2, stealPolicy },
    async (engine) => {
      const words = newWords(2_000);
      engine.share(words.buffer as SharedArrayBuffer);
      const results = await Promise.all(
        Array.from({ length: 2_000 }, (_, i) => engine.run("tally", [words, i])),
      );
      assertEquals(results, Array.from({ length: 2_000 }, (_, i) => i));
      assert(words.every((count) => count === 1));
      const { completed, stolen } = engine.stats();
      assertEquals(completed, 2_000);
      if (stealPolicy === "none") assertEquals(stolen, 0);
    },
  );
}

withEngine("numaEnabled and cpuAffinityEnabled are hints that are answered", {
  workerCount: 2,
  numaEnabled: true,
  cpuAffinityEnabled: true,
}, async (engine) => {
  assertEquals(await engine.map([1, 2, 3], (n) => n + 1), [2, 3, 4]);
  const { pinned } = engine.stats();
  assert(pinned >= 0 && pinned <= 2);
});

// ---- in the function ----------------------------------------------------------------------------

withEngine("currentThreadTask is there in functions, and nowhere else", {}, async (engine) => {
  assertEquals(currentThreadTask(), undefined);
  assertEquals(await engine.run("whoami", []), 0);
  assertEquals(engine.workers, [0]);
  const words = newWords();
  const task = engine.run("untilCancelled", [words]);
  await reached(words, 1);
  assertEquals([task.status, task.worker, task.isSettled], ["pending", 0, false]);
  task.cancel();
  await assertRejects(() => task, Cancelled);
  await reached(words, 1, 1);
  assertEquals([task.status, task.isSettled], ["cancelled", true]);
  assertStrictEquals(await task.catch((error) => error), await task.catch((error) => error));
  await until(() => engine.stats().inFlight === 0);
});
