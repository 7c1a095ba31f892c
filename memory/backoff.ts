/**
 * What to do while another thread is in the way: first a few pauses, then sleep a little.
 *
 * Invariant: the pauses double from call to call and add up to no more than about what a sleep and a
 * wake-up cost, some 20 µs: whoever is in the way is nearly done, or not running at all, and then only
 * sleep helps. So it waits little longer than it must. Who waits for another thread to get on begins with
 * some 0.4 µs: each look takes the cache lines away that the other one works on, which costs both
 * some 0.1 µs, and in 0.4 µs the other one gets some ten items further.
 *
 * crossbeam-utils `backoff.rs` (Stjepan Glavina, 2019); when to stop: A. R. Karlin et al., "Competitive
 * Snoopy Caching" (1988).
 *
 * @module
 */

const PAUSE_STEPS = 5;
const FIRST_SNOOZE = 16;
const LAST_STEP = 9;
const SLEEP_MS = 0.05;
/** A load takes about a third of a pause. */
const LOADS = 3;

const nothing = "SharedArrayBuffer" in globalThis
  ? new Int32Array(new SharedArrayBuffer(4))
  : undefined;

/**
 * Waits between attempts, longer each time.
 *
 * Private to one thread, O(1). `spin()` never sleeps; `snooze()` sleeps when pausing did not help; once
 * `isCompleted`, park instead of trying on.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Backoff, MpmcQueue, RETRY } from "@vais/runtime/memory";
 *
 * const queue = MpmcQueue.create(4);
 * queue.push(7);
 * const backoff = new Backoff();
 * let value = queue.pop();
 * while (value === RETRY) {
 *   backoff.snooze();
 *   value = queue.pop();
 * }
 * assert(value === 7);
 * ```
 */
export class Backoff {
  #step = 0;

  /** Pauses 1, 2, 4 … 32 times: after a lost race, where someone else has got on. Wait-free. */
  spin(): void {
    pause(1 << Math.min(this.#step, PAUSE_STEPS));
    if (this.#step < PAUSE_STEPS) this.#step++;
  }

  /**
   * Pauses 16, 32, 64 … 512 times, then sleeps 50 µs: while waiting for another thread to get on.
   * Blocks for 50 µs at most.
   */
  snooze(): void {
    if (this.#step <= PAUSE_STEPS || nothing === undefined) {
      pause(FIRST_SNOOZE << Math.min(this.#step, PAUSE_STEPS));
    } else sleep();
    if (this.#step <= LAST_STEP) this.#step++;
  }

  /** Whether it has been long enough to park. */
  get isCompleted(): boolean {
    return this.#step > LAST_STEP;
  }

  /** Begins anew: after success. Wait-free, O(1). */
  reset(): void {
    this.#step = 0;
  }
}

function pause(times: number): void {
  const atomics = Atomics as { pause?: () => void };
  if (atomics.pause === undefined) {
    // The compiler keeps these.
    for (let i = 0; i < LOADS * times && nothing !== undefined; i++) Atomics.load(nothing, 0);
  } else {
    for (let i = 0; i < times; i++) atomics.pause();
  }
}

/** A browser's main thread may not: it pauses on. */
function sleep(): void {
  try {
    Atomics.wait(nothing!, 0, 0, SLEEP_MS);
  } catch {
    pause(FIRST_SNOOZE << PAUSE_STEPS);
  }
}
