/**
 * What an engine counts.
 *
 * @module
 */

import { systemClock } from "../../runtime/clock.ts";
import { xorshift } from "../../runtime/run_queue.ts";
import { Cancelled } from "../../runtime/errors.ts";
import { EngineClosedError, QueueFullError } from "./engine_errors.ts";
import type { EngineTask } from "./engine_task.ts";
import { Histogram, type HistogramSummary } from "./histogram.ts";
import type { PoolCounts } from "./pool_counts.ts";
import { WorkerLostError } from "./worker_errors.ts";

/** Counters of an engine. Those of ended workers stay counted. */
export interface EngineStats {
  /** Workers that are ready. */
  readonly workers: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Threads that could not be ended, and were given up; those of `unblock` too. */
  readonly abandoned: number;
  /** Threads that ended, or were given up, without having been told to; those of `unblock` too. */
  readonly died: number;
  /** Workers that run on the CPU they should; 0 without `cpuAffinityEnabled`. */
  readonly pinned: number;
  /** Threads of `unblock` that are ready. */
  readonly blockingWorkers: number;
  /** Calls of `run`, `submit` and the like, each of a batch counted; those refused too. */
  readonly submitted: number;
  /** Tasks that returned. */
  readonly completed: number;
  /** Tasks that threw; those below are not counted here. */
  readonly failed: number;
  /** Tasks that were cancelled, or whose engine was closed. */
  readonly cancelled: number;
  /** Tasks whose `timeoutMs` passed. */
  readonly timedOut: number;
  /** Tasks that were lost with their thread. */
  readonly lost: number;
  /** Tasks that found `maxTasks` in flight, and were refused. */
  readonly rejected: number;
  /** Tasks that the calling thread ran itself. */
  readonly inline: number;
  /** Tasks in flight now: queued, or running. */
  readonly inFlight: number;
  /** Tasks that wait outside, since `maxTasks` are in flight. */
  readonly waiting: number;
  /** The most that were in flight and waiting at once. */
  readonly highWater: number;
  /** Results of `submit` that nobody has read. */
  readonly unread: number;
  /** Results of `submit` that were dropped unread. */
  readonly dropped: number;
  /** Tasks that a worker took from another one's batch. */
  readonly stolen: number;
  /** From `run` until the outcome is there, in ms. The first 1 000 tasks are all timed, then one in 8. */
  readonly latency: HistogramSummary;
}

/** How a task ended, for the counters. */
export type TaskEnd =
  | "completed"
  | "failed"
  | "cancelled"
  | "timedOut"
  | "lost"
  | "rejected";

/** Tasks that are all timed; then one in so many, drawn at random. */
const TIMED_FIRST = 1_000;
const TIMED_ONE_IN = 8;

/** The counters. */
export class EngineCounters {
  readonly #latency = new Histogram();
  readonly #random = xorshift(0x5eed);
  #untilTimed = 0;
  #timed = 0;
  submitted = 0;
  inline = 0;
  dropped = 0;
  highWater = 0;
  readonly ends: Record<TaskEnd, number> = {
    completed: 0,
    failed: 0,
    cancelled: 0,
    timedOut: 0,
    lost: 0,
    rejected: 0,
  };

  /** A task begins; some are timed. */
  started(task: EngineTask<unknown>): void {
    this.submitted++;
    if (this.#untilTimed-- > 0) return;
    this.#timed++;
    this.#untilTimed = this.#timed < TIMED_FIRST
      ? 0
      : Math.floor(this.#random() * (2 * TIMED_ONE_IN - 1));
    task.startMs = systemClock.now();
  }

  /** It has its outcome. */
  ended(task: EngineTask<unknown>, end: TaskEnd): void {
    this.ends[end]++;
    if (task.startMs > 0) {
      this.#latency.record(Math.max(0, systemClock.now() - task.startMs));
    }
  }

  /** How a task ended that has this error; undefined for none. */
  static endOf(error: unknown): TaskEnd {
    if (error === undefined) return "completed";
    if (error instanceof Cancelled || error instanceof EngineClosedError) return "cancelled";
    if (error instanceof WorkerLostError) return "lost";
    return error instanceof QueueFullError ? "rejected" : "failed";
  }

  /** So many are in flight and waiting. */
  sawLoad(load: number): void {
    if (load > this.highWater) this.highWater = load;
  }

  /** All of it, with what pools and queues tell. */
  summary(now: {
    readonly pool: PoolCounts;
    readonly blocking: PoolCounts;
    readonly inFlight: number;
    readonly waiting: number;
    readonly unread: number;
    readonly stolen: number;
  }): EngineStats {
    const { pool, blocking, ...rest } = now;
    return {
      workers: pool.running,
      starting: pool.starting,
      abandoned: pool.abandoned + blocking.abandoned,
      died: pool.died + blocking.died,
      pinned: pool.pinned,
      blockingWorkers: blocking.running,
      submitted: this.submitted,
      ...this.ends,
      inline: this.inline,
      highWater: this.highWater,
      dropped: this.dropped,
      ...rest,
      latency: this.#latency.summary(),
    };
  }

  /** Counts from 0 again; what is in flight stays. */
  reset(load: number): void {
    this.submitted = this.inline = this.dropped = 0;
    for (const end of Object.keys(this.ends) as TaskEnd[]) this.ends[end] = 0;
    this.highWater = load;
    this.#latency.reset();
    this.#timed = this.#untilTimed = 0;
  }
}
