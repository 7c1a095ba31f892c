/**
 * Limits of one wait: a time, and a signal.
 *
 * @module
 */

import { checkTimeout, typeOf } from "../../runtime/clock.ts";
import { Timer } from "../../runtime/deadline.ts";
import { TimeoutError } from "../../runtime/errors.ts";
import { Future } from "../../runtime/future.ts";
import { context, type Host, WAKE_MAYBE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { checkSignal } from "../signals.ts";
import { type AbortWatcher, unwatchAbort, watchAbort } from "./abort_watch.ts";

/** Limits of a wait for something that others hold or send. */
export interface WaitOptions {
  /**
   * How long it may take, in ms from the first poll: 0 looks once, `null` and `Infinity` wait for
   * ever. Then it throws `TimeoutError`, and what it waited for stays where it is.
   */
  readonly timeoutMs?: number | null;
  /** Ends the wait by a throw of the signal's reason. One listener per signal, only while it waits. */
  readonly signal?: AbortSignal;
}

/** A future whose wait can be ended by a limit; see `QueuedWait.endBy`. */
export interface LimitedTarget<T> extends Future<T> {
  /** Answers true when it ended at once; else it throws `error` itself, at a later poll. */
  endBy(waker: Waker, error: unknown): boolean;
}

/**
 * The wait under the limits of `options`; the wait itself when there are none.
 *
 * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
 */
export function limited<T>(
  wait: LimitedTarget<T>,
  options: WaitOptions | undefined,
  action: string,
): Future<T> {
  if (options === undefined) return wait;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const timeoutMs = checkTimeout(options.timeoutMs, action);
  const { signal } = options;
  if (signal !== undefined) checkSignal(signal, action);
  return timeoutMs === Infinity && signal === undefined
    ? wait
    : new LimitedWait(wait, timeoutMs, signal);
}

/** A wait with limits. A value that is there when a limit passes still wins. */
export class LimitedWait<T> extends Future<T> implements AbortWatcher {
  readonly #inner: LimitedTarget<T>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  #timer: Timer | undefined = undefined;
  #waker: Waker | undefined = undefined;
  /** A limit has passed, and the wait goes on until it can throw. */
  #ending = false;

  constructor(inner: LimitedTarget<T>, timeoutMs: number, signal: AbortSignal | undefined) {
    super();
    this.#inner = inner;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
  }

  poll(waker: Waker): Poll<T> {
    const signal = this.#signal;
    if (this.#waker === undefined && signal?.aborted === true) throw signal.reason;
    let value: Poll<T>;
    try {
      value = this.#inner.poll(waker);
    } catch (error) {
      this.#stop();
      throw error;
    }
    if (value !== PENDING) {
      this.#stop();
      return value;
    }
    this.#waker = waker;
    if (this.#ending) return PENDING;
    if (signal?.aborted === true) return this.#end(waker, signal.reason);
    const ms = this.#timeoutMs;
    if (ms !== Infinity) {
      if (ms === 0 || (this.#timer ??= new Timer(ms, undefined)).poll(waker) !== PENDING) {
        return this.#end(waker, new TimeoutError(this.#inner.describe(), ms));
      }
    }
    if (signal !== undefined) watchAbort(signal, this);
    return PENDING;
  }

  #end(waker: Waker, error: unknown): Poll<T> {
    this.#stop();
    if (this.#inner.endBy(waker, error)) throw error;
    this.#waker = waker;
    this.#ending = true;
    return this.#inner.poll(waker);
  }

  /** Gives the timer and the listener back. */
  #stop(): void {
    this.#waker = undefined;
    this.#timer?.abandon();
    this.#timer = undefined;
    if (this.#signal !== undefined) unwatchAbort(this.#signal, this);
  }

  onAbort(): void {
    this.#waker?.wake();
  }

  override cancel(reason: unknown): void {
    if (this.#waker !== undefined) this.abandon(this.#waker, reason);
  }

  override abandon(waker: Waker, reason: unknown): boolean {
    const ended = this.#inner.abandon(waker, reason);
    if (ended && waker === this.#waker) this.#stop();
    return ended;
  }

  override putBack(value: T): void {
    this.#inner.putBack(value);
  }

  override describe(): string {
    return this.#inner.describe();
  }

  /** Its timer will wake it, and who aborts its signal is not known. */
  override get source(): WakeSource {
    const { source } = this.#inner;
    if (this.#signal === undefined) return source;
    return Math.max(source, context.host?.bodySource ?? WAKE_MAYBE) as WakeSource;
  }

  /** @internal */
  override get home(): Host | undefined {
    return this.#inner.home;
  }
}
