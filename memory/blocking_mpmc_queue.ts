/**
 * The queue whose ends sleep: consumers while it is empty, producers while it is full.
 *
 * Invariant: who adds or takes does so first and looks for sleepers afterwards; who sleeps has looked
 * again after being counted (see {@linkcode EventCount}). One wake per item is not enough: it may reach
 * a consumer that finds the first item claimed but not yet there, while the second is ready. So
 * whoever succeeds and leaves something behind wakes the next sleeper on its own side too.
 *
 * The ring is {@linkcode MpmcQueue}'s: Dmitry Vyukov, "Bounded MPMC queue" (2010); sleeping: D. P. Reed,
 * R. K. Kanodia, "Synchronization with Eventcounts and Sequencers" (1979).
 *
 * @module
 */

import type { CLOSED, EMPTY, FULL, RETRY, TIMED_OUT } from "./answers.ts";
import { checkInteger, checkOptions, checkStart, roundCapacity } from "./check.ts";
import { EventCount } from "./event_count.ts";
import {
  createRegion,
  type Handle,
  LINE_BYTES,
  LINE_WORDS,
  openRegion,
  paramOf,
  type Place,
  View,
} from "./layout.ts";
import { MpmcQueue } from "./mpmc_queue.ts";
import { waitFor, waitForAsync } from "./wait_for.ts";

const KIND = "BlockingMpmcQueue";
const ACTION = "create a BlockingMpmcQueue";
const ITEMS = LINE_WORDS;
const ROOM = 2 * LINE_WORDS;
const QUEUE_AT = 3 * LINE_BYTES;

/** What a {@linkcode BlockingMpmcQueue} is made with. */
export interface BlockingMpmcQueueOptions {
  /** How often an end tries again before it sleeps. Default 64: some µs, as a wake-up costs. */
  readonly spins?: number;
  /** Where to make it. */
  readonly at?: Place;
  /** Where its positions begin, for tests. */
  readonly start?: number;
}

/**
 * A bounded queue of int32 values between threads, whose `push` and `pop` wait.
 *
 * `push` and `pop` block the thread: for workers (a browser's main thread may not). `pushAsync` and
 * `popAsync` are the same for main threads. `tryPush` and `tryPop` are lock-free. All O(1).
 * Times are in ms: 0 checks once, nothing waits for ever, otherwise the answer is TIMED_OUT; negative
 * ones are a `RangeError`. Closing lets producers go with CLOSED at once, consumers when it is drained.
 *
 * Capacity: rounded up to a power of two, at least 2. A worker that dies between claim and publish
 * lets all consumers wait behind its item: `repair()`, see `MpmcQueue`. One that dies between being
 * woken and taking leaves its item to the next that comes: `wakeAll()` sends the sleepers to look.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { BlockingMpmcQueue, CLOSED, TIMED_OUT } from "@vais/runtime/memory";
 *
 * const queue = BlockingMpmcQueue.create(8); // workers: BlockingMpmcQueue.attach(handle)
 * const first = queue.popAsync();
 * queue.push(5);
 * assert(await first === 5);
 * assert(queue.pop(1) === TIMED_OUT);
 * queue.close();
 * assert(queue.pop() === CLOSED);
 * ```
 */
export class BlockingMpmcQueue extends View<"BlockingMpmcQueue"> {
  readonly #queue: MpmcQueue;
  readonly #items: EventCount;
  readonly #room: EventCount;
  readonly #spins: number;

  private constructor(handle: Handle<"BlockingMpmcQueue">) {
    super(handle);
    const words = openRegion(KIND, handle);
    const { buffer, byteOffset } = handle;
    this.#items = new EventCount(words, ITEMS);
    this.#room = new EventCount(words, ROOM);
    this.#spins = paramOf(words, 0);
    this.#queue = MpmcQueue.attach({
      kind: "MpmcQueue",
      buffer,
      byteOffset: byteOffset + QUEUE_AT,
    });
  }

  /** Bytes that one of so many items takes. */
  static byteLength(capacity: number): number {
    return QUEUE_AT + MpmcQueue.byteLength(roundCapacity(ACTION, capacity, 2));
  }

  /** An empty one. O(capacity). */
  static create(capacity: number, options?: BlockingMpmcQueueOptions): BlockingMpmcQueue {
    const { spins = 64, at, start = 0 } = checkOptions(ACTION, options);
    checkInteger(ACTION, "the number of spins", spins, 0, 2 ** 20);
    checkStart(ACTION, start);
    const handle = createRegion(KIND, BlockingMpmcQueue.byteLength(capacity), [spins], at);
    const { buffer, byteOffset } = handle;
    MpmcQueue.create(capacity, { start, at: { buffer, byteOffset: byteOffset + QUEUE_AT } });
    return new BlockingMpmcQueue(handle);
  }

  /** The one that `handle` names, in this thread. O(1). */
  static attach(handle: Handle<"BlockingMpmcQueue">): BlockingMpmcQueue {
    return new BlockingMpmcQueue(handle);
  }

  /** Adds an int32 without waiting: true, or FULL, CLOSED. Lock-free. O(1). */
  tryPush(value: number): true | typeof FULL | typeof CLOSED {
    const answer = this.#queue.push(value);
    if (answer !== true) return answer;
    this.#items.wake();
    if (this.#room.isAwaited && !this.#queue.isFull) this.#room.wake();
    return true;
  }

  /** Takes the first value without waiting; or EMPTY, RETRY, CLOSED. Lock-free. O(1). */
  tryPop(): number | typeof EMPTY | typeof RETRY | typeof CLOSED {
    const answer = this.#queue.pop();
    if (typeof answer === "symbol") return answer;
    this.#room.wake();
    if (this.#items.isAwaited && (!this.#queue.isEmpty || this.#queue.isClosed)) {
      this.#items.wake();
    }
    return answer;
  }

  /** Adds an int32, waiting for room: true, or CLOSED, TIMED_OUT. Blocks. O(1). */
  push(value: number, timeoutMs?: number | null): true | typeof CLOSED | typeof TIMED_OUT {
    const action = "push to a BlockingMpmcQueue";
    return waitFor(action, this.#room, () => this.tryPush(value), this.#spins, timeoutMs);
  }

  /** Takes the first value, waiting for one; or CLOSED, TIMED_OUT. Blocks. O(1). */
  pop(timeoutMs?: number | null): number | typeof CLOSED | typeof TIMED_OUT {
    const action = "pop from a BlockingMpmcQueue";
    return waitFor(action, this.#items, () => this.tryPop(), this.#spins, timeoutMs);
  }

  /** {@linkcode push} without blocking the thread. Keeps the program alive meanwhile. Lock-free, O(1). */
  pushAsync(
    value: number,
    timeoutMs?: number | null,
  ): Promise<true | typeof CLOSED | typeof TIMED_OUT> {
    const action = "push to a BlockingMpmcQueue";
    return waitForAsync(action, this.#room, () => this.tryPush(value), timeoutMs);
  }

  /** {@linkcode pop} without blocking the thread. Keeps the program alive meanwhile. Lock-free, O(1). */
  popAsync(timeoutMs?: number | null): Promise<number | typeof CLOSED | typeof TIMED_OUT> {
    const action = "pop from a BlockingMpmcQueue";
    return waitForAsync(action, this.#items, () => this.tryPop(), timeoutMs);
  }

  /**
   * No push succeeds from now on; what is in it can be taken. Wakes all. True for the first to
   * close. Wait-free. O(sleepers).
   */
  close(): boolean {
    const first = this.#queue.close();
    this.wakeAll();
    return first;
  }

  /** Sends all sleepers to look again: after a worker died. Wait-free. O(sleepers). */
  wakeAll(): void {
    this.#items.wakeAll();
    this.#room.wakeAll();
  }

  /**
   * Takes out what died with a worker between claim and publish, and wakes all; answers how many such positions
   * there were. Only while no other thread is in a call, or asleep in one without time limit. O(capacity).
   */
  repair(): number {
    const lost = this.#queue.repair();
    this.wakeAll();
    return lost;
  }

  /** Whether `close` was called. Wait-free. */
  get isClosed(): boolean {
    return this.#queue.isClosed;
  }

  /** Items now, those being added included: exact only while nobody else is at it. Wait-free. */
  get size(): number {
    return this.#queue.size;
  }

  /** Whether `size` is 0. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  /** How many items fit. */
  get capacity(): number {
    return this.#queue.capacity;
  }
}
