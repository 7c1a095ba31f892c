/**
 * The outcome of a task, and those who wait for it.
 *
 * @module
 */

import type { Cancelled } from "./errors.ts";
import { FromPollable, Future } from "./future.ts";
import { context, type Host, type Waiter, WAKE_INSIDE, type WakeSource } from "./host.ts";
import { JoinHandle } from "./join_handle.ts";
import { type Outcome, TASK_COMPLETED, TASK_FAILED } from "./outcome.ts";
import { PENDING, type Poll, type Pollable, type Waker } from "./poll.ts";

/** The half of a task that has nothing to do with running it. */
export abstract class Joinable<T> extends JoinHandle<T> {
  abstract readonly host: Host;
  #result: unknown = undefined;
  #joiners: Waker | Waker[] | undefined = undefined;

  /** The value, error or `Cancelled` of a finished task; set once, by the task. */
  get result(): unknown {
    return this.#result;
  }

  set result(result: unknown) {
    this.#result = result;
  }

  /** Those parked on this task. */
  *joiners(): Generator<Waker> {
    if (Array.isArray(this.#joiners)) yield* this.#joiners;
    else if (this.#joiners !== undefined) yield this.#joiners;
  }

  /** Wakes those who wait; answers whether there were any. */
  protected wakeJoiners(): boolean {
    const joiners = this.#joiners;
    if (joiners === undefined) return false;
    this.#joiners = undefined;
    if (!Array.isArray(joiners)) joiners.wake();
    else for (let i = 0; i < joiners.length; i++) joiners[i]!.wake();
    return true;
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

  settled(): Promise<Outcome<T>> {
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

  addJoiner(waker: Waker): void {
    const joiners = this.#joiners;
    if (joiners === undefined) this.#joiners = waker;
    else if (Array.isArray(joiners)) joiners.includes(waker) || joiners.push(waker);
    else if (joiners !== waker) this.#joiners = [joiners, waker];
  }

  removeJoiner(waker: Waker): void {
    const joiners = this.#joiners;
    if (joiners === waker) this.#joiners = undefined;
    else if (Array.isArray(joiners)) {
      const at = joiners.indexOf(waker);
      if (at >= 0) joiners.splice(at, 1);
      if (joiners.length === 0) this.#joiners = undefined;
    }
  }

  /** Abandoning a join leaves the task alone. */
  override abandon(waker: Waker): boolean {
    this.removeJoiner(waker);
    return true;
  }

  override describe(): string {
    return `join ${this.name}`;
  }

  /** @internal */
  override get isPlain(): boolean {
    return true;
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }

  protected override get home(): Host {
    return this.host;
  }

  override get [Symbol.toStringTag](): string {
    return "JoinHandle";
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
    return WAKE_INSIDE;
  }
  protected override get home(): Host {
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
  protected override get waiter(): Waiter | undefined {
    return context.task ?? (this.#task.isFinished ? undefined : this.#task);
  }
  protected override get home(): Host {
    return this.#task.host;
  }
}
