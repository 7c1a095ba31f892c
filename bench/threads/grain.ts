/**
 * From which length of a task on are two threads faster than the caller by itself?
 *
 * @module
 */
import { check, time } from "../bench.ts";
import { spin } from "./tasks.ts";

/** Runs `spin(steps)` so many times on threads; answers the sum of the results. */
export type Spins = (steps: number, count: number) => Promise<number>;

const SHORTEST_US = 0.25;
/** No longer tasks are tried. */
export const LONGEST_US = 1_024;
/** How long all tasks of one length take, for the caller by itself. */
const SERIES_MS = 20;
const TRIES = 3;

/** Steps of `spin` in a µs, in this process. */
export async function stepsPerUs(): Promise<number> {
  const steps = 1_000_000;
  let least = Infinity;
  for (let i = 0; i < 10; i++) least = Math.min(least, await time(() => spin(steps)));
  return steps / (least * 1e3);
}

/**
 * The shortest task, in µs, that threads are as fast with, between two measured lengths by their ratios. At
 * most {@linkcode LONGEST_US}, also when threads are slower even then.
 */
export async function breakEven(perUs: number, mostTasks: number, spins: Spins): Promise<number> {
  let before = Infinity;
  for (let us = SHORTEST_US; us <= LONGEST_US; us *= 2) {
    const steps = Math.round(us * perUs);
    const count = Math.max(64, Math.min(mostTasks, Math.round(SERIES_MS * 1e3 / us)));
    const ratio = await ratioOf(steps, count, spins);
    if (ratio <= 1) {
      if (before === Infinity) return us;
      return us * 2 ** -(Math.log(1 / ratio) / Math.log(before / ratio));
    }
    before = ratio;
  }
  return LONGEST_US;
}

/** The time of the threads by that of the caller, the best of some tries. */
async function ratioOf(steps: number, count: number, spins: Spins): Promise<number> {
  let alone = Infinity, threads = Infinity;
  const expected = spin(steps) * count;
  for (let i = 0; i < TRIES; i++) {
    let sum = 0;
    const inline = () => {
      for (let n = 0; n < count; n++) sum += spin(steps);
    };
    alone = Math.min(alone, await time(inline));
    check(sum, expected, "sum of the caller");
    threads = Math.min(threads, await time(async () => sum = await spins(steps, count)));
    check(sum, expected, "sum of the threads");
  }
  return threads / alone;
}
