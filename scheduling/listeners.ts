/**
 * Those who are called at each event of a kind.
 *
 * @module
 */

/** Listeners for one kind of event; none costs nothing. */
export class Listeners<A extends unknown[] = []> {
  #all: Set<(...args: A) => void> | undefined;

  /** Calls `tell` at each event, until it is stopped. */
  add(tell: (...args: A) => void): { stop(): void } {
    const all = this.#all ??= new Set();
    all.add(tell);
    return { stop: () => void all.delete(tell) };
  }

  /** Tells those who listen now. */
  tell(...args: A): void {
    if (this.#all === undefined || this.#all.size === 0) return;
    for (const tell of [...this.#all]) tell(...args);
  }
}
