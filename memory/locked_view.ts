/**
 * What the structures under one lock have in common: who holds it, and what to do when that one has died.
 *
 * Invariant: whatever word the holder has last written when it ends, every item is whole, and is in
 * or out: each item has one word of its own that says so. `mend` makes everything else anew from
 * these words, and reads nothing but them: so it may itself be cut short, and be done again.
 *
 * @module
 */

import { checkInteger } from "./check.ts";
import { type Handle, View } from "./layout.ts";
import { type LockWord, MOST_WORKER } from "./lock_word.ts";

/**
 * A structure whose every operation takes one lock, which can be recovered from a worker that has ended.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PriorityQueue } from "@vais/runtime/memory";
 *
 * const queue = PriorityQueue.create(8);
 * const inWorker = PriorityQueue.attach(queue.handle, { worker: 1 }); // in worker 1
 * inWorker.push(5);
 * // Later, when worker 1 has ended, however it ended:
 * queue.recover(1);
 * assertEquals([queue.holder, queue.pop()], [undefined, 5]);
 * ```
 */
export abstract class LockedView<K extends string = string> extends View<K> {
  readonly #lock: LockWord;
  /** The number that this view takes the lock with: given, or drawn. */
  readonly worker: number;

  /** Over the region of `handle`, whose lock is `lock`. */
  protected constructor(handle: Handle<K>, lock: LockWord, worker: number) {
    super(handle);
    this.#lock = lock;
    this.worker = worker;
  }

  /** The number of the worker that holds the lock now, if any. Wait-free, O(1). */
  get holder(): number | undefined {
    return this.#lock.holder;
  }

  /**
   * After a worker has ended, wherever it was: if it holds the lock, takes that over, makes the structure whole
   * and lets the others on, who may be waiting meanwhile. Of what it was doing, each item is done or
   * not. True if it held the lock. Never while that worker lives. Wait-free, O(1) if it did not hold
   * the lock, else O(n log n).
   *
   * @throws {TypeError} If `worker` is not a number
   * @throws {RangeError} If it is not the number of a worker
   */
  recover(worker: number): boolean {
    checkInteger("recover", "the worker", worker, 0, MOST_WORKER);
    if (!this.#lock.takeOver(worker)) return false;
    this.mend();
    this.#lock.unlock();
    return true;
  }

  /** Internal: under the lock, makes everything anew from the words that say which items are in. */
  protected abstract mend(): void;
}
