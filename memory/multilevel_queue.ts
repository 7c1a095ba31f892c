/**
 * A feedback queue: who uses up its slice sinks a level, where slices are longer and turns rarer.
 *
 * Invariant: the next turn is the first item of the highest level that has one. An item comes back to the end
 * of its level when it gave up early, of the next one down when it used its slice up; so short work
 * stays on top without anybody saying what is short. `boost` lifts all up again: nothing starves.
 *
 * F. J. Corbató, M. Merwin-Daggett, R. C. Daley, "An Experimental Time-Sharing System" (1962); the
 * boost: R. H. and A. C. Arpaci-Dusseau, "Operating Systems: Three Easy Pieces" (2018), chapter 8.
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import { checkInteger, checkOptions, exactCapacity, isInt32, refuseInt32, shown } from "./check.ts";
import { Lanes, laneWords } from "./lanes.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  roundToLine,
} from "./layout.ts";
import { type LockedViewOptions, lockUser, LockWord } from "./lock_word.ts";
import { LockedView } from "./locked_view.ts";

const ACTION = "create a MultilevelQueue";
const LOCK = LINE_WORDS;
const DRAWN = LINE_WORDS + 1;
const LANES = 2 * LINE_WORDS;
const LEVELS = 5;

/** An item whose turn it is. */
export interface Turn {
  /** The item. */
  readonly value: number;
  /** The level it came from, 0 (highest) to 4. */
  readonly level: number;
  /** What it may use: 1, 2, 4, 8 or 16, by its level. */
  readonly slice: number;
}

/**
 * A bounded queue of int32 values with five levels and demotion, between any number of threads.
 *
 * Blocking: every operation takes one lock for some dozens of instructions, O(levels). Linearizable. A
 * worker that ends while it holds the lock blocks the others until somebody calls `recover` with its
 * number: then each of its items is in or out, and the others go on; of a `boost` some may have risen
 * and one may have gone to the end of its level. A worker that ends during its turn loses that item.
 * Capacity: exact, for all levels together; an item that has its turn does not count.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EMPTY, MultilevelQueue } from "@vais/runtime/memory";
 *
 * const queue = MultilevelQueue.create(8); // a worker: MultilevelQueue.attach(handle)
 * queue.push(7);
 * const turn = queue.pop();
 * if (turn === EMPTY) throw new Error("empty");
 * queue.giveBack(turn, 1); // it used its slice of 1 up
 * assertEquals(queue.pop(), { value: 7, level: 1, slice: 2 });
 * ```
 */
export class MultilevelQueue extends LockedView<"MultilevelQueue"> {
  readonly #lock: LockWord;
  readonly #lanes: Lanes;
  /** How many items fit. */
  readonly capacity: number;

  private constructor(handle: Handle<"MultilevelQueue">, options?: LockedViewOptions) {
    const words = openRegion("MultilevelQueue", handle);
    const user = lockUser("MultilevelQueue", words, DRAWN, options);
    const lock = new LockWord(words, LOCK, user);
    super(handle, lock, user.worker);
    this.#lock = lock;
    this.capacity = paramOf(words, 0);
    this.#lanes = new Lanes(words, LANES, LEVELS, this.capacity);
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity: number): number {
    return roundToLine((LANES + laneWords(LEVELS, exactCapacity(ACTION, capacity))) * 4);
  }

  /** An empty one. O(capacity). */
  static create(capacity: number, options?: LockedViewOptions & { at?: Place }): MultilevelQueue {
    const { at } = checkOptions(ACTION, options);
    const bytes = MultilevelQueue.byteLength(capacity);
    const handle = createRegion("MultilevelQueue", bytes, [capacity], at);
    const queue = new MultilevelQueue(handle, options);
    queue.#lanes.fill();
    return queue;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"MultilevelQueue">, options?: LockedViewOptions): MultilevelQueue {
    return new MultilevelQueue(handle, options);
  }

  /** Adds an int32 at the end of a level, by default the highest: true, or FULL. Blocks, O(1). */
  push(value: number, level = 0): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a MultilevelQueue", value);
    checkInteger("push to a MultilevelQueue", "the level", level, 0, LEVELS - 1);
    this.#lock.lock();
    const pushed = this.#lanes.push(level, value, 0);
    this.#lock.unlock();
    return pushed || FULL;
  }

  /** Takes the first item of the highest level that has one, or EMPTY. Blocks, O(levels). */
  pop(): Turn | typeof EMPTY {
    const lanes = this.#lanes;
    this.#lock.lock();
    let level = 0;
    while (level < LEVELS && lanes.isEmpty(level)) level++;
    const value = level < LEVELS ? lanes.shift(level) : 0;
    this.#lock.unlock();
    return level < LEVELS ? { value, level, slice: 1 << level } : EMPTY;
  }

  /**
   * Puts an item back that is not done and has `used` so much: to the end of its level, or, when that was
   * its slice or more, of the next one down. True, or FULL. Blocks, O(1).
   */
  giveBack(turn: Turn, used: number): true | typeof FULL {
    const action = "give a turn back";
    if (typeof turn !== "object" || turn === null) {
      throw new TypeError(`Cannot ${action}: it is ${shown(turn)} (pass what pop answered)`);
    }
    checkInteger(action, "the level", turn.level, 0, LEVELS - 1);
    if (typeof used !== "number" || !(used >= 0)) {
      const message = `Cannot ${action}: what it used is ${shown(used)} (pass 0 or more)`;
      throw typeof used === "number" ? new RangeError(message) : new TypeError(message);
    }
    const isDemoted = used >= 1 << turn.level && turn.level < LEVELS - 1;
    return this.push(turn.value, isDemoted ? turn.level + 1 : turn.level);
  }

  /**
   * Lifts all items to the highest level, level by level, each in its order. O(n). Answers how many
   * rose. Blocks.
   */
  boost(): number {
    const lanes = this.#lanes;
    let risen = 0;
    this.#lock.lock();
    for (let level = 1; level < LEVELS; level++) {
      for (; !lanes.isEmpty(level); risen++) lanes.move(level, 0);
    }
    this.#lock.unlock();
    return risen;
  }

  /** Items by level, highest first, all of one moment. Blocks, O(levels). */
  levels(): number[] {
    this.#lock.lock();
    const sizes = Array.from({ length: LEVELS }, (_, level) => this.#lanes.size(level));
    this.#lock.unlock();
    return sizes;
  }

  /** Items in it. Blocks, O(levels). */
  get size(): number {
    return this.levels().reduce((sum, one) => sum + one, 0);
  }

  /** Whether it has none. Blocks, O(levels). */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Internal. */
  protected mend(): void {
    this.#lanes.mend();
  }
}
