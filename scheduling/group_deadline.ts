/**
 * The deadline of a group: one timer that can be moved; and the limit of a shield.
 *
 * @module
 */

import type { Core } from "../runtime/core.ts";
import type { TimerEntry } from "../runtime/timer_wheel.ts";

/** Calls back once when the time of a group is over. */
export class GroupDeadline implements TimerEntry {
  /** Absolute, in ms of the runtime's clock; `Infinity` without a deadline. */
  whenMs = Infinity;
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  /** The limit that was set, in ms, for errors. */
  timeoutMs = Infinity;
  readonly #host: Core;
  readonly #onExpire: (timeoutMs: number) => void;

  constructor(host: Core, onExpire: (timeoutMs: number) => void) {
    this.#host = host;
    this.#onExpire = onExpire;
  }

  /** Sets the deadline `ms` from now; 0 lets everything runnable be polled once. */
  startIn(ms: number): void {
    this.#set(this.#host.clock.now() + ms, ms);
  }

  /** Moves the deadline; `Infinity` removes it. */
  moveTo(whenMs: number): void {
    this.#set(whenMs, Math.max(0, whenMs - this.#host.clock.now()));
  }

  /** True once it has called back. */
  isPast = false;

  /** Takes the timer out. */
  stop(): void {
    this.#stopped = true;
    this.#host.timers.cancel(this);
  }

  #stopped = true;

  #set(whenMs: number, timeoutMs: number): void {
    this.stop();
    this.#stopped = false;
    this.whenMs = whenMs;
    this.timeoutMs = timeoutMs;
    if (timeoutMs === 0) this.onTimer();
    else if (whenMs !== Infinity) {
      this.#host.timers.insert(this);
      this.#host.kick();
    }
  }

  /**
   * Takes effect two batches on: what was spawned in this one has been polled once then, and what
   * was woken by the same tick of the clock has had its turn. A value that is ready wins.
   */
  onTimer(): void {
    const { whenMs } = this;
    const expire = {
      runOnce: () => {
        if (this.#stopped || this.whenMs !== whenMs) return;
        this.isPast = true;
        this.#onExpire(this.timeoutMs);
      },
    };
    this.#host.enqueue({ runOnce: () => this.#host.enqueue(expire) });
  }
}

/** A shield: a cancel from outside takes effect only after so many ms. */
export class Shield {
  readonly #host: Core;
  readonly #ms: number;
  #limit: GroupDeadline | undefined;

  constructor(host: Core, ms: number) {
    this.#host = host;
    this.#ms = ms;
  }

  /** Whether a cancel has to wait; when the time of the first one is over, its `cancel` is called. */
  holdsOff(cancel: () => void): boolean {
    if (this.#limit?.isPast === true) return false;
    if (this.#limit === undefined) {
      this.#limit = new GroupDeadline(this.#host, cancel);
      this.#limit.startIn(this.#ms);
    }
    return true;
  }

  /** Takes the timer out. */
  stop(): void {
    this.#limit?.stop();
  }
}
