/**
 * Five levels, first in first out inside each, and waiting raises: exactly.
 *
 * Invariant: within a level the first has waited longest, so it is raised most. The best item of all is
 * therefore among the five first ones, and nothing needs to be moved when time passes: the order is
 * that of sorting everything by (level - boost, arrival), at every moment.
 *
 * Aging: Abraham Silberschatz, Peter B. Galvin, "Operating System Concepts" (1994), chapter 5; the lock:
 * Ulrich Drepper, "Futexes Are Tricky" (2004).
 *
 * @module
 */

import { EMPTY, FULL } from "./answers.ts";
import {
  checkInteger,
  checkOptions,
  checkStart,
  exactCapacity,
  isInt32,
  refuseInt32,
  shown,
} from "./check.ts";
import { Lanes, laneWords } from "./lanes.ts";
import {
  createRegion,
  type Handle,
  LINE_WORDS,
  openRegion,
  paramOf,
  roundToLine,
} from "./layout.ts";
import { type LockedViewOptions, lockUser, LockWord } from "./lock_word.ts";
import { LockedView } from "./locked_view.ts";
import {
  PRIORITIES,
  type Priority,
  type PriorityQueueOptions,
  type PriorityQueueStats,
} from "./priority.ts";

const ACTION = "create a PriorityQueue";
const LOCK = LINE_WORDS;
const DRAWN = LINE_WORDS + 1;
const TICK = LINE_WORDS + 2;
const PUSHED = LINE_WORDS + 3;
const POPPED = LINE_WORDS + 4;
const LANES = 2 * LINE_WORDS;

/**
 * A bounded queue of int32 values with five levels, between any number of threads.
 *
 * Blocking: every operation takes one lock for some dozens of instructions, O(levels). Linearizable. A
 * worker that ends while it holds the lock blocks the others until somebody calls `recover` with its
 * number: then each of its items is in or out, and the others go on. Ages are compared within 2 ** 31
 * ticks and arrivals. Capacity: exact, for all levels together.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EMPTY, PriorityQueue } from "@vais/runtime/memory";
 *
 * const queue = PriorityQueue.create(100); // a worker: PriorityQueue.attach(handle)
 * queue.push(1, "low");
 * queue.tick(200); // raised by two: it counts as "high"
 * queue.push(2);
 * queue.push(3, "critical");
 * assertEquals([queue.pop(), queue.pop(), queue.pop(), queue.pop()], [3, 1, 2, EMPTY]);
 * ```
 */
export class PriorityQueue extends LockedView<"PriorityQueue"> {
  readonly #words: Int32Array;
  readonly #lock: LockWord;
  readonly #lanes: Lanes;
  readonly #threshold: number;
  readonly #boost: number;
  /** How many items fit. */
  readonly capacity: number;

  private constructor(handle: Handle<"PriorityQueue">, options?: LockedViewOptions) {
    const words = openRegion("PriorityQueue", handle);
    const user = lockUser("PriorityQueue", words, DRAWN, options);
    const lock = new LockWord(words, LOCK, user);
    super(handle, lock, user.worker);
    this.#words = words;
    this.#lock = lock;
    this.capacity = paramOf(words, 0);
    this.#threshold = paramOf(words, 1);
    this.#boost = paramOf(words, 2);
    this.#lanes = new Lanes(words, LANES, PRIORITIES.length, this.capacity);
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity: number): number {
    const nodes = laneWords(PRIORITIES.length, exactCapacity(ACTION, capacity));
    return roundToLine((LANES + nodes) * 4);
  }

  /** An empty one. O(capacity). */
  static create(capacity: number, options?: PriorityQueueOptions): PriorityQueue {
    const given = checkOptions(ACTION, options);
    const { agingEnabled = true, agingThreshold = 100, maxAgeBoost = 2, start = 0 } = given;
    if (typeof agingEnabled !== "boolean") {
      throw new TypeError(
        `Cannot ${ACTION}: agingEnabled is ${shown(agingEnabled)} (pass a boolean)`,
      );
    }
    checkInteger(ACTION, "agingThreshold", agingThreshold, 1, 2 ** 31 - 1);
    checkInteger(ACTION, "maxAgeBoost", maxAgeBoost, 0, PRIORITIES.length - 1);
    checkStart(ACTION, start);
    const params = [capacity, agingThreshold, agingEnabled ? maxAgeBoost : 0];
    const bytes = PriorityQueue.byteLength(capacity);
    const queue = new PriorityQueue(createRegion("PriorityQueue", bytes, params, given.at), given);
    queue.#words[TICK] = start;
    queue.#lanes.fill(start);
    return queue;
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"PriorityQueue">, options?: LockedViewOptions): PriorityQueue {
    return new PriorityQueue(handle, options);
  }

  /** Adds an int32 with a level, by default "normal": true, or FULL. Blocks, O(1). */
  push(value: number, priority: Priority = "normal"): true | typeof FULL {
    if (!isInt32(value)) refuseInt32("push to a PriorityQueue", value);
    const level = PRIORITIES.indexOf(priority);
    if (level < 0) {
      throw new TypeError(
        `Cannot push to a PriorityQueue: the priority is ${shown(priority)} ` +
          `(pass ${PRIORITIES.join(", ")})`,
      );
    }
    const words = this.#words;
    this.#lock.lock();
    const pushed = this.#lanes.push(level, value, Atomics.load(words, TICK));
    if (pushed) words[PUSHED]!++;
    this.#lock.unlock();
    return pushed || FULL;
  }

  /** Takes the first of those that count as most urgent now, or EMPTY. Blocks, O(levels). */
  pop(): number | typeof EMPTY {
    this.#lock.lock();
    const value = this.#take();
    this.#lock.unlock();
    return value;
  }

  /** What `pop` would take, or EMPTY. Blocks, O(levels). */
  peek(): number | typeof EMPTY {
    this.#lock.lock();
    const level = this.#best();
    const value = level < 0 ? EMPTY : this.#lanes.peek(level);
    this.#lock.unlock();
    return value;
  }

  /** Lets `ticks` pass: what waits ages. Wait-free, O(1). Answers the tick. */
  tick(ticks = 1): number {
    checkInteger("let ticks pass", "the number of ticks", ticks, 0, 2 ** 31 - 1);
    return (Atomics.add(this.#words, TICK, ticks) + ticks) | 0;
  }

  /** Removes all; answers how many. O(n). Blocks. */
  clear(): number {
    return this.drain().length;
  }

  /** Takes all, at one moment, in the order of `pop`. O(n). Blocks. */
  drain(): number[] {
    const values: number[] = [];
    this.#lock.lock();
    for (let value = this.#take(); value !== EMPTY; value = this.#take()) values.push(value);
    this.#lock.unlock();
    return values;
  }

  /** Items in it. Blocks, O(levels). */
  get size(): number {
    return this.stats().size;
  }

  /** Whether it has none. Blocks, O(levels). */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Its figures, all of one moment. Blocks, O(levels). */
  stats(): PriorityQueueStats {
    this.#lock.lock();
    const perLevel = PRIORITIES.map((_, level) => this.#lanes.size(level));
    const [tick, pushed, popped] = [TICK, PUSHED, POPPED].map((at) => this.#words[at]!);
    this.#lock.unlock();
    const size = perLevel.reduce((sum, one) => sum + one, 0);
    return { size, totalPushed: pushed! >>> 0, totalPopped: popped! >>> 0, tick: tick!, perLevel };
  }

  /** Internal. */
  protected mend(): void {
    const words = this.#words;
    this.#lanes.mend();
    const size = PRIORITIES.reduce((sum, _, level) => sum + this.#lanes.size(level), 0);
    const more = (size - words[PUSHED]! + words[POPPED]!) | 0;
    if (more > 0) words[PUSHED]! += more;
    else words[POPPED]! -= more;
  }

  #take(): number | typeof EMPTY {
    const level = this.#best();
    if (level < 0) return EMPTY;
    const value = this.#lanes.shift(level);
    this.#words[POPPED]!++;
    return value;
  }

  /** The level whose first item is best now, or -1. */
  #best(): number {
    const lanes = this.#lanes;
    const now = Atomics.load(this.#words, TICK);
    let best = -1;
    let rank = 0;
    for (let level = 0; level < PRIORITIES.length; level++) {
      if (lanes.isEmpty(level)) continue;
      const age = (now - lanes.peekExtra(level)) | 0;
      const own = Math.max(0, level - Math.min(Math.floor(age / this.#threshold), this.#boost));
      const wins = best < 0 || own < rank || own === rank &&
          ((lanes.peekArrival(level) - lanes.peekArrival(best)) | 0) < 0;
      if (wins) (best = level, rank = own);
    }
    return best;
  }
}
