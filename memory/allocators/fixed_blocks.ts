/**
 * Blocks of one size, by number: which are free.
 *
 * Invariant: a block is on the free list exactly when its state is FREE, so a second free finds another
 * state and changes nothing. Last freed, first given out, while it is in the cache. Blocks that were
 * never given out are counted, not listed, so making it touches no memory.
 *
 * @module
 */

/** Not given out. */
export const FREE = 0;
/** Given out as a ticket. */
export const AS_BLOCK = 1;
/** Given out as a bare offset. */
export const AS_OFFSET = 2;

/** See the head of this file. */
export class FixedBlocks {
  /** Blocks in all. */
  readonly count: number;
  /** Blocks given out. */
  used = 0;
  /** The most given out at once. */
  high = 0;
  readonly #states: Uint8Array;
  /** By free block: the next free one, or -1. */
  readonly #next: Int32Array;
  #first = -1;
  #fresh = 0;

  /** All of them free. */
  constructor(count: number) {
    this.count = count;
    this.#states = new Uint8Array(count);
    this.#next = new Int32Array(count);
  }

  /** Takes a block; answers its number, or -1 when there is none. O(1). */
  take(state: number): number {
    let block = this.#first;
    if (block >= 0) this.#first = this.#next[block]!;
    else if (this.#fresh < this.count) block = this.#fresh++;
    else return -1;
    this.#states[block] = state;
    if (++this.used > this.high) this.high = this.used;
    return block;
  }

  /** How a block was given out. O(1). */
  stateOf(block: number): number {
    return this.#states[block]!;
  }

  /** Gives back a block that is not FREE. O(1). */
  give(block: number): void {
    this.#states[block] = FREE;
    this.#next[block] = this.#first;
    this.#first = block;
    this.used--;
  }
}
