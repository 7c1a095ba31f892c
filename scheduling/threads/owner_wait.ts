/**
 * How the owner's thread waits for events: with `waitAsync`, or, when asked for, a short spin before.
 *
 * Invariant: while tasks are in flight the bell is armed, or a look at the events is due in a turn of the host's
 * loop. A sleep costs the worker that ends it 6 µs, and this thread 10; a turn costs 1.5. So while sleeps are
 * short, a few turns are tried first.
 *
 * @module
 */

import type { Latency } from "./dispatch_types.ts";
import type { OwnerBell } from "./owner_bell.ts";

const SPIN_MS = 0.02;
/** Spins that may succeed one after the other, before the host's loop gets a turn: else its timers starve. */
const MOST_SPINS = 64;
/** Turns of the host's loop that are tried before going to sleep, while that is worth it. */
const MOST_TURNS = 8;
/** A sleep that was shorter than this was not worth it. */
const SHORT_SLEEP_MS = 0.05;

/** What it waits for, and what it does then. */
export interface Awaited {
  /** Whether there is an event. */
  hasEvents(): boolean;
  /** Whether anything is in flight. */
  isBusy(): boolean;
  /** Takes the events there are. */
  take(): void;
}

/** Internal: the owner's waiting. */
export class OwnerWait {
  readonly #bell: OwnerBell;
  readonly #awaited: Awaited;
  readonly #spins: boolean;
  #isWaiting = false;
  /** Turns to try before the next sleep, and how many of them are left. */
  #turns = MOST_TURNS;
  #turnsLeft = 0;
  #sleptAt = 0;
  /** Spins that succeeded since the last turn of the host's loop. */
  #spun = 0;

  /** On `bell`. */
  constructor(bell: OwnerBell, awaited: Awaited, latency: Latency) {
    this.#bell = bell;
    this.#awaited = awaited;
    this.#spins = latency === "low";
  }

  /** Sees to it that events will be taken. `woke`: a worker has just been woken, which takes longer than spinning does. */
  begin(woke: boolean): void {
    if (this.#isWaiting || !this.#awaited.isBusy()) return;
    if (!woke && this.#spins && this.#spun < MOST_SPINS && this.#spin()) {
      this.#spun++;
      this.#awaited.take();
      if (!this.#awaited.isBusy()) return;
    }
    this.#isWaiting = true;
    this.#turnsLeft = this.#turns;
    if (woke || this.#turns === 0) this.#sleep();
    else nextTurn(this.#turned);
  }

  /** A turn has passed. */
  readonly #turned = (): void => {
    if (this.#awaited.hasEvents()) {
      this.#turns = MOST_TURNS;
      this.#wake();
    } else if (!this.#awaited.isBusy()) {
      this.#isWaiting = false;
    } else if (--this.#turnsLeft > 0) {
      nextTurn(this.#turned);
    } else {
      this.#turns >>= 1;
      this.#sleep();
    }
  };

  #sleep(): void {
    this.#bell.arm();
    const rung = this.#awaited.hasEvents() ? undefined : this.#bell.waitAsync();
    if (rung === undefined) {
      this.#bell.stay();
      nextTurn(this.#wake);
      return;
    }
    this.#sleptAt = performance.now();
    rung.then(this.#rung);
  }

  readonly #rung = (): void => {
    if (performance.now() - this.#sleptAt < SHORT_SLEEP_MS) this.#turns = MOST_TURNS;
    this.#wake();
  };

  readonly #wake = (): void => {
    this.#isWaiting = false;
    this.#spun = 0;
    this.#awaited.take();
    this.begin(false);
  };

  #spin(): boolean {
    const until = performance.now() + SPIN_MS;
    for (let i = 1; !this.#awaited.hasEvents(); i++) {
      Atomics.pause?.();
      if (i % 16 === 0 && performance.now() >= until) return false;
    }
    return true;
  }
}

/** Calls `then` after the host's loop has had a turn. */
export function nextTurn(then: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => unknown };
  if (setImmediate !== undefined) setImmediate(then);
  else setTimeout(then, 0);
}
