/**
 * How long do 10 000 short async jobs take when at most 100 may run at once?
 *
 * The same job everywhere. `map`: `group.map(items, job)`; `spawn`: a child each, then `group.run()`.
 *
 * @module
 */
import { TaskGroup } from "@vais/runtime";
import { type Bench, type Cell, check, time } from "./bench.ts";
import { effect, pLimit, pQueue } from "./peers.ts";

const JOBS = 10_000;
const LIMIT = 100;
const ITEMS = Array.from({ length: JOBS }, (_, i) => i);

/** Rounds in which `run` calls `job` for each item. */
function cell(run: (job: (i: number) => Promise<number>) => Promise<unknown>): Cell {
  return () => async () => {
    let running = 0, most = 0, sum = 0;
    const job = async (i: number) => {
      if (++running > most) most = running;
      await null;
      running--;
      sum += i;
      return i;
    };
    const ms = await time(() => run(job));
    check(sum, JOBS * (JOBS - 1) / 2, "sum");
    check(most, LIMIT, "number of jobs at once");
    return ms;
  };
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "map": cell(async (job) => {
      const group = new TaskGroup({ maxConcurrency: LIMIT });
      const results = await group.map(ITEMS, job);
      await group.run();
      check(results.at(-1), JOBS - 1, "last result");
    }),
    "spawn": cell(async (job) => {
      const group = new TaskGroup({ maxConcurrency: LIMIT });
      for (const i of ITEMS) group.spawn(() => job(i));
      await group.run();
    }),
    "p-limit": async () => {
      const limiter = await pLimit();
      return cell(async (job) => {
        const limit = limiter(LIMIT);
        const results = await Promise.all(ITEMS.map((i) => limit(() => job(i))));
        check(results.at(-1), JOBS - 1, "last result");
      })();
    },
    "p-queue": async () => {
      const PQueue = await pQueue();
      return cell(async (job) => {
        const queue = new PQueue({ concurrency: LIMIT });
        const results = await Promise.all(ITEMS.map((i) => queue.add(() => job(i))));
        check(results.at(-1), JOBS - 1, "last result");
      })();
    },
    "effect": async () => {
      const { Effect } = await effect();
      return cell(async (job) => {
        const results = await Effect.runPromise(
          Effect.forEach(ITEMS, (i) => Effect.promise(() => job(i)), { concurrency: LIMIT }),
        );
        check(results.at(-1), JOBS - 1, "last result");
      })();
    },
  },
  rows: [
    {
      work: "10 000 jobs, limit 100, map",
      ours: "map",
      reference: "p-limit",
      goal: { ratio: 1, of: "p-limit" },
    },
    {
      work: "10 000 jobs, limit 100, spawn",
      ours: "spawn",
      reference: "p-limit",
      goal: { ratio: 1, of: "p-limit" },
    },
    { work: "10 000 jobs, limit 100, map", ours: "map", reference: "p-queue" },
    { work: "10 000 jobs, limit 100, map", ours: "map", reference: "effect" },
  ],
};
