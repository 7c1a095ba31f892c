/**
 * One `await` (or `.then`) of a future: the bridge from polling to promises.
 *
 * The node is the future's waker. A wake queues the node like a task; its turn polls the future
 * again and settles. An await inside an async body is attached to that body's task, so that a
 * cancel can end it by a throw; an await of host code keeps the runtime driven instead.
 *
 * The node is also what `then` answers. `await` never looks at that answer, so the promise behind
 * it is only made when somebody does.
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

type Callback = ((value: unknown) => unknown) | null | undefined;

const PARKED = 0;
const QUEUED = 1;
const POLLING = 2;
const POLLING_WOKEN = 3;
const DONE = 4;

const resolved: Promise<void> = Promise.resolve();

/** Waits for one future on behalf of a promise. */
export class AwaitNode implements Runnable, AttachedWait, Deadlocked, Promise<unknown> {
  prevWait: AttachedWait | undefined = undefined;
  nextWait: AttachedWait | undefined = undefined;
  readonly target: AwaitTarget;
  readonly #host: Host;
  #task: Waiter | undefined;
  readonly #onValue: Callback;
  readonly #onError: Callback;
  #phase = POLLING;
  /** The counted source while parked, else -1. */
  #counted = -1;
  /** The promise this stands for, once somebody looked, or once it is rejected. */
  #promise: Promise<unknown> | undefined = undefined;
  #resolve: ((value: unknown) => void) | undefined = undefined;
  #value: unknown = undefined;
  /** `then` has returned: until then no callback may be called. */
  #started = false;
  #settled = false;

  constructor(
    host: Host,
    task: Waiter | undefined,
    target: AwaitTarget,
    onValue: Callback,
    onError: Callback,
  ) {
    this.#host = host;
    this.#task = task;
    this.target = target;
    this.#onValue = onValue;
    this.#onError = onError;
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
    if (this.#started) this.#settle(ok, value);
    else resolved.then(() => this.#settle(ok, value));
  }

  #settle(ok: boolean, value: unknown): void {
    const callback = ok ? this.#onValue : this.#onError;
    this.#host.hasResumed = true;
    if (typeof callback === "function") {
      try {
        // For an `await` this is the function that resumes the body.
        value = callback(value);
        ok = true;
      } catch (error) {
        value = error;
        ok = false;
      }
    }
    this.#settled = true;
    if (ok) {
      this.#value = value;
      this.#resolve?.(value);
    } else if (this.#resolve !== undefined) this.#resolve(Promise.reject(value));
    else this.#promise = Promise.reject(value); // unhandled, unless somebody looks soon
  }

  // ---- as the promise that `then` answers -------------------------------------------------------

  #look(): Promise<unknown> {
    return this.#promise ??= this.#settled
      ? Promise.resolve(this.#value)
      : new Promise((resolve) => this.#resolve = resolve);
  }

  get then(): Promise<unknown>["then"] {
    const promise = this.#look();
    return promise.then.bind(promise) as Promise<unknown>["then"];
  }

  get catch(): Promise<unknown>["catch"] {
    const promise = this.#look();
    return promise.catch.bind(promise) as Promise<unknown>["catch"];
  }

  get finally(): Promise<unknown>["finally"] {
    const promise = this.#look();
    return promise.finally.bind(promise);
  }

  get [Symbol.toStringTag](): string {
    return "Promise";
  }
}
