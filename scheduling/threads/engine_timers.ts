/**
 * The time limits of an engine's tasks: one wheel, one timer of the host, set to the earliest.
 *
 * Real time, whatever the runtime's clock says: threads do not wait for virtual time. The timer does not keep the
 * process alive; tasks in flight do.
 *
 * @module
 */

import { systemClock } from "../../runtime/clock.ts";
import { type TimerEntry, TimerWheel } from "../../runtime/timer_wheel.ts";
import { QuietTimer } from "../quiet_timer.ts";

/** A call that comes later, unless it is stopped. */
export class Alarm implements TimerEntry {
  whenMs = 0;
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  readonly #ring: () => void;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  onTimer(): void {
    this.#ring();
  }
}

/** Alarms over one timer of the host. */
export class EngineTimers {
  readonly #wheel = new TimerWheel(systemClock.now());
  #timer: QuietTimer | undefined;
  #timerAtMs = Infinity;

  /** Calls `ring` in `ms`, not before. */
  start(ms: number, ring: () => void): Alarm {
    const alarm = new Alarm(ring);
    alarm.whenMs = systemClock.now() + ms;
    this.#wheel.insert(alarm);
    if (alarm.whenMs < this.#timerAtMs) this.#arm();
    return alarm;
  }

  /** The alarm does not ring; does nothing when it has rung. */
  stop(alarm: Alarm): void {
    this.#wheel.cancel(alarm);
    if (this.#wheel.size === 0) this.#disarm();
  }

  /** Alarms that are set. */
  get size(): number {
    return this.#wheel.size;
  }

  #arm(): void {
    this.#disarm();
    const at = this.#wheel.nextDeadline();
    if (at === Infinity) return;
    this.#timerAtMs = at;
    this.#timer = new QuietTimer(Math.max(0, at - systemClock.now()), () => this.#ring());
  }

  #disarm(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    this.#timerAtMs = Infinity;
  }

  #ring(): void {
    this.#timer = undefined;
    this.#timerAtMs = Infinity;
    this.#wheel.advance(systemClock.now());
    if (this.#timer === undefined) this.#arm();
  }
}
