/**
 * The half of a task that has nothing to do with running its body: what others know of it, those who
 * wait for its end, its cancellation, and its awaits.
 *
 * Invariant: `Host.waits` has one for each parked task, by who can end its wait. While an async body
 * awaits something of ours, it may be awaiting something foreign with it, by `Promise.race` say: that
 * nothing else can wake it is not certain, so it counts as `Host.bodySource`, not as its promise.
 *
 * @module
 */

import { describeWait } from "./bodies.ts";
import { type Cancellable, CancelState } from "./cancel_state.ts";
import { checkDuration } from "./clock.ts";
import { Timer } from "./deadline.ts";
import type { Cancelled } from "./errors.ts";
import { Future } from "./future.ts";
import {
  type AttachedWait,
  type Host,
  sourceFor,
  type Waiter,
  WAKE_OUTSIDE,
  WAKE_PROMISE,
  type WakeSource,
} from "./host.ts";
import { type CancelOptions, JoinHandle } from "./join_handle.ts";
import { Bound, ForeignJoiner, Settled } from "./joins.ts";
import { reportRefusal } from "./observer.ts";
import { type Outcome, TASK_COMPLETED, TASK_FAILED } from "./outcome.ts";
import { PENDING, type Poll, type Pollable, type Waker } from "./poll.ts";
import type { RuntimeApi, TaskScope } from "./task_body.ts";
import { addWaker, removeWaker, wakeAll, wakersIn, type WakerSlot } from "./wakers.ts";

/** What few tasks need. */
interface Extra {
  controller: AbortController | undefined;
  spawnSite: string;
  onEnd: (() => void) | undefined;
  awaitHook: unknown;
}

/** A task as its handle, its body and its awaits see it. */
export abstract class TaskFace<T> extends JoinHandle<T> implements TaskScope, Waiter, Cancellable {
  readonly #id: number;
  /** The given name, or the function that has one. */
  readonly #name: string | { readonly name: string } | undefined;
  #result: unknown = undefined;
  #joiners: WakerSlot = undefined;
  /** The source counted while parked, else -1. */
  #counted = -1;
  /** Awaits of an async body, an intrusive list. */
  #firstWait: AttachedWait | undefined = undefined;
  #cancel: CancelState | undefined = undefined;
  #extra: Extra | undefined = undefined;

  constructor(id: number, name: string | { readonly name: string } | undefined) {
    super();
    this.#id = id;
    this.#name = name;
  }

  /** What owns it. */
  abstract readonly owner: { readonly host: Host };
  /** What it waits for, for dumps. */
  abstract readonly awaiting: object | undefined;
  /** Its body is an async function on its way. */
  protected abstract readonly isAsync: boolean;
  abstract readonly isEnding: boolean;
  abstract takeCancel(cancelled: Cancelled, graceMs: number): void;
  abstract throwAgain(): void;

  get id(): number {
    return this.#id;
  }

  get name(): string {
    const name = this.#name;
    return (typeof name === "string" ? name : name?.name) || `task ${this.#id}`;
  }

  /** Its owner knows: a word less in each task. */
  get host(): Host {
    return this.owner.host;
  }

  get runtime(): RuntimeApi {
    return this.host.api as RuntimeApi;
  }

  sleep(ms: number): Future<void> {
    const timer = new Timer(checkDuration(ms, "sleep", "ms"), this.host);
    return new Bound(timer, this);
  }

  wait<V>(source: Pollable<V> | PromiseLike<V>): Future<V> {
    return new Bound(Future.from(source), this);
  }

  // ---- its end, and those who wait for it -----------------------------------------------------

  /** The value, error or `Cancelled` of a finished task; set once, by the task. */
  get result(): unknown {
    return this.#result;
  }

  set result(result: unknown) {
    this.#result = result;
  }

  /** Those parked on this task. */
  joiners(): Iterable<Waker> {
    return wakersIn(this.#joiners);
  }

  /** Wakes those who wait. */
  protected wakeJoiners(): void {
    const joiners = this.#joiners;
    this.#joiners = undefined;
    wakeAll(joiners);
  }

  outcome(): Outcome<T> | undefined {
    if (!this.isFinished) return undefined;
    switch (this.status) {
      case TASK_COMPLETED:
        return { status: "ok", value: this.#result as T };
      case TASK_FAILED:
        return { status: "error", error: this.#result };
      default:
        return { status: "cancelled", reason: (this.#result as Cancelled).reason };
    }
  }

  settled(): Future<Outcome<T>> {
    return new Settled(this);
  }

  cancelAndJoin(reason?: unknown, options?: CancelOptions): Future<Outcome<T>> {
    this.cancel(reason, options);
    return this.settled();
  }

  poll(waker: Waker): Poll<T> {
    if (this.isFinished) {
      if (this.status === TASK_COMPLETED) return this.#result as T;
      if (this.status === TASK_FAILED) this.host.observed(this);
      throw this.#result;
    }
    this.addJoiner(waker);
    return PENDING;
  }

  /** The joiner that stands for a waker of another runtime, which keeps this one driven. */
  #foreign(waker: Waker): ForeignJoiner | undefined {
    for (const joiner of wakersIn(this.#joiners)) {
      if (joiner instanceof ForeignJoiner && joiner.waker === waker) return joiner;
    }
    return undefined;
  }

  addJoiner(waker: Waker): void {
    if (sourceFor(this.host) === WAKE_OUTSIDE) {
      if (this.#foreign(waker) !== undefined) return;
      waker = new ForeignJoiner(this.host, waker);
    }
    this.#joiners = addWaker(this.#joiners, waker);
  }

  /** Abandoning a join leaves the task alone; an end that is there already is still to be told. */
  override abandon(waker: Waker): boolean {
    if (this.isFinished) return false;
    const foreign = this.#foreign(waker);
    if (foreign !== undefined) foreign.release();
    this.#joiners = removeWaker(this.#joiners, foreign ?? waker);
    return true;
  }

  override describe(): string {
    return `join ${this.name}`;
  }

  override get source(): WakeSource {
    return sourceFor(this.host);
  }

  /** @internal */
  override get home(): Host {
    return this.host;
  }

  override get [Symbol.toStringTag](): string {
    return "JoinHandle";
  }

  // ---- its cancellation -----------------------------------------------------------------------

  /** How far it has come, if one was asked for. */
  get cancelState(): CancelState | undefined {
    return this.#cancel;
  }

  /** The cancellation asked for, if one was. */
  get cancelled(): Cancelled | undefined {
    return this.#cancel?.cancelled;
  }

  /** The cancellation that the next await must throw, if there is one. */
  get pendingCancel(): Cancelled | undefined {
    const cancel = this.#cancel;
    return cancel !== undefined && cancel.mustThrow(this.host.clock) ? cancel.cancelled : undefined;
  }

  /** True when the body has seen its cancellation. */
  get sawCancel(): boolean {
    return this.#cancel !== undefined && this.#cancel.seen;
  }

  /** One was asked for, the first one. */
  protected beginCancel(cancelled: Cancelled, graceMs: number): CancelState {
    return this.#cancel = new CancelState(cancelled, this.host.clock.now() + graceMs);
  }

  /** An await threw by itself; see `Waiter`. */
  sawThrow(error: unknown): void {
    this.#cancel?.sawThrow(error);
  }

  throwIfCancelled(): void {
    const cancel = this.#cancel;
    if (cancel !== undefined && cancel.mustThrow(this.host.clock)) throw cancel.deliver();
  }

  get signal(): AbortSignal {
    const extra = this.#extras();
    extra.controller ??= new AbortController();
    this.abortSignal();
    return extra.controller.signal;
  }

  /** Aborts the signal, if there is one, with the cancellation, if there is one. */
  protected abortSignal(): void {
    const controller = this.#extra?.controller;
    if (controller === undefined || this.#cancel === undefined) return;
    this.#cancel.seen = true;
    controller.abort(this.#cancel.cancelled);
  }

  reportRefusal(deliveries: number): void {
    const { cancelled, waitsFor } = this.#cancel!;
    reportRefusal(this.host.watch, {
      task: this,
      reason: cancelled.reason,
      deliveries,
      waitsFor: waitsFor ?? describeWait(this.awaiting) ?? "a promise",
      spawnSite: this.spawnSite,
    });
  }

  // ---- its awaits -----------------------------------------------------------------------------

  /** What its body awaits by itself, if it does. */
  protected get attachedTo(): AttachedWait["target"] | undefined {
    return this.#firstWait?.target;
  }

  /** True while an async body is in an await that is not ours. */
  get isUnreachable(): boolean {
    return this.isAsync && this.#firstWait === undefined;
  }

  /** It is parked now. */
  protected count(source: WakeSource): void {
    this.#counted = source;
    this.host.waits[this.#isAttached ? this.host.bodySource : source]!++;
  }

  /** It is not any more. */
  protected uncount(): void {
    const counted = this.#counted;
    if (counted >= 0) {
      this.host.waits[this.#isAttached ? this.host.bodySource : counted]!--;
      this.#counted = -1;
    }
  }

  #recount(from: WakeSource, to: WakeSource): void {
    this.host.waits[from]!--;
    this.host.waits[to]!++;
  }

  /**
   * Parked on a promise: of its own async body, or of an async generator that it reads. What such code
   * awaits of ours is attached to the task, and counts instead.
   */
  get #isFloating(): boolean {
    return this.#counted === WAKE_PROMISE;
  }

  get #isAttached(): boolean {
    return this.#counted === WAKE_PROMISE && this.#firstWait !== undefined;
  }

  attach(wait: AttachedWait): boolean {
    const first = this.#firstWait;
    wait.nextWait = first;
    if (first !== undefined) first.prevWait = wait;
    else if (this.#isFloating) this.#recount(WAKE_PROMISE, this.host.bodySource);
    this.#firstWait = wait;
    const cancel = this.#cancel;
    if (cancel === undefined) return false;
    if (cancel.mustThrow(this.host.clock) && wait.interrupt(cancel.cancelled)) {
      cancel.deliver();
      return true;
    }
    cancel.parked(this);
    return false;
  }

  detach(wait: AttachedWait): void {
    this.#unlink(wait);
    if (this.#firstWait === undefined && this.#isFloating) {
      this.#recount(this.host.bodySource, WAKE_PROMISE);
    }
  }

  #unlink(wait: AttachedWait): void {
    const { prevWait: prev, nextWait: next } = wait;
    if (prev !== undefined) prev.nextWait = next;
    else if (this.#firstWait === wait) this.#firstWait = next;
    if (next !== undefined) next.prevWait = prev;
    wait.prevWait = wait.nextWait = undefined;
  }

  /** The body ended: awaits that go on are host code's own. */
  protected orphanWaits(): void {
    while (this.#firstWait !== undefined) {
      const wait = this.#firstWait;
      this.#unlink(wait);
      wait.orphan();
    }
  }

  /** Throws the cancellation into each await that can be ended. */
  protected interruptWaits(cancel: CancelState): void {
    cancel.waitsFor = describeWait(this.attachedTo);
    let wait = this.#firstWait;
    while (wait !== undefined) {
      const next: AttachedWait | undefined = wait.nextWait;
      if (wait.interrupt(cancel.cancelled)) cancel.deliver();
      else cancel.toldWait();
      wait = next;
    }
  }

  // ---- what few need --------------------------------------------------------------------------

  /** Where it was spawned, when the observer asked for it; else empty. */
  get spawnSite(): string {
    return this.#extra?.spawnSite ?? "";
  }

  set spawnSite(site: string) {
    this.#extras().spawnSite = site;
  }

  /** See `Waiter`. */
  get awaitHook(): unknown {
    return this.#extra?.awaitHook;
  }

  set awaitHook(hook: unknown) {
    this.#extras().awaitHook = hook;
  }

  /** Called once when the task has ended, before its owner is told. Must not throw. */
  set onEnd(onEnd: () => void) {
    this.#extras().onEnd = onEnd;
  }

  /** Calls what `onEnd` was set to. */
  protected tellEnd(): void {
    this.#extra?.onEnd?.();
  }

  #extras(): Extra {
    return this.#extra ??= {
      controller: undefined,
      spawnSite: "",
      onEnd: undefined,
      awaitHook: undefined,
    };
  }
}
