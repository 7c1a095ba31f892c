/**
 * Sleeping until "something changed", without a lock and without a lost wake-up.
 *
 * Two words: a sequence, and how many may be asleep. Who waits counts itself, reads the sequence, *looks
 * again*, and only then sleeps on the sequence it read. Who changes something does that first, then
 * looks whether anybody is counted, and if so moves the sequence and notifies. Of the two looks
 * at least one sees the other side, and a sequence that moved lets nobody fall asleep.
 *
 * D. P. Reed, R. K. Kanodia, "Synchronization with Eventcounts and Sequencers" (1979).
 *
 * @module
 */

import { waitAsync, type Waited } from "./wait_async.ts";

/** Internal: an event count in two words that belong to a structure. */
export class EventCount {
  readonly #words: Int32Array;
  readonly #sequence: number;
  readonly #waiters: number;

  /** The sequence is at `index`, the count after it; both begin at 0. */
  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#sequence = index;
    this.#waiters = index + 1;
  }

  /** Before looking again: the sequence to sleep on. `done` must follow. */
  begin(): number {
    Atomics.add(this.#words, this.#waiters, 1);
    return Atomics.load(this.#words, this.#sequence);
  }

  /** Sleeps unless the sequence has moved. Blocks. */
  wait(sequence: number, timeoutMs: number): Waited {
    return Atomics.wait(this.#words, this.#sequence, sequence, timeoutMs);
  }

  /** The same without blocking the thread. */
  waitAsync(sequence: number, timeoutMs: number): Promise<Waited> {
    return waitAsync(this.#words, this.#sequence, sequence, timeoutMs);
  }

  /** Not waiting any more. */
  done(): void {
    Atomics.sub(this.#words, this.#waiters, 1);
  }

  /** Whether anybody is counted. */
  get isAwaited(): boolean {
    return Atomics.load(this.#words, this.#waiters) > 0;
  }

  /** Something changed: wakes one, if anybody waits. */
  wake(): void {
    if (!this.isAwaited) return;
    Atomics.add(this.#words, this.#sequence, 1);
    Atomics.notify(this.#words, this.#sequence, 1);
  }

  /** Wakes all. */
  wakeAll(): void {
    Atomics.add(this.#words, this.#sequence, 1);
    Atomics.notify(this.#words, this.#sequence);
  }
}
