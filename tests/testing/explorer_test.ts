/**
 * The explorer: what is modelled, what is refused, and that it cleans up.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { exploreInterleavings, InterleavingError } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

const SETUP = "export const setup = () => new Int32Array(new SharedArrayBuffer(16));";

/** A program from the source of its threads. */
function program(threads: string, check = "() => {}"): string {
  return `${SETUP}\nexport const threads = [${threads}];\nexport const check = ${check};`;
}

/** Explores a program whose `check` must fail at some time: the outcome can happen. */
async function happens(threads: string, outcome: string, preemptions = 3): Promise<void> {
  const text = program(
    threads,
    `(w, got) => { if (${outcome}) throw new Error("it happens") }`,
  );
  const error = await assertRejects(
    () => exploreInterleavings(text, { preemptions }),
    InterleavingError,
  );
  assertStringIncludes(error.message, "it happens");
}

async function never(threads: string, outcome: string): Promise<void> {
  const text = program(threads, `(w, got) => { if (${outcome}) throw new Error("it happens") }`);
  assert((await exploreInterleavings(text, { preemptions: 3 })).complete);
}

test("wait: not equal, notified and timed out can all happen", async () => {
  const threads = `(w) => Atomics.wait(w, 0, 0, 10), (w) => {
    Atomics.store(w, 0, 1);
    return Atomics.notify(w, 0);
  }`;
  await happens(threads, 'got[0] === "not-equal" && got[1] === 0');
  await happens(threads, 'got[0] === "ok" && got[1] === 1');
  await happens(threads, 'got[0] === "timed-out" && got[1] === 0');
  await never(threads, 'got[0] === "ok" && got[1] === 0');
});

test("notify wakes as many as it says, first come first", async () => {
  const sleeper =
    "(w) => { const me = Atomics.add(w, 1, 1); Atomics.wait(w, 0, 0, 10); return [me, Atomics.add(w, 2, 1)]; }";
  const threads = `${sleeper}, ${sleeper}, (w) => Atomics.notify(w, 0, 1)`;
  await happens(threads, "got[2] === 1");
  await never(threads, "got[2] > 1");
});

test("waitAsync is answered on the spot, later, or by time", async () => {
  const threads = `async (w) => {
    const { async, value } = Atomics.waitAsync(w, 0, 0, 10);
    return [async, await value];
  }, (w) => {
    Atomics.store(w, 0, 1);
    return Atomics.notify(w, 0);
  }`;
  for (const outcome of ['[false,"not-equal"]', '[true,"ok"]', '[true,"timed-out"]']) {
    await happens(threads, `JSON.stringify(got[0]) === ${JSON.stringify(outcome)}`);
  }
});

test("time passes in sleeps only, and a deadline is reached", async () => {
  await never(
    `(w) => {
      const start = performance.now(), date = Date.now();
      Atomics.wait(w, 0, 0, 50);
      return [performance.now() - start, Date.now() - date];
    }`,
    "got[0].join() !== '50,50'",
  );
  await never(
    "() => { const end = performance.now() + 20; while (performance.now() < end) Atomics.pause(); }, (w) => Atomics.load(w, 0)",
    "false",
  );
});

test("spinning without a pause is no livelock, as long as somebody answers", async () => {
  await never(
    "(w) => { while (Atomics.load(w, 0) === 0); }, (w) => { Atomics.store(w, 0, 1); }",
    "false",
  );
  await never(
    "(w) => { while (w[0] === 0 || w[1] === 0); }, (w) => { w[0] = 1; w[1] = 1; }",
    "false",
  );
});

test("plain accesses through any view are steps", async () => {
  for (
    const [write, read] of [
      ["new Uint8Array(w.buffer)[3] = 1", "new Uint8Array(w.buffer)[3]"],
      ["new DataView(w.buffer).setInt16(2, 1)", "new DataView(w.buffer).getUint8(3)"],
      ["new BigInt64Array(w.buffer)[0] = 1n", "Number(new BigInt64Array(w.buffer)[0])"],
      ["w.subarray(1).fill(1)", "w.slice(2, 3)[0]"],
      ["w.set([1, 1], 2)", "[...w].at(-1)"],
      ["w.copyWithin(0, 0, 4), w[3] = 1", "new Int32Array(w).at(3)"],
    ]
  ) {
    const threads = `(w) => { ${write} }, (w) => [${read}, ${read}]`;
    await happens(threads, "got[1].join() === '0,1'");
    await never(threads, "got[1].join() === '1,0'");
  }
});

test("Atomics on every integer view, and 64 bits at once", async () => {
  for (const view of ["Int8Array", "Uint8Array", "Int16Array", "Uint16Array", "Uint32Array"]) {
    const add = `(w) => { Atomics.add(new ${view}(w.buffer), 1, 255) }`;
    await never(`${add}, ${add}`, `new ${view}(w.buffer)[1] !== new ${view}([510])[0]`);
  }
  const threads = `(w) => {
    Atomics.store(new BigInt64Array(w.buffer), 0, -1n);
  }, (w) => Number(Atomics.load(new BigInt64Array(w.buffer), 0))`;
  await never(threads, "got[1] !== 0 && got[1] !== -1");
});

test("results are carried whole", async () => {
  await never(
    "() => ({ a: undefined, b: 10n, c: [NaN, -0, Infinity], d: Symbol('EMPTY'), e: 'x' })",
    `!(got[0].a === undefined && "a" in got[0] && got[0].b === 10n && Number.isNaN(got[0].c[0]) &&
      Object.is(got[0].c[1], -0) && got[0].c[2] === Infinity && got[0].d === "EMPTY" && got[0].e === "x")`,
  );
});

test("every schedule begins with the same memory and the same chance", async () => {
  await never(
    "(w) => { Atomics.add(w, 0, 1); return Math.random(); }, (w) => { w[0] += 1; }", //
    "w[0] > 2 || got[0] !== 0.26642920868471265",
  );
});

test("a module by its URL", async () => {
  const url = new URL(`data:text/javascript,${encodeURIComponent(program("() => 1"))}`);
  const { schedules, complete, exhaustive, preemptions } = await exploreInterleavings(url);
  assertEquals([schedules, complete, exhaustive, preemptions], [1, true, true, 0]);
});

test("maxSchedules ends it unfinished; an abort ends it", async () => {
  const many = program("(w) => Atomics.add(w, 0, 1), ".repeat(3));
  const some = await exploreInterleavings(many, { maxSchedules: 3 });
  assertEquals([some.schedules, some.complete], [3, false]);
  const reason = new Error("enough");
  for (const signal of [AbortSignal.abort(reason), AbortSignal.timeout(20)]) {
    const endless = "(w) => { for (let i = 0; i < 1e5; i++) Atomics.add(w, 0, 1); }, ".repeat(2);
    await assertRejects(() =>
      exploreInterleavings(program(endless), { signal, preemptions: 9, maxSteps: 100_000 })
    );
  }
});

test("threads that are not deterministic, await something else, or hang are told", async () => {
  const two = "Atomics.add(w, 0, 1); Atomics.add(w, 0, 1);";
  const calls = program(
    `(w) => { ${two} return n++ % 3 ? Atomics.load(w, 0) : Atomics.add(w, 1, 1); }, (w) => { ${two} }`,
  );
  await assertRejects(
    () => exploreInterleavings(`let n = 0; ${calls}`),
    Error,
    "must be deterministic",
  );
  // It would have fired before the thread is looked at, on a busy machine or by this loop.
  const timer = program(`async () => {
    const fired = new Promise((resolve) => setTimeout(resolve, 0));
    for (let i = 0; i < 1e8; i++);
    await fired;
  }`);
  await assertRejects(
    () => exploreInterleavings(timer),
    InterleavingError,
    "not Atomics.waitAsync",
  );
  const hang = program("() => { let n = 0; for (let i = 0; i < 1e9; i++) n += i % 7; return n; }");
  await assertRejects(
    () => exploreInterleavings(hang, { stuckMs: 300 }),
    Error,
    "no step for 300 ms",
  );
});

test("bad programs", async () => {
  const cases: [unknown, typeof TypeError | typeof RangeError | typeof Error, string][] = [
    [1, TypeError, "the program is number"],
    [undefined, TypeError, "the program is undefined"],
    ["export const threads = [() => 1];", TypeError, "setup is undefined"],
    [SETUP, TypeError, "threads are not 1 to 8"],
    [`${SETUP} export const threads = [];`, TypeError, "threads are not 1 to 8"],
    [`${SETUP} export const threads = [1];`, TypeError, "threads are not 1 to 8"],
    [
      `${SETUP} export const threads = [() => 1]; export const check = 1;`,
      TypeError,
      "check is number",
    ],
    [`${SETUP} export const threads = [() => 1]; export const model = {};`, TypeError, "no step"],
    [
      "export const setup = () => new SharedArrayBuffer(3); export const threads = [() => 1];",
      RangeError,
      "3 bytes",
    ],
    [
      "export const setup = () => { throw new Error('no'); }; export const threads = [() => 1];",
      Error,
      "no",
    ],
    ["export const setup = ", Error, ""],
    ["import 'file:///nowhere.js';", Error, ""],
  ];
  for (const [text, Class, says] of cases) {
    await assertRejects(() => exploreInterleavings(text as string), Class, says);
  }
});

test("bad options", async () => {
  const fine = program("() => 1");
  for (
    const options of [
      { preemptions: -1 },
      { preemptions: 1.5 },
      { preemptions: 21 },
      { maxSteps: 9 },
      { maxSchedules: 0 },
      { stuckMs: 0 },
      { replay: "0*20000" },
    ]
  ) await assertRejects(() => exploreInterleavings(fine, options), RangeError);
  for (
    const options of [null, 1, { preemptions: "2" }, { maxSteps: null }, { replay: 1 }, {
      replay: "x",
    }]
  ) await assertRejects(() => exploreInterleavings(fine, options as object), TypeError);
  await assertRejects(
    () => exploreInterleavings(fine, { replay: "1*3" }),
    Error,
    "the schedule one of this program",
  );
});
