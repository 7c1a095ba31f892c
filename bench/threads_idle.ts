/**
 * How much CPU does an engine take that has nothing to do?
 *
 * Figures are the CPU time of the process, all threads, in % of one CPU, over 10 s; `none` is a process without an engine.
 *
 * @module
 */
import process from "node:process";
import { type Bench, check, hostTurn, size } from "./bench.ts";
import { engineOf } from "./threads/pools.ts";

const MS = size(10_000, 2_000);
/** What the start leaves to be done: compilers, collectors. */
const SETTLE_MS = 1_000;

async function share(): Promise<number> {
  await hostTurn(SETTLE_MS);
  const before = process.cpuUsage(), start = performance.now();
  await hostTurn(MS);
  const { user, system } = process.cpuUsage(before);
  return 100 * (user + system) / 1_000 / (performance.now() - start);
}

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["threads/tasks.ts"],
  cells: {
    "idle": async () => {
      const engine = await engineOf();
      return async () => {
        const items = Array.from({ length: 10_000 }, (_, n) => n);
        check((await engine.map(items, "increment")).at(-1), 10_000, "result");
        const idle = await share();
        check(await engine.run("increment", [1]), 2, "result");
        return idle;
      };
    },
    "none": () => share,
  },
  rows: [
    {
      work: "engine of two threads, idle",
      ours: "idle",
      unit: "%",
      goal: { atMost: 0.2 },
    },
    { work: "process without one", ours: "none", unit: "%" },
  ],
  repeat: { processes: 2, warmups: 0, warmMs: 0, rounds: 1, leastRounds: 1, roundsMs: 0 },
};
