/**
 * Does the reactor leave the host alone: its CPU when nothing happens, its timers when all does?
 *
 * `idle`: the process's CPU time (%, all threads) over 10 s while 1 000 tasks wait for an eventfd
 * each, and the same of a process that only has a timer. `saturated`: how late a chain of host
 * timers of 2 ms is (ms, p99), while 64 pairs of tasks play ping-pong through pipes without a pause.
 *
 * @module
 */
import process from "node:process";
import { eventfd, getReactor, pipe, read, write } from "@vais/runtime/reactor";
import { type Bench, type Cell, check, hostTurn, size } from "./bench.ts";

const IDLE_MS = size(10_000, 2_000);
const SETTLE_MS = 500;
const REGISTERED = 1_000;
const PAIRS = 64;
const TIMER_MS = 2;
const TIMERS = size(500, 100);

/** CPU time of this process while it waits, in percent. */
async function idleCpu(): Promise<number> {
  await hostTurn(SETTLE_MS);
  const before = process.cpuUsage(), start = performance.now();
  await hostTurn(IDLE_MS);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3 / (performance.now() - start) * 100;
}

const idle: Cell = () => {
  const runtime = getReactor();
  for (let i = 0; i < REGISTERED; i++) {
    const fd = eventfd();
    runtime.spawn(function* () {
      yield* runtime.readable(fd);
      throw new Error(`nobody wrote to descriptor ${fd}`);
    });
  }
  runtime.run();
  return async () => {
    const cpu = await idleCpu();
    check(runtime.taskCount, REGISTERED, "number of tasks that wait");
    return cpu;
  };
};

/** How late host timers are, one after the other. */
async function lateness(): Promise<number> {
  const late: number[] = [];
  for (let i = 0; i < TIMERS; i++) {
    const start = performance.now();
    await hostTurn(TIMER_MS);
    late.push(performance.now() - start - TIMER_MS);
  }
  return late.sort((a, b) => a - b)[Math.floor(TIMERS * 0.99)]!;
}

const saturated: Cell = () => {
  const runtime = getReactor();
  let trips = 0;
  function* bounce(from: number, to: number, first: boolean) {
    const byte = new Uint8Array(1);
    if (first) yield* write(to, byte);
    for (;; trips++) {
      yield* read(from, byte);
      yield* write(to, byte);
    }
  }
  for (let i = 0; i < PAIRS; i++) {
    const there = pipe(), back = pipe();
    runtime.spawn(() => bounce(back.readFd, there.writeFd, true));
    runtime.spawn(() => bounce(there.readFd, back.writeFd, false));
  }
  runtime.run();
  return async () => {
    trips = 0;
    const p99 = await lateness();
    if (trips < TIMERS * PAIRS) throw new Error(`the tasks made only ${trips} round trips`);
    return p99;
  };
};

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "idle": idle,
    "idle host": () => idleCpu,
    "saturated": saturated,
    "unloaded host": () => lateness,
  },
  rows: [
    {
      work: `idle for ${IDLE_MS / 1000} s, ${REGISTERED} registered descriptors, CPU`,
      ours: "idle",
      reference: "idle host",
      unit: "%",
      goal: { atMost: 0.2 },
    },
    {
      work: "lateness of host timers while saturated, p99",
      ours: "saturated",
      reference: "unloaded host",
      goal: { atMost: 5 },
    },
  ],
  repeat: { processes: 1, warmups: 0, warmMs: 0, rounds: 1, leastRounds: 1, roundsMs: 0 },
};
