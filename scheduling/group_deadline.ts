/**
 * The deadline of a group: one timer that can be moved.
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
  readonly #onExpire: () => void;

  constructor(host: Core, onExpire: () => void) {
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
    if (timeoutMs === 0) {
      // Two batches on, so that what is spawned in this one has been polled once.
      const expire = {
        runOnce: () => {
          if (this.whenMs === whenMs && !this.#stopped) this.onTimer();
        },
      };
      this.#host.enqueue({ runOnce: () => this.#host.enqueue(expire) });
    } else if (whenMs !== Infinity) {
      this.#host.timers.insert(this);
      this.#host.kick();
    }
  }

  onTimer(): void {
    this.isPast = true;
    this.#onExpire();
  }
}
