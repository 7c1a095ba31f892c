/**
 * One worker of a scheduler: where it looks for work, in which order.
 *
 * Invariant: its own deque, then the common queue, then the others; one turn in 61 the common queue first. It
 * never steals from itself, and draws its victims from a generator that nobody else uses.
 *
 * Robert D. Blumofe, Charles E. Leiserson, "Scheduling Multithreaded Computations by Work Stealing"
 * (1999); the turn in 61: Go's scheduler (Dmitry Vyukov, 2012); the generator: George Marsaglia, "Xorshift
 * RNGs" (2003).
 *
 * @module
 */

import { EMPTY, type FULL, RETRY } from "./answers.ts";
import type { MpmcQueue } from "./mpmc_queue.ts";
import type { WorkStealingQueue } from "./work_stealing_queue.ts";

const COMMON_TURN = 61;
const ROUNDS = 2;

/** One worker's part in a `WorkStealingScheduler`. Made by `worker`. */
export class StealingWorker {
  readonly #own: WorkStealingQueue;
  readonly #queues: readonly WorkStealingQueue[];
  readonly #common: MpmcQueue;
  #random: number;
  #turn = 0;
  /** Which worker this is. */
  readonly id: number;
  /** Items taken from others so far. */
  stolen = 0;

  /** Internal: see `WorkStealingScheduler.worker`. */
  constructor(id: number, queues: readonly WorkStealingQueue[], common: MpmcQueue, seed: number) {
    this.id = id;
    this.#queues = queues;
    this.#own = queues[id]!;
    this.#common = common;
    this.#random = Math.imul(seed ^ Math.imul(id + 1, 0x9e3779b9), 0x85ebca6b) | 1;
    this.#own.recover();
  }

  /**
   * Adds an int32 as this worker's newest: true, or FULL when half of it could not go to the common
   * queue either. Lock-free, O(1), when it moves items O(64).
   */
  push(value: number): true | typeof FULL {
    const { capacity } = this.#own;
    if (this.#own.size >= capacity) this.#own.spillTo(this.#common);
    return this.#own.push(value);
  }

  /** Takes this worker's newest, or EMPTY, RETRY. Lock-free, O(1). */
  pop(): number | typeof EMPTY | typeof RETRY {
    return this.#own.pop();
  }

  /**
   * What to do next: of one's own, of all, of others. EMPTY when each was empty when it was looked
   * at, or RETRY when a race was lost on the way. Lock-free, O(workers).
   */
  next(): number | typeof EMPTY | typeof RETRY {
    this.#turn = (this.#turn + 1) % COMMON_TURN;
    if (this.#turn === 0) {
      const value = this.#common.pop();
      if (typeof value === "number") return value;
    }
    const own = this.#own.pop();
    if (own !== EMPTY) return own;
    const common = this.#common.pop();
    if (typeof common === "number") return common;
    const stolen = this.steal();
    return stolen === EMPTY && common === RETRY ? RETRY : stolen;
  }

  /**
   * Steals from the others, twice round from a random one on; or EMPTY (as `next`), RETRY. Never
   * from itself.
   * Wait-free on the deques, lock-free on the inboxes, O(workers).
   */
  steal(): number | typeof EMPTY | typeof RETRY {
    const others = this.#queues.length - 1;
    if (others === 0) return EMPTY;
    let lost = false;
    const first = this.#draw(others);
    for (let i = 0; i < ROUNDS * others; i++) {
      const victim = (this.id + 1 + (first + i) % others) % (others + 1);
      const value = this.#queues[victim]!.steal();
      if (typeof value === "number") {
        this.stolen++;
        return value;
      }
      if (value === RETRY) lost = true;
      else if (i >= others - 1 && !lost) return EMPTY;
    }
    return RETRY;
  }

  /** xorshift32. */
  #draw(below: number): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return (x >>> 0) % below;
  }
}
