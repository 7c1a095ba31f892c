/**
 * The pause before threads are replaced that keep ending before they have done anything: it doubles.
 *
 * @module
 */

import { systemClock } from "../../runtime/clock.ts";
import type { Alarm, EngineTimers } from "./engine_timers.ts";

const FIRST_MS = 10;
const LONGEST_MS = 5_000;
/** Who lived so long has shown that it can. */
const HEALTHY_MS = 1_000;
/** After so many in a row there is no hope that the next one will do. */
const MOST_FAILURES = 5;

/** Counts failures in a row, and holds restarts back. */
export class RestartPause {
  readonly #timers: EngineTimers;
  readonly #over: () => void;
  #failures = 0;
  #alarm: Alarm | undefined;

  /** Calls `over` after each pause. */
  constructor(timers: EngineTimers, over: () => void) {
    this.#timers = timers;
    this.#over = over;
  }

  /** No thread is to be started now. */
  get isOn(): boolean {
    return this.#alarm !== undefined;
  }

  /** A thread failed at once; answers whether so many did, one after the other, that there is no hope. */
  failed(): boolean {
    this.#failures++;
    const ms = Math.min(FIRST_MS * 2 ** (this.#failures - 1), LONGEST_MS);
    this.#alarm ??= this.#timers.start(ms, () => {
      this.#alarm = undefined;
      this.#over();
    });
    return this.#failures >= MOST_FAILURES;
  }

  /** A thread that was ready at `readyMs` ended, undefined for hardly ready; `worked` if it had begun anything. */
  ended(readyMs: number | undefined, worked: boolean): void {
    const livedMs = readyMs === undefined ? 0 : systemClock.now() - readyMs;
    if (worked || livedMs >= HEALTHY_MS) this.#failures = 0;
    else this.failed();
  }

  /** No pause ends any more. */
  stop(): void {
    if (this.#alarm !== undefined) this.#timers.stop(this.#alarm);
    this.#alarm = undefined;
  }
}
