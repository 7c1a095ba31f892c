/**
 * Timers as pollables: a sleep, and a deadline around another future.
 *
 * @module
 */

import type { Abandonable } from "./combinators.ts";
import { TimeoutError } from "./errors.ts";
import { context, currentHost, type Host, WAKE_INSIDE, type WakeSource } from "./host.ts";
import { PENDING, type Poll, type Waker } from "./poll.ts";
import type { TimerEntry } from "./timer_wheel.ts";

/**
 * A one-shot timer: the wheel entry and the pollable in one object.
 *
 * Starts at its first poll. 0 ms is due in the next turn and never touches the wheel.
 */
export class Timer implements TimerEntry, Abandonable<void> {
  whenMs = 0;
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  readonly ms: number;
  #host: Host | undefined;
  #waker: Waker | undefined;
  #state: 0 | 1 | 2 = 0; // new, armed, due

  constructor(ms: number, host: Host | undefined) {
    this.ms = ms;
    this.#host = host;
  }

  get source(): WakeSource {
    return WAKE_INSIDE;
  }

  /** The runtime whose wheel it uses; decided at the first poll when not given. */
  get home(): Host | undefined {
    return this.#host;
  }

  describe(): string {
    return `sleep ${this.ms} ms`;
  }

  poll(waker: Waker): Poll<void> {
    if (this.#state === 2) return undefined;
    this.#waker = waker;
    if (this.#state === 1) return PENDING;
    if (this.ms === 0) {
      this.#state = 2;
      waker.wake();
      return PENDING;
    }
    this.#state = 1;
    const host = this.#host = context.host ?? this.#host ?? currentHost();
    this.whenMs = host.clock.now() + this.ms;
    host.timers.insert(this);
    return PENDING;
  }

  onTimer(): void {
    this.#state = 2;
    const waker = this.#waker;
    this.#waker = undefined;
    waker?.wake();
  }

  abandon(): boolean {
    this.#host?.timers.cancel(this);
    this.#waker = undefined;
    return true;
  }
}

/** Another pollable with a time limit; polled before the clock is looked at. */
export class Deadline<T> implements Abandonable<T> {
  readonly #inner: Abandonable<T>;
  readonly #timer: Timer;

  constructor(inner: Abandonable<T>, ms: number) {
    this.#inner = inner;
    this.#timer = new Timer(ms, undefined);
  }

  get source(): WakeSource {
    return this.#inner.source;
  }

  get home(): Host | undefined {
    return this.#inner.home;
  }

  describe(): string {
    return `${this.#inner.describe()}.timeout(${this.#timer.ms})`;
  }

  poll(waker: Waker): Poll<T> {
    const { ms } = this.#timer;
    let value: Poll<T>;
    try {
      value = this.#inner.poll(waker);
    } catch (error) {
      this.#timer.abandon();
      throw error;
    }
    if (value !== PENDING) {
      this.#timer.abandon();
      return value;
    }
    if (ms === Infinity) return PENDING;
    if (ms > 0 && this.#timer.poll(waker) === PENDING) return PENDING;
    const error = new TimeoutError(this.#inner.describe(), ms);
    this.#inner.abandon(waker, error);
    throw error;
  }

  putBack(value: T): void {
    this.#inner.putBack?.(value);
  }

  abandon(waker: Waker, reason: unknown): boolean {
    this.#timer.abandon();
    return this.#inner.abandon(waker, reason);
  }
}
