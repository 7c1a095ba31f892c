/**
 * The inside of an engine: tasks get numbers, time limits and signals; divisions run them; the end settles all.
 *
 * Invariant: every task that was begun has an outcome by the time `close` resolves.
 *
 * @module
 */

import { FULL } from "../../memory/answers.ts";
import { typeOf } from "../../runtime/clock.ts";
import { Cancelled, TimeoutError } from "../../runtime/errors.ts";
import type { Host } from "../../runtime/host.ts";
import type { Lane } from "./dispatch_types.ts";
import { Division } from "./division.ts";
import { type CheckedEngineConfig, checkWithin } from "./engine_config.ts";
import { EngineClosedError, QueueFullError } from "./engine_errors.ts";
import type { EngineWatch } from "./engine_hooks.ts";
import { EngineCounters, type EngineStats } from "./engine_stats.ts";
import { EngineTask } from "./engine_task.ts";
import { EngineTimers } from "./engine_timers.ts";
import type { Lease } from "./lease.ts";
import type { ThreadPool } from "./pool.ts";
import { NO_WORKERS } from "./pool_counts.ts";
import { blockingPlan, workPlan } from "./pool_plan.ts";
import type { CheckedRunOptions } from "./run_options.ts";
import { SignalTable } from "./signal_table.ts";

/** A call that is about to begin. */
export interface Call {
  readonly fn: number;
  readonly args: readonly unknown[];
  readonly options?: CheckedRunOptions | undefined;
  /** Called when it has its outcome, perhaps before `begin` answers. */
  readonly whenSettled?: (error: unknown) => void;
}

/** How an engine ends that whoever made it takes along. */
export interface EngineEnd {
  /** What its tasks end with; without it, that the engine is closed. */
  readonly error?: Error | undefined;
  /** When this is over, those that wait for tasks are told of errors: not before. */
  readonly until?: () => Promise<void>;
}

/** What an engine is, to its public face. */
export class EngineCore {
  readonly name: string;
  readonly host: Host;
  readonly timers = new EngineTimers();
  readonly watch: EngineWatch;
  readonly config: CheckedEngineConfig;
  readonly counters = new EngineCounters();
  readonly work: Division;
  #blocking: Division | undefined;
  readonly #signals = new SignalTable();
  readonly #shared: SharedArrayBuffer[] = [];
  #nextId = 1;
  #nextStream = 1;
  #closed: Promise<void> | undefined;
  #isClosed = false;
  /** Nothing is waited for any more but what runs, until then (in ms of `performance.now`). */
  #cutAtMs: number | undefined;
  #onCut: () => void = () => {};
  #end: EngineEnd = {};
  /** What is told when the end is over. */
  #held: (() => void)[] | undefined;
  /** Called when there is a worker more, or less. */
  onWorkers: () => void = () => {};

  constructor(config: CheckedEngineConfig, host: Host) {
    this.config = config;
    this.name = config.name;
    this.host = host;
    this.watch = config.watch;
    this.work = new Division(this, config.maxTasks, workPlan(config), this.#isInlineToo);
  }

  get graceMs(): number {
    return this.config.graceMs;
  }

  /** The division for blocking calls, made when first needed. */
  get blocking(): Division {
    if (this.#blocking === undefined) {
      const plan = blockingPlan(this.config);
      this.#blocking = new Division(this, this.config.maxTasks, plan, this.#isInlineToo);
      for (const buffer of this.#shared) this.#blocking.pool?.dispatcher.share(buffer);
      if (this.#isInlineToo) this.#blocking.start().catch(() => {}); // its tasks are told
    }
    return this.#blocking;
  }

  /** The calling thread too runs tasks. */
  get #isInlineToo(): boolean {
    return this.config.whenFull === "inline";
  }

  /** Starts the workers that are kept. */
  start(): Promise<void> {
    return this.work.start();
  }

  /** Its pools. */
  get pools(): readonly ThreadPool[] {
    return [this.work.pool, this.#blocking?.pool].filter((pool) => pool !== undefined);
  }

  // ---- beginning ----------------------------------------------------------------------------------

  /** Begins a task. It rejects when the engine is closed, or full and told to refuse. */
  begin<T>(division: Division, { fn, args, options, whenSettled }: Call): EngineTask<T> {
    const { queue } = division;
    const task = new EngineTask<unknown>(queue, this.#nextId++, division.functions.nameOf(fn));
    this.counters.started(task);
    if (whenSettled !== undefined) task.extras = { whenSettled };
    if (this.watch.seesTasks) this.watch.tell("onTaskStart", task);
    if (this.#isClosed) {
      task.taskLost(this.closedError());
    } else if (options === undefined) {
      if (!queue.submit(task, fn, args, undefined, 1)) this.#overflow(division, task, fn, args);
    } else this.#beginWith(division, task, fn, args, options);
    return task as EngineTask<T>;
  }

  #beginWith(
    division: Division,
    task: EngineTask<unknown>,
    fn: number,
    args: readonly unknown[],
    { signal, order, timeoutMs, transfer, lane }: CheckedRunOptions,
  ): void {
    if (signal?.aborted === true) return task.taskLost(aborted(signal.reason));
    const extras = task.extras ??= {};
    if (order !== undefined) extras.order = order;
    if (!division.queue.submit(task, fn, args, transfer, lane)) {
      this.#overflow(division, task, fn, args, transfer, lane);
    }
    if (task.isSettled) return;
    if (signal !== undefined) {
      extras.unlisten = this.#signals.listen(signal, (reason) => task.cancel(aborted(reason)));
    }
    if (timeoutMs === 0) {
      division.drain();
      if (!task.isSettled) this.#timeOut(division, task, 0);
    } else if (timeoutMs < Infinity) {
      extras.limit = this.timers.start(timeoutMs, () => this.#timeOut(division, task, timeoutMs));
    }
  }

  #timeOut(division: Division, task: EngineTask<unknown>, timeoutMs: number): void {
    if (task.isSettled) return;
    division.queue.stop(task, {});
    task.extras!.end = "timedOut";
    task.fail(new TimeoutError(task.name, timeoutMs));
  }

  /** No slot is free. */
  #overflow(
    division: Division,
    task: EngineTask<unknown>,
    fn: number,
    args: readonly unknown[],
    transfer?: readonly Transferable[],
    lane: Lane = 1,
  ): void {
    switch (this.config.whenFull) {
      case "wait":
        return division.queue.wait(task, { fn, args, transfer, lane });
      case "reject":
        return division.queue.refuse(task);
      case "inline":
        this.counters.inline++;
        return division.queue.runAside(task, fn, args);
    }
  }

  /** Calls `onAbort` when a signal aborts; answers how to stop that. */
  listen(signal: AbortSignal, onAbort: (reason: unknown) => void): () => void {
    return this.#signals.listen(signal, onAbort);
  }

  /**
   * Throws where a task would be refused.
   *
   * @throws {EngineClosedError | QueueFullError}
   */
  checkOpen({ queue }: Division): void {
    if (this.isClosed) throw this.closedError();
    if (this.config.whenFull !== "reject" || queue.hasRoom) return;
    this.counters.submitted++;
    this.counters.ends.rejected++;
    throw new QueueFullError(this.name, this.config.maxTasks);
  }

  /** Whether tasks leave the calling thread. */
  get hasThreads(): boolean {
    return this.config.workerCount > 0;
  }

  /** From now on views of this buffer go by reference. */
  share(buffer: SharedArrayBuffer): void {
    if (Object.prototype.toString.call(buffer) !== "[object SharedArrayBuffer]") {
      throw new TypeError(
        `Cannot share: buffer is ${typeOf(buffer)} (must be a SharedArrayBuffer)`,
      );
    }
    for (const { dispatcher } of this.pools) dispatcher.share(buffer);
    this.#shared.push(buffer);
  }

  /** Shared memory of the work's pool, undefined for none; without workers, any. */
  lease(bytes: number): Lease | undefined {
    const { pool } = this.work;
    if (pool !== undefined) {
      const lease = pool.dispatcher.lease(bytes);
      return lease === FULL ? undefined : lease;
    }
    checkWithin(bytes, 0, 2 ** 20, "lease shared memory", "the length");
    return { bytes: new Uint8Array(new SharedArrayBuffer(bytes)), release: () => {} };
  }

  /** The number of a new stream. */
  newStream(): number {
    return this.#nextStream++;
  }

  /** What tasks of a closed engine end with. */
  closedError(): EngineClosedError {
    return new EngineClosedError(`Cannot run: ${this.name} is closed`);
  }

  /** What whoever made the engine has ended it with. */
  get endError(): Error | undefined {
    return this.#end.error;
  }

  // ---- as the owner of divisions ------------------------------------------------------------------

  tell(tell: () => void): void {
    if (this.#held === undefined) tell();
    else this.#held.push(tell);
  }

  settled(task: EngineTask<unknown>, error: unknown): void {
    const { extras } = task;
    if (extras !== undefined) {
      if (extras.limit !== undefined) this.timers.stop(extras.limit);
      extras.unlisten?.();
      extras.limit = extras.unlisten = undefined;
    }
    this.counters.ended(task, extras?.end ?? EngineCounters.endOf(error));
    if (this.watch.seesTasks) this.watch.tell("onTaskEnd", task);
  }

  changed(): void {
    const { queue } = this.work;
    this.counters.sawLoad(queue.inFlight + queue.waiting);
  }

  workersChanged(): void {
    this.onWorkers();
  }

  // ---- the end ------------------------------------------------------------------------------------

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Nothing can be begun from now on. What was begun ends, or is ended; then the workers are. Called again, it may
   * cut the draining short.
   */
  close(drain: boolean, timeoutMs: number, end: EngineEnd = {}): Promise<void> {
    this.#isClosed = true;
    if (!drain) this.#cut(Math.min(timeoutMs, this.graceMs), end);
    else if (timeoutMs < Infinity) this.timers.start(timeoutMs, () => this.#cut(0, {}));
    return this.#closed ??= this.#close();
  }

  /** The draining is over. What runs has so many ms. */
  #cut(graceMs: number, end: EngineEnd): void {
    if (this.#cutAtMs !== undefined) return;
    this.#cutAtMs = performance.now() + graceMs;
    this.#end = end;
    if (end.until !== undefined) this.#held = [];
    this.#onCut();
  }

  async #close(): Promise<void> {
    const divisions = this.#blocking === undefined ? [this.work] : [this.work, this.#blocking];
    const done = Promise.all(divisions.map(({ queue }) => queue.whenDone()));
    if (this.#cutAtMs === undefined) {
      await Promise.race([done, new Promise<void>((resolve) => this.#onCut = resolve)]);
    }
    let graceMs = this.graceMs;
    if (this.#cutAtMs !== undefined) {
      const error = () => this.#end.error ?? this.closedError();
      for (const division of divisions) division.clear(error);
      const left = () => Math.max(0, this.#cutAtMs! - performance.now());
      await this.#within(done, left());
      for (const { queue } of divisions) queue.giveUp(error);
      graceMs = left();
    }
    const isEmpty = divisions.every(({ queue }) => queue.isEmpty);
    await Promise.all(divisions.map((division) => division.close(isEmpty ? LEAVING_MS : graceMs)));
    await this.#end.until?.();
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  /** Waits, but no longer than so many ms. */
  #within(what: Promise<unknown>, ms: number): Promise<unknown> {
    if (ms === Infinity) return what;
    return new Promise<unknown>((resolve) => {
      const alarm = this.timers.start(ms, () => resolve(undefined));
      what.then(() => {
        this.timers.stop(alarm);
        resolve(undefined);
      });
    });
  }

  stats(unread: number): EngineStats {
    const { work } = this;
    return this.counters.summary({
      pool: work.counts(),
      blocking: this.#blocking?.counts() ?? NO_WORKERS,
      inFlight: work.queue.inFlight,
      waiting: work.queue.waiting,
      unread,
      stolen: work.stolen,
    });
  }
}

/** Idle workers leave at once when they are told; this is for those that hang. */
const LEAVING_MS = 2_000;

function aborted(reason: unknown): Cancelled {
  return new Cancelled({ kind: "signal", reason });
}
