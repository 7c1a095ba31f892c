/**
 * The pool of an agenda, and what becomes of each call in it.
 *
 * @module
 */

import type { FULL } from "../../memory/answers.ts";
import type { Ref } from "../../memory/ref.ts";
import type { CheckedAgendaOptions, WorkerState } from "./agenda_options.ts";
import {
  type CancelAnswer,
  type Lane,
  type LostTask,
  NEEDS_MESSAGE,
  type ResultSink,
  type TaskFailure,
} from "./dispatch_types.ts";
import type { WorkerInfo } from "./engine_hooks.ts";
import { EngineTimers } from "./engine_timers.ts";
import { FunctionTable } from "./function_table.ts";
import { ThreadPool } from "./pool.ts";
import type { TaskletClosure } from "./tasklet.ts";
import type { PoolListener } from "./pool_options.ts";
import type { ThreadReport } from "./thread_setup.ts";
import { WorkerLostError } from "./worker_errors.ts";
import type { WorkerEnd } from "./worker_host.ts";

/** Hears how each call ended, by its number. */
export interface AgendaCalls {
  done(id: number): void;
  failed(id: number, error: unknown): void;
  obsolete(id: number): void;
  lost(id: number, error: unknown): void;
  /** No worker starts. */
  broken(error: Error): void;
}

const CAPACITY = 4096;
/** Deadlines further off than this are none: the shared clock wraps. */
const FAR_MS = 2 ** 30;

/** Threads that make calls one at a time, by strict lanes. */
export class AgendaPool implements PoolListener, ResultSink {
  readonly timers = new EngineTimers();
  readonly #calls: AgendaCalls;
  readonly #pool: ThreadPool;
  readonly #functions: FunctionTable;
  readonly #name: string;
  readonly ready: Promise<void>;

  constructor({ jobs, module, name, startTimeoutMs }: CheckedAgendaOptions, calls: AgendaCalls) {
    this.#calls = calls;
    this.#name = name;
    this.#pool = new ThreadPool({
      name,
      module,
      min: jobs,
      max: jobs,
      most: jobs,
      keepAliveMs: Infinity,
      capacity: CAPACITY,
      claim: "one",
      strictLanes: true,
      steal: "none",
      concurrency: 1,
      latency: "normal",
      copyBuffers: false,
      startTimeoutMs,
      maxAbandoned: Math.max(4, jobs),
      resourceLimits: undefined,
      seed: 1,
      cpus: undefined,
      timers: this.timers,
      listener: this,
    });
    this.#functions = new FunctionTable(module, (source) => this.#pool.define(source));
    this.ready = this.#pool.start();
    this.ready.catch(() => {}); // it is told for each tasklet too
  }

  /** The number of a function. Throws `TypeError` if there is none. */
  functionOf(closure: TaskletClosure): number {
    return this.#functions.numberOf(closure, "call", "add a tasklet");
  }

  /** Queues a call; FULL when there is no room. Throws what cannot be cloned. */
  submit(
    fn: number,
    args: readonly unknown[],
    id: number,
    lane: Lane,
    leftMs: number,
  ): Ref | typeof FULL {
    const { dispatcher } = this.#pool;
    const deadlineMs = leftMs < FAR_MS ? Math.ceil(leftMs) : 0;
    let ref = dispatcher.submit(fn, args, this, id, lane, deadlineMs);
    if (ref === NEEDS_MESSAGE) {
      ref = dispatcher.submitMessage(fn, args, [], this, id, lane, deadlineMs);
    }
    dispatcher.flush(); // lanes are strict: nothing must be seen before what was added before it
    return ref;
  }

  cancel(ref: Ref): CancelAnswer {
    return this.#pool.dispatcher.cancel(ref);
  }

  // ---- as the sink of its calls -------------------------------------------------------------------

  taskDone(_value: unknown, id: number): void {
    this.#calls.done(id);
  }

  taskFailed(failure: TaskFailure, error: unknown, id: number): void {
    if (failure === "obsolete") this.#calls.obsolete(id);
    else this.#calls.failed(id, error);
  }

  // ---- as the listener of its pool ----------------------------------------------------------------

  workersChanged(): void {}

  workerStarted(): void {}

  workerEnded(): void {}

  tasksLost(lost: readonly LostTask[], worker: WorkerInfo, { how, error, exitCode }: WorkerEnd) {
    for (const { tag } of lost) {
      this.#calls.lost(
        tag,
        new WorkerLostError(worker.name, how, {
          ...(exitCode === undefined ? {} : { exitCode }),
          ...(error === undefined ? {} : { cause: error }),
          task: `a tasklet of ${this.#name}`,
        }),
      );
    }
  }

  reported(report: ThreadReport): void {
    this.#functions.exports = report.exports;
  }

  message(): void {}

  broken(error: Error): void {
    this.#calls.broken(error);
  }

  // ---- holding still, looking, the end ------------------------------------------------------------

  pause(): void {
    this.#pool.dispatcher.pause();
  }

  resume(): void {
    this.#pool.dispatcher.resume();
  }

  /** Whether no call runs within so many ms; `pause` first. */
  quietWithin(ms: number): Promise<boolean> {
    const { dispatcher } = this.#pool;
    if (dispatcher.isQuiet) return Promise.resolve(true);
    if (ms === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const alarm = ms === Infinity ? undefined : this.timers.start(ms, () => resolve(false));
      dispatcher.whenQuiet().then(() => {
        if (alarm !== undefined) this.timers.stop(alarm);
        resolve(true);
      });
    });
  }

  /** Workers that are ready. */
  get running(): number {
    return this.#pool.counts().running;
  }

  /** What each worker is at; `ref` is what it runs. */
  workers(): (Omit<WorkerState, "tasklet"> & { readonly ref: Ref | undefined })[] {
    const { dispatcher, workers } = this.#pool;
    return workers.map(({ index, state }) => {
      const activity = dispatcher.activity(index);
      return {
        index,
        state: state === "starting" || activity === "absent" ? "starting" : activity,
        executed: dispatcher.counters(index).executed,
        ref: dispatcher.runningOn(index)[0],
      };
    });
  }

  close(graceMs: number): Promise<void> {
    return this.#pool.close(graceMs);
  }
}
