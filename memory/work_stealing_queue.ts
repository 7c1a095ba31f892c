/**
 * One worker's queue of work: its own deque, and an inbox for everybody else.
 *
 * Invariant: only the owner touches the bottom of the deque; whoever is not the owner puts work into the inbox
 * and takes it from the top. What the deque cannot hold goes to the inbox, oldest first, so nothing is
 * refused while either has room, and old work does not sink.
 *
 * The deque: D. Chase, Y. Lev, "Dynamic Circular Work-Stealing Deque" (2005); the inbox: Dmitry Vyukov,
 * "Bounded MPMC queue" (2010); moving half on overflow: tokio, "Making the Tokio scheduler 10x
 * faster" (2019).
 *
 * @module
 */

import { EMPTY, FULL, RETRY } from "./answers.ts";
import { ChaseLevDeque } from "./chase_lev_deque.ts";
import { checkOptions, checkStart, roundCapacity } from "./check.ts";
import { createRegion, type Handle, LINE_BYTES, openRegion, type Place, View } from "./layout.ts";
import { MpmcQueue } from "./mpmc_queue.ts";

const KIND = "WorkStealingQueue";
const ACTION = "create a WorkStealingQueue";
const MOST_SPILLED = 64;
/** One pop in so many looks into the inbox first: nothing starves there. */
const INBOX_TURN = 61;

/**
 * Work of one worker that others may add to and steal from: int32 values.
 *
 * `push` and `pop` are the owner's; `inject`, `steal` and the rest everybody's. Lock-free; what RETRY means,
 * and what is left when a worker dies, is as in `ChaseLevDeque` and `MpmcQueue`; one that dies while it moves
 * items loses the one in its hand. `push` is O(1), and
 * O(capacity) when it moves half of the deque. Capacity: the deque's and the inbox's, each rounded up to
 * a power of two, at least 2.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EMPTY, WorkStealingQueue } from "@vais/runtime/memory";
 *
 * const queue = WorkStealingQueue.create(256);
 * const other = WorkStealingQueue.attach(queue.handle); // in another worker
 * queue.push(1);
 * queue.push(2);
 * other.inject(3);
 * assertEquals([queue.pop(), other.steal(), queue.pop(), queue.pop()], [2, 1, 3, EMPTY]);
 * ```
 */
export class WorkStealingQueue extends View<"WorkStealingQueue"> {
  readonly #deque: ChaseLevDeque;
  readonly #inbox: MpmcQueue;
  #turn = 0;

  private constructor(handle: Handle<"WorkStealingQueue">) {
    super(handle);
    openRegion(KIND, handle);
    const { buffer, byteOffset } = handle;
    const at = byteOffset + LINE_BYTES;
    this.#deque = ChaseLevDeque.attach({ kind: "ChaseLevDeque", buffer, byteOffset: at });
    this.#inbox = MpmcQueue.attach({
      kind: "MpmcQueue",
      buffer,
      byteOffset: at + ChaseLevDeque.byteLength(this.#deque.capacity),
    });
  }

  /** Bytes that one takes. */
  static byteLength(capacity = 256, inbox: number = capacity): number {
    return LINE_BYTES + ChaseLevDeque.byteLength(capacity) + MpmcQueue.byteLength(inbox);
  }

  /**
   * An empty one. `inbox`: its capacity, by default the deque's. `start`: where positions begin,
   * for tests. O(capacity).
   */
  static create(
    capacity = 256,
    options?: { inbox?: number; at?: Place; start?: number },
  ): WorkStealingQueue {
    const { inbox = capacity, at, start = 0 } = checkOptions(ACTION, options);
    checkStart(ACTION, start);
    const size = roundCapacity(ACTION, capacity, 2);
    const handle = createRegion(KIND, WorkStealingQueue.byteLength(size, inbox), [], at);
    const { buffer, byteOffset } = handle;
    const first = byteOffset + LINE_BYTES;
    const second = first + ChaseLevDeque.byteLength(size);
    ChaseLevDeque.create(size, { start, at: { buffer, byteOffset: first } });
    MpmcQueue.create(inbox, { start, at: { buffer, byteOffset: second } });
    return new WorkStealingQueue(handle);
  }

  /** The one that `handle` names, in this thread. A new owner attaches too, and calls `recover()`. O(1). */
  static attach(handle: Handle<"WorkStealingQueue">): WorkStealingQueue {
    return new WorkStealingQueue(handle);
  }

  /**
   * The owner adds an int32 as its newest: true, or FULL when deque and inbox are. Lock-free, O(1),
   * when it moves items O(64).
   */
  push(value: number): true | typeof FULL {
    if (this.#deque.push(value) === true) return true;
    this.spillTo(this.#inbox);
    return this.#deque.push(value);
  }

  /**
   * The owner takes its newest; if it has none, and every 61st time, the oldest of its inbox; or
   * EMPTY, RETRY. Lock-free, O(1).
   */
  pop(): number | typeof EMPTY | typeof RETRY {
    this.#turn = (this.#turn + 1) % INBOX_TURN;
    if (this.#turn === 0) {
      const old = this.#inbox.pop();
      if (typeof old === "number") return old;
    }
    const value = this.#deque.pop();
    return value === EMPTY ? this.#fromInbox() : value;
  }

  /** Anybody adds an int32 to the inbox: true, or FULL. Lock-free, O(1). */
  inject(value: number): true | typeof FULL {
    return this.#inbox.push(value) === true || FULL;
  }

  /**
   * Anybody takes the oldest; if there is none, the oldest of the inbox; or EMPTY (each was empty
   * when it was looked at), RETRY. Lock-free, O(1).
   */
  steal(): number | typeof EMPTY | typeof RETRY {
    const value = this.#deque.steal();
    return value === EMPTY ? this.#fromInbox() : value;
  }

  /**
   * Moves about half of the deque, the oldest, at most 16, to another that the caller owns. See
   * `ChaseLevDeque`. Wait-free, O(16).
   */
  stealHalf(into: WorkStealingQueue): number | typeof EMPTY | typeof RETRY | typeof FULL {
    if (into instanceof WorkStealingQueue) return this.#deque.stealHalf(into.#deque);
    throw new TypeError(
      "Cannot steal half: the target is no WorkStealingQueue (pass one that you own)",
    );
  }

  /**
   * The owner moves the older half of its deque, at most 64, to `queue`; answers how many.
   * Lock-free, O(64).
   */
  spillTo(queue: MpmcQueue): number {
    if (!(queue instanceof MpmcQueue)) {
      throw new TypeError("Cannot spill: the target is no MpmcQueue (pass one)");
    }
    const wanted = Math.min(Math.ceil(this.#deque.size / 2), MOST_SPILLED);
    for (let moved = 0; moved < wanted; moved++) {
      if (queue.isFull) return moved;
      const value = this.#deque.steal();
      if (typeof value === "symbol") return moved;
      if (queue.push(value) === true) continue;
      this.#deque.push(value); // others filled it meanwhile: it is the newest now, but not lost
      return moved;
    }
    return wanted;
  }

  /**
   * Takes out of the inbox what died with a worker, as `MpmcQueue.repair`. Only while no other
   * thread is in a call. O(capacity).
   */
  repair(): number {
    return this.#inbox.repair();
  }

  /** For a new owner, see `ChaseLevDeque`. Wait-free, O(1). */
  recover(): boolean {
    return this.#deque.recover();
  }

  /** Items now, inbox included: exact only while nobody else is at it. Wait-free, O(1). */
  get size(): number {
    return this.#deque.size + this.#inbox.size;
  }

  /** Whether `size` is 0. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** How many items the deque holds; the inbox holds more. */
  get capacity(): number {
    return this.#deque.capacity;
  }

  #fromInbox(): number | typeof EMPTY | typeof RETRY {
    const value = this.#inbox.pop();
    return typeof value === "number" || value === RETRY ? value : EMPTY;
  }
}
