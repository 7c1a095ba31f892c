/**
 * How much faster is work on two threads, how short may its parts be, and who waits for whom?
 *
 * `fib` is fib(27), 200 times, in ms; the reference is the same on one thread, the caller's. `grain` is the
 * length of a task, in µs, from which on two threads are faster than the caller by itself; `each` with a promise
 * for each task, 256 in flight, `batch` with one for all; 1024 is where it stops looking. `uneven` is a burst
 * of 32 tasks of 3 µs, but one, in a random place of the first half, takes 100 times as long, `very uneven` 10 000 times; before each
 * burst come some of 3 µs only. The figure is how long it takes until the short ones are done, in µs: without
 * stealing those behind the long one wait for it. All of it needs two idle cores to mean anything.
 *
 * @module
 */
import type { Stealing } from "@vais/runtime";
import { type Bench, type Cell, check, size, time } from "./bench.ts";
import { breakEven, type Spins, stepsPerUs } from "./threads/grain.ts";
import { type Call, engineOf, ours, peers, pipeline, watched } from "./threads/pools.ts";
import { fib, spin } from "./threads/tasks.ts";

const N = 27;
const FIB_N = 196_418;
const TIMES = size(200, 40);
const WINDOW = 256;
const OUR_MOST = 40_000;
const THEIR_MOST = 1_000;
const BURST = 32;
const SHORT_US = 3;
/** How much longer the long one takes: as asked for, and more than a busy machine makes any task wait. */
const LONG = 100;
const VERY_LONG = 10_000;
const BURSTS = { [LONG]: size(300, 60), [VERY_LONG]: size(30, 10) };

function fibs(
  work: () => Promise<(numbers: readonly number[]) => PromiseLike<readonly unknown[]>>,
): Cell {
  return async () => {
    const run = await watched(work);
    const numbers = Array<number>(TIMES).fill(N);
    return async () => {
      let results: readonly unknown[] = [];
      const ms = await time(() => watched(async () => results = await run(numbers)));
      check(results.filter((result) => result === FIB_N).length, TIMES, "number of results");
      return ms;
    };
  };
}

/** All at once, with a promise each. */
const onPeer = (open: () => Promise<Call>) =>
  fibs(async () => {
    const call = await open();
    return (numbers) => Promise.all(numbers.map((n) => call("fib", n)));
  });

function grain(mostTasks: number, open: () => Promise<Spins>): Cell {
  return async () => {
    const spins = await watched(open);
    const perUs = await stepsPerUs();
    return () => watched(() => breakEven(perUs, mostTasks, spins));
  };
}

function spinsOf(open: () => Promise<Call>): () => Promise<Spins> {
  return async () => {
    const call = await open();
    return async (steps, count) => {
      let sum = 0;
      await pipeline(count, WINDOW, async () => {
        const result = await call("spin", steps);
        sum += result as number;
      });
      return sum;
    };
  };
}

const spinsInBatch = async (): Promise<Spins> => {
  const engine = await engineOf();
  return async (steps, count) => {
    const results = await engine.map(Array<number>(count).fill(steps), "spin");
    return results.reduce((sum, result) => sum + result, 0);
  };
};

function uneven(times: keyof typeof BURSTS, stealPolicy: Stealing): Cell {
  const bursts = BURSTS[times]!;
  return async () => {
    const engine = await engineOf({ stealPolicy });
    const short = Math.round(SHORT_US * await stepsPerUs());
    const expected = [spin(short), spin(short * times)];
    let seed = 1;
    const burst = async (long: number): Promise<number> => {
      const start = performance.now();
      let last = 0;
      const one = async (n: number) => {
        const isLong = n === long;
        const result = await engine.run("spin", [isLong ? short * times : short]);
        check(result, expected[isLong ? 1 : 0], "result");
        if (!isLong) last = performance.now();
      };
      await Promise.all(Array.from({ length: BURST }, (_, n) => one(n)));
      return (last - start) * 1e3;
    };
    return () =>
      watched(async () => {
        const took = new Float64Array(bursts);
        for (let i = 0; i < bursts; i++) {
          for (let n = 0; n < 4; n++) await burst(-1);
          seed = Math.imul(seed, 1664525) + 1013904223 | 0;
          took[i] = await burst((seed >>> 16) % (BURST >> 1));
        }
        took.sort();
        return { p50: took[bursts >> 1]!, p90: took[Math.floor(bursts * 0.9)]! };
      });
  };
}

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["threads/tasks.ts", "threads/poolifier_worker.ts"],
  cells: {
    "fib": fibs(async () => {
      const engine = await engineOf();
      return (numbers) => engine.map(numbers, "fib");
    }),
    "fib alone": fibs(() => Promise.resolve((numbers) => Promise.resolve(numbers.map(fib)))),
    "fib piscina": onPeer(peers.piscina),
    "fib poolifier": onPeer(peers.poolifier),
    "grain each": grain(OUR_MOST, spinsOf(ours)),
    "grain batch": grain(OUR_MOST, spinsInBatch),
    "grain piscina": grain(THEIR_MOST, spinsOf(peers.piscina)),
    "grain piscina tuned": grain(THEIR_MOST, spinsOf(peers["piscina tuned"])),
    "uneven": uneven(LONG, "random"),
    "uneven none": uneven(LONG, "none"),
    "very uneven": uneven(VERY_LONG, "random"),
    "very uneven none": uneven(VERY_LONG, "none"),
  },
  rows: [
    {
      work: `fib(${N}), ${TIMES} times`,
      ours: "fib",
      reference: "fib alone",
      goal: { faster: 1.9, than: "one thread" },
    },
    ...["fib piscina", "fib poolifier"].map((reference) => ({
      work: `fib(${N}), ${TIMES} times`,
      ours: "fib",
      reference,
    })),
    ...["each", "batch"].flatMap((kind) =>
      ["grain piscina tuned", "grain piscina"].map((reference) => ({
        work: `break-even, ${kind === "each" ? "a promise each" : "one batch"}`,
        ours: `grain ${kind}`,
        reference,
        unit: "µs",
        goal: { atMost: 2 },
      }))
    ),
    ...["uneven", "very uneven"].flatMap((kind) =>
      ["p50", "p90"].map((part) => ({
        work: `${kind} tasks, short ones done, ${part}`,
        ours: `${kind}.${part}`,
        reference: `${kind} none.${part}`,
        unit: "µs",
        goal: { ratio: 0.5, of: "no stealing" },
      }))
    ),
  ],
};
