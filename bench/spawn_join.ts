/**
 * What does it cost to start 10 000 children that return at once, and to get their results?
 *
 * `group`: into a TaskGroup, all joined by `group.run()`, the results added up by the children.
 * `handles`: inside a scope that joins each handle and adds up the results.
 * The generator function stands outside the loop, as the async function of the reference does. Where
 * each child gets a generator closure of its own, V8 makes a hidden class and a prototype for each;
 * `closures` shows what that costs: nothing of it is ours.
 *
 * @module
 */
import { scope, TaskGroup } from "@vais/runtime";
import { type Bench, type Cell, check, time } from "./bench.ts";
import { effect, effection } from "./peers.ts";

const CHILDREN = 10_000;
const SUM = CHILDREN * (CHILDREN - 1) / 2;

function cell(run: () => Promise<number>): Cell {
  return () => async () => {
    let sum = 0;
    const ms = await time(async () => sum = await run());
    check(sum, SUM, "sum");
    return ms;
  };
}

function inGroup(spawn: (group: TaskGroup, i: number, add: (i: number) => void) => unknown): Cell {
  return cell(async () => {
    let sum = 0;
    const add = (i: number) => {
      sum += i;
    };
    const group = new TaskGroup();
    for (let i = 0; i < CHILDREN; i++) spawn(group, i, add);
    await group.run();
    return sum;
  });
}

// deno-lint-ignore require-yield -- a trivial task
function* adding(add: (i: number) => void, i: number): Generator<never, void> {
  add(i);
}

// deno-lint-ignore require-yield -- a trivial task
function* answer(i: number): Generator<never, number> {
  return i;
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "poll group": inGroup((group, i, add) => group.spawn(i, add)),
    "generator group": inGroup((group, i, add) => group.spawn(() => adding(add, i))),
    "generator closures group": inGroup((group, i, add) =>
      // deno-lint-ignore require-yield -- a trivial task
      group.spawn(function* () {
        add(i);
      })
    ),
    "async group": inGroup((group, i, add) =>
      // deno-lint-ignore require-await -- a trivial task
      group.spawn(async () => add(i))
    ),
    "poll handles": cell(() =>
      scope(function* (s) {
        const handles = [];
        for (let i = 0; i < CHILDREN; i++) handles.push(s.spawn(i, (i) => i));
        let sum = 0;
        for (const handle of handles) sum += yield* handle;
        return sum;
      })
    ),
    "generator handles": cell(() =>
      scope(function* (s) {
        const handles = [];
        for (let i = 0; i < CHILDREN; i++) {
          handles.push(s.spawn(() => answer(i)));
        }
        let sum = 0;
        for (const handle of handles) sum += yield* handle;
        return sum;
      })
    ),
    "async handles": cell(() =>
      scope(async (s) => {
        const handles = [];
        // deno-lint-ignore require-await -- a trivial task
        for (let i = 0; i < CHILDREN; i++) handles.push(s.spawn(async () => i));
        let sum = 0;
        for (const handle of handles) sum += await handle;
        return sum;
      })
    ),
    "Promise.all": cell(async () => {
      const promises = [];
      // deno-lint-ignore require-await -- a trivial task
      const start = async (i: number) => i;
      for (let i = 0; i < CHILDREN; i++) promises.push(start(i));
      let sum = 0;
      for (const value of await Promise.all(promises)) sum += value;
      return sum;
    }),
    "effect": async () => {
      const { Effect, Fiber } = await effect();
      return cell(() =>
        Effect.runPromise(Effect.gen(function* () {
          const fibers = [];
          for (let i = 0; i < CHILDREN; i++) {
            fibers.push(yield* Effect.forkChild(Effect.sync(() => i)));
          }
          let sum = 0;
          for (const fiber of fibers) sum += yield* Fiber.join(fiber);
          return sum;
        }))
      )();
    },
    "effection": async () => {
      const { run, spawn } = await effection();
      return cell(() =>
        run(function* () {
          const tasks = [];
          for (let i = 0; i < CHILDREN; i++) {
            tasks.push(yield* spawn(() => answer(i)));
          }
          let sum = 0;
          for (const task of tasks) sum += yield* task;
          return sum;
        })
      )();
    },
  },
  rows: [
    ...["group", "handles"].flatMap((join) =>
      ([["poll", 1], ["generator", 4], ["async", 6]] as const).map(([kind, ratio]) => ({
        work: `spawn+join 10 000, ${kind}, ${join}`,
        ours: `${kind} ${join}`,
        reference: "Promise.all",
        goal: { ratio, of: "native" },
      }))
    ),
    {
      work: "spawn+join 10 000, generator closures, group",
      ours: "generator closures group",
      reference: "Promise.all",
    },
    {
      work: "spawn+join 10 000, generator, handles",
      ours: "generator handles",
      reference: "effect",
      goal: { faster: 4, than: "effect" },
    },
    {
      work: "spawn+join 10 000, generator, handles",
      ours: "generator handles",
      reference: "effection",
      goal: { faster: 80, than: "effection" },
    },
  ],
};
