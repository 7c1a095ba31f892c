/**
 * First-in-first-out lanes over one store of nodes, all in shared memory, under their owner's lock.
 *
 * Invariant: a node is in the free list or in one lane. Only the holder of the lock touches these words.
 *
 * @module
 */

const NONE = -1;
const FREE = 0;
const LANES = 1;
const LANE_WORDS = 3;
const NODE_WORDS = 4;

/** Words that `lanes` lanes with `nodes` nodes take. */
export function laneWords(lanes: number, nodes: number): number {
  return LANES + lanes * LANE_WORDS + nodes * NODE_WORDS;
}

/** Internal: the lanes. A node has a value and two more numbers. */
export class Lanes {
  readonly #words: Int32Array;
  readonly #nodes: number;
  /** How many lanes there are. */
  readonly count: number;

  /** Over `laneWords` words from `at` on. */
  constructor(words: Int32Array, at: number, count: number) {
    this.#words = words.subarray(at);
    this.#nodes = LANES + count * LANE_WORDS;
    this.count = count;
  }

  /** Before others see it: all nodes free. */
  fill(nodes: number): void {
    for (let i = 0; i < nodes; i++) {
      this.#words[this.#nodes + i * NODE_WORDS] = i + 1 === nodes ? NONE : i + 1;
    }
    this.#words[FREE] = 0;
    for (let lane = 0; lane < this.count; lane++) this.#words[this.#head(lane)] = NONE;
  }

  /** Appends to a lane; false when no node is free. */
  push(lane: number, value: number, first: number, second: number): boolean {
    const words = this.#words;
    const node = words[FREE]!;
    if (node === NONE) return false;
    const at = this.#nodes + node * NODE_WORDS;
    words[FREE] = words[at]!;
    words[at] = NONE;
    words[at + 1] = value;
    words[at + 2] = first;
    words[at + 3] = second;
    const head = this.#head(lane);
    if (words[head] === NONE) words[head] = node;
    else words[this.#nodes + words[head + 1]! * NODE_WORDS] = node;
    words[head + 1] = node;
    words[head + 2]!++;
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

  /** A number of the first node of a lane that has one: 0 its value, then the two others. */
  peek(lane: number, field: 0 | 1 | 2): number {
    return this.#words[this.#nodes + this.#words[this.#head(lane)]! * NODE_WORDS + 1 + field]!;
  }

  /** Removes the first of a lane that has one; answers its value. */
  shift(lane: number): number {
    const words = this.#words;
    const head = this.#head(lane);
    const node = words[head]!;
    const at = this.#nodes + node * NODE_WORDS;
    words[head] = words[at]!;
    words[head + 2]!--;
    words[at] = words[FREE]!;
    words[FREE] = node;
    return words[at + 1]!;
  }

  #head(lane: number): number {
    return LANES + lane * LANE_WORDS;
  }
}
