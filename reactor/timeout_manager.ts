/**
 * Timeouts of an event loop: callbacks at deadlines, over the runtime's timer wheel.
 *
 * No timerfd: the earliest deadline is the timeout of the kernel's wait, which saves a descriptor
 * and a system call per timer. The name is that of the RefPerSys plan.
 *
 * @module
 */

import { checkDuration, type Clock, systemClock } from "../runtime/clock.ts";
import { type TimerEntry, TimerWheel } from "../runtime/timer_wheel.ts";
import { Registration } from "./registration.ts";

class Timeout implements TimerEntry {
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;

  constructor(
    readonly whenMs: number,
    readonly registration: Registration,
    readonly callback: () => void,
    readonly due: Timeout[],
  ) {}

  onTimer(): void {
    this.due.push(this);
  }
}

/**
 * Callbacks at deadlines.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { TimeoutManager } from "@vais/runtime/reactor";
 *
 * let now = 0;
 * const timeouts = new TimeoutManager({ now: () => now });
 * const log: string[] = [];
 * timeouts.schedule(20, () => log.push("later"));
 * timeouts.schedule(10, () => log.push("soon"));
 * assertEquals(timeouts.nextTimeout(), 10);
 * now = 20;
 * assertEquals(timeouts.process(), 2);
 * assertEquals(log, ["soon", "later"]);
 * ```
 */
export class TimeoutManager {
  /** Deadlines are rounded up to whole multiples of so many ms. */
  readonly resolution = 1;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  #due: Timeout[] = [];
  #pending = new Set<Registration>();

  /** Over a clock; default the host's monotonic one. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#wheel = new TimerWheel(clock.now());
  }

  /** Timeouts scheduled and not yet fired. */
  get pendingTimeouts(): number {
    return this.#wheel.size;
  }

  /** Those that keep the loop going. */
  get referenced(): number {
    let count = 0;
    for (const registration of this.#pending) if (registration.isRef) count++;
    return count;
  }

  /**
   * Calls back once, `delayMs` from now or a little later; never earlier. O(1).
   *
   * @throws {RangeError} If `delayMs` is negative, NaN or infinite
   */
  schedule(delayMs: number, callback: () => void): Registration {
    checkDuration(delayMs, "schedule timeout", "delayMs");
    if (typeof callback !== "function") {
      throw new TypeError("Cannot schedule timeout: callback is no function");
    }
    const registration: Registration = new Registration(() => {
      this.#pending.delete(registration);
      this.#wheel.cancel(timeout);
    });
    const timeout = new Timeout(this.#clock.now() + delayMs, registration, callback, this.#due);
    this.#pending.add(registration);
    this.#wheel.insert(timeout);
    return registration;
  }

  /** Ms until the earliest deadline: 0 when one has passed, `Infinity` when there is none. */
  nextTimeout(): number {
    if (this.#wheel.size === 0) return Infinity;
    return Math.max(0, this.#wheel.nextDeadline() - this.#clock.now());
  }

  /**
   * Calls back those whose deadline has passed, in their order; answers how many.
   *
   * @throws What a callback threw, after all were called; an `AggregateError` when several did
   */
  process(): number {
    if (this.#wheel.size === 0) return 0;
    const now = this.#clock.now();
    if (!this.#wheel.mayBeDue(now)) return 0;
    this.#wheel.advance(now);
    const due = this.#due.splice(0);
    let fired = 0;
    const errors: unknown[] = [];
    for (const { registration, callback } of due) {
      if (!registration.active) continue;
      this.#pending.delete(registration);
      registration.settle();
      fired++;
      try {
        callback();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, "Cannot call back: several threw");
    return fired;
  }

  /** Forgets all of them. */
  clear(): void {
    for (const registration of [...this.#pending]) registration.cancel();
  }
}
