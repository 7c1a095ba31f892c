/**
 * The other worker of the wake bench: again and again, when the thread that waits has been parked
 * for a while, it notes the time and writes to the eventfd that is waited for.
 *
 * @module
 */
import { workerData } from "node:worker_threads";
import { clockUs, openCalls } from "./libc.ts";

/** What the worker is given. */
export interface WakeJob {
  readonly fd: number;
  /** That count. */
  readonly wakes: number;
  /** Before them, in quick succession: they make the code hot. */
  readonly warmups: number;
  /** Silence before each wake, in ms, from and to. */
  readonly gapMs: readonly [number, number];
  /** Float64 at 0: when it was written, µs. Int32 at 8: how many wakes were seen; at 12: 0. */
  readonly shared: SharedArrayBuffer;
}

const { fd, wakes, warmups, gapMs: [least, most], shared }: WakeJob = workerData;
const calls = await openCalls();
const now = clockUs(calls);
const writtenAt = new Float64Array(shared, 0, 1);
const seen = new Int32Array(shared, 8, 2);
const one = new Uint8Array(8);
one[0] = 1;
for (let i = 0; i < warmups + wakes; i++) {
  const gapMs = i < warmups ? 0.2 : least + (most - least) * Math.random();
  Atomics.wait(seen, 1, 0, gapMs);
  writtenAt[0] = now();
  calls.calls.write!(fd, one, 8);
  while (Atomics.load(seen, 0) === i) Atomics.wait(seen, 0, i, 5_000);
}
