/**
 * Whether a spin is tried: as long as spins succeed, and then once in a while.
 *
 * @module
 */

/** Given up, one in so many rests tries again. */
const TRY_AGAIN = 16;

/** Counts the spins of one kind. */
export class SpinBudget {
  readonly #most: number;
  #left: number;
  #skipped = 0;

  /** So many may fail, one after the other, before they are given up. */
  constructor(most: number) {
    this.#most = this.#left = most;
  }

  /** Spins if that is worth trying; answers whether it was tried, and found something. */
  try(search: () => boolean): boolean {
    if (this.#left === 0 && ++this.#skipped < TRY_AGAIN) return false;
    this.#skipped = 0;
    const found = search();
    this.#left = found ? this.#most : Math.max(0, this.#left - 1);
    return found;
  }
}
