/**
 * Looks at workers above the least number from time to time, whether they are still needed.
 *
 * @module
 */

import type { Alarm, EngineTimers } from "./engine_timers.ts";

/** Looks again after each period, until there is nothing to look for. */
export class KeepAlive {
  readonly #timers: EngineTimers;
  readonly #periodMs: number;
  readonly #look: () => boolean;
  #alarm: Alarm | undefined;

  /** `look` answers whether to look again. */
  constructor(timers: EngineTimers, periodMs: number, look: () => boolean) {
    this.#timers = timers;
    this.#periodMs = periodMs;
    this.#look = look;
  }

  /** There is something to look for. */
  watch(): void {
    if (this.#periodMs === Infinity) return;
    this.#alarm ??= this.#timers.start(this.#periodMs, () => {
      this.#alarm = undefined;
      if (this.#look()) this.watch();
    });
  }

  /** No more. */
  stop(): void {
    if (this.#alarm !== undefined) this.#timers.stop(this.#alarm);
    this.#alarm = undefined;
  }
}
