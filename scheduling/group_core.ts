/**
 * The inside of a group: its children, how they are let run, and when it ends.
 *
 * Invariant: a group ends when it is being waited for and has no live child. Background children
 * are cancelled when no other child is left. Everything here only marks and queues, so breadth and
 * depth cost no stack.
 *
 * @module
 */

import { requestCancel } from "../runtime/cancel_state.ts";
import { Children } from "../runtime/children.ts";
import { checkInteger } from "../runtime/clock.ts";
import type { Core } from "../runtime/core.ts";
import { Cancelled } from "../runtime/errors.ts";
import { addFailure, type Failure } from "../runtime/failures.ts";
import { getRuntime } from "../runtime/globals.ts";
import { TASK_CANCELLED, TASK_COMPLETED, TASK_FAILED } from "../runtime/outcome.ts";
import { linkOwner, unlinkOwner } from "../runtime/owned.ts";
import { failureOf } from "../runtime/root_owner.ts";
import { coreOf } from "../runtime/runtime.ts";
import type { Owner, Task } from "../runtime/task.ts";
import { currentTask } from "./current_task.ts";
import { GroupBudget } from "./group_budget.ts";
import { GroupDeadline, Shield } from "./group_deadline.ts";
import { GroupClosedError } from "./group_errors.ts";
import { checkGroupOptions, type InnerGroupOptions } from "./group_options.ts";
import { Listeners } from "./listeners.ts";
import { Remembered } from "./remembered.ts";
import { listenOnce } from "./signals.ts";
import { Slots } from "./slots.ts";
import { type Timing, Timings } from "./timings.ts";
import { Verdict } from "./verdict.ts";
import { Waiters } from "./waiters.ts";

/** What a group is, to its public faces. */
export class GroupCore implements Owner {
  readonly host: Core;
  readonly label: string;
  readonly graceMs: number;
  readonly parent: Task<unknown> | undefined;
  hasLocals: boolean;
  readonly #mustBegin: boolean;
  prevOwned: Owner | undefined = undefined;
  nextOwned: Owner | undefined = undefined;
  cancelOnError: boolean;
  readonly verdict: Verdict;
  readonly signal: AbortSignal | undefined;
  readonly remembered = new Remembered();
  readonly waiters = new Waiters();
  /** A scope's body is a child, but not counted as one. */
  body: Task<unknown> | undefined;
  /** Somebody waits for the end. */
  joining = false;
  /** Its public face is watched for being forgotten. */
  isWatched = false;
  total = 0;
  completed = 0;
  failed = 0;
  cancelledCount = 0;
  maxConcurrency: number;
  /** Only in groups with one. */
  readonly budget: GroupBudget | undefined;
  readonly #timings: Timings | undefined;
  readonly #children = new Children();
  /** Only in groups with a limit. */
  #slots: Slots | undefined;
  #background: Set<Task<unknown>> | undefined;
  #backgroundIsCancelled = false;
  /** Children whose failure goes to whoever started them, not to the group. */
  #excused: Set<Task<unknown>> | undefined;
  readonly #shield: Shield | undefined;
  #deadline: GroupDeadline | undefined;
  /** Told of each child that ends. */
  readonly completions = new Listeners<[Task<unknown>]>();
  /** Told when there may be room for one more. */
  readonly room = new Listeners();
  #stopListening: (() => void) | undefined;
  #closed = false;
  #over = false;

  constructor(options: InnerGroupOptions = {}, defaultName = "group") {
    const checked = checkGroupOptions(options, defaultName);
    this.label = checked.label;
    this.graceMs = checked.graceMs;
    this.cancelOnError = checked.cancelOnError;
    this.maxConcurrency = checked.maxConcurrency;
    this.signal = checked.signal;
    this.#mustBegin = checked.mustBegin;
    this.verdict = new Verdict(this.label, checked.aggregate);
    const current = currentTask();
    this.host = checked.runtime !== undefined
      ? coreOf(checked.runtime, "create group")
      : (current?.host as Core | undefined) ?? coreOf(getRuntime(), "create group");
    this.parent = current?.host === this.host ? current : undefined;
    this.hasLocals = this.parent !== undefined && this.parent.owner.hasLocals;
    if (checked.shieldMs !== undefined) this.#shield = new Shield(this.host, checked.shieldMs);
    if (checked.trackTiming) this.#timings = new Timings(this.host.clock);
    if (this.maxConcurrency > 0) this.#slots = this.#makeSlots([]);
    if (checked.budget > 0) {
      this.budget = new GroupBudget(this, checked.budget);
    }
    if (checked.timeoutMs !== Infinity) this.deadline.timeoutMs = checked.timeoutMs;
    if (this.signal?.aborted === true) this.#abort(this.signal.reason);
    // A shield opened in cleanup starts its limit; another group is cancelled with a task that has
    // been cancelled, and not been told yet.
    const pending = checked.shieldMs === undefined
      ? this.parent?.pendingCancel
      : this.parent?.cancelled;
    if (pending !== undefined) {
      this.cancelFromParent(pending, this.graceMs);
      // Nothing will run here: that is what the cancellation has ended.
      if (this.cancelled !== undefined) this.verdict.isCaught = true;
    }
  }

  // ---- spawning -----------------------------------------------------------------------------

  spawn<T>(body: unknown, second: unknown, background = false, cost = 1): Task<T> {
    if (!this.#closed && this.signal?.aborted === true) this.#abort(this.signal.reason);
    if (this.#closed || this.parent?.isEnding === true) throw this.closedError();
    if (this.budget !== undefined) this.budget.checkRoom(cost);
    else if (cost !== 1) checkInteger(cost, 0, "spawn", "cost");
    const task = this.host.spawn<T>(this, body, second);
    this.budget?.charge(task, cost);
    this.total++;
    this.#adopt(task);
    this.remembered.add(task, this.#children.size);
    if (background) {
      (this.#background ??= new Set()).add(task);
      this.#backgroundIsCancelled = false;
    }
    if (this.#slots === undefined || background) this.#start(task);
    else this.#slots.add(task);
    return task;
  }

  closedError(): GroupClosedError {
    const state = this.cancelled !== undefined ? "cancelled" : "closed";
    return new GroupClosedError(`Cannot spawn: ${this.label} is ${state}`);
  }

  /** Starts the body of a scope: a child that no limit and no count knows. */
  spawnBody<T>(body: unknown, name: string): Task<T> {
    const task = this.host.spawn<T>(this, body, { name });
    this.body = task;
    this.#adopt(task);
    if (this.cancelled === undefined || this.#mustBegin) task.start();
    if (this.cancelled !== undefined) requestCancel(task, this.cancelled, this.graceMs);
    return task;
  }

  /** A first child brings the group to life: timer, listener, place in the tree. */
  #adopt(task: Task<unknown>): void {
    if (this.#children.size === 0) {
      linkOwner<Owner>(this.parent ?? this.host, this);
      if (this.#deadline !== undefined && this.#deadline.whenMs === Infinity) {
        this.#deadline.startIn(this.#deadline.timeoutMs);
      }
      if (this.signal !== undefined && this.#stopListening === undefined) this.#listen(this.signal);
    }
    this.#children.add(task);
    this.#timings?.spawned(task);
  }

  #start(task: Task<unknown>): void {
    this.#timings?.started(task);
    task.start();
  }

  #makeSlots(running: Iterable<Task<unknown>>): Slots {
    return new Slots(this.maxConcurrency, (task) => this.#start(task), running);
  }

  setMaxConcurrency(limit: number): void {
    this.maxConcurrency = checkInteger(limit, 0, "set maxConcurrency", "maxConcurrency");
    if (this.#slots !== undefined) this.#slots.setLimit(limit);
    else if (limit > 0) {
      const counted = this.#children.snapshot()
        .filter((task) => task !== this.body && this.#background?.has(task) !== true);
      this.#slots = this.#makeSlots(counted);
    }
    this.room.tell();
  }

  timingOf(task: object): Timing | undefined {
    return this.#timings?.of(task);
  }

  /** The deadline, made when first needed. */
  get deadline(): GroupDeadline {
    return this.#deadline ??= new GroupDeadline(this.host, (timeoutMs) => this.#expire(timeoutMs));
  }

  /** When the group's own deadline is, in ms of the clock; `Infinity` without one. */
  get deadlineMs(): number {
    return this.#deadline === undefined ? Infinity : this.#deadline.whenMs;
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
    this.#timings?.ended(task);
    this.remembered.ended(task);
    this.budget?.ended(task);
    const wasBackground = this.#background?.delete(task) === true;
    if (
      this.cancelled !== undefined && task.cancelled === this.cancelled &&
      (status === TASK_CANCELLED || status === TASK_FAILED && task.sawCancel)
    ) this.verdict.isCaught = true;
    if (status === TASK_FAILED && this.#excused?.delete(task) !== true) {
      this.fail(failureOf(task), task);
    }
    if (!wasBackground && task !== this.body) this.#slots?.ended(task);
    if (task !== this.body) this.completions.tell(task);
    this.settleIfDone();
  }

  /** Something failed here: a child, or what feeds the group. */
  fail(failure: Failure, task?: Task<unknown>): void {
    addFailure(this.verdict.list, failure, task);
    if (!this.joining) this.host.unobserved(failure, this);
    if (!this.cancelOnError || this.cancelled !== undefined) return;
    const { name } = failure.task;
    this.#cancelAll(
      Cancelled.quiet({ kind: "sibling-failed", task: name, error: failure.error }),
      this.graceMs,
    );
  }

  /** Ends the group if it is waited for and nothing is left; background children go last. */
  settleIfDone(): void {
    const size = this.#children.size;
    if (size > 0) {
      if (this.#background?.size === size && (this.joining || this.cancelled !== undefined)) {
        this.#cancelBackground(this.#background);
      }
      return;
    }
    unlinkOwner<Owner>(this.parent ?? this.host, this);
    this.#release();
    this.parent?.ownedEnded();
    if (!this.joining || this.#over) return;
    // A group that is neither closed nor a scope may be used again.
    this.#over = this.body !== undefined || this.#closed;
    if (this.#over) this.#closed = true;
    else this.joining = false;
    this.waiters.wakeAll();
  }

  #cancelBackground(background: Set<Task<unknown>>): void {
    if (this.#backgroundIsCancelled) return;
    this.#backgroundIsCancelled = true;
    const note = "all others ended";
    const cancelled = Cancelled.quiet({ kind: "requested", by: this.label, note });
    for (const task of [...background]) requestCancel(task, cancelled, this.graceMs);
  }

  /** Without children a group holds no timer and no listener. */
  #release(): void {
    this.#deadline?.stop();
    this.#shield?.stop();
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  /** Somebody waits for the group now: from here on its failures reach them. */
  join(): void {
    if (!this.joining) {
      this.joining = true;
      this.host.observed(this);
    }
    if (this.#over) this.waiters.wakeAll();
    else this.settleIfDone();
  }

  /** The error to throw to those who wait, if there is one. */
  error(): { readonly error: unknown } | undefined {
    return this.verdict.error(this.parent, (failure) => this.host.report(failure));
  }

  // ---- cancelling -----------------------------------------------------------------------------

  get cancelled(): Cancelled | undefined {
    return this.verdict.cancelled;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** True for a shield: deadlines outside do not reach in. */
  get isShield(): boolean {
    return this.#shield !== undefined;
  }

  /** True when it has ended for good. */
  get isOver(): boolean {
    return this.#over;
  }

  close(): void {
    this.#closed = true;
    this.budget?.close();
    if (this.joining) this.settleIfDone();
  }

  cancel(cancelled: Cancelled, graceMs: number): void {
    if (this.#over) return;
    this.verdict.isExplicit = true;
    this.#cancelAll(cancelled, graceMs);
  }

  cancelFromParent(cause: Cancelled, graceMs: number): void {
    if (this.#over) return;
    if (this.#shield?.holdsOff(() => this.cancelFromParent(cause, 0))) return;
    const cancelled = this.cancelled ??
      Cancelled.inherit(cause.reason, this.parent?.name ?? this.host.name);
    this.#cancelAll(cancelled, Math.min(graceMs, this.graceMs));
  }

  shortenGrace(graceMs: number): void {
    if (this.cancelled !== undefined) this.cancelChildren(this.cancelled, graceMs, true);
  }

  #cancelAll(cancelled: Cancelled, graceMs: number): void {
    this.#closed = true;
    this.verdict.cancelled ??= cancelled;
    this.budget?.close();
    this.cancelChildren(this.verdict.cancelled, graceMs, true);
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

  #expire(timeoutMs: number): void {
    // What is being cancelled already ends for that reason.
    if (this.#over || this.cancelled !== undefined) return;
    if (this.verdict.failures.length === 0) this.verdict.expire(timeoutMs, this.body?.id ?? -1);
    this.#cancelAll(Cancelled.quiet({ kind: "deadline", timeoutMs, by: this.label }), this.graceMs);
  }

  /** Cancels when a foreign signal aborts; an ancestor that listens to the same one does it for us. */
  #listen(signal: AbortSignal): void {
    for (let task = this.parent; task !== undefined; task = task.owner.parent) {
      if (task.owner instanceof GroupCore && task.owner.signal === signal) return;
    }
    this.#stopListening = listenOnce(signal, (reason) => this.#abort(reason));
  }

  #abort(reason: unknown): void {
    this.verdict.isExplicit = true;
    this.#cancelAll(new Cancelled({ kind: "signal", reason }), this.graceMs);
  }

  // ---- looking --------------------------------------------------------------------------------

  mustAwait(task: Task<unknown>): boolean {
    if (this.#background?.has(task) === true) return false;
    return this.joining && (this.body === undefined || this.body === task || this.body.isFinished);
  }

  mustBegin(task: Task<unknown>): boolean {
    return this.#mustBegin && task === this.body;
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
    return this.#slots?.waiting ?? 0;
  }
}
