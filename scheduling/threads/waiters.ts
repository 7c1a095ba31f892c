/**
 * Promises that wait for something to be so, in the order of asking.
 *
 * @module
 */

/** Internal: who waits for one thing. */
export class Waiters {
  #waiting: (() => void)[] = [];

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is this one's turn. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** The first goes on. */
  wakeOne(): void {
    this.#waiting.shift()?.();
  }

  /** All go on. */
  wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
