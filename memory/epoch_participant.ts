/**
 * A thread that takes part in epoch-based reclamation: its pin, and what it has retired.
 *
 * Invariant: a bag is sealed with an epoch no older than when any of its values was unlinked, and emptied only
 * when the epoch is two beyond the seal. Three bags are enough: a bag's turn comes again after three
 * epochs; where the epoch wraps, and comes sooner, the seal is moved on instead.
 *
 * Keir Fraser, "Practical lock-freedom" (2004); crossbeam-epoch `internal.rs` (Aaron Turon, 2015).
 *
 * @module
 */

import { shown } from "./check.ts";

const EPOCHS = 3;
const GRACE = 2;

/** Internal: what a participant does to the shared words. */
export interface EpochSlot {
  readonly slot: number;
  readonly threshold: number;
  readonly epoch: () => number;
  readonly pin: () => void;
  readonly unpin: () => void;
  readonly leave: () => void;
  readonly advance: () => boolean;
}

interface Bag {
  epoch: number;
  values: number[];
  frees: ((value: number) => void)[];
}

/** This thread's part in an `EpochReclamation`. Made by `join`; never used by another thread. */
export class EpochParticipant {
  readonly #shared: EpochSlot;
  readonly #bags: Bag[] = Array.from({ length: EPOCHS }, newBag);
  /** What may be freed, and is not yet because freeing something threw. */
  readonly #ready: Bag = newBag();
  #depth = 0;
  #waiting = 0;
  #left = false;

  /** Internal: see `EpochReclamation.join`. */
  constructor(shared: EpochSlot) {
    this.#shared = shared;
  }

  /** The number of the leased slot: tell it who would `clear` it. Wait-free, O(1). */
  get slot(): number {
    return this.#shared.slot;
  }

  /** Retired values not yet freed. Wait-free, O(1). */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether it is pinned. Wait-free, O(1). */
  get isPinned(): boolean {
    return this.#depth > 0;
  }

  /** From now on nothing that is retired is freed. Nests: each `pin` needs its `unpin`. Wait-free, O(1). */
  pin(): void {
    if (this.#left) throw new Error("Cannot pin: this participant has left (join again)");
    if (this.#depth++ === 0) this.#shared.pin();
  }

  /** Ends a `pin`; the outermost lets go. An `Error` without a pin. Wait-free, O(1). */
  unpin(): void {
    if (this.#depth === 0) throw new Error("Cannot unpin: it is not pinned (pin first)");
    if (--this.#depth === 0) this.#shared.unpin();
  }

  /** Runs `body` pinned; answers what it returns. Wait-free, O(1) beside `body`. */
  pinned<T>(body: () => T): T {
    this.pin();
    try {
      return body();
    } finally {
      this.unpin();
    }
  }

  /**
   * Calls `free(value)` once nobody can hold it: in this thread, during a later call of this
   * participant. The value must be unlinked already: no thread that pins itself from now on finds it.
   * O(1); whenever another `threshold` of them wait, `collect()`.
   */
  retire(value: number, free: (value: number) => void): void {
    if (typeof free !== "function") {
      throw new TypeError(`Cannot retire: free is ${shown(free)} (pass a function)`);
    }
    const epoch = this.#shared.epoch();
    const bag = this.#bags[(epoch >>> 0) % EPOCHS]!;
    if (bag.epoch !== epoch) {
      if (isOver(bag, epoch)) this.#empty(bag);
      bag.epoch = epoch;
    }
    bag.values.push(value);
    bag.frees.push(free);
    this.#waiting++;
    if (this.#waiting % this.#shared.threshold === 0) this.collect();
  }

  /**
   * Moves the epoch on if it can, and frees what has waited for two; answers how much. If `free` throws,
   * that goes through, and the rest is freed next time. O(threads + freed).
   */
  collect(): number {
    this.#shared.advance();
    const epoch = this.#shared.epoch();
    for (const bag of this.#bags) if (isOver(bag, epoch)) this.#empty(bag);
    let freed = 0;
    for (;;) {
      const free = this.#ready.frees.pop();
      if (free === undefined) return freed;
      const value = this.#ready.values.pop()!;
      this.#waiting--;
      freed++;
      free(value);
    }
  }

  /**
   * Gives the slot back; answers how many retired values still wait: `collect()` may be called until there are
   * none. An `Error` while pinned. Twice does nothing. Lock-free, O(threads + freed).
   */
  leave(): number {
    if (this.#depth > 0) throw new Error("Cannot leave: it is pinned (unpin first)");
    if (!this.#left) this.#shared.leave();
    this.#left = true;
    this.collect();
    return this.#waiting;
  }

  #empty(bag: Bag): void {
    for (let i = 0; i < bag.values.length; i++) {
      this.#ready.values.push(bag.values[i]!);
      this.#ready.frees.push(bag.frees[i]!);
    }
    bag.values.length = 0;
    bag.frees.length = 0;
  }
}

function newBag(): Bag {
  return { epoch: 0, values: [], frees: [] };
}

function isOver(bag: Bag, epoch: number): boolean {
  return bag.values.length > 0 && ((epoch - bag.epoch) | 0) >= GRACE;
}
