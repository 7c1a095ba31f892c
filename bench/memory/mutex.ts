/**
 * What one would write without the library: a mutex of `Atomics` in word 0, and what it guards after it.
 *
 * The third mutex of Ulrich Drepper, "Futexes Are Tricky" (2004).
 *
 * @module
 */

const LOCK = 0;

/** Waits for it. */
export function lock(words: Int32Array): void {
  let state = Atomics.compareExchange(words, LOCK, 0, 1);
  if (state === 0) return;
  if (state !== 2) state = Atomics.exchange(words, LOCK, 2);
  while (state !== 0) {
    Atomics.wait(words, LOCK, 2);
    state = Atomics.exchange(words, LOCK, 2);
  }
}

/** By its holder. */
export function unlock(words: Int32Array): void {
  if (Atomics.sub(words, LOCK, 1) === 1) return;
  Atomics.store(words, LOCK, 0);
  Atomics.notify(words, LOCK, 1);
}

/** Items behind such a mutex; words 32 and 64 are for what counts them, on lines of their own. */
export class MutexItems {
  /** Where the items begin, in words. */
  static readonly ITEMS = 96;
  protected readonly words: Int32Array;
  protected readonly capacity: number;

  /** Over memory of `byteLength(capacity)`. */
  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.capacity = this.words.length - MutexItems.ITEMS;
  }

  static byteLength(capacity: number): number {
    return (MutexItems.ITEMS + capacity) * 4;
  }
}
