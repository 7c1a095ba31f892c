/**
 * Whom a worker steals from unless told otherwise: a random one first, then round.
 *
 * Robert D. Blumofe, Charles E. Leiserson, "Scheduling Multithreaded Computations by Work Stealing"
 * (1999); the generator: George Marsaglia, "Xorshift RNGs" (2003).
 *
 * @module
 */

import type { VictimPolicy } from "./dispatch_types.ts";

/** Internal: the usual policy. Every `workers` calls name every other worker at least once. */
export class RandomVictims implements VictimPolicy {
  readonly #workers: number;
  #random: number;
  #at = 0;
  #left = 0;

  /** Among `workers` places; the same seed, the same choices. */
  constructor(workers: number, seed: number) {
    this.#workers = workers;
    this.#random = Math.imul(seed + 1, 0x9e3779b9) | 1;
  }

  /** The next, never `worker` itself; null when it is alone. */
  selectVictim(worker: number): number | null {
    const workers = this.#workers;
    if (workers === 1) return null;
    if (this.#left === 0) {
      this.#left = workers;
      this.#at = this.#draw() % workers;
    }
    this.#left--;
    this.#at = (this.#at + 1) % workers;
    if (this.#at === worker) this.#at = (this.#at + 1) % workers;
    return this.#at;
  }

  #draw(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return x >>> 0;
  }
}
