/**
 * One `await` (or `.then`) of a future: the bridge from polling to promises.
 *
 * The node is the future's waker. A wake queues the node like a task; its turn polls the future
 * again and settles. An await inside an async body is attached to that body's task, so that a
 * cancel can end it by a throw; an await of host code keeps the runtime driven instead.
 *
 * The node is also what `then` answers.
 *
 * @module
 */

import {
  type AttachedWait,
  context,
  type Deadlocked,
  type Host,
  type Runnable,
  type Waiter,
  WAKE_MAYBE,
  type WakeSource,
} from "./host.ts";
import { type Callback, LazyPromise } from "./lazy_promise.ts";
import { checkPolled, PENDING, type Poll, type Waker } from "./poll.ts";

/** What a node needs of the future it waits for. */
export interface AwaitTarget {
  /** Whether only the runtime itself can end this wait. */
  readonly source: WakeSource;
  /** For dumps. */
  describe(): string;
  /** See `Pollable`. */
  poll(waker: Waker): Poll<unknown>;
  /** See `Future.abandon`. */
  abandon(waker: Waker, reason: unknown): boolean;
}

const PARKED = 0;
const QUEUED = 1;
const POLLING = 2;
const POLLING_WOKEN = 3;
const DONE = 4;

const resolved: Promise<void> = Promise.resolve();

/** Waits for one future on behalf of a promise. */
export class AwaitNode extends LazyPromise implements Runnable, AttachedWait, Deadlocked {
  prevWait: AttachedWait | undefined = undefined;
  nextWait: AttachedWait | undefined = undefined;
  readonly target: AwaitTarget;
  readonly #host: Host;
  #task: Waiter | undefined;
  #phase = POLLING;
  /** The counted source while parked, else -1. */
  #counted = -1;
  /** `then` has returned: until then no callback may be called. */
  #started = false;

  constructor(
    host: Host,
    task: Waiter | undefined,
    target: AwaitTarget,
    onValue: Callback,
    onError: Callback,
  ) {
    super(onValue, onError);
    this.#host = host;
    this.#task = task;
    this.target = target;
  }

  /** Begins to wait; polls at once while the turn's budget lasts. */
  start(): this {
    const task = this.#task;
    if (task === undefined) this.#host.hold(this);
    else if (task.attach(this)) {
      this.#started = true;
      return this;
    }
    this.#phase = QUEUED;
    if (this.#host.takeBudget()) this.runOnce();
    else this.#host.enqueue(this);
    this.#started = true;
    return this;
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
    let value: Poll<unknown>;
    let source: WakeSource = WAKE_MAYBE;
    try {
      value = this.target.poll(this);
      if (value === PENDING) source = this.target.source;
      if (typeof value === "object") value = checkPolled(value);
    } catch (error) {
      if ((this.#phase as number) === DONE) return;
      this.#task?.sawThrow(error);
      this.#end(false, error);
      return;
    } finally {
      context.host = outerHost;
      context.task = outerTask;
    }
    if ((this.#phase as number) === DONE) return; // a cancel came while it was polled
    if (value !== PENDING) this.#end(true, value);
    else if ((this.#phase as number) === POLLING_WOKEN) {
      this.#phase = QUEUED;
      this.#host.enqueue(this);
    } else if ((this.#phase as number) === POLLING) {
      this.#phase = PARKED;
      this.#host.waits[this.#counted = source]!++;
      this.#host.kick();
    }
  }

  interrupt(error: unknown): boolean {
    if (this.#phase === DONE) return true;
    if (!this.target.abandon(this, error)) return false;
    this.#end(false, error);
    return true;
  }

  orphan(): void {
    this.#task = undefined;
    this.#host.hold(this);
  }

  onDeadlock(error: Error): void {
    // Host code might still end a wait on something it holds itself.
    if (this.target.source < WAKE_MAYBE) this.interrupt(error);
  }

  #uncount(): void {
    if (this.#counted >= 0) this.#host.waits[this.#counted]!--;
    this.#counted = -1;
  }

  #end(ok: boolean, value: unknown): void {
    this.#uncount();
    this.#phase = DONE;
    const task = this.#task;
    if (task === undefined) this.#host.release(this);
    else task.detach(this);
    if (this.#started) this.#tell(ok, value);
    else resolved.then(() => this.#tell(ok, value));
  }

  #tell(ok: boolean, value: unknown): void {
    this.#host.hasResumed = true;
    this.settle(ok, value);
  }
}
