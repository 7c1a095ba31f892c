/**
 * First-in-first-out lanes over one store of nodes, all in shared memory, under their owner's lock.
 *
 * Invariant: a node's lane word says which lane it is in, or that it is free; the links and counts follow from
 * these words and from the arrivals. A node is filled before its lane word is set, and linked after;
 * unlinked after the word is cleared. Only the holder of the lock touches these words; when it dies
 * there, `mend` makes links and counts anew.
 *
 * @module
 */

const NONE = -1;
const FREE = 0;
const ARRIVALS = 1;
const LANES = 2;
const LANE_WORDS = 3;
const NODE_WORDS = 5;
/** Of a node: the next one; its lane + 1, or 0; its value, arrival, and one number more. */
const LANE = 1;
const VALUE = 2;
const ARRIVAL = 3;
const EXTRA = 4;

/** Words that `lanes` lanes with `nodes` nodes take. */
export function laneWords(lanes: number, nodes: number): number {
  return LANES + lanes * LANE_WORDS + nodes * NODE_WORDS;
}

/** Internal: the lanes. A node has a value, an arrival and one number more. */
export class Lanes {
  readonly #words: Int32Array;
  readonly #nodes: number;
  readonly #capacity: number;
  /** How many lanes there are. */
  readonly count: number;

  /** Over `laneWords` words from `at` on. */
  constructor(words: Int32Array, at: number, count: number, nodes: number) {
    this.#words = words.subarray(at);
    this.#nodes = LANES + count * LANE_WORDS;
    this.#capacity = nodes;
    this.count = count;
  }

  /** Before others see it, over zeros: all nodes free. Arrivals begin at `start`. */
  fill(start = 0): void {
    this.#words[ARRIVALS] = start;
    this.mend();
  }

  /** Appends to a lane; false when no node is free. */
  push(lane: number, value: number, extra: number): boolean {
    const words = this.#words;
    const node = words[FREE]!;
    if (node === NONE) return false;
    const at = this.#nodes + node * NODE_WORDS;
    words[FREE] = words[at]!;
    words[at + VALUE] = value;
    words[at + ARRIVAL] = words[ARRIVALS]!++;
    words[at + EXTRA] = extra;
    words[at + LANE] = lane + 1;
    this.#append(lane, node);
    return true;
  }

  /** Whether a lane has none. */
  isEmpty(lane: number): boolean {
    return this.#words[this.#head(lane)] === NONE;
  }

  /** How many a lane has. */
  size(lane: number): number {
    return this.#words[this.#head(lane) + 2]!;
  }

  /** The value of the first node of a lane that has one. */
  peek(lane: number): number {
    return this.#words[this.#first(lane) + VALUE]!;
  }

  /** When that arrived. */
  peekArrival(lane: number): number {
    return this.#words[this.#first(lane) + ARRIVAL]!;
  }

  /** The other number of it. */
  peekExtra(lane: number): number {
    return this.#words[this.#first(lane) + EXTRA]!;
  }

  /** Removes the first of a lane that has one; answers its value. */
  shift(lane: number): number {
    const words = this.#words;
    const node = words[this.#head(lane)]!;
    const at = this.#nodes + node * NODE_WORDS;
    words[at + LANE] = 0;
    this.#unlinkFirst(lane);
    words[at] = words[FREE]!;
    words[FREE] = node;
    return words[at + VALUE]!;
  }

  /** Moves the first of a lane that has one to the end of another. */
  move(from: number, to: number): void {
    const words = this.#words;
    const node = words[this.#head(from)]!;
    const at = this.#nodes + node * NODE_WORDS;
    words[at + ARRIVAL] = words[ARRIVALS]!++;
    words[at + LANE] = to + 1;
    this.#unlinkFirst(from);
    this.#append(to, node);
  }

  /** Makes links, counts and the free list anew. O(n log n). */
  mend(): void {
    const words = this.#words;
    const used: number[] = [];
    for (let lane = 0; lane < this.count; lane++) {
      words[this.#head(lane)] = NONE;
      words[this.#head(lane) + 2] = 0;
    }
    words[FREE] = NONE;
    for (let node = this.#capacity - 1; node >= 0; node--) {
      const at = this.#nodes + node * NODE_WORDS;
      if (words[at + LANE] !== 0) {
        used.push(node);
        continue;
      }
      words[at] = words[FREE]!;
      words[FREE] = node;
    }
    const now = words[ARRIVALS]!;
    const age = (node: number) => (now - words[this.#nodes + node * NODE_WORDS + ARRIVAL]!) | 0;
    used.sort((a, b) => age(b) - age(a));
    for (const node of used) {
      this.#append(words[this.#nodes + node * NODE_WORDS + LANE]! - 1, node);
    }
  }

  #append(lane: number, node: number): void {
    const words = this.#words;
    words[this.#nodes + node * NODE_WORDS] = NONE;
    const head = this.#head(lane);
    if (words[head] === NONE) words[head] = node;
    else words[this.#nodes + words[head + 1]! * NODE_WORDS] = node;
    words[head + 1] = node;
    words[head + 2]!++;
  }

  #unlinkFirst(lane: number): void {
    const words = this.#words;
    const head = this.#head(lane);
    words[head] = words[this.#nodes + words[head]! * NODE_WORDS]!;
    words[head + 2]!--;
  }

  #first(lane: number): number {
    return this.#nodes + this.#words[this.#head(lane)]! * NODE_WORDS;
  }

  #head(lane: number): number {
    return LANES + lane * LANE_WORDS;
  }
}
