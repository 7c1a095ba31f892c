/**
 * A binary heap by (deadline, arrival) in shared memory, under its owner's lock.
 *
 * Invariant: a node's word says whether it is in; the heap is a list of the numbers of those that are, none
 * before its parent, and the free list has the others. A node is filled before its word is set and put
 * into the heap after; taken out after the word is cleared. Only the holder of the lock touches these
 * words; when it dies there, `mend` makes the heap and the free list anew.
 *
 * J. W. J. Williams, "Algorithm 232: Heapsort" (1964); building it in O(n): Robert W. Floyd, "Algorithm
 * 245: Treesort 3" (1964).
 *
 * @module
 */

const NONE = -1;
const SIZE = 0;
const FREE = 1;
const ARRIVALS = 2;
const NODES = 4;
/** The deadline (two words), arrival, value, whether it is in, the next free one. */
const NODE_WORDS = 6;
const ARRIVAL = 2;
const VALUE = 3;
const IS_IN = 4;
const NEXT = 5;

/** Words that a heap of `capacity` takes; they begin at a multiple of 8 bytes. */
export function heapWords(capacity: number): number {
  return NODES + capacity * (NODE_WORDS + 1);
}

/** Internal: the heap. */
export class DeadlineHeap {
  readonly #words: Int32Array;
  readonly #deadlines: Float64Array;
  readonly #heap: number;
  readonly #capacity: number;

  /** Over `heapWords` words from `at` on, an even number. */
  constructor(words: Int32Array, at: number, capacity: number) {
    const count = heapWords(capacity);
    this.#words = words.subarray(at, at + count);
    const { buffer, byteOffset } = this.#words;
    this.#deadlines = new Float64Array(buffer, byteOffset, count >> 1);
    this.#heap = NODES + capacity * NODE_WORDS;
    this.#capacity = capacity;
  }

  /** Before others see it, over zeros: empty. Arrivals begin at `start`. */
  fill(start: number): void {
    this.#words[ARRIVALS] = start;
    this.mend();
  }

  /** How many are in. */
  get size(): number {
    return this.#words[SIZE]!;
  }

  /** Adds one; false when there is no room. O(log n). */
  push(value: number, deadline: number): boolean {
    const words = this.#words;
    const node = words[FREE]!;
    if (node === NONE) return false;
    const at = nodeAt(node);
    words[FREE] = words[at + NEXT]!;
    this.#deadlines[at >> 1] = deadline;
    words[at + ARRIVAL] = words[ARRIVALS]!++;
    words[at + VALUE] = value;
    words[at + IS_IN] = 1;
    this.#up(words[SIZE]!++, node);
    return true;
  }

  /** The value of the first, if there is one. */
  peek(): number {
    return this.#words[nodeAt(this.#words[this.#heap]!) + VALUE]!;
  }

  /** Its deadline. */
  peekDeadline(): number {
    return this.#deadlines[nodeAt(this.#words[this.#heap]!) >> 1]!;
  }

  /** Removes the first, if there is one; answers its value. O(log n). */
  shift(): number {
    const words = this.#words;
    const node = words[this.#heap]!;
    const at = nodeAt(node);
    words[at + IS_IN] = 0;
    const last = --words[SIZE]!;
    if (last > 0) this.#down(0, words[this.#heap + last]!);
    words[at + NEXT] = words[FREE]!;
    words[FREE] = node;
    return words[at + VALUE]!;
  }

  /** Makes the heap and the free list anew. O(n). */
  mend(): void {
    const words = this.#words;
    words[FREE] = NONE;
    let size = 0;
    for (let node = this.#capacity - 1; node >= 0; node--) {
      const at = nodeAt(node);
      if (words[at + IS_IN] !== 0) words[this.#heap + size++] = node;
      else {
        words[at + NEXT] = words[FREE]!;
        words[FREE] = node;
      }
    }
    words[SIZE] = size;
    for (let at = (size >> 1) - 1; at >= 0; at--) this.#down(at, words[this.#heap + at]!);
  }

  /** Puts `node` at `at` or above. */
  #up(at: number, node: number): void {
    const words = this.#words;
    const heap = this.#heap;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = words[heap + parent]!;
      if (!this.#isBefore(node, above)) break;
      words[heap + at] = above;
      at = parent;
    }
    words[heap + at] = node;
  }

  /** Puts `node` at `at` or below. */
  #down(at: number, node: number): void {
    const words = this.#words;
    const heap = this.#heap;
    const size = words[SIZE]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(words[heap + child + 1]!, words[heap + child]!)) {
        child++;
      }
      const below = words[heap + child]!;
      if (!this.#isBefore(below, node)) break;
      words[heap + at] = below;
      at = child;
    }
    words[heap + at] = node;
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [nodeAt(a), nodeAt(b)];
    const deadline = this.#deadlines[first >> 1]!;
    const other = this.#deadlines[second >> 1]!;
    if (deadline !== other) return deadline < other;
    return ((this.#words[first + ARRIVAL]! - this.#words[second + ARRIVAL]!) | 0) < 0;
  }
}

function nodeAt(node: number): number {
  return NODES + node * NODE_WORDS;
}
