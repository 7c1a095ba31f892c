/**
 * Free ranges in a treap, by address or by size.
 *
 * Invariants: in order of the key from left to right; a parent's priority is higher than its
 * children's; MOST of a node is the largest size in its subtree. The priority is a hash of the slot,
 * so the tree is a random one, whatever the order of keys: depth O(log n), two rotations a change.
 *
 * One question is enough for all: the leftmost range of at least so many units. By address that is
 * the first fit; by size (the lower address first among equals) it is the best fit. Asked for the
 * largest size there is, it is the worst fit.
 *
 * Source: Seidel & Aragon, "Randomized Search Trees" (Algorithmica 16, 1996).
 *
 * @module
 */
import type { FreeIndex } from "./free_index.ts";
import { LEFT, MOST, PARENT, type Ranges, RIGHT, SIZE, START } from "./ranges.ts";

/** See the head of this file. */
export class FreeTree implements FreeIndex {
  readonly #ranges: Ranges;
  readonly #bySize: boolean;
  #root = 0;

  /** An empty tree. */
  constructor(ranges: Ranges, order: "address" | "size") {
    this.#ranges = ranges;
    this.#bySize = order === "size";
  }

  /** O(1). */
  get largest(): number {
    return this.#ranges.cells[this.#root + MOST]!;
  }

  /** O(log n). */
  find(units: number): number {
    const cells = this.#ranges.cells;
    let at = this.#root;
    if (cells[at + MOST]! < units) return 0;
    for (;;) {
      const left = cells[at + LEFT]!;
      if (cells[left + MOST]! >= units) at = left;
      else if (cells[at + SIZE]! >= units) return at;
      else at = cells[at + RIGHT]!;
    }
  }

  /** O(log n). */
  insert(slot: number): void {
    const cells = this.#ranges.cells;
    const size = cells[slot + SIZE]!;
    const start = cells[slot + START]!;
    cells[slot + LEFT] = 0;
    cells[slot + RIGHT] = 0;
    cells[slot + MOST] = size;
    let parent = 0;
    let side = LEFT;
    for (let at = this.#root; at !== 0; at = cells[at + side]!) {
      if (cells[at + MOST]! < size) cells[at + MOST] = size;
      const first = this.#bySize && size !== cells[at + SIZE]!
        ? size < cells[at + SIZE]!
        : start < cells[at + START]!;
      side = first ? LEFT : RIGHT;
      parent = at;
    }
    cells[slot + PARENT] = parent;
    if (parent === 0) {
      this.#root = slot;
      return;
    }
    cells[parent + side] = slot;
    const priority = priorityOf(slot);
    while (parent !== 0 && priorityOf(parent) < priority) {
      this.#rotateUp(cells, slot);
      parent = cells[slot + PARENT]!;
    }
  }

  /** O(log n). */
  remove(slot: number): void {
    const cells = this.#ranges.cells;
    for (;;) {
      const left = cells[slot + LEFT]!;
      const right = cells[slot + RIGHT]!;
      if (left === 0 || right === 0) {
        const parent = cells[slot + PARENT]!;
        this.#replaceChild(cells, parent, slot, left !== 0 ? left : right);
        settle(cells, parent);
        return;
      }
      this.#rotateUp(cells, priorityOf(left) > priorityOf(right) ? left : right);
    }
  }

  /** O(log n); mostly less where the order stays: by address, and for the only range by size. */
  resize(slot: number, start: number, units: number): void {
    const cells = this.#ranges.cells;
    const stays = !this.#bySize ||
      (slot === this.#root && cells[slot + LEFT] === 0 && cells[slot + RIGHT] === 0);
    if (!stays) this.remove(slot);
    cells[slot + START] = start;
    cells[slot + SIZE] = units;
    if (stays) settle(cells, slot);
    else this.insert(slot);
  }

  /** O(1). */
  clear(): void {
    this.#root = 0;
  }

  /** Makes a node its parent's parent. */
  #rotateUp(cells: Int32Array, slot: number): void {
    const parent = cells[slot + PARENT]!;
    const isLeft = cells[parent + LEFT] === slot;
    const inner = cells[slot + (isLeft ? RIGHT : LEFT)]!;
    this.#replaceChild(cells, cells[parent + PARENT]!, parent, slot);
    cells[parent + (isLeft ? LEFT : RIGHT)] = inner;
    if (inner !== 0) cells[inner + PARENT] = parent;
    cells[slot + (isLeft ? RIGHT : LEFT)] = parent;
    cells[parent + PARENT] = slot;
    cells[slot + MOST] = cells[parent + MOST]!;
    cells[parent + MOST] = mostOf(cells, parent);
  }

  #replaceChild(cells: Int32Array, parent: number, child: number, by: number): void {
    if (parent === 0) this.#root = by;
    else if (cells[parent + LEFT] === child) cells[parent + LEFT] = by;
    else cells[parent + RIGHT] = by;
    if (by !== 0) cells[by + PARENT] = parent;
  }
}

/** The largest size in a subtree whose children are right. */
function mostOf(cells: Int32Array, slot: number): number {
  const left = cells[cells[slot + LEFT]! + MOST]!;
  const right = cells[cells[slot + RIGHT]! + MOST]!;
  const most = left > right ? left : right;
  const own = cells[slot + SIZE]!;
  return own > most ? own : most;
}

/** Makes MOST right from a node upwards, as far as it changes. */
function settle(cells: Int32Array, from: number): void {
  for (let at = from; at !== 0; at = cells[at + PARENT]!) {
    const most = mostOf(cells, at);
    if (cells[at + MOST] === most) return;
    cells[at + MOST] = most;
  }
}

/** A hash, different for different slots (the finalizer of MurmurHash3). */
function priorityOf(slot: number): number {
  let hash = Math.imul(slot ^ (slot >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
