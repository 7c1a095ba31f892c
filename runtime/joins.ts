/**
 * Futures and wakers around a task: those who wait for its end, and what its own waits are bound by.
 *
 * @module
 */

import { FromPollable, Future } from "./future.ts";
import { currentTask, type Host, type Waiter, type WakeSource } from "./host.ts";
import type { Outcome } from "./outcome.ts";
import { PENDING, type Poll, type Pollable, type Waker } from "./poll.ts";

/** Waits in one runtime for a task of another, and keeps that one driven meanwhile. */
export class ForeignJoiner implements Waker {
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

/** A task, as those who wait for its end see it. */
export interface Joined<T> {
  readonly host: Host;
  readonly source: WakeSource;
  outcome(): Outcome<T> | undefined;
  addJoiner(waker: Waker): void;
  abandon(waker: Waker): boolean;
  describe(): string;
}

/** How a task ends, as a future that never throws. */
export class Settled<T> extends Future<Outcome<T>> {
  readonly #task: Joined<T>;

  constructor(task: Joined<T>) {
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
