/**
 * A worker's tasks: called, ended, told of.
 *
 * A task is pending from the moment it cannot go on at once (its function answered a thenable, its arguments are on
 * their way) until it ends.
 *
 * What was started here cannot be taken by another worker, so as little as possible is started that is not called
 * at once: it would wait for a long call although others are idle. Several messages may be on their way only
 * for functions whose calls were short lately, and nothing is called before them that may be long. When the worker has left, pending tasks are nobody's: they touch nothing any more.
 *
 * @module
 */

import { NO_REF, type Ref } from "../../memory/ref.ts";
import type { ArgsMessage, ShareMessage, UnsentMessage } from "./dispatch_messages.ts";
import {
  CANCELLED,
  DEADLINE,
  type DispatchRegion,
  EVENT_FETCH,
  RECORD_WORDS,
  REF,
} from "./dispatch_region.ts";
import type { TaskFunction, WorkerLoopOptions } from "./dispatch_types.ts";
import { MESSAGE, NUMBERS, type Payload } from "./payload.ts";
import type { SharedArea } from "./shared_area.ts";
import type { WorkerSteps } from "./worker_steps.ts";

/** Messages may be on their way for calls that block this thread no longer than so, taken together. */
const ASKED_MS = 1;
/** And no more than so many. */
const MOST_ASKED = 32;

/** Internal: runs tasks for a `WorkerLoop`. */
export class WorkerTasks {
  readonly #region: DispatchRegion;
  readonly #steps: WorkerSteps;
  readonly #area: SharedArea;
  readonly #payload: Payload;
  readonly #options: WorkerLoopOptions;
  readonly #functions: TaskFunction[];
  /** Pending tasks: their slots. */
  readonly #pending = new Map<Ref, number>();
  /** Of these, those that wait for a buffer this thread does not know yet. */
  readonly #unready = new Set<Ref>();
  /** Of these, those whose arguments are on their way. */
  readonly #asked = new Set<Ref>();
  /** One of these whose call may be long; else NO_REF. */
  #longAsked: Ref = NO_REF;
  /** Of these, one that may be long and is called after those; else -1. */
  #deferred = -1;
  /** By function: how long calls with messages took, the longest lately. */
  readonly #callMs: number[] = [];
  readonly #listeners = new Map<Ref, () => void>();
  #hasLeft = false;
  /** The task whose function is running now, up to its first await; else NO_REF. */
  current: Ref = NO_REF;
  /** Called when a pending task has ended. */
  onEnd: () => void = () => {};

  /** Of the worker whose steps these are. */
  constructor(
    region: DispatchRegion,
    steps: WorkerSteps,
    area: SharedArea,
    options: WorkerLoopOptions,
  ) {
    this.#region = region;
    this.#steps = steps;
    this.#area = area;
    this.#payload = area.payload;
    this.#options = options;
    this.#functions = options.functions;
  }

  /** How many are pending. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * Whether no other task must be started now, as one that was started is not called yet, and may be long.
   */
  get isExpecting(): boolean {
    return this.#longAsked !== NO_REF || this.#asked.size >= MOST_ASKED || this.#deferred >= 0 ||
      this.#unready.size > 0;
  }

  /** Runs a task that was started, at least up to where it has to wait. */
  run(slot: number): void {
    const { words } = this.#region;
    const record = this.#recordAt(slot);
    const deadline = words[record + DEADLINE]!;
    if (deadline !== 0 && ((this.#region.now() - deadline) | 0) > 0) {
      this.#payload.writeObsolete(slot);
      this.#steps.done(slot);
      return;
    }
    const ref = words[record + REF]!;
    const kind = this.#payload.kindOf(slot);
    const run = this.#functions[this.#payload.functionOf(slot)];
    if (kind === MESSAGE) {
      this.#pending.set(ref, slot);
      this.#asked.add(ref);
      const ms = this.#callMs[this.#payload.functionOf(slot)];
      if (ms === undefined || ms * this.#asked.size > ASKED_MS) this.#longAsked = ref;
      this.#steps.tell(slot, EVENT_FETCH);
    } else if (this.#asked.size > 0) {
      this.#pending.set(ref, slot);
      this.#deferred = slot;
    } else if (kind === NUMBERS && run !== undefined) {
      this.#callWithNumbers(slot, ref, run);
    } else {
      this.#read(slot, ref);
    }
  }

  /** A message from the owner: arguments, or a buffer. */
  receive(message: ArgsMessage | UnsentMessage | ShareMessage): void {
    if (this.#hasLeft) return;
    if (message.dispatch !== "share") return this.#came(message);
    this.#area.buffers.add(message.buffer);
    for (const ref of this.#unready) {
      const slot = this.#pending.get(ref)!;
      const args = this.#payload.readArgs(slot);
      if (args === undefined) continue;
      this.#unready.delete(ref);
      this.#call(slot, ref, args);
    }
  }

  #came(message: ArgsMessage | UnsentMessage): void {
    const { ref } = message;
    this.#asked.delete(ref);
    if (this.#longAsked === ref) this.#longAsked = NO_REF;
    const slot = this.#pending.get(ref);
    if (slot !== undefined) {
      if (message.dispatch === "args") this.#timedCall(slot, ref, message.args);
      else this.#fail(slot, ref, new Error(`Cannot send its arguments: ${message.why}`));
    }
    const deferred = this.#deferred;
    if (deferred < 0 || this.#asked.size > 0) return;
    this.#deferred = -1;
    this.run(deferred);
  }

  #timedCall(slot: number, ref: Ref, args: unknown[]): void {
    const fn = this.#payload.functionOf(slot);
    const from = performance.now();
    this.#call(slot, ref, args);
    const ms = performance.now() - from;
    const before = this.#callMs[fn] ?? 0;
    this.#callMs[fn] = Math.max(ms, before + (ms - before) / 8);
  }

  /** Whether a task was cancelled. */
  isCancelled(ref: Ref): boolean {
    const { words, format } = this.#region;
    const record = this.#recordAt(ref & format.slotMask);
    return words[record + REF] === ref && Atomics.load(words, record + CANCELLED) === ref;
  }

  /** Calls `listener` when a task that has not ended is cancelled; at once when it was already. */
  onCancel(ref: Ref, listener: () => void): void {
    if (this.isCancelled(ref)) listener();
    else if (this.#pending.has(ref) || this.current === ref) this.#listeners.set(ref, listener);
  }

  /** Tells those that were cancelled. */
  look(): void {
    for (const [ref, listener] of this.#listeners) {
      if (!this.isCancelled(ref)) continue;
      this.#listeners.delete(ref);
      try {
        listener();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** From now on nothing is touched. */
  leave(): void {
    this.#hasLeft = true;
  }

  #callWithNumbers(slot: number, ref: Ref, run: TaskFunction): void {
    let value: unknown;
    this.current = ref;
    try {
      value = this.#payload.callWithNumbers(slot, run);
    } catch (error) {
      this.current = NO_REF;
      this.#fail(slot, ref, error);
      return;
    }
    this.current = NO_REF;
    if (typeof value === "number") {
      this.#payload.writeNumber(slot, value);
      this.#done(slot, ref);
    } else {
      this.#end(slot, ref, value);
    }
  }

  /** A call whose arguments lie in shared memory, but are not numbers only; or whose function is not known yet. */
  #read(slot: number, ref: Ref): void {
    let args: unknown[] | undefined;
    try {
      args = this.#payload.readArgs(slot);
    } catch (error) {
      this.#fail(slot, ref, error);
      return;
    }
    if (args !== undefined) return this.#call(slot, ref, args);
    this.#pending.set(ref, slot);
    this.#unready.add(ref);
  }

  #call(slot: number, ref: Ref, args: unknown[]): void {
    const fn = this.#payload.functionOf(slot);
    let value: unknown;
    this.current = ref;
    try {
      const run = this.#functions[fn] ?? this.#missing(fn);
      value = typeof run === "function" ? run(...args) : this.#callLater(run, ref, args);
    } catch (error) {
      this.current = NO_REF;
      this.#fail(slot, ref, error);
      return;
    }
    this.current = NO_REF;
    this.#end(slot, ref, value);
  }

  async #callLater(run: Promise<TaskFunction>, ref: Ref, args: unknown[]): Promise<unknown> {
    const found = await run;
    this.current = ref;
    try {
      return found(...args);
    } finally {
      this.current = NO_REF;
    }
  }

  #missing(fn: number): TaskFunction | Promise<TaskFunction> {
    const { missing } = this.#options;
    if (missing === undefined) {
      throw new RangeError(`Cannot run a task: there is no function ${fn} in this worker`);
    }
    const found = missing(fn);
    if (typeof found === "function") return this.#functions[fn] = found;
    return found.then((run) => this.#functions[fn] = run);
  }

  /** A function has answered: the value, or a promise of it. */
  #end(slot: number, ref: Ref, value: unknown): void {
    let promise: Promise<unknown> | undefined;
    try {
      if (isThenable(value)) promise = Promise.resolve(value);
    } catch (error) {
      return this.#fail(slot, ref, error);
    }
    if (promise === undefined) return this.#succeed(slot, ref, value);
    this.#pending.set(ref, slot);
    promise.then(
      (result) => this.#isOurs() && this.#succeed(slot, ref, result),
      (error) => this.#isOurs() && this.#fail(slot, ref, error),
    ).finally(() => this.onEnd());
  }

  #isOurs(): boolean {
    return !this.#hasLeft && !this.#steps.isRevoked;
  }

  #succeed(slot: number, ref: Ref, value: unknown): void {
    try {
      if (this.#payload.writeResult(slot, value, false)) {
        this.#area.leases.forget(value);
        this.#done(slot, ref);
      } else {
        this.#send(slot, ref, value, false, this.#options.transferOf?.(value) ?? []);
      }
    } catch (error) {
      this.#fail(slot, ref, error);
    }
  }

  #fail(slot: number, ref: Ref, error: unknown): void {
    try {
      const data = (this.#options.encodeError ?? plainError)(error);
      if (this.#payload.writeResult(slot, data, true)) this.#done(slot, ref);
      else this.#send(slot, ref, data, true, []);
    } catch (failure) {
      // The error itself cannot be sent. What says least always fits.
      const fits = this.#payload.writeResult(slot, plainError(failure), true);
      if (!fits) this.#payload.writeResult(slot, undefined, true);
      this.#done(slot, ref);
    }
  }

  #send(
    slot: number,
    ref: Ref,
    value: unknown,
    threw: boolean,
    transfer: readonly Transferable[],
  ): void {
    const { port } = this.#options;
    if (port === undefined) {
      throw new TypeError("Cannot send a result: it needs a message, and this worker has no port");
    }
    this.#steps.sent(slot, false);
    try {
      port.post({ dispatch: "result", ref, threw, value }, transfer);
    } catch (error) {
      this.#steps.sent(slot, true);
      throw error;
    }
    this.#forget(ref);
  }

  #done(slot: number, ref: Ref): void {
    this.#forget(ref);
    this.#steps.done(slot);
  }

  #forget(ref: Ref): void {
    if (this.#pending.size > 0) this.#pending.delete(ref);
    if (this.#listeners.size > 0) this.#listeners.delete(ref);
  }

  #recordAt(slot: number): number {
    return this.#region.records + slot * RECORD_WORDS;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

function plainError(error: unknown): unknown {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  return { name: error.name, message: error.message, stack: error.stack ?? "" };
}
