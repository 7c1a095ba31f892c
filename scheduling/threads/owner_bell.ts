/**
 * How workers wake the owner's thread: one word, 1 while it sleeps.
 *
 * Invariant: the owner sets the word, looks once more, and only then sleeps on it; a worker tells what it
 * did first, and then clears the word and notifies. Who notifies has cleared: so many events wake once, and
 * none is lost.
 *
 * @module
 */

import { deadlineOf, leftUntil } from "../../memory/wait_async.ts";
import type { DispatchRegion } from "./dispatch_region.ts";

const AWAKE = 0;
const ASLEEP = 1;

/** Internal: the bell of a region. */
export class OwnerBell {
  readonly #words: Int32Array;
  readonly #at: number;

  /** That of `region`. */
  constructor(region: DispatchRegion) {
    this.#words = region.words;
    this.#at = region.bell;
  }

  /** A worker has told something: wakes the owner when it sleeps, and answers whether it did. 6 µs then, else 6 ns. */
  ring(): boolean {
    if (Atomics.load(this.#words, this.#at) !== ASLEEP) return false;
    if (Atomics.compareExchange(this.#words, this.#at, ASLEEP, AWAKE) !== ASLEEP) return false;
    Atomics.notify(this.#words, this.#at);
    return true;
  }

  /** The owner is about to sleep: it looks once more, then calls `wait`, `waitAsync` or `stay`. */
  arm(): void {
    Atomics.store(this.#words, this.#at, ASLEEP);
  }

  /** The owner does not sleep after all. */
  stay(): void {
    Atomics.store(this.#words, this.#at, AWAKE);
  }

  /** Whether a worker would ring now. */
  get isArmed(): boolean {
    return Atomics.load(this.#words, this.#at) === ASLEEP;
  }

  /** Sleeps until somebody rings; false when the time was over first. Blocks the thread. */
  wait(timeoutMs: number): boolean {
    const deadline = deadlineOf(timeoutMs);
    while (this.isArmed) {
      if (Atomics.wait(this.#words, this.#at, ASLEEP, leftUntil(deadline)) === "timed-out") {
        return !this.isArmed;
      }
    }
    return true;
  }

  /** The same without blocking; undefined when somebody has rung already. Keeps no program alive. */
  waitAsync(): Promise<unknown> | undefined {
    const waiting = Atomics.waitAsync(this.#words, this.#at, ASLEEP);
    return waiting.async ? waiting.value : undefined;
  }
}
