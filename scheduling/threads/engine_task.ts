/**
 * The one implementation of a thread task.
 *
 * Invariant: it has one outcome for its callers, and its slot in the shared area is given back once; the two are
 * apart. A caller that does not want to wait any more (a timeout, an abort) has its outcome at once, the slot
 * is free when the worker is done with it; what the worker answers then is nobody's.
 *
 * @module
 */

import { NO_REF, type Ref } from "../../memory/ref.ts";
import { checkDuration } from "../../runtime/clock.ts";
import { Cancelled } from "../../runtime/errors.ts";
import type { Host } from "../../runtime/host.ts";
import { checkFlag, mustBeOptions } from "../group_options.ts";
import type { Lane, ResultSink, TaskFailure } from "./dispatch_types.ts";
import type { Alarm } from "./engine_timers.ts";
import { CANCELLED, ERROR, OK, Settling, WAITING } from "./settling.ts";
import type { ThreadCancelOptions, ThreadTask, ThreadTaskStatus } from "./thread_task.ts";

/** How a task is stopped: after how long, and whether with its thread. */
export interface StopOrder {
  readonly terminate: boolean;
  readonly graceMs: number;
}

/** What a task needs of the engine it runs in. */
export interface TaskKeeper {
  /** The engine's name. */
  readonly name: string;
  /** Where failures that nobody looked at are told. */
  readonly host: Host;
  /** The worker is done with `task`, or will never see it; once. */
  freed(task: EngineTask<unknown>): void;
  /** Calls `tell`, which ends a task with an error: now, or when whoever ends the engine has ended. */
  tell(tell: () => void): void;
  /** `task` has its outcome: `error` of a task that failed; once. */
  settled(task: EngineTask<unknown>, error: unknown): void;
  /** Takes `task` out of the queue, or tells it; answers whether it will not run any more. */
  stop(task: EngineTask<unknown>, order: Partial<StopOrder>): boolean;
  /** Which worker runs it; -1 for none. */
  workerOf(task: EngineTask<unknown>): number;
}

/** Who hears of tasks in an engine: also when there is no worker to tell. */
export interface EngineSink extends ResultSink {
  /** The task ended without an outcome: its worker is lost, or it was taken out of the queue. */
  taskLost(error: Error, tag: number): void;
  /** The task goes on, and nobody waits for it any longer. */
  taskLeft(error: Error, tag: number): void;
  /** The engine is ended, and the task was told: if it ends without an outcome, then with this error. */
  taskTold?(error: Error): void;
}

/** A task that has no slot yet: what to submit. */
export interface Parcel {
  readonly fn: number;
  readonly args: readonly unknown[];
  readonly transfer: readonly Transferable[] | undefined;
  readonly lane: Lane;
}

/** What few tasks have. */
export interface TaskExtras {
  order?: Partial<StopOrder>;
  /** Its time limit. */
  limit?: Alarm | undefined;
  /** The end of its grace. */
  grace?: Alarm | undefined;
  /** Stops listening to its signal. */
  unlisten?: (() => void) | undefined;
  /** How it ended, where its error does not tell. */
  end?: "timedOut";
  /** The calling thread runs it itself. */
  isAside?: boolean;
  /** While it waits for a slot. */
  parcel?: Parcel | undefined;
  /** Called when it has its outcome, once. */
  whenSettled?: ((error: unknown) => void) | undefined;
}

const STATUS: readonly ThreadTaskStatus[] = ["pending", "ok", "error", "cancelled"];

/** A task of an engine; also the sink of its result. */
export class EngineTask<T> extends Settling<T> implements ThreadTask<T>, EngineSink {
  readonly #keeper: TaskKeeper;
  readonly id: number;
  readonly name: string;
  /** Its slot. */
  ref: Ref = NO_REF;
  /** When it was submitted, in ms; 0 when its time is not taken. */
  startMs = 0;
  extras: TaskExtras | undefined = undefined;
  #isFreed = false;
  /** The task that awaited it was cancelled: this one is told, and waited for. */
  #told: Cancelled | undefined = undefined;
  /** Its engine is ended, and it was told. */
  #closing: Error | undefined = undefined;

  constructor(keeper: TaskKeeper, id: number, name: string) {
    super();
    this.#keeper = keeper;
    this.id = id;
    this.name = name;
  }

  get status(): ThreadTaskStatus {
    return STATUS[this.phase]!;
  }

  get worker(): number {
    return this.#isFreed || this.ref === NO_REF ? -1 : this.#keeper.workerOf(this);
  }

  override cancel(reason?: unknown, options?: ThreadCancelOptions): void {
    const order = checkStopOrder(options, "cancel task");
    if (this.phase !== WAITING) return;
    this.#keeper.stop(this, order);
    this.fail(reason instanceof Cancelled ? reason : new Cancelled(reason));
  }

  // ---- the worker's side ------------------------------------------------------------------------

  /** It returned. */
  taskDone(value: unknown): void {
    this.free();
    this.#end(OK, value);
  }

  /** It threw. */
  taskFailed(_failure: TaskFailure, error: unknown): void {
    this.free();
    // Told to stop, and stopped: that is how it says so.
    const isStop = this.#told !== undefined && (error as Error | null)?.name === "AbortError";
    if (isStop) this.fail(this.#told);
    else this.#keeper.tell(() => this.fail(error));
  }

  taskLost(error: Error): void {
    this.free();
    this.#failSoon(this.#closing ?? error);
  }

  taskLeft(error: Error): void {
    this.#failSoon(error);
  }

  taskTold(error: Error): void {
    this.#closing = error;
    const isStopped = this.phase !== WAITING || this.extras?.grace !== undefined;
    if (!isStopped) this.#keeper.stop(this, {});
  }

  /** A task that was told itself need not wait for whoever ends the engine. */
  #failSoon(error: Error): void {
    if (this.#told !== undefined) this.fail(this.#told);
    else this.#keeper.tell(() => this.fail(this.#told ?? error));
  }

  /** The worker is done with it, or will never see it. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#keeper.freed(this);
  }

  get isFreed(): boolean {
    return this.#isFreed;
  }

  /** Ends it for its callers with an error; what the worker may still answer is nobody's. */
  fail(error: unknown): void {
    this.#end(error instanceof Cancelled ? CANCELLED : ERROR, error);
  }

  /** Its grace is over: nobody waits for it any longer. */
  graceIsOver(): void {
    const error = this.#told ?? this.#closing;
    if (error !== undefined) this.#failSoon(error);
  }

  #end(phase: 1 | 2 | 3, result: unknown): void {
    if (this.phase !== WAITING) return;
    this.#keeper.settled(this, phase === OK ? undefined : result);
    this.settle(phase, result);
    this.extras?.whenSettled?.(phase === OK ? undefined : result);
  }

  // ---- the caller's side ------------------------------------------------------------------------

  protected override leave(reason: unknown): boolean {
    if (this.#told !== undefined) return false; // it ends, or its grace does
    this.#told = reason instanceof Cancelled ? reason : new Cancelled(reason);
    return this.#isFreed || this.#keeper.stop(this, {});
  }

  protected override left(): void {
    this.fail(this.#told);
  }

  protected get reporter(): { readonly host: Host; readonly id: number } {
    return { host: this.#keeper.host, id: this.id };
  }

  override describe(): string {
    return `${this.name} #${this.id} in ${this.#keeper.name}`;
  }

  override get [Symbol.toStringTag](): string {
    return "ThreadTask";
  }
}

/**
 * Checks how a task is to be stopped.
 *
 * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
 */
export function checkStopOrder(
  options: ThreadCancelOptions | undefined,
  action: string,
): Partial<StopOrder> {
  if (options === undefined) return {};
  mustBeOptions(options, action);
  const { terminate, graceMs } = options;
  return {
    ...(terminate === undefined ? {} : {
      terminate: checkFlag(terminate, false, action, "terminate"),
    }),
    ...(graceMs === undefined ? {} : { graceMs: checkDuration(graceMs, action, "graceMs", true) }),
  };
}
