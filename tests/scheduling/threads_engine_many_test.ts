/**
 * Engine: many calls at once, streams, callbacks, and what happens when it is full.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertLessOrEqual,
  assertRejects,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  Cancelled,
  QueueFullError,
  Runtime,
  scope,
  type ThreadTask,
  TimeoutError,
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

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

// ---- map, forEach, runBatch ---------------------------------------------------------------------

withEngine("1 000 000 tasks: each result is in its place, each is counted", {
  workerCount: 2,
}, async (engine) => {
  const count = 1_000_000;
  function* calls(): Generator<[number, number]> {
    for (let n = 0; n < count; n++) yield [n, -1];
  }
  const results = await engine.runBatch("add", calls());
  assertEquals(results.length, count);
  assert(results.every((result, n) => result === n - 1));
  const { submitted, completed, highWater } = engine.stats();
  assertEquals([submitted, completed], [count, count]);
  assertLessOrEqual(highWater, 1024);
});

withEngine("100 000 tasks run exactly once each", { workerCount: 2 }, async (engine) => {
  const count = 100_000;
  const words = newWords(count);
  engine.share(words.buffer as SharedArrayBuffer);
  await engine.runBatch("tally", numbers(count).map((n): [Int32Array, number] => [words, n]));
  assert(words.every((word) => word === 1));
});

withEngine("map, forEach and runBatch answer in order, for any numbers", {
  workerCount: 2,
  maxTasks: 8,
}, async (engine) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer(), { maxLength: 60 }), async (items) => {
      assertEquals(await engine.map(items, (n) => n ^ 5), items.map((n) => n ^ 5));
      assertEquals(
        await engine.runBatch("add", items.map((n): [number, number] => [n, 1])),
        items.map((n) => n + 1),
      );
      assertEquals(await engine.forEach(items, (n) => n), undefined);
    }),
    { numRuns: 25 },
  );
});

withEngine("arguments are taken only when there is room", { maxTasks: 4 }, async (engine) => {
  const words = newWords();
  let taken = 0;
  function* calls(): Generator<[Int32Array, number]> {
    for (; taken < 100;) yield [words, ++taken];
  }
  const batch = engine.runBatch("hold", calls());
  await reached(words, 1);
  assertEquals(taken, 4);
  assertEquals(engine.hasRoom, false);
  release(words);
  assertEquals((await batch).length, 100);
});

withEngine(
  "the first failure ends a batch: what is queued never runs",
  { maxTasks: 64 },
  async (engine) => {
    const words = newWords();
    const gate = newWords();
    const held = engine.run("hold", [gate]);
    await reached(gate, 1);
    const batch = engine.runBatch(
      (words: Int32Array, n: number) => {
        Atomics.add(words, 0, 1);
        if (n === 3) throw new RangeError(`${n}`);
        return n;
      },
      numbers(1_000).map((n): [Int32Array, number] => [words, n]),
    );
    release(gate);
    const error = await assertRejects(() => batch, RangeError);
    assertEquals(error.message, "3");
    await held;
    await until(() => engine.stats().inFlight === 0);
    assertLess(words[0]!, 1_000);
  },
);

withEngine(
  "what an iterator throws ends a batch, and its cleanup runs when the batch ends first",
  {},
  async (engine) => {
    let closed = 0;
    function* failing(): Generator<number> {
      yield 1;
      throw new Error("the iterator failed");
    }
    function* watched(): Generator<number> {
      try {
        for (let n = 0;; n++) yield n;
      } finally {
        closed++;
      }
    }
    await assertRejects(() => engine.map(failing(), (n) => n), Error, "the iterator failed");
    await assertRejects(
      () =>
        engine.map(watched(), (n: number) => {
          if (n > 5) throw new Error("enough");
        }),
      Error,
      "enough",
    );
    assertEquals(closed, 1);
    await assertRejects(
      () => engine.runBatch("add", [[1, 2], 3 as Any]),
      TypeError,
      "Cannot runBatch: args",
    );
  },
);

withEngine(
  "a batch ends by its signal, its time limit, its cancel",
  { maxTasks: 4 },
  async (engine) => {
    for (const how of ["signal", "timeout", "cancel"] as const) {
      const words = newWords();
      const controller = new AbortController();
      const batch = engine.runBatch(
        "holdAsync",
        numbers(20).map((n): [Int32Array, number] => [words, n]),
        {
          signal: controller.signal,
          ...(how === "timeout" ? { timeoutMs: 1 } : {}),
        },
      );
      await reached(words, 1);
      if (how === "signal") controller.abort("enough");
      if (how === "cancel") batch.cancel("enough");
      const error = await batch.then(() => "done", (error) => error);
      assertInstanceOf(error, how === "timeout" ? TimeoutError : Cancelled);
      release(words);
      await until(() => engine.stats().inFlight === 0);
      assertLessOrEqual(words[0]!, 4);
    }
    assertEquals(await engine.map([1], (n) => n), [1]);
  },
);

withEngine(
  "batches, single calls and callbacks share the room",
  { maxTasks: 3 },
  async (engine) => {
    const got: number[] = [];
    const all = [
      engine.map(numbers(200), (n) => n),
      engine.runBatch("add", numbers(200).map((n): [number, number] => [n, 1])),
      Promise.all(numbers(50).map((n) => engine.run("add", [n, 2]))),
      new Promise<void>((resolve) => {
        for (const n of numbers(50)) {
          engine.dispatch("add", [n, 3], (sum) => {
            got.push(sum);
            if (got.length === 50) resolve();
          });
        }
      }),
    ];
    const [a, b, c] = await Promise.all(all) as number[][];
    assertEquals([a, b, c], [
      numbers(200),
      numbers(200).map((n) => n + 1),
      numbers(50).map((n) => n + 2),
    ]);
    assertEquals(got.sort((x, y) => x - y), numbers(50).map((n) => n + 3));
  },
);

// ---- callbacks ----------------------------------------------------------------------------------

withEngine(
  "dispatch calls back, later, with the value or the error",
  { maxTasks: 2 },
  async (engine) => {
    const log: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      engine.dispatch("add", [1, 2], (sum: number) => log.push(sum));
      engine.dispatch("fail", ["RangeError"], () => log.push("no"), (error) => log.push(error));
      engine.dispatch(() => () => 1, [], () => log.push("no"), (error) => log.push(error));
      engine.dispatch("echo", [() => 1], () => log.push("no"), (error) => log.push(error));
      engine.dispatch("add", [3, 4], () => resolve());
      log.push("begun");
    });
    await done;
    await until(() => log.length === 5);
    assertEquals(log[0], "begun");
    assertEquals(
      log.map((one) => one instanceof Error ? one.name : one).sort(),
      [3, "DataCloneError", "DataCloneError", "RangeError", "begun"].sort(),
    );
  },
);

withEngine("a dispatched call that fails unheard is reported", {}, async (engine) => {
  const unheard: unknown[] = [];
  const runtime = new Runtime({ observer: { onUnobserved: (error) => unheard.push(error) } });
  await runtime.spawn(async () => {
    const { createEngine } = await import("@vais/runtime");
    const own = await createEngine({ workerCount: 1 });
    own.dispatch(
      () => {
        throw new Error("unheard");
      },
      [],
      () => {},
    );
    await until(() => own.stats().failed === 1);
  });
  await runtime.close();
  assertEquals(unheard.map((error) => (error as Error).message), ["unheard"]);
  assertEquals(await engine.run("add", [1, 1]), 2);
});

// ---- full ---------------------------------------------------------------------------------------

withEngine(
  "full: tasks wait outside, by priority, and can be taken back",
  { maxTasks: 2 },
  async (engine) => {
    const gate = newWords();
    const order = newWords(10);
    const held = [engine.run("hold", [gate]), engine.run("add", [0, 0])];
    await reached(gate, 1);
    const waiting = [
      engine.run("note", [order, 2]),
      engine.run("note", [order, 3], { priority: "low" }),
      engine.run("note", [order, 1], { priority: "high" }),
      engine.run("note", [order, 9]),
    ];
    assertEquals([engine.stats().inFlight, engine.stats().waiting, engine.pending], [2, 4, 6]);
    waiting[3]!.cancel();
    await assertRejects(() => waiting[3]!, Cancelled);
    assertEquals(engine.stats().waiting, 3);
    release(gate);
    await Promise.all([...held, ...waiting.slice(0, 3)]);
    assertEquals([...order.subarray(0, 4)], [3, 1, 2, 3]);
    assertEquals(engine.stats().highWater, 6);
  },
);

withEngine("full: refused when asked for", { maxTasks: 2, whenFull: "reject" }, async (engine) => {
  const gate = newWords();
  const held = [engine.run("hold", [gate]), engine.run("add", [0, 0])];
  const error = await assertRejects(() => engine.run("add", [1, 1]), QueueFullError);
  assertEquals([error.code, error.maxTasks], ["ERR_QUEUE_FULL", 2]);
  assertThrows(() => engine.submit("add", [1, 1]), QueueFullError, "await room()");
  const refused = await new Promise((resolve) => engine.dispatch("add", [1, 1], resolve, resolve));
  assertInstanceOf(refused, QueueFullError);
  assertEquals(engine.stats().rejected, 3);
  const room = engine.room();
  release(gate);
  await room;
  assertEquals(await engine.run("add", [1, 1]), 2);
  await Promise.all(held);
});

withEngine(
  "full: the caller runs it when asked for",
  { maxTasks: 1, whenFull: "inline" },
  async (engine) => {
    const gate = newWords();
    const held = engine.run("hold", [gate]);
    await reached(gate, 1);
    const inline = engine.run("whoami", []);
    assertEquals([inline.status, await inline], ["ok", -1]);
    const failing = engine.run("fail", ["RangeError"]);
    assertEquals(failing.status, "error");
    await assertRejects(() => failing, RangeError);
    assertEquals(await engine.run(async (n: number) => await Promise.resolve(n), [5]), 5);
    assertEquals(engine.stats().inline, 3);
    release(gate);
    await held;
  },
);

withEngine("room comes in the order of asking; onFull and onRoom are told once each time", {
  maxTasks: 1,
  hooks: {
    onFull: () => log.push("full"),
    onRoom: () => log.push("room"),
  },
}, async (engine) => {
  log.length = 0;
  await engine.room(); // at once
  const gates = [newWords(), newWords()];
  const first = engine.run("hold", [gates[0]!]);
  const second = engine.run("hold", [gates[1]!]);
  const asked = [1, 2].map((n) => engine.room().then(() => log.push(`got ${n}`)));
  release(gates[0]!);
  await first;
  await reached(gates[1]!, 1);
  assertEquals(log, ["full"]);
  release(gates[1]!);
  await second;
  await until(() => log.includes("got 1"));
  assertEquals(log.slice(0, 3), ["full", "room", "got 1"]);
  await engine.run("add", [1, 1]);
  await Promise.all(asked);
  assertEquals(log.filter((line) => line === "full").length, 1);
});
const log: string[] = [];

// ---- streams ------------------------------------------------------------------------------------

withEngine("a stream has the items in order, then ends", {}, async (engine) => {
  for (const to of [0, 1, 15, 16, 17, 300]) {
    const got: number[] = [];
    for await (const n of engine.stream("count", [newWords(), to])) got.push(n);
    assertEquals(got, numbers(to));
  }
  const later: number[] = [];
  for await (const n of engine.stream("countAsync", [50], { buffer: 3 })) later.push(n);
  assertEquals(later, numbers(50));
  const list: string[] = [];
  for await (const item of engine.stream((text: string) => text.split(","), ["a,b,c"])) {
    list.push(item);
  }
  assertEquals(list, ["a", "b", "c"]);
});

withEngine("the function runs ahead by `buffer` items, no more", {}, async (engine) => {
  const words = newWords();
  const stream = engine.stream("count", [words, 1_000], { buffer: 4 });
  const seen = [];
  for (let n = 0; n < 20; n++) {
    const step = await stream.next();
    seen.push(step.value);
    for (let i = 0; i < 3; i++) await turn();
    assertLessOrEqual(words[0]!, n + 1 + 4);
  }
  assertEquals(seen, numbers(20));
  await stream.return();
  await reached(words, 1, 1); // its finally has run
  assertEquals(await stream.next(), { done: true, value: undefined });
});

withEngine("leaving the loop stops the function at its next yield", {}, async (engine) => {
  const words = newWords();
  for await (const n of engine.stream("count", [words, 1e9])) if (n === 5) break;
  await reached(words, 1, 1);
  assertLessOrEqual(words[0]!, 5 + 1 + 16);
  const error = await assertRejects(async () => {
    for await (const n of engine.stream("count", [words, 1e9])) {
      if (n === 3) throw new Error("mine");
    }
  }, Error);
  assertEquals(error.message, "mine");
  await reached(words, 2, 1);
});

withEngine(
  "a stream throws what the function throws, after its items, once",
  {},
  async (engine) => {
    const stream = engine.stream(function* () {
      yield 1;
      yield 2;
      throw new RangeError("no more");
    }, []);
    const got: unknown[] = [];
    const error = await assertRejects(async () => {
      for await (const item of stream) got.push(item);
    }, RangeError);
    assertEquals([got, error.message], [[1, 2], "no more"]);
    assertEquals(await stream.next(), { done: true, value: undefined });
    await assertRejects(
      async () => {
        for await (const _ of engine.stream("add" as Any, [1, 2])) { /* nothing comes */ }
      },
      TypeError,
      "Cannot stream: the function answered number 3",
    );
    await assertRejects(
      () =>
        engine.stream(function* () {
          yield () => 1;
        }, []).next(),
      Error,
    );
  },
);

withEngine("several may ask for the next item at once; each gets another", {}, async (engine) => {
  const stream = engine.stream("count", [newWords(), 5]);
  const steps = await Promise.all(numbers(7).map(() => stream.next()));
  assertEquals(steps.map(({ value }) => value), [0, 1, 2, 3, 4, undefined, undefined]);
  await stream[Symbol.asyncDispose]();
});

withEngine(
  "a queued stream ends with its time limit, its signal, its dispose",
  {},
  async (engine) => {
    const gate = newWords();
    const held = engine.run("hold", [gate]);
    await reached(gate, 1);
    const words = newWords();
    await assertRejects(
      () => engine.stream("count", [words, 5], { timeoutMs: 1 }).next(),
      TimeoutError,
    );
    const { signal } = Object.assign(new AbortController(), {});
    const controller = new AbortController();
    const aborted = engine.stream("count", [words, 5], { signal: controller.signal }).next();
    controller.abort("enough");
    await assertRejects(() => aborted, Cancelled);
    assert(!signal.aborted);
    {
      await using stream = engine.stream("count", [words, 5]);
      assert(Symbol.asyncIterator in stream);
    }
    release(gate);
    await held;
    assertEquals(words[0], 0, "a stream that was given up ran");
  },
);

withEngine("two streams of one worker go on side by side", {}, async (engine) => {
  const [a, b] = [engine.stream("count", [newWords(), 40]), engine.stream("countAsync", [40])];
  const got: number[][] = [[], []];
  for (let n = 0; n < 40; n++) {
    got[0]!.push((await a.next()).value!);
    got[1]!.push((await b.next()).value!);
  }
  assertEquals(got, [numbers(40), numbers(40)]);
  assertEquals([(await a.next()).done, (await b.next()).done], [true, true]);
});

withEngine("generator tasks take results and items with yield*", {}, async (engine) => {
  const total = await scope(function* (s) {
    const sum: number = yield* engine.run("add", [1, 2]);
    const squares: number[] = yield* engine.map([1, 2, 3], (n) => n * n);
    const child = s.spawn(engine.run("add", [100, 0]));
    const stream = engine.stream("count", [newWords(), 3]);
    let items = 0;
    for (;;) {
      const step = yield* stream.next();
      if (step.done) break;
      items += step.value;
    }
    return sum + squares.length + items + (yield* child);
  });
  assertEquals(total, 3 + 3 + 3 + 100);
});

test("a task is typed by its function", () => {
  const typed = (task: ThreadTask<number>): Promise<number> => task.then((n) => n.toFixed().length);
  assert(typeof typed === "function");
});
