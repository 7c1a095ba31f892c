/**
 * The inside of a group: its children, how they are let run, and what their ends add up to.
 *
 * Invariant: a group ends when it is being waited for and has no live child. Background children
 * are cancelled when no other child is left. Everything here only marks and queues, so breadth and
 * depth cost no stack.
 *
 * @module
 */

import { Children } from "../runtime/children.ts";
import { checkDuration, checkInteger, checkTimeout, typeOf } from "../runtime/clock.ts";
import { Cancelled, TimeoutError } from "../runtime/errors.ts";
import { addFailure, type Failure, rememberFailures } from "../runtime/failures.ts";
import { getRuntime } from "../runtime/globals.ts";
import { currentTask as runningTask } from "../runtime/host.ts";
import { TASK_CANCELLED, TASK_COMPLETED, TASK_FAILED } from "../runtime/outcome.ts";
import { type Core, DEFAULT_GRACE_MS, failureOf } from "../runtime/core.ts";
import { coreOf } from "../runtime/runtime.ts";
import { requestCancel } from "../runtime/cancel_state.ts";
import { linkOwner, unlinkOwner } from "../runtime/owned.ts";
import type { Owner, Task } from "../runtime/task.ts";
import type { RuntimeApi } from "../runtime/task_body.ts";
import { GroupClosedError, TaskGroupError } from "./group_errors.ts";
import { GroupDeadline } from "./group_deadline.ts";
import { Waiters } from "./operation.ts";
import { Remembered } from "./remembered.ts";
import { listenOnce } from "./signals.ts";

/** How to make a group. */
export interface GroupOptions {
  /** For errors, reasons and dumps. */
  readonly name?: string;
  /** Cancel the siblings when a child fails. Default true; false makes a supervisor. */
  readonly cancelOnError?: boolean;
  /** Reject with the first failure itself, or always with a `TaskGroupError`. Default `"primary"`. */
  readonly failures?: "primary" | "aggregate";
  /** Children between first poll and end, at most; more wait, first in, first out. 0: no limit. */
  readonly maxConcurrency?: number;
  /** Cancels the group when it aborts. One listener, gone when the group ends. */
  readonly signal?: AbortSignal;
  /** The runtime. Default: that of the current task, else the default one. */
  readonly runtime?: RuntimeApi;
  /** How long cancelled children may await in their cleanup, in ms. Default 5 000. */
  readonly graceMs?: number;
  /** Cancels the group after so long, in ms; it then rejects with `TimeoutError`. */
  readonly timeoutMs?: number | null;
  /** Record when each child was spawned, started and ended; see `tasks()`. */
  readonly trackTiming?: boolean;
}

/** What this folder itself passes on. */
export interface InnerGroupOptions extends GroupOptions {
  /** The group is a shield, with this limit. */
  readonly shieldMs?: number | undefined;
}

/** When things happened to a child, in ms of the runtime's clock. */
export interface Timing {
  /** `spawn` was called. */
  readonly spawnedMs: number;
  /** It was let run. */
  startedMs?: number;
  /** It ended. */
  endedMs?: number;
}

/** Shared by all groups that have none of something. */
const NONE: never[] = [];

/** What a group is, to its public faces. */
export class GroupCore implements Owner {
  readonly host: Core;
  readonly label: string;
  readonly graceMs: number;
  readonly parent: Task<unknown> | undefined;
  /** A shield: a cancel from the parent takes effect only after so many ms. */
  readonly #shieldMs: number | undefined;
  #shieldLimit: GroupDeadline | undefined;
  prevOwned: Owner | undefined = undefined;
  nextOwned: Owner | undefined = undefined;
  cancelOnError: boolean;
  readonly #aggregate: boolean;
  #maxConcurrency: number;
  readonly #timing: WeakMap<object, Timing> | undefined;
  readonly #children = new Children();
  readonly remembered = new Remembered();
  /** Only in groups with a limit: those let run, and those that wait, from `#nextPending` on. */
  #running: Set<Task<unknown>> | undefined;
  #pending: Task<unknown>[] = NONE;
  #nextPending = 0;
  #background: Set<Task<unknown>> | undefined;
  /** A scope's body is a child, but not counted as one. */
  body: Task<unknown> | undefined;
  #failures: Failure[] | undefined;
  /** Children whose failure goes to whoever started them, not to the group. */
  #excused: Set<Task<unknown>> | undefined;
  #cancelled: Cancelled | undefined;
  #cancelIsExplicit = false;
  /** A child ended because this group cancelled it. */
  #cancelCaught = false;
  #timedOut = false;
  #timeoutCameFirst = false;
  #timeoutError: TimeoutError | undefined;
  #aggregated: TaskGroupError | undefined;
  /** The failures have been remembered behind the primary one. */
  #judged = false;
  #deadline: GroupDeadline | undefined;
  #closed = false;
  joining = false;
  /** Its public face is watched for being forgotten. */
  isWatched = false;
  #over = false;
  readonly waiters = new Waiters();
  /** Told of each child that ends. */
  #listeners: Set<(task: Task<unknown>) => void> | undefined;
  #stopListening: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
  total = 0;
  completed = 0;
  failed = 0;
  cancelledCount = 0;

  constructor(options: InnerGroupOptions = {}, defaultName = "group") {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot create group: options is ${typeOf(options)} (must be an object)`);
    }
    const action = "create group";
    const { failures, name, signal } = options;
    if (failures !== undefined && failures !== "primary" && failures !== "aggregate") {
      throw new RangeError(
        `Cannot ${action}: failures is ${
          JSON.stringify(failures)
        } (must be "primary" or "aggregate")`,
      );
    }
    if (name !== undefined && typeof name !== "string") {
      throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
    }
    this.label = name ?? defaultName;
    const shieldMs = this.#shieldMs = options.shieldMs;
    this.cancelOnError = options.cancelOnError ?? true;
    this.#aggregate = failures === "aggregate";
    this.#maxConcurrency = checkInteger(options.maxConcurrency ?? 0, 0, action, "maxConcurrency");
    this.graceMs = options.graceMs === undefined
      ? DEFAULT_GRACE_MS
      : checkDuration(options.graceMs, action, "graceMs", true);
    const timeoutMs = checkTimeout(options.timeoutMs, action);
    const current = currentTask();
    this.host = options.runtime !== undefined
      ? coreOf(options.runtime, action)
      : (current?.host as Core | undefined) ?? coreOf(getRuntime(), action);
    this.parent = current !== undefined && current.host === this.host && !current.isFinished
      ? current
      : undefined;
    this.#timing = options.trackTiming === true ? new WeakMap() : undefined;
    this.signal = signal;
    if (signal !== undefined) this.#listen(signal);
    if (timeoutMs !== Infinity) this.deadline.startIn(timeoutMs);
    const cancelled = this.parent?.cancelled;
    if (shieldMs !== undefined && cancelled !== undefined) this.cancelFromParent(cancelled, 0);
  }

  // ---- spawning -----------------------------------------------------------------------------

  spawn<T>(body: unknown, second: unknown, background = false): Task<T> {
    if (this.#closed) {
      throw new GroupClosedError(
        `Cannot spawn: ${this.label} is ${this.#cancelled !== undefined ? "cancelled" : "closed"}`,
      );
    }
    const task = this.host.spawn<T>(this, body, second);
    this.total++;
    this.#adopt(task);
    this.remembered.add(task, this.#children.size);
    if (background) (this.#background ??= new Set()).add(task);
    if (this.#maxConcurrency === 0 || background) this.#start(task);
    else {
      if (this.#pending === NONE) this.#pending = [];
      this.#pending.push(task);
      this.#startPending();
    }
    return task;
  }

  /** Starts the body of a scope: a child that no limit and no count knows. */
  spawnBody<T>(body: unknown, name: string): Task<T> {
    const task = this.host.spawn<T>(this, body, { name });
    this.body = task;
    this.#adopt(task);
    if (this.#cancelled !== undefined) requestCancel(task, this.#cancelled, this.graceMs);
    else task.start();
    return task;
  }

  #adopt(task: Task<unknown>): void {
    if (this.#children.size === 0) linkOwner<Owner>(this.parent ?? this.host, this);
    this.#children.add(task);
    if (this.#timing !== undefined) {
      this.#timing.set(task, { spawnedMs: this.host.clock.now() });
    }
  }

  #start(task: Task<unknown>): void {
    const timing = this.#timing?.get(task);
    if (timing !== undefined) timing.startedMs = this.host.clock.now();
    task.start();
  }

  #startPending(): void {
    const pending = this.#pending;
    const running = this.#running ??= new Set();
    const limit = this.#maxConcurrency === 0 ? Infinity : this.#maxConcurrency;
    while (this.#nextPending < pending.length && running.size < limit) {
      const task = pending[this.#nextPending]!;
      pending[this.#nextPending++] = undefined!;
      if (task.isFinished) continue; // cancelled while it waited
      running.add(task);
      this.#start(task);
    }
    if (this.#nextPending > 1_024 && this.#nextPending * 2 > pending.length) {
      this.#pending = pending.slice(this.#nextPending);
      this.#nextPending = 0;
    }
  }

  get maxConcurrency(): number {
    return this.#maxConcurrency;
  }

  setMaxConcurrency(limit: number): void {
    this.#maxConcurrency = checkInteger(limit, 0, "set maxConcurrency", "maxConcurrency");
    this.#startPending();
  }

  timingOf(task: object): Timing | undefined {
    return this.#timing?.get(task);
  }

  /** The deadline, made when first needed. */
  get deadline(): GroupDeadline {
    return this.#deadline ??= new GroupDeadline(this.host, () => this.#expire());
  }

  /** When the group's own deadline is, in ms of the clock; `Infinity` without one. */
  get deadlineMs(): number {
    return this.#deadline === undefined ? Infinity : this.#deadline.whenMs;
  }

  /** What the children threw, in order. */
  get failures(): Failure[] {
    return this.#failures ??= [];
  }

  /** Calls `tell` for each child that ends. */
  onCompletion(tell: (task: Task<unknown>) => void): { stop(): void } {
    const listeners = this.#listeners ??= new Set();
    listeners.add(tell);
    return { stop: () => listeners.delete(tell) };
  }

  /** The failure of this child before `done` is not the group's. */
  excuse(task: Task<unknown>): { done(): void } {
    const excused = this.#excused ??= new Set();
    excused.add(task);
    return { done: () => excused.delete(task) };
  }

  // ---- ending ---------------------------------------------------------------------------------

  childFinished(task: Task<unknown>): void {
    this.#children.remove(task);
    const { status } = task;
    if (task !== this.body) {
      if (status === TASK_COMPLETED) this.completed++;
      else if (status === TASK_FAILED) this.failed++;
      else this.cancelledCount++;
    }
    const timing = this.#timing?.get(task);
    if (timing !== undefined) timing.endedMs = this.host.clock.now();
    this.remembered.ended(task);
    this.#background?.delete(task);
    if (status === TASK_CANCELLED) {
      if (task.cancelled === this.#cancelled) this.#cancelCaught = true;
    } else if (status === TASK_FAILED && this.#excused?.delete(task) !== true) {
      this.#childFailed(task);
    }
    if (this.#running?.delete(task) === true) this.#startPending();
    if (this.#listeners !== undefined && task !== this.body) {
      for (const tell of [...this.#listeners]) tell(task);
    }
    this.settleIfDone();
  }

  #childFailed(task: Task<unknown>): void {
    const failure = failureOf(task);
    addFailure(this.failures, failure, task);
    if (!this.joining) this.host.unobserved(failure, this);
    if (!this.cancelOnError || this.#cancelled !== undefined) return;
    this.#cancelAll(
      Cancelled.quiet({ kind: "sibling-failed", task: task.name, error: task.result }),
      this.graceMs,
    );
  }

  /** Ends the group if it is waited for and nothing is left; background children go last. */
  settleIfDone(): void {
    const size = this.#children.size;
    const background = this.#background;
    if (size > 0) {
      if (
        background !== undefined && background.size === size &&
        (this.joining || this.#cancelled !== undefined)
      ) {
        const cancelled = Cancelled.quiet({
          kind: "requested",
          by: this.label,
          note: "all others ended",
        });
        for (const task of [...background]) requestCancel(task, cancelled, this.graceMs);
      }
      return;
    }
    unlinkOwner<Owner>(this.parent ?? this.host, this);
    this.parent?.ownedEnded();
    if (!this.joining || this.#over) return;
    this.#over = this.body !== undefined || this.#closed;
    if (this.#over) this.#release();
    this.waiters.wakeAll();
  }

  #release(): void {
    this.#closed = true;
    this.#deadline?.stop();
    this.#shieldLimit?.stop();
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  /** Somebody waits for the group now: from here on its failures reach them. */
  join(): void {
    if (!this.joining) {
      this.joining = true;
      for (const failure of this.#failures ?? NONE) this.host.observed(failure.task, this);
    }
    this.settleIfDone();
  }

  /** True when it is waited for and no child is left. */
  get isSettled(): boolean {
    return this.joining && this.#children.size === 0;
  }

  /** True when a deadline ended something here. */
  get timedOut(): boolean {
    return this.#timedOut && this.#cancelCaught;
  }

  /** Everything that went wrong, the first first; a deadline is one of these. */
  allFailures(): readonly Failure[] {
    if (!this.timedOut || !this.#timeoutCameFirst) return this.failures;
    const task = { id: this.body?.id ?? -1, name: this.label };
    this.#timeoutError ??= new TimeoutError(this.label, this.deadline.timeoutMs);
    return [{ error: this.#timeoutError, task, during: "body" }, ...this.failures];
  }

  /** What the ends of the children add up to: an error to throw, or nothing. */
  verdict(): { readonly error: unknown } | undefined {
    const failures = this.#failures === undefined && !this.#timedOut ? NONE : this.allFailures();
    const primary = failures[0];
    if (primary === undefined) {
      return this.#cancelled !== undefined && (this.#cancelIsExplicit || this.#cancelCaught)
        ? { error: this.#cancelled }
        : undefined;
    }
    if (this.#aggregate) {
      return { error: this.#aggregated ??= new TaskGroupError(this.label, failures) };
    }
    if (!this.#judged) {
      this.#judged = true;
      for (const lost of rememberFailures(primary.error, failures, this.parent)) {
        this.host.report(lost);
      }
    }
    return { error: primary.error };
  }

  // ---- cancelling -----------------------------------------------------------------------------

  get cancelled(): Cancelled | undefined {
    return this.#cancelled;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** True for a shield: deadlines outside do not reach in. */
  get isShield(): boolean {
    return this.#shieldMs !== undefined;
  }

  get isOver(): boolean {
    return this.#over;
  }

  close(): void {
    this.#closed = true;
    if (this.joining) this.settleIfDone();
  }

  cancel(cancelled: Cancelled, graceMs: number): void {
    if (this.#over) return;
    this.#cancelIsExplicit = true;
    this.#cancelAll(cancelled, graceMs);
  }

  cancelFromParent(cause: Cancelled, graceMs: number): void {
    if (this.#over) return;
    if (this.#shieldMs !== undefined && this.#shieldLimit?.isPast !== true) {
      if (this.#shieldLimit !== undefined) return;
      this.#shieldLimit = new GroupDeadline(this.host, () => this.cancelFromParent(cause, 0));
      this.#shieldLimit.startIn(this.#shieldMs);
      return;
    }
    const cancelled = this.#cancelled ??
      Cancelled.inherit(cause.reason, this.parent?.name ?? this.host.name);
    this.#cancelAll(cancelled, Math.min(graceMs, this.graceMs));
  }

  #cancelAll(cancelled: Cancelled, graceMs: number): void {
    this.#closed = true;
    cancelled = this.#cancelled ??= cancelled;
    this.cancelChildren(cancelled, graceMs, true);
  }

  /** Cancels the children that live now; background ones only when no other is left. */
  cancelChildren(cancelled: Cancelled, graceMs: number, withBody: boolean): void {
    const background = this.#background;
    for (const task of this.#children.snapshot()) {
      if (task === this.body && !withBody || background?.has(task) === true) continue;
      requestCancel(task, cancelled, graceMs);
    }
    this.settleIfDone();
  }

  #expire(): void {
    if (this.#over) return;
    this.#timedOut = true;
    this.#timeoutCameFirst = (this.#failures?.length ?? 0) === 0 && this.#cancelled === undefined;
    const { timeoutMs } = this.deadline;
    this.#cancelAll(Cancelled.quiet({ kind: "deadline", timeoutMs, by: this.label }), this.graceMs);
  }

  /** Cancels when a foreign signal aborts; an ancestor that listens to the same one does it for us. */
  #listen(signal: AbortSignal): void {
    for (let task = this.parent; task !== undefined; task = task.owner.parent) {
      if (task.owner instanceof GroupCore && task.owner.signal === signal) return;
    }
    this.#stopListening = listenOnce(signal, (reason) => {
      this.#cancelIsExplicit = true;
      this.#cancelAll(new Cancelled({ kind: "signal", reason }), this.graceMs);
    });
  }

  // ---- looking --------------------------------------------------------------------------------

  mustAwait(task: Task<unknown>): boolean {
    if (this.#background?.has(task) === true) return false;
    return this.joining && (this.body === undefined || this.body === task || this.body.isFinished);
  }

  children(): Iterable<Task<unknown>> {
    return this.#children;
  }

  /** Live children, the body not counted. */
  get live(): number {
    return this.#children.size - (this.body !== undefined && !this.body.isFinished ? 1 : 0);
  }

  /** Live children that are neither the body nor in the background. */
  get liveForeground(): number {
    return this.live - (this.#background?.size ?? 0);
  }

  /** Children that no slot was free for yet. */
  get pendingCount(): number {
    let count = 0;
    for (let i = this.#nextPending; i < this.#pending.length; i++) {
      if (!this.#pending[i]!.isFinished) count++;
    }
    return count;
  }
}

/** Which task a group or scope is opened in. */
export function currentTask(): Task<unknown> | undefined {
  return runningTask() as Task<unknown> | undefined;
}
