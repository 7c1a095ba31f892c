/**
 * A mutex in one word, for the structures that must see several words at one moment.
 *
 * Invariant: 0 free, 1 held, 2 held and somebody may be asleep. Who slept takes it as 2, since others may
 * sleep still; who frees a 2 notifies. What the lock guards is touched only by its holder, without
 * `Atomics`: the lock's own operations order it.
 *
 * Ulrich Drepper, "Futexes Are Tricky" (2004), mutex 3.
 *
 * @module
 */

const FREE = 0;
const HELD = 1;
const AWAITED = 2;
/** A holder that runs is done in less than these take; one that does not run is slept for. */
const SPINS = 64;

/** Internal: a lock in a word that belongs to a structure. Blocking; held for some dozens of instructions. */
export class LockWord {
  readonly #words: Int32Array;
  readonly #index: number;

  /** The word at `index` begins at 0. */
  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#index = index;
  }

  /** Waits for it. */
  lock(): void {
    const words = this.#words;
    const index = this.#index;
    let was = Atomics.compareExchange(words, index, FREE, HELD);
    if (was === FREE) return;
    for (let i = 0; i < SPINS && was === HELD; i++) {
      if (Atomics.load(words, index) !== FREE) continue;
      was = Atomics.compareExchange(words, index, FREE, HELD);
      if (was === FREE) return;
    }
    if (was !== AWAITED) was = Atomics.exchange(words, index, AWAITED);
    while (was !== FREE) {
      sleep(words, index);
      was = Atomics.exchange(words, index, AWAITED);
    }
  }

  /** By its holder. */
  unlock(): void {
    if (Atomics.exchange(this.#words, this.#index, FREE) === AWAITED) {
      Atomics.notify(this.#words, this.#index, 1);
    }
  }

  /** Whether somebody holds it now. */
  get isHeld(): boolean {
    return Atomics.load(this.#words, this.#index) !== FREE;
  }
}

/** A browser's main thread may not sleep: it tries again. */
function sleep(words: Int32Array, index: number): void {
  try {
    Atomics.wait(words, index, AWAITED);
  } catch {
    // not allowed here
  }
}
