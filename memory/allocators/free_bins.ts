/**
 * Free ranges by size: a list for each size below 1024 units, and a tree for the larger ones.
 *
 * Invariant: a bit is set where a list is not empty, and a bit of the summary where a word of bits is
 * not zero. So the smallest size that fits is found with two bit scans, whatever the number of free
 * ranges, and exactly: no list holds different sizes. Of equal ranges below 1024 units the one freed
 * last is taken, while it is in the cache.
 *
 * Source: the two-level bitmap of Masmano et al., "TLSF" (ECRTS 2004), over exact bins as in Lea's
 * "A Memory Allocator" (1996).
 *
 * @module
 */
import type { FreeIndex } from "./free_index.ts";
import { FreeTree } from "./free_tree.ts";
import { LEFT, MOST, type Ranges, RIGHT, SIZE, START } from "./ranges.ts";

const WORDS = 32;
const SIZES = 32 * WORDS;

/** See the head of this file. */
export class FreeBins implements FreeIndex {
  readonly #ranges: Ranges;
  readonly #large: FreeTree;
  /** By size: the first range of the list. */
  readonly #heads = new Int32Array(SIZES);
  readonly #bits = new Int32Array(WORDS);
  #summary = 0;

  /** Empty bins. */
  constructor(ranges: Ranges) {
    this.#ranges = ranges;
    this.#large = new FreeTree(ranges, "size");
  }

  /** O(1). */
  get largest(): number {
    const large = this.#large.largest;
    if (large !== 0 || this.#summary === 0) return large;
    const word = 31 - Math.clz32(this.#summary);
    return 32 * word + 31 - Math.clz32(this.#bits[word]!);
  }

  /** O(1) below 1024 units, if there is one; else O(log n). */
  find(units: number): number {
    if (units < SIZES) {
      let word = units >>> 5;
      let bits = this.#bits[word]! & (-1 << (units & 31));
      if (bits === 0) {
        const words = this.#summary & (-2 << word);
        if (words === 0) return this.#large.find(units);
        word = lowestBit(words);
        bits = this.#bits[word]!;
      }
      return this.#heads[32 * word + lowestBit(bits)]!;
    }
    return this.#large.find(units);
  }

  /** O(1) below 1024 units; else O(log n). */
  insert(slot: number): void {
    const cells = this.#ranges.cells;
    const size = cells[slot + SIZE]!;
    if (size >= SIZES) return this.#large.insert(slot);
    const head = this.#heads[size]!;
    cells[slot + LEFT] = 0;
    cells[slot + RIGHT] = head;
    cells[slot + MOST] = size;
    this.#heads[size] = slot;
    if (head !== 0) {
      cells[head + LEFT] = slot;
    } else {
      const word = size >>> 5;
      this.#bits[word]! |= 1 << (size & 31);
      this.#summary |= 1 << word;
    }
  }

  /** O(1) below 1024 units; else O(log n). */
  remove(slot: number): void {
    const cells = this.#ranges.cells;
    const size = cells[slot + SIZE]!;
    if (size >= SIZES) return this.#large.remove(slot);
    const left = cells[slot + LEFT]!;
    const right = cells[slot + RIGHT]!;
    if (right !== 0) cells[right + LEFT] = left;
    if (left !== 0) {
      cells[left + RIGHT] = right;
      return;
    }
    this.#heads[size] = right;
    if (right !== 0) return;
    const word = size >>> 5;
    const bits = this.#bits[word]! & ~(1 << (size & 31));
    this.#bits[word] = bits;
    if (bits === 0) this.#summary &= ~(1 << word);
  }

  /** O(1) below 1024 units; else O(log n). */
  resize(slot: number, start: number, units: number): void {
    const cells = this.#ranges.cells;
    if (units >= SIZES && cells[slot + SIZE]! >= SIZES) {
      return this.#large.resize(slot, start, units);
    }
    this.remove(slot);
    cells[slot + START] = start;
    cells[slot + SIZE] = units;
    this.insert(slot);
  }

  /** O(1). */
  clear(): void {
    this.#heads.fill(0);
    this.#bits.fill(0);
    this.#summary = 0;
    this.#large.clear();
  }
}

/** The lowest set bit's position. */
function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
