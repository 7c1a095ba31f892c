/**
 * Many calls of one function under one promise.
 *
 * Invariant: as many are in flight as there is room for; the next arguments are taken only then. The first failure
 * ends it for its callers; what is queued is removed, what runs is told, and what still comes is dropped.
 *
 * @module
 */

import { Cancelled, TimeoutError } from "../../runtime/errors.ts";
import type { Host } from "../../runtime/host.ts";
import type { Operation } from "../operation.ts";
import type { Lane, TaskFailure } from "./dispatch_types.ts";
import type { EngineCore } from "./engine_core.ts";
import { EngineCounters } from "./engine_stats.ts";
import type { EngineSink } from "./engine_task.ts";
import type { Alarm } from "./engine_timers.ts";
import type { Calls } from "./call_lists.ts";
import { type CheckedRunOptions, checkRunOptions, type RunOptions } from "./run_options.ts";
import type { Feeder } from "./task_runner.ts";
import { CANCELLED, ERROR, OK, Settling, type SettlingPhase, WAITING } from "./settling.ts";

/** What a batch calls, with what. */
interface BatchPlan {
  readonly fn: number;
  readonly name: string;
  /** The arguments of each call. */
  readonly calls: Calls;
  /** Whether results are kept. */
  readonly keeps: boolean;
  readonly options: CheckedRunOptions | undefined;
}

/** A batch that has begun. */
class EngineBatch<R> extends Settling<R> implements EngineSink, Feeder {
  readonly #core: EngineCore;
  readonly #fn: number;
  readonly #lane: Lane;
  readonly name: string;
  #calls: Calls | undefined;
  readonly #results: unknown[] | undefined;
  /** Arguments that were taken and found no room. */
  #next: readonly unknown[] | undefined;
  #taken = 0;
  /** In flight. */
  #live = 0;
  #isPumping = false;
  #isAwaitingRoom = false;
  #isFailing = false;
  #told: Cancelled | undefined;
  #grace: Alarm | undefined;
  #limit: Alarm | undefined;
  #unlisten: (() => void) | undefined;

  constructor(core: EngineCore, { fn, name, calls, keeps, options }: BatchPlan) {
    super();
    this.#core = core;
    this.#fn = fn;
    this.#lane = options?.lane ?? 1;
    this.name = name;
    this.#calls = calls;
    this.#results = keeps ? [] : undefined;
    if (options !== undefined) this.#limitBy(options);
    if (core.isClosed) this.#stop(core.closedError());
    else if (this.phase === WAITING) this.#begin();
  }

  #begin(): void {
    this.#core.work.queue.feeds(this);
    this.#pump();
  }

  #limitBy({ signal, timeoutMs }: CheckedRunOptions): void {
    const { timers } = this.#core;
    if (signal !== undefined) {
      const abort = (reason: unknown) => this.#stop(new Cancelled({ kind: "signal", reason }));
      if (signal.aborted) return abort(signal.reason);
      this.#unlisten = this.#core.listen(signal, abort);
    }
    if (timeoutMs === Infinity) return;
    const timeOut = () => this.#stop(new TimeoutError(this.name, timeoutMs));
    this.#limit = timers.start(timeoutMs, timeOut);
  }

  // ---- in -----------------------------------------------------------------------------------------

  /** Submits while there is room. */
  #pump(): void {
    if (this.#isPumping) return; // a call that ended at once
    this.#isPumping = true;
    try {
      while (this.#calls !== undefined && this.#submitNext());
    } catch (error) {
      this.#stop(error);
    }
    this.#isPumping = false;
    if (this.#calls === undefined && this.#live === 0) this.#finish();
  }

  #submitNext(): boolean {
    const core = this.#core;
    const { queue } = core.work;
    if (!queue.hasRoom) return this.#awaitRoom();
    let args = this.#next;
    if (args === undefined) {
      const step = this.#calls!.next();
      if (step.done) {
        this.#calls = undefined;
        queue.fed(this);
        return false;
      }
      args = step.value;
      if (this.phase !== WAITING) return false; // taking it has ended it
    }
    this.#next = undefined;
    this.#live++;
    let isIn = false;
    try {
      isIn = queue.submitOne(this.#fn, args, this, this.#taken, this.#lane) !== undefined;
    } finally {
      if (!isIn) this.#live--;
    }
    if (!isIn) {
      this.#next = args;
      return this.#awaitRoom();
    }
    this.#taken++;
    core.counters.submitted++;
    return true;
  }

  /** One of ours that ends makes room; if there is none, it must be asked for. */
  #awaitRoom(): false {
    if (this.#live > 0 || this.#isAwaitingRoom) return false;
    this.#isAwaitingRoom = true;
    this.#core.work.queue.room().then(() => {
      this.#isAwaitingRoom = false;
      this.#pump();
    });
    return false;
  }

  // ---- out ----------------------------------------------------------------------------------------

  taskDone(value: unknown, tag: number): void {
    this.#core.counters.ends.completed++;
    if (this.#results !== undefined && this.phase === WAITING) this.#results[tag] = value;
    this.#ended();
  }

  taskFailed(_failure: TaskFailure, error: unknown, _tag: number): void {
    this.#core.counters.ends[EngineCounters.endOf(error)]++;
    this.fail(error);
    this.#ended();
  }

  taskLost(error: Error, _tag: number): void {
    this.#core.counters.ends[EngineCounters.endOf(error)]++;
    this.fail(error);
    this.#ended();
  }

  taskLeft(error: Error): void {
    this.fail(error);
  }

  #ended(): void {
    const { queue } = this.#core.work;
    this.#live--;
    if (this.phase !== WAITING) queue.left(-1);
    queue.slotFreed();
    if (this.phase === WAITING) this.#pump();
  }

  /** All have ended, and none is left. */
  #finish(): void {
    if (this.#isFailing && this.#told === undefined) return; // it will be told
    if (this.#told === undefined) this.#settleAs(OK, this.#results);
    else this.#settleAs(CANCELLED, this.#told);
  }

  /** No more calls; those in flight are stopped; for the callers it is over. */
  #stop(error: unknown): void {
    if (this.phase !== WAITING) return;
    this.#takeBack();
    this.#settleAs(error instanceof Cancelled ? CANCELLED : ERROR, error);
  }

  /** One of its calls, or the engine, has ended with this error. */
  fail(error: unknown): void {
    if (this.phase !== WAITING || this.#isFailing) return;
    this.#isFailing = true;
    if (this.#told !== undefined) return this.#stop(this.#told);
    this.#takeBack();
    this.#core.tell(() => this.#stop(error));
  }

  #takeBack(): void {
    const calls = this.#calls;
    this.#calls = this.#next = undefined;
    try {
      calls?.return?.();
    } catch {
      // The batch has failed for another reason already.
    }
    const { queue } = this.#core.work;
    const removed = queue.stopAll(this);
    this.#live -= removed;
    this.#core.counters.ends.cancelled += removed;
    queue.fed(this);
  }

  #settleAs(phase: SettlingPhase, result: unknown): void {
    const { timers } = this.#core;
    for (const alarm of [this.#limit, this.#grace]) if (alarm !== undefined) timers.stop(alarm);
    this.#unlisten?.();
    if (this.settle(phase, result) && this.#live > 0) this.#core.work.queue.left(this.#live);
  }

  // ---- the caller's side ----------------------------------------------------------------------------

  override cancel(reason?: unknown): void {
    this.#stop(reason instanceof Cancelled ? reason : new Cancelled(reason));
  }

  protected override leave(reason: unknown): boolean {
    if (this.#told !== undefined) return false; // they end, or their grace does
    const told = this.#told = reason instanceof Cancelled ? reason : new Cancelled(reason);
    this.#takeBack();
    if (this.#live === 0) return true;
    const { graceMs, timers } = this.#core;
    if (graceMs < Infinity) {
      this.#grace = timers.start(graceMs, () => this.#settleAs(CANCELLED, told));
    }
    return false;
  }

  protected override left(): void {
    this.#settleAs(CANCELLED, this.#told);
  }

  protected get reporter(): { readonly host: Host; readonly id: number } {
    return { host: this.#core.host, id: -1 };
  }

  override describe(): string {
    return `${this.#live} calls of ${this.name} in ${this.#core.name}`;
  }
}

/**
 * Begins a batch.
 *
 * @throws {TypeError | RangeError} If there is no such function, or an option is wrong
 */
export function beginBatch<R>(
  core: EngineCore,
  action: string,
  fn: unknown,
  calls: Calls,
  keeps: boolean,
  options: RunOptions | undefined,
): Operation<R> {
  const { functions } = core.work;
  const number = functions.numberOf(fn, "call", action);
  return new EngineBatch<R>(core, {
    fn: number,
    name: functions.nameOf(number),
    calls,
    keeps,
    options: options === undefined ? undefined : checkRunOptions(options, action),
  });
}
