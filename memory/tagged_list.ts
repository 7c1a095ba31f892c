/**
 * A list of slots that several threads take from and give to: Treiber's stack with a tag.
 *
 * The head is one 64-bit word: the first slot, and a 32-bit tag that grows with every change. So a head
 * that was left and came back is another head (no ABA) until 2 ** 32 changes pass during one
 * operation: minutes, where a 16-bit tag lasts 2 ms. Packing goes through a private scratch array, so
 * that no BigInt is computed with; but `Atomics` takes and gives 64 bits as BigInts, three or four
 * short-lived objects an operation.
 *
 * R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986); the tag: IBM System/370
 * Principles of Operation, appendix "Free-Pool Manipulation" (1983).
 *
 * @module
 */

/** No slot. */
export const NONE = -1;

const packed = new BigInt64Array(1);
const parts = new Int32Array(packed.buffer);

/** Internal: the list itself, over words that belong to a structure. */
export class TaggedList {
  readonly #heads: BigInt64Array;
  readonly #words: Int32Array;
  readonly #next: number;

  /** `head`: index of an even word, which with the one after it is the head; `next`: of slot 0's link. */
  constructor(words: Int32Array, head: number, next: number) {
    this.#heads = new BigInt64Array(words.buffer, words.byteOffset + head * 4, 1);
    this.#words = words;
    this.#next = next;
  }

  /** Before others see it: slots 0 to count - 1, the lowest first; or none. The tag begins at `tag`. */
  fill(count: number, tag: number): void {
    for (let i = 0; i < count; i++) {
      Atomics.store(this.#words, this.#next + i, i + 1 === count ? NONE : i + 1);
    }
    parts[0] = count === 0 ? NONE : 0;
    parts[1] = tag;
    Atomics.store(this.#heads, 0, packed[0]!);
  }

  /** Takes the first slot, or answers NONE. Lock-free. */
  take(): number {
    const heads = this.#heads;
    for (;;) {
      const head = Atomics.load(heads, 0);
      packed[0] = head;
      const slot = parts[0]!;
      if (slot === NONE) return NONE;
      parts[0] = Atomics.load(this.#words, this.#next + slot);
      parts[1] = (parts[1]! + 1) | 0;
      if (Atomics.compareExchange(heads, 0, head, packed[0]!) === head) return slot;
    }
  }

  /** Puts a slot that this thread owns first. Lock-free. */
  give(slot: number): void {
    const heads = this.#heads;
    for (;;) {
      const head = Atomics.load(heads, 0);
      packed[0] = head;
      Atomics.store(this.#words, this.#next + slot, parts[0]!);
      parts[0] = slot;
      parts[1] = (parts[1]! + 1) | 0;
      if (Atomics.compareExchange(heads, 0, head, packed[0]!) === head) return;
    }
  }

  /** The first slot, or NONE: a glance. Wait-free. */
  first(): number {
    packed[0] = Atomics.load(this.#heads, 0);
    return parts[0]!;
  }
}
