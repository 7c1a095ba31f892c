/**
 * The outcome of a task, and those who wait for it.
 *
 * @module
 */

import type { Cancelled } from "./errors.ts";
import { FromPollable, Future } from "./future.ts";
import {
  currentTask,
  type Host,
  sourceFor,
  type Waiter,
  WAKE_OUTSIDE,
  type WakeSource,
} from "./host.ts";
import { JoinHandle } from "./join_handle.ts";
import { type Outcome, TASK_COMPLETED, TASK_FAILED } from "./outcome.ts";
import { PENDING, type Poll, type Pollable, type Waker } from "./poll.ts";
import { addWaker, removeWaker, wakeAll, wakersIn, type WakerSlot } from "./wakers.ts";

/** The half of a task that has nothing to do with running it. */
export abstract class Joinable<T> extends JoinHandle<T> {
  abstract get host(): Host;
  #result: unknown = undefined;
  #joiners: WakerSlot = undefined;

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
}

/** Waits in one runtime for a task of another, and keeps that one driven meanwhile. */
class ForeignJoiner implements Waker {
  readonly #host: Host;
  readonly waker: Waker;

  constructor(host: Host, waker: Waker) {
    this.#host = host;
    this.waker = waker;
    host.hold(undefined);
  }

  release(): void {
    this.#host.release(undefined);
  }

  wake(): void {
    this.release();
    this.waker.wake();
  }
}

/** How a task ends, as a future that never throws. */
class Settled<T> extends Future<Outcome<T>> {
  readonly #task: Joinable<T>;
  constructor(task: Joinable<T>) {
    super();
    this.#task = task;
  }
  poll(waker: Waker): Poll<Outcome<T>> {
    const outcome = this.#task.outcome();
    if (outcome === undefined) {
      this.#task.addJoiner(waker);
      return PENDING;
    }
    if (outcome.status === "error") this.#task.host.observed(this.#task);
    return outcome;
  }
  override abandon(waker: Waker): boolean {
    return this.#task.abandon(waker);
  }
  override describe(): string {
    return this.#task.describe();
  }
  override get source(): WakeSource {
    return this.#task.source;
  }
  /** @internal */
  override get home(): Host {
    return this.#task.host;
  }
}

/** A future that knows which task awaits it, wherever that happens. */
export class Bound<T> extends FromPollable<T> {
  readonly #task: Waiter;
  constructor(inner: Pollable<T>, task: Waiter) {
    super(inner);
    this.#task = task;
  }
  /** @internal */
  override get waiter(): Waiter | undefined {
    return currentTask() ?? (this.#task.isFinished ? undefined : this.#task);
  }
  /** @internal */
  override get home(): Host {
    return this.#task.host;
  }
}
