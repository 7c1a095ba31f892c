/**
 * One `await` (or `.then`) of a future: the bridge from polling to promises.
 *
 * The node is the future's waker. A wake queues the node like a task; its turn polls the future
 * again and settles the promise. An await inside an async body is attached to that body's task, so
 * that a cancel can end it by a throw; an await of host code keeps the runtime driven instead.
 *
 * @module
 */

import {
  type AttachedWait,
  context,
  type Deadlocked,
  type Host,
  resumeAs,
  type Runnable,
  type Waiter,
  WAKE_MAYBE,
  type WakeSource,
} from "./host.ts";
import { PENDING, type Poll, type Waker } from "./poll.ts";

/** What a node needs of the future it waits for. */
export interface AwaitTarget<T> {
  /** Whether only the runtime itself can end this wait. */
  readonly source: WakeSource;
  /** For dumps. */
  describe(): string;
  /** See `Pollable`. */
  poll(waker: Waker): Poll<T>;
  /** See `Future.abandon`. */
  abandon(waker: Waker, reason: unknown): boolean;
}

const PARKED = 0;
const QUEUED = 1;
const POLLING = 2;
const POLLING_WOKEN = 3;
const DONE = 4;

/** Waits for one future on behalf of a promise. */
export class AwaitNode<T> implements Runnable, AttachedWait, Deadlocked {
  prevWait: AttachedWait | undefined = undefined;
  nextWait: AttachedWait | undefined = undefined;
  readonly target: AwaitTarget<T>;
  readonly #host: Host;
  #task: Waiter | undefined;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  #phase = POLLING;
  /** The counted source while parked, else -1. */
  #counted = -1;

  constructor(
    host: Host,
    task: Waiter | undefined,
    target: AwaitTarget<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.#host = host;
    this.#task = task;
    this.target = target;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Begins to wait; polls at once while the turn's budget lasts. */
  start(): void {
    const task = this.#task;
    if (task === undefined) this.#host.hold(this);
    else {
      const thrown = task.attach(this);
      if (thrown !== undefined && this.interrupt(thrown)) return;
    }
    this.#phase = QUEUED;
    if (this.#host.takeBudget()) this.runOnce();
    else this.#host.enqueue(this);
  }

  wake(): void {
    if (this.#phase === PARKED) {
      this.#uncount();
      this.#phase = QUEUED;
      this.#host.enqueue(this);
    } else if (this.#phase === POLLING) this.#phase = POLLING_WOKEN;
  }

  runOnce(): void {
    if (this.#phase !== QUEUED) return;
    const { host: outerHost, task: outerTask } = context;
    context.host = this.#host;
    context.task = this.#task;
    this.#phase = POLLING;
    let value: Poll<T>;
    try {
      value = this.target.poll(this);
    } catch (error) {
      this.#finish();
      resumeAs(this.#task, this.#reject, error);
      return;
    } finally {
      context.host = outerHost;
      context.task = outerTask;
    }
    if (value !== PENDING) {
      this.#finish();
      resumeAs(this.#task, this.#resolve, value);
    } else if ((this.#phase as number) === POLLING_WOKEN) {
      this.#phase = QUEUED;
      this.#host.enqueue(this);
    } else if ((this.#phase as number) === POLLING) {
      this.#phase = PARKED;
      this.#host.waits[this.#counted = this.target.source]!++;
      this.#host.kick();
    }
  }

  interrupt(error: unknown): boolean {
    if (this.#phase === DONE) return true;
    if (!this.target.abandon(this, error)) return false;
    this.#finish();
    resumeAs(this.#task, this.#reject, error);
    return true;
  }

  orphan(): void {
    this.#task = undefined;
    this.#host.hold(this);
  }

  onDeadlock(error: Error): void {
    // Host code might still end a wait on something it holds itself.
    if (this.target.source >= WAKE_MAYBE) return;
    // What must end by itself, a scope, fails with the deadlock after its cleanup.
    if (this.#phase === DONE || !this.target.abandon(this, error)) return;
    this.#finish();
    this.#reject(error);
  }

  #uncount(): void {
    if (this.#counted >= 0) this.#host.waits[this.#counted]!--;
    this.#counted = -1;
  }

  #finish(): void {
    this.#uncount();
    this.#phase = DONE;
    if (this.#task === undefined) this.#host.release(this);
    else this.#task.detach(this);
  }
}
