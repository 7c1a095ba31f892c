/**
 * The dispatch path with real workers.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FULL } from "@vais/runtime/memory";
import { NEEDS_MESSAGE } from "../../scheduling/threads/dispatch_types.ts";
import type { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { Call, withPool } from "../support/threads_dispatch_pool.ts";
import { test } from "../support/test.ts";

/** Calls function `fn`: through shared memory, or as a message. */
function call(dispatcher: Dispatcher, fn: number, ...args: unknown[]): Promise<unknown> {
  const sink = new Call();
  const ref = dispatcher.submit(fn, args, sink);
  if (ref === NEEDS_MESSAGE) dispatcher.submitMessage(fn, args, [], sink);
  else assert(ref !== FULL);
  return sink.promise;
}

for (const claim of ["batch", "one"] as const) {
  test(`1 000 000 tasks through 2 workers, claiming ${claim}: each comes back once`, async () => {
    const tasks = claim === "batch" ? 1_000_000 : 200_000;
    await withPool("[(a, b) => a + b]", { workers: 2, claim }, async ({ dispatcher }) => {
      const ended = new Uint8Array(tasks);
      let count = 0;
      let wrong = 0;
      await new Promise<void>((resolve) => {
        const sink = {
          taskDone(value: unknown, tag: number) {
            ended[tag]!++;
            if (value !== tag + 7) wrong++;
            if (++count === tasks) resolve();
          },
          taskFailed() {
            wrong++;
          },
        };
        const submitAll = async () => {
          for (let tag = 0; tag < tasks;) {
            if (dispatcher.submit(0, [tag, 7], sink, tag) === FULL) await dispatcher.room();
            else tag++;
          }
        };
        void submitAll();
      });
      assertEquals(wrong, 0);
      assertEquals(ended.findIndex((times) => times !== 1), -1);
      assertEquals(dispatcher.inFlight, 0);
      return () => {
        const executed = [0, 1].map((worker) => dispatcher.counters(worker).executed);
        assertEquals(executed[0]! + executed[1]!, tasks);
      };
    });
  });
}

test("whatever arguments and results are, they come back as structured clone would have them", async () => {
  await withPool("[(x) => x, (...all) => all]", { workers: 1 }, async ({ dispatcher }) => {
    const cyclic: Record<string, unknown> = { name: "cyclic" };
    cyclic.self = cyclic;
    const values = [
      0,
      -0,
      NaN,
      Infinity,
      1.5,
      2 ** 40,
      true,
      false,
      null,
      undefined,
      "",
      "text",
      "\u{1F600} \ud800",
      { a: [1, { b: "c" }], d: null },
      [],
      [undefined],
      [1, , 2],
      "x".repeat(100_000),
      12n,
      new Date(5),
      new Map([["a", 1]]),
      /x/g,
      new Uint8Array([1, 2, 3]),
      { a: undefined },
      cyclic,
      Array.from({ length: 3000 }, (_, i) => ({ i })),
    ];
    for (const value of values) {
      assertEquals(await call(dispatcher, 0, value), structuredClone(value));
    }
    assert(Object.is(await call(dispatcher, 0, -0), -0));
    const shared = { x: 1 };
    const [left, right] = await call(dispatcher, 0, [shared, shared]) as [unknown, unknown];
    assert(left === right, "one object is still one");
    for (const args of [[], [1, 2, 3, 4], [1, 2, 3, 4, 5, NaN], [undefined, "a", -0], values]) {
      assertEquals(await call(dispatcher, 1, ...args), structuredClone(args));
    }
    assertEquals(dispatcher.blocksInUse, 0);
  });
});

test("errors come back, also such as cannot be cloned, and results that cannot", async () => {
  const functions = `[
    () => { throw new RangeError("out of range"); },
    () => { throw () => {}; },
    () => () => {},
    async () => { await null; throw new TypeError("later"); },
    () => { throw undefined; },
  ]`;
  await withPool(functions, {
    workers: 1,
    decodeError: (data) => Object.assign(new Error(), data),
  }, async ({ dispatcher }) => {
    const error = await assertRejects(() => call(dispatcher, 0), Error, "out of range");
    assertEquals(error.name, "RangeError");
    await assertRejects(() => call(dispatcher, 1), Error, "() => {}");
    const uncloneable = await assertRejects(() => call(dispatcher, 2), Error);
    assertEquals(uncloneable.name, "DataCloneError");
    await assertRejects(() => call(dispatcher, 3), Error, "later");
    await assertRejects(() => call(dispatcher, 4), Error, "undefined");
    await assertRejects(() => call(dispatcher, 5), Error, "no function 5");
  });
});

test("leased memory goes by reference, both ways", async () => {
  const functions = `[
    (bytes, floats) => { bytes[1] = 9; return bytes[0] + floats[2]; },
    (n) => {
      const lease = loop.lease(n * 4);
      const result = new Float32Array(lease.bytes.buffer, lease.bytes.byteOffset, n);
      return result.fill(1.5);
    },
  ]`;
  await withPool(functions, { workers: 2 }, async ({ dispatcher }) => {
    const lease = dispatcher.lease(100_000);
    assert(lease !== FULL);
    const floats = new Float32Array(lease.bytes.buffer, lease.bytes.byteOffset + 64, 16);
    lease.bytes[0] = 7;
    floats[2] = 0.5;
    assertEquals(await call(dispatcher, 0, lease.bytes, floats), 7.5);
    assertEquals(lease.bytes[1], 9);
    lease.release();
    const result = await call(dispatcher, 1, 20_000) as Float32Array;
    assertEquals([result.length, result[19_999]], [20_000, 1.5]);
    assertEquals(dispatcher.blocksInUse, 1);
    dispatcher.leaseOf(result)!.release();
    dispatcher.leaseOf(result)?.release();
    assertEquals(dispatcher.blocksInUse, 0);
  });
});

test("shared buffers go by reference once they are shared; others as messages do", async () => {
  const functions = "[(words) => Atomics.add(words, 0, 1)]";
  await withPool(functions, { workers: 2 }, async ({ dispatcher }) => {
    for (const isShared of [false, true]) {
      const words = new Int32Array(new SharedArrayBuffer(8), 4);
      if (isShared) dispatcher.share(words.buffer as SharedArrayBuffer);
      const calls = Array.from({ length: 20 }, () => call(dispatcher, 0, words));
      await Promise.all(calls);
      assertEquals(words[0], 20);
    }
  });
});

test("buffers are copied into shared blocks when asked for", async () => {
  const functions =
    "[(bytes) => [bytes.length, bytes[99], bytes.buffer.constructor.name], (x) => x]";
  await withPool(functions, { workers: 1, copyBuffers: true }, async ({ dispatcher }) => {
    const bytes = new Uint8Array(60_000).fill(3);
    const sink = new Call();
    assertEquals(typeof dispatcher.submit(0, [bytes], sink), "number");
    assertEquals(await sink.promise, [60_000, 3, "SharedArrayBuffer"]);
    assertEquals(dispatcher.blocksInUse, 0);
    const same = new Call();
    dispatcher.submit(1, [bytes], same);
    const back = await same.promise as Uint8Array; // over the same block: a lease now
    assertEquals([back.length, back[59_999], dispatcher.blocksInUse], [60_000, 3, 1]);
    dispatcher.leaseOf(back)!.release();
    assertEquals(dispatcher.blocksInUse, 0);
  });
});

test("asynchronous tasks leave the worker to others; one that is cancelled hears of it", async () => {
  const functions = `[
    async (ms) => { await new Promise((resolve) => setTimeout(resolve, ms)); return ms; },
    () => 1,
    () => new Promise((resolve, reject) => {
      loop.onCancel(loop.current, () => reject(new Error("cancelled")));
    }),
    async (x) => x,
  ]`;
  await withPool(functions, { workers: 1 }, async ({ dispatcher }) => {
    const forever = new Call();
    const ref = dispatcher.submit(2, [], forever) as number;
    const slow = Array.from({ length: 5 }, (_, i) => call(dispatcher, 0, i));
    assertEquals(await call(dispatcher, 1), 1);
    assertEquals(await Promise.all(slow), [0, 1, 2, 3, 4]);
    const many = Array.from({ length: 1000 }, (_, i) => call(dispatcher, 3, i));
    assertEquals(await Promise.all(many), Array.from({ length: 1000 }, (_, i) => i));
    assertEquals(dispatcher.workerOf(ref), 0);
    assertEquals(dispatcher.cancel(ref), "flagged");
    const error = await forever.promise.catch((error) => error) as { message: string };
    assertEquals(error.message, "cancelled");
    assertEquals(dispatcher.cancel(ref), "too-late");
  });
});

test("a task whose deadline has passed when a worker gets to it is not run", async () => {
  const functions = `[
    (ms) => {
      for (const until = performance.now() + ms; performance.now() < until;);
      return "ran";
    },
  ]`;
  await withPool(functions, { workers: 1 }, async ({ dispatcher }) => {
    const first = call(dispatcher, 0, 5);
    const late = new Call();
    const early = new Call();
    assertEquals(typeof dispatcher.submit(0, [0], late, 0, 1, 1), "number");
    assertEquals(typeof dispatcher.submit(0, [0], early, 0, 1, 60_000), "number");
    assertEquals(await first, "ran");
    await assertRejects(() => late.promise, Error, "obsolete");
    assertEquals(await early.promise, "ran");
  });
});

test("a long task does not hold up those claimed with it", async () => {
  // Task 0 goes on only when all others have ended: the other worker must take them over.
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const functions = `[
    (i) => {
      if (i > 0) return Atomics.add(job.gate, 0, 1);
      while (Atomics.load(job.gate, 0) < 63);
    },
  ]`;
  await withPool(functions, { workers: 2, job: { gate } }, async ({ dispatcher }) => {
    await Promise.all(Array.from({ length: 64 }, (_, i) => call(dispatcher, 0, i)));
    assertEquals(gate[0], 63);
  });
});

test("a worker that is given up while it runs loses that task only, and leaves when it wakes up", async () => {
  const gate = new Int32Array(new SharedArrayBuffer(8));
  const functions = `[
    (i) => i,
    () => {
      Atomics.store(job.gate, 0, 1);
      Atomics.notify(job.gate, 0);
      Atomics.wait(job.gate, 1, 0);
      return "late";
    },
  ]`;
  await withPool(functions, { workers: 2, job: { gate } }, async ({ dispatcher, left }) => {
    const stuck = new Call();
    const ref = dispatcher.submit(1, [], stuck) as number;
    dispatcher.flush();
    Atomics.wait(gate, 0, 0);
    const worker = dispatcher.workerOf(ref);
    const others = Array.from({ length: 1000 }, (_, i) => call(dispatcher, 0, i));
    const lost = dispatcher.workerLost(worker, false);
    assertEquals(lost.map((task) => task.ref), [ref]);
    Call.lose(lost);
    await assertRejects(() => stuck.promise, Error, "lost");
    assertEquals(await Promise.all(others), Array.from({ length: 1000 }, (_, i) => i));
    assertEquals(dispatcher.activity(worker), "lost");
    assertEquals(dispatcher.openWorker(), FULL);
    Atomics.store(gate, 1, 1);
    Atomics.notify(gate, 1);
    assertEquals(await left[worker], "revoked");
    assertEquals(dispatcher.openWorker(), worker);
    assertEquals(dispatcher.workerLost(worker, true), []);
  });
});

test("in a pause nothing runs; after it everything does", async () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const functions = `[
    () => {
      if (Atomics.load(job.words, 0) === 1) Atomics.add(job.words, 1, 1);
      for (const until = performance.now() + 0.02; performance.now() < until;);
    },
  ]`;
  await withPool(functions, { workers: 2, job: { words } }, async ({ dispatcher }) => {
    const calls = Array.from({ length: 3000 }, () => call(dispatcher, 0));
    for (let i = 0; i < 20; i++) {
      dispatcher.pause();
      await dispatcher.whenQuiet();
      Atomics.store(words, 0, 1);
      await new Promise((resolve) => setTimeout(resolve, 0));
      Atomics.store(words, 0, 0);
      dispatcher.resume();
      await calls[i * 100];
    }
    await Promise.all(calls);
    assertEquals(words[1], 0);
  });
});

test("a worker that is stopped ends what it runs; the rest goes to another", async () => {
  await withPool("[(i) => i]", { workers: 2 }, async ({ dispatcher, left }) => {
    const calls = Array.from({ length: 4000 }, (_, i) => call(dispatcher, 0, i));
    dispatcher.stopWorker(0);
    assertEquals(await left[0], "stopped");
    assertEquals(dispatcher.workerLost(0, true), []);
    assertEquals(await Promise.all(calls), Array.from({ length: 4000 }, (_, i) => i));
  });
});

test("a dispatcher that waits blocking gets its results", async () => {
  await withPool("[(i) => i]", { workers: 1 }, ({ dispatcher }) => {
    let got: unknown;
    const sink = {
      taskDone: (value: unknown) => {
        got = value;
      },
      taskFailed: () => {},
    };
    for (let i = 0; i < 100; i++) {
      dispatcher.submit(0, [i], sink);
      while (dispatcher.inFlight > 0) {
        assert(dispatcher.waitSync());
        dispatcher.drain();
      }
      assertEquals(got, i);
    }
    assertEquals(dispatcher.waitSync(0), false);
    return Promise.resolve();
  });
});

test("arguments that the port refuses fail their task, and the worker goes on", async () => {
  const beforePost = (message: unknown) => {
    const [first] = (message as { args?: unknown[] }).args ?? [];
    if (first instanceof Map && first.size === 3) throw new Error("the port refuses");
  };
  await withPool("[(map) => map.size]", { workers: 1, beforePost }, async ({ dispatcher }) => {
    const maps = [2, 3, 4].map((size) =>
      new Map(Array.from({ length: size }, (_, n) => [n, n] as const))
    );
    const sizes = maps.map((map) => call(dispatcher, 0, map));
    const [two, three, four] = await Promise.allSettled(sizes);
    assertEquals([two, four].map((one) => (one as { value?: unknown }).value), [2, 4]);
    const { reason } = three as PromiseRejectedResult;
    assertStringIncludes((reason as Error).message, "the port refuses");
    assertEquals(dispatcher.inFlight, 0);
  });
});
