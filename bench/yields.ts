/**
 * How much does it cost that 1000 tasks take turns, 100 times each, and do the host's timers still
 * fire meanwhile?
 *
 * `ticks`: of a host timer of 5 ms, during 100 ms in which the tasks do nothing but yield; an idle
 * host gives 19 or 20.
 *
 * `bare thenable`: async bodies that await an object whose `then` puts the callback in an array; the
 * least that awaiting anything but a native promise can cost.
 *
 * @module
 */
import { PENDING, Runtime, yieldNow } from "@vais/runtime";
import { type Bench, type Cell, check, hostTurn, time } from "./bench.ts";
import { effect, effection } from "./peers.ts";

const TASKS = 1000;
const YIELDS = 100;
const FAIR_MS = 100;
const TICK_MS = 5;

/** Rounds that run `tasks` of which each must yield 100 times, or until a time. */
function cell(run: (until: { turn(): boolean }[]) => Promise<unknown>): Cell {
  return () => async () => {
    let turns = 0;
    const ms = await time(() =>
      run(Array.from({ length: TASKS }, () => {
        let left = YIELDS;
        return { turn: () => (turns++, left-- > 0) };
      }))
    );
    check(turns, TASKS * (YIELDS + 1), "number of turns");
    return ms;
  };
}

function fair(run: (until: { turn(): boolean }[]) => Promise<unknown>): Cell {
  return () => async () => {
    let ticks = 0;
    const end = performance.now() + FAIR_MS;
    const timer = setInterval(() => ticks++, TICK_MS);
    await run(Array(TASKS).fill({ turn: () => performance.now() < end }));
    clearInterval(timer);
    return ticks;
  };
}

const runtime = new Runtime();

function generator(until: { turn(): boolean }[]): Promise<void> {
  // One generator function: see spawn_join.ts for what a closure each would cost.
  const body = function* (state: { turn(): boolean }) {
    while (state.turn()) yield* yieldNow();
  };
  for (const state of until) runtime.spawn(() => body(state));
  return runtime.run();
}

function poll(until: { turn(): boolean }[]): Promise<void> {
  for (const state of until) {
    runtime.spawn(state, (state, waker) => {
      if (!state.turn()) return;
      waker.wake();
      return PENDING;
    });
  }
  return runtime.run();
}

function asyncBody(until: { turn(): boolean }[]): Promise<void> {
  const body = async (state: { turn(): boolean }) => {
    while (state.turn()) await yieldNow();
  };
  for (const state of until) runtime.spawn(() => body(state));
  return runtime.run();
}

function native(until: { turn(): boolean }[]): Promise<unknown> {
  return Promise.all(until.map(async (state) => {
    while (state.turn()) await null;
  }));
}

async function bareThenable(until: { turn(): boolean }[]): Promise<void> {
  let queue: (() => void)[] = [];
  const thenable = { then: (resume: () => void) => void queue.push(resume) };
  let left = until.length;
  const bodies = until.map(async (state) => {
    while (state.turn()) await (thenable as unknown as PromiseLike<void>);
    left--;
  });
  while (left > 0) {
    await undefined;
    const batch = queue;
    queue = [];
    for (const resume of batch) resume();
  }
  await Promise.all(bodies);
}

function nativeFair(until: { turn(): boolean }[]): Promise<unknown> {
  return Promise.all(until.map(async (state) => {
    while (state.turn()) await new Promise<void>((resolve) => setImmediate(resolve));
  }));
}

declare function setImmediate(callback: () => void): unknown;

async function withEffect(): Promise<(until: { turn(): boolean }[]) => Promise<unknown>> {
  const { Effect } = await effect();
  const body = function* (state: { turn(): boolean }) {
    while (state.turn()) yield* Effect.yieldNow;
  };
  return (until) =>
    Effect.runPromise(
      Effect.forEach(until, (state) => Effect.gen(() => body(state)), { concurrency: "unbounded" }),
    );
}

async function withEffection(): Promise<(until: { turn(): boolean }[]) => Promise<unknown>> {
  const { run, spawn, sleep } = await effection();
  const body = function* (state: { turn(): boolean }) {
    while (state.turn()) yield* sleep(0);
  };
  return (until) =>
    run(function* () {
      const tasks = [];
      for (const state of until) tasks.push(yield* spawn(() => body(state)));
      for (const task of tasks) yield* task;
    });
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "generator": cell(generator),
    "poll": cell(poll),
    "async": cell(asyncBody),
    "await null": cell(native),
    "bare thenable": cell(bareThenable),
    "setImmediate": cell(nativeFair),
    "effect": async () => await cell(await withEffect())(),
    "effection": async () => await cell(await withEffection())(),
    "generator ticks": fair(generator),
    "poll ticks": fair(poll),
    "async ticks": fair(asyncBody),
    "await null ticks": fair(native),
    "idle ticks": fair(() => hostTurn(FAIR_MS)),
    "effect ticks": async () => await fair(await withEffect())(),
  },
  rows: [
    {
      work: "1000 x 100 yields, generator",
      ours: "generator",
      reference: "await null",
      goal: { ratio: 1, of: "native" },
    },
    {
      work: "1000 x 100 yields, poll",
      ours: "poll",
      reference: "await null",
      goal: { ratio: 0.5, of: "native" },
    },
    {
      work: "1000 x 100 yields, async",
      ours: "async",
      reference: "await null",
      goal: { ratio: 2.5, of: "native" },
    },
    { work: "1000 x 100 yields, async", ours: "async", reference: "bare thenable" },
    { work: "1000 x 100 yields, async", ours: "async", reference: "setImmediate" },
    { work: "1000 x 100 yields, generator", ours: "generator", reference: "effect" },
    { work: "1000 x 100 yields, generator", ours: "generator", reference: "effection" },
    ...["generator", "poll", "async"].map((kind) => ({
      work: `of 20 timer ticks meanwhile, ${kind}`,
      ours: `${kind} ticks`,
      reference: "idle ticks",
      unit: "ticks",
      goal: { atLeast: 18 },
    })),
    {
      work: "of 20 timer ticks meanwhile, generator",
      ours: "generator ticks",
      reference: "await null ticks",
      unit: "ticks",
    },
    {
      work: "of 20 timer ticks meanwhile, generator",
      ours: "generator ticks",
      reference: "effect ticks",
      unit: "ticks",
    },
  ],
};
