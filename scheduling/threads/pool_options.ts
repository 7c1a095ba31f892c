/**
 * What a pool is made with.
 *
 * @module
 */

import type { Latency, LostTask } from "./dispatch_types.ts";
import type { WorkerLimits } from "./engine_config.ts";
import type { EngineTimers } from "./engine_timers.ts";
import type { WorkerEndInfo, WorkerInfo } from "./engine_hooks.ts";
import type { StealDescription } from "./steal_policy.ts";
import type { ThreadReport } from "./thread_setup.ts";
import type { WorkerEnd } from "./worker_host.ts";

/** Who hears what becomes of a pool's workers. */
export interface PoolListener {
  /** There is a worker more, or less. */
  workersChanged(): void;
  /** A worker is ready. */
  workerStarted(worker: WorkerInfo): void;
  /** A worker's thread is gone, or given up. */
  workerEnded(end: WorkerEndInfo): void;
  /** These tasks were running there. */
  tasksLost(lost: readonly LostTask[], worker: WorkerInfo, end: WorkerEnd): void;
  /** What a worker says of itself before it is ready. */
  reported(report: ThreadReport): void;
  /** A message that is not the dispatcher's. */
  message(worker: number, message: unknown): void;
  /** Workers do not start, again and again, and none is left. */
  broken(error: Error): void;
}

/** How to make a `ThreadPool`. */
export interface PoolOptions {
  /** Threads are called this, and a number. */
  readonly name: string;
  readonly module: string | undefined;
  /** Workers that are kept, and started at once. */
  readonly min: number;
  /** Workers that there may be. */
  readonly max: number;
  /** Workers that `resize` may ask for. */
  readonly most: number;
  readonly keepAliveMs: number;
  /** Tasks in flight. */
  readonly capacity: number;
  readonly claim: "batch" | "one";
  readonly strictLanes: boolean;
  readonly steal: StealDescription | "random" | "none";
  readonly concurrency: number;
  readonly latency: Latency;
  readonly copyBuffers: boolean;
  readonly startTimeoutMs: number;
  readonly maxAbandoned: number;
  readonly resourceLimits: WorkerLimits | undefined;
  readonly seed: number;
  /** The CPU of each place, if workers are pinned. */
  readonly cpus: readonly number[] | undefined;
  readonly timers: EngineTimers;
  readonly listener: PoolListener;
}
