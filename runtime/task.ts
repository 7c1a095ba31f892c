/**
 * Tasks: a body, one state, one awaited future, one outcome.
 *
 * A task is its own waker and sits in the run queue at most once. Phases:
 *
 *   NEW -> QUEUED -> RUNNING -> PARKED -> QUEUED …          wakes only queue
 *                    RUNNING -> RUNNING_WOKEN -> QUEUED     a wake while running queues it once
 *   any -> CLOSING -> DONE                                  the body ended; then all it started
 *
 * Cancellation is a request, kept until it is delivered: thrown at the current or next await. Then
 * the body may await in its cleanup until the grace is over; after that every await throws again.
 *
 * @module
 */

import { callAs } from "./async_context.ts";
import {
  abandon,
  asGenerator,
  isAsyncGenerator,
  isCancellation,
  isGeneratorFunction,
  notABody,
  type PollFn,
} from "./bodies.ts";
import { requestCancel } from "./cancel_state.ts";
import { checkDuration } from "./clock.ts";
import { Cancelled } from "./errors.ts";
import { Future } from "./future.ts";
import { context, type Runnable, WAKE_INSIDE, WAKE_PROMISE, type WakeSource } from "./host.ts";
import type { CancelOptions } from "./join_handle.ts";
import {
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  TASK_PENDING,
  TASK_READY,
  TASK_RUNNING,
  type TaskStatus,
} from "./outcome.ts";
import { ownersOf } from "./owned.ts";
import type { OwnerOf } from "./owner.ts";
import {
  checkPolled,
  isPollable,
  isPromiseLike,
  PENDING,
  type Poll,
  type Pollable,
} from "./poll.ts";
import { stepGenerator, type Stepped, Thrown } from "./step_generator.ts";
import type { TaskScope } from "./task_body.ts";
import { TaskFace } from "./task_face.ts";

const NEW = 0;
const SPAWNED = 1;
const QUEUED = 2;
const RUNNING = 3;
const RUNNING_WOKEN = 4;
const PARKED = 5;
const CLOSING = 6;
const DONE = 7;

const FUNCTION = 0;
const GENERATOR = 1;
const ASYNC = 2;
const POLLABLE = 3;
const STATE_POLL = 4;
const PROMISE = 5;

/** What owns tasks; see {@linkcode OwnerOf}. */
export type Owner = OwnerOf<Task<unknown>>;

/** The one implementation of {@linkcode JoinHandle}; also what a body gets as its `TaskScope`. */
export class Task<T> extends TaskFace<T> implements Runnable, Stepped<T> {
  readonly owner: Owner;
  /** Owned by the owner: its list of children. */
  prevSibling: Task<unknown> | undefined = undefined;
  /** Owned by the owner. */
  nextSibling: Task<unknown> | undefined = undefined;
  /** Owners opened by this task that have live children. */
  firstOwned: Owner | undefined = undefined;
  #phase = NEW;
  #kind: number;
  #body: unknown;
  #pollFn: PollFn | undefined;
  #awaiting: Pollable<unknown> | undefined = undefined;

  constructor(
    id: number,
    owner: Owner,
    body: unknown,
    poll: PollFn | undefined,
    name: string | { readonly name: string } | undefined,
  ) {
    super(id, name);
    this.owner = owner;
    this.#body = body;
    this.#pollFn = poll;
    if (poll !== undefined) this.#kind = STATE_POLL;
    else if (typeof body === "function") this.#kind = FUNCTION;
    else if (isPollable(body)) this.#kind = POLLABLE;
    else {
      this.#kind = PROMISE;
      // Followed from the first poll on; a rejection before that must not count as unhandled.
      if (body instanceof Promise) body.catch(() => {});
    }
  }

  get status(): TaskStatus {
    switch (this.#phase) {
      case DONE:
        return this.#kind as TaskStatus; // the body is gone: the field holds how it ended
      case QUEUED:
        return TASK_READY;
      case RUNNING:
      case RUNNING_WOKEN:
        return TASK_RUNNING;
    }
    return TASK_PENDING;
  }

  get isFinished(): boolean {
    return this.#phase === DONE;
  }

  /** True once the body has ended. */
  get isEnding(): boolean {
    return this.#phase >= CLOSING;
  }

  protected get isAsync(): boolean {
    return this.#kind === ASYNC;
  }

  /** What the task waits for, for dumps. */
  get awaiting(): object | undefined {
    if (this.#kind === POLLABLE && this.#body instanceof Future) return this.#body;
    return this.#awaiting ?? this.attachedTo;
  }

  /** What it is parked on, and nothing else. */
  get parkedOn(): object | undefined {
    return this.#phase === PARKED ? this.#awaiting : undefined;
  }

  // ---- running ------------------------------------------------------------------------------

  /** Puts a new task in the run queue; its owner decides when. */
  start(): void {
    if (this.#phase !== NEW) return;
    this.#phase = SPAWNED;
    this.host.enqueue(this);
  }

  wake(): void {
    if (this.#phase === PARKED) {
      this.uncount();
      this.#phase = QUEUED;
      this.host.enqueue(this);
    } else if (this.#phase === RUNNING) this.#phase = RUNNING_WOKEN;
  }

  runOnce(): void {
    if (this.#phase !== QUEUED && this.#phase !== SPAWNED) {
      if (this.#phase === CLOSING && this.firstOwned === undefined) this.#complete();
      return;
    }
    this.#phase = RUNNING;
    context.task = this;
    const { watch } = this.host;
    if (watch !== undefined) watch.tell("onPoll", this);
    if (this.owner.hasLocals) callAs(this, () => this.#step());
    else this.#step();
    context.task = undefined;
  }

  #step(): void {
    switch (this.#kind) {
      case GENERATOR:
        this.#runGenerator(this.#body as Generator<unknown, T>);
        break;
      case STATE_POLL:
      case POLLABLE:
        this.#runPoll();
        break;
      case FUNCTION:
        this.#call(this.#body as (task: TaskScope) => unknown);
        break;
      case PROMISE:
        this.#follow(this.#body as PromiseLike<T>);
    }
  }

  #call(body: (task: TaskScope) => unknown): void {
    let made: unknown;
    try {
      // A generator function only makes its generator; any other function may go on as async.
      made = isGeneratorFunction(body) ? body(this) : callAs(this, () => body(this));
    } catch (error) {
      return this.endWithError(error);
    }
    if (typeof made !== "object" || made === null) return this.endWithValue(made as T);
    const generator = asGenerator<T>(made);
    if (generator !== undefined) {
      this.#body = generator;
      this.#kind = GENERATOR;
      return this.#runGenerator(generator);
    }
    if (isPollable(made)) {
      this.#body = made;
      this.#kind = POLLABLE;
      return this.#runPoll();
    }
    if (isPromiseLike(made)) return this.#follow(made as PromiseLike<T>);
    if (isAsyncGenerator(made)) this.endWithError(notABody(this.name));
    else this.endWithValue(made as T);
  }

  /** An async body: it has its own continuation; we follow its promise. */
  #follow(promise: PromiseLike<T>): void {
    // A promise that was spawned, rather than called, is not ours to wait for when cancelled.
    if (this.#kind === FUNCTION) this.#kind = ASYNC;
    this.#body = undefined;
    this.park(undefined, WAKE_PROMISE);
    const cancel = this.cancelState;
    if (cancel !== undefined) this.interruptWaits(cancel); // it cancelled itself
    try {
      promise.then(
        (value) => this.#phase >= CLOSING ? undefined : this.endWithValue(value),
        (error) => this.#phase >= CLOSING ? undefined : this.endWithError(error),
      );
    } catch (error) {
      if (this.#phase < CLOSING) this.endWithError(error);
    }
  }

  #runPoll(): void {
    let value: Poll<unknown>;
    try {
      value = this.#pollFn !== undefined
        ? this.#pollFn(this.#body, this)
        : (this.#body as Pollable<unknown>).poll(this);
      if (value !== PENDING) checkPolled(value);
    } catch (error) {
      return this.endWithError(error);
    }
    if (value !== PENDING) return this.endWithValue(value as T);
    if (this.cancelState !== undefined) return this.#abandonBody();
    this.park(undefined, this.#body instanceof Future ? this.#body.source : 1);
  }

  #runGenerator(generator: Generator<unknown, T>): void {
    const waiting = this.#awaiting;
    this.#awaiting = undefined;
    stepGenerator(this, generator, waiting);
  }

  /** See `Stepped`. */
  park(waiting: Pollable<unknown> | undefined, source: WakeSource): void {
    if (this.#phase === RUNNING_WOKEN) return this.requeue(waiting);
    this.#awaiting = waiting;
    this.#phase = PARKED;
    this.count(source);
    if (source === WAKE_INSIDE && waiting instanceof Task) this.host.joinParked(this);
    this.cancelState?.parked(this);
  }

  /** See `Stepped`. */
  requeue(waiting: Pollable<unknown> | undefined): void {
    this.#awaiting = waiting;
    this.#phase = QUEUED;
    this.host.enqueue(this);
  }

  // ---- ending -------------------------------------------------------------------------------

  /** See `Stepped`. */
  endWithValue(value: T): void {
    const cancel = this.cancelState;
    if (cancel === undefined || !cancel.seen) return this.#close(TASK_COMPLETED, value);
    this.host.watch?.tell("onSwallowedCancel", this, cancel.cancelled.reason);
    this.#close(TASK_CANCELLED, cancel.cancelled);
  }

  /** See `Stepped`. */
  endWithError(error: unknown): void {
    const cancel = this.cancelState;
    if (cancel !== undefined && isCancellation(error)) {
      this.#close(TASK_CANCELLED, cancel.cancelled);
    } else this.#close(TASK_FAILED, error);
  }

  /** The body ended. Whatever it opened and left open is cancelled and waited for first. */
  #close(status: TaskStatus, result: unknown): void {
    this.uncount();
    this.#kind = status;
    this.result = result;
    this.#phase = CLOSING;
    this.#body = this.#pollFn = this.#awaiting = undefined;
    this.cancelState?.over(this.host);
    this.orphanWaits();
    if (this.firstOwned === undefined) return this.#complete();
    const cause = this.cancelState?.cancelled ??
      Cancelled.quiet({ kind: "requested", by: this.name, note: "its body ended" });
    this.#cancelOwned(cause, this.owner.graceMs);
  }

  #cancelOwned(cause: Cancelled, graceMs: number): void {
    if (this.firstOwned === undefined) return;
    for (const owned of ownersOf(this)) owned.cancelFromParent(cause, graceMs);
  }

  #complete(): void {
    this.#phase = DONE;
    this.host.exited(this);
    this.wakeJoiners();
    this.tellEnd();
    this.owner.childFinished(this);
  }

  /** An owner this task opened has no live children any more. */
  ownedEnded(): void {
    if (this.#phase === CLOSING && this.firstOwned === undefined) this.host.enqueue(this);
  }

  // ---- cancelling ---------------------------------------------------------------------------

  override cancel(reason?: unknown, options?: CancelOptions): void {
    const graceMs = options?.graceMs === undefined
      ? this.owner.graceMs
      : checkDuration(options.graceMs, "cancel task", "graceMs", true);
    if (this.#phase >= CLOSING) return;
    requestCancel(this, new Cancelled(reason), graceMs);
  }

  /** Takes a cancel request; called by `requestCancel` only, which keeps it from recursing. */
  takeCancel(cancelled: Cancelled, graceMs: number): void {
    if (this.#phase >= CLOSING) return;
    if (this.cancelState !== undefined) {
      if (!this.cancelState.shorten(this.host, graceMs)) return;
      if (this.#phase === PARKED) this.cancelState.parked(this);
      for (const owned of ownersOf(this)) owned.shortenGrace(graceMs);
      return;
    }
    const cancel = this.beginCancel(cancelled, graceMs);
    this.#cancelOwned(cancelled, graceMs);
    this.abortSignal();
    if ((this.#phase as number) >= CLOSING) return;
    if (this.#phase === RUNNING || this.#phase === RUNNING_WOKEN) return;
    if (this.#phase === NEW || this.#phase === SPAWNED) {
      if (this.owner.mustBegin(this)) return;
      if (this.#body instanceof Future) this.#body.abandon(this, cancelled);
      return this.#close(TASK_CANCELLED, cancelled);
    }
    if (this.#kind === ASYNC) this.interruptWaits(cancel);
    else if (this.#kind === GENERATOR) this.#interruptGenerator();
    else this.#abandonBody();
    if (this.#phase === PARKED) cancel.parked(this);
  }

  /** Throws into a parked generator by queueing it; a wait that must end by itself is only told. */
  #interruptGenerator(): void {
    if (this.#phase !== PARKED) return; // queued: the cancel is thrown at its turn
    const waiting = this.#awaiting;
    if (waiting === undefined) return;
    const cancel = this.cancelState!;
    if (abandon(waiting, this, cancel.cancelled)) this.#resumeThrowing(cancel.deliver());
    else cancel.toldWait();
  }

  /** Ends the wait of a parked generator by throwing `error` there. */
  throwInto(error: unknown): void {
    const waiting = this.#awaiting;
    if (this.#phase !== PARKED || waiting === undefined || !abandon(waiting, this, error)) return;
    this.#resumeThrowing(error);
  }

  #resumeThrowing(error: unknown): void {
    this.#awaiting = new Thrown(error);
    this.wake();
  }

  /** A pollable or promise has no cleanup of its own: it is told, and the task is over. */
  #abandonBody(): void {
    const cancelled = this.cancelState!.cancelled;
    if (this.#kind === POLLABLE && !abandon(this.#body as Pollable<unknown>, this, cancelled)) {
      // It will end by itself: polled now, it waits on; queued, its turn comes.
      if (this.#phase === RUNNING || this.#phase === RUNNING_WOKEN) {
        this.park(undefined, WAKE_INSIDE);
      }
      return;
    }
    this.#close(TASK_CANCELLED, cancelled);
  }

  /** The grace is over, or a refuser's pause is: throws again at whatever the task waits for. */
  throwAgain(): void {
    if (this.#phase !== PARKED) return;
    const cancel = this.cancelState!;
    this.#cancelOwned(cancel.cancelled, 0);
    if (this.#kind === GENERATOR) this.#interruptGenerator();
    else this.interruptWaits(cancel);
    if (this.#phase === PARKED) cancel.parked(this);
  }
}
