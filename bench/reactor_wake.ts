/**
 * How long after another worker's write does a parked thread go on?
 *
 * A worker writes to an eventfd, 4 to 8 ms after the last write was seen, so that the thread that
 * waits for it has parked; before that some thousand times in quick succession, so that all code is
 * hot. `task` is a task that reads the eventfd; `host` is the host's own way to wait for a descriptor
 * with nothing above it: on Deno a nonblocking `epoll_wait`, on Node libuv's `uv_poll` through koffi.
 * Figures are µs from right before the write to right after the wake.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { eventfd, getReactor, read } from "@vais/runtime/reactor";
import { type Bench, type Cell, type Figures, size } from "./bench.ts";
import { type Calls, clockUs, epollOf, eventfd as rawEventfd, openCalls } from "./reactor/libc.ts";
import type { WakeJob } from "./reactor/wake_worker.ts";

const WAKES = size(150, 40);
const WARMUPS = size(1_500, 300);
const GAP_MS = [4, 8] as const;

/** The wakes of one round. */
class Wakes {
  readonly #now: () => number;
  readonly #shared = new SharedArrayBuffer(16);
  readonly #writtenAt = new Float64Array(this.#shared, 0, 1);
  readonly #seen = new Int32Array(this.#shared, 8, 1);
  readonly #latencies: number[] = [];
  readonly #worker: Worker;

  constructor(calls: Calls, fd: number) {
    this.#now = clockUs(calls);
    const workerData: WakeJob = {
      fd,
      wakes: WAKES,
      warmups: WARMUPS,
      gapMs: GAP_MS,
      shared: this.#shared,
    };
    const url = new URL("./reactor/wake_worker.mjs", import.meta.url);
    this.#worker = new Worker(url, { workerData });
  }

  /** The thread goes on. False after the last. */
  see(): boolean {
    this.#latencies.push(this.#now() - this.#writtenAt[0]!);
    Atomics.add(this.#seen, 0, 1);
    Atomics.notify(this.#seen, 0);
    return this.#latencies.length < WARMUPS + WAKES;
  }

  /** Ends the worker; answers the quantiles. */
  async end(): Promise<Figures> {
    await this.#worker.terminate();
    const sorted = this.#latencies.slice(WARMUPS).sort((a, b) => a - b);
    return { p50: sorted[WAKES >> 1]!, p99: sorted[Math.floor(WAKES * 0.99)]! };
  }
}

const inTask: Cell = async () => {
  const calls = await openCalls();
  const runtime = getReactor();
  return async () => {
    const fd = eventfd();
    const wakes = new Wakes(calls, fd);
    runtime.spawn(function* () {
      const buffer = new Uint8Array(8);
      do yield* read(fd, buffer); while (wakes.see());
    });
    await runtime.run();
    return await wakes.end();
  };
};

const inHost: Cell = async () => {
  const calls = await openCalls();
  const fd = rawEventfd(calls);
  const buffer = new Uint8Array(8);
  let onWake = () => {};
  calls.watch(epollOf(calls, fd), () => {
    // First of all, or it would take the next wake too.
    calls.calls.read!(fd, buffer, 8);
    onWake();
  });
  return async () => {
    const wakes = new Wakes(calls, fd);
    await new Promise<void>((resolve) => onWake = () => void (wakes.see() || resolve()));
    return await wakes.end();
  };
};

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["reactor/wake_worker.ts"],
  cells: { task: inTask, host: inHost },
  rows: [
    {
      work: "wake from another worker while parked, p50",
      ours: "task.p50",
      reference: "host.p50",
      unit: "µs",
      goal: { ratio: 1.3, of: "bare park" },
    },
    {
      work: "wake from another worker while parked, p99",
      ours: "task.p99",
      reference: "host.p99",
      unit: "µs",
    },
  ],
  repeat: { processes: 5, warmups: 0, warmMs: 0, rounds: 1, leastRounds: 1, roundsMs: 0 },
};
