/**
 * The free list as a structure of its own: numbers 0 to n - 1 that threads take and give back.
 *
 * Invariant: a number is in the list or out; its link word says which (`OUT` while it is out), so that
 * giving twice is found. The list itself is a {@linkcode TaggedList}.
 *
 * R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986).
 *
 * @module
 */

import { EMPTY } from "./answers.ts";
import { checkInteger, checkOptions, exactCapacity } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
  View,
} from "./layout.ts";
import { NONE, TaggedList } from "./tagged_list.ts";

const HEAD = LINE_WORDS;
const NEXT = 2 * LINE_WORDS;
const OUT = -2;

/**
 * Numbers to take and to give back, between threads.
 *
 * Both operations are lock-free, O(1), and never wait. The count is exact, not rounded. When a worker
 * dies, the numbers it had taken stay out: nothing else is harmed.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { FreeList } from "@vais/runtime/memory";
 *
 * const seats = FreeList.create(2); // a worker: FreeList.attach(handle)
 * const seat = seats.take();
 * assert(seat === 0);
 * if (typeof seat === "number") seats.give(seat);
 * ```
 */
export class FreeList extends View<"FreeList"> {
  readonly #words: Int32Array;
  readonly #list: TaggedList;
  /** How many numbers there are. */
  readonly capacity: number;

  private constructor(handle: Handle<"FreeList">) {
    super(handle);
    this.#words = openRegion("FreeList", handle);
    this.#list = new TaggedList(this.#words, HEAD, NEXT);
    this.capacity = paramOf(this.#words, 0);
  }

  /** Bytes that one for `count` numbers takes. */
  static byteLength(count: number): number {
    exactCapacity("create a FreeList", count);
    return roundToLine((NEXT + count) * 4);
  }

  /**
   * One with all of 0 to count - 1 in it, 1 to 2 ** 26 of them. `tag`: where the tag begins, for
   * tests. O(count).
   */
  static create(count: number, options?: { at?: Place; tag?: number }): FreeList {
    const { at, tag = 0 } = checkOptions("create a FreeList", options);
    checkInteger("create a FreeList", "the tag", tag, -(2 ** 31), 2 ** 31 - 1);
    const list = new FreeList(
      createRegion("FreeList", FreeList.byteLength(count), [count], at),
    );
    list.#list.fill(count, tag);
    return list;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"FreeList">): FreeList {
    return new FreeList(handle);
  }

  /** Takes the number given back last, or answers EMPTY. Lock-free, O(1). */
  take(): number | typeof EMPTY {
    const slot = this.#list.take();
    if (slot === NONE) return EMPTY;
    Atomics.store(this.#words, NEXT + slot, OUT);
    return slot;
  }

  /** Gives `slot` back. Lock-free, O(1). A number that is not out is a `RangeError`. */
  give(slot: number): void {
    checkInteger("give a slot back", "the slot", slot, 0, this.capacity - 1);
    if (Atomics.compareExchange(this.#words, NEXT + slot, OUT, NONE) !== OUT) {
      throw new RangeError(
        `Cannot give a slot back: ${slot} is in the list (give once what you took)`,
      );
    }
    this.#list.give(slot);
  }

  /** Whether nothing is in it now: a glance. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.#list.first() === NONE;
  }
}
