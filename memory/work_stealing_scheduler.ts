/**
 * Who runs what: a deque per worker, one queue for all, and stealing from random victims.
 *
 * Invariant: a worker looks into its own deque, then into the common queue, then at the others; one
 * turn in 61 into the common queue first, so that what lies there is taken though every worker
 * feeds itself. Each worker draws its victims from a generator of its own: the same seed, the same
 * draws.
 *
 * Robert D. Blumofe, Charles E. Leiserson, "Scheduling Multithreaded Computations by Work Stealing"
 * (1999); the turn in 61: Go's scheduler (Dmitry Vyukov, 2012).
 *
 * @module
 */

import { FULL } from "./answers.ts";
import { checkInteger, checkOptions } from "./check.ts";
import {
  createRegion,
  type Handle,
  LINE_BYTES,
  openRegion,
  paramOf,
  type Place,
  View,
} from "./layout.ts";
import { MpmcQueue } from "./mpmc_queue.ts";
import { StealingWorker } from "./stealing_worker.ts";
import { WorkStealingQueue } from "./work_stealing_queue.ts";

const KIND = "WorkStealingScheduler";
const ACTION = "create a WorkStealingScheduler";
const LEAST_INBOX = 2;

/** What a {@linkcode WorkStealingScheduler} is made with. */
export interface WorkStealingSchedulerOptions {
  /** Items a worker's deque holds. Default 256. */
  readonly capacity?: number;
  /** Items the common queue holds. Default 1024. */
  readonly common?: number;
  /** Where the workers' generators begin. Default 1. */
  readonly seed?: number;
  /** Where to make it. */
  readonly at?: Place;
}

/**
 * Work for `workers` threads: int32 values, each taken once.
 *
 * Lock-free, O(1) but for stealing, O(workers). What RETRY means, and what is left when a worker dies, is as
 * in `WorkStealingQueue`; a dead worker's deque stays stealable. Nothing here
 * sleeps: park when `next` says EMPTY, after looking at `totalPending` once more.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { EMPTY, WorkStealingScheduler } from "@vais/runtime/memory";
 *
 * const work = WorkStealingScheduler.create(2); // a worker: attach(handle).worker(its number)
 * const [first, second] = [work.worker(0), work.worker(1)];
 * first.push(1);
 * work.submit(2);
 * assertEquals([second.next(), second.next(), second.next()], [2, 1, EMPTY]);
 * ```
 */
export class WorkStealingScheduler extends View<"WorkStealingScheduler"> {
  readonly #common: MpmcQueue;
  readonly #queues: readonly WorkStealingQueue[];
  readonly #seed: number;

  private constructor(handle: Handle<"WorkStealingScheduler">) {
    super(handle);
    const words = openRegion(KIND, handle);
    const [workers, capacity, common] = [0, 1, 2].map((i) => paramOf(words, i)) as Sizes;
    this.#seed = paramOf(words, 3);
    const { buffer } = handle;
    const places = placesOf(handle.byteOffset, workers, capacity, common);
    this.#common = MpmcQueue.attach({ kind: "MpmcQueue", buffer, byteOffset: places[0]! });
    this.#queues = places.slice(1).map((byteOffset) =>
      WorkStealingQueue.attach({ kind: "WorkStealingQueue", buffer, byteOffset })
    );
  }

  /** Bytes that one takes. */
  static byteLength(workers: number, capacity = 256, common = 1024): number {
    checkInteger(ACTION, "the number of workers", workers, 1, 1024);
    return LINE_BYTES + MpmcQueue.byteLength(common) +
      workers * WorkStealingQueue.byteLength(capacity, LEAST_INBOX);
  }

  /** One without work. O(workers * capacity). */
  static create(workers: number, options?: WorkStealingSchedulerOptions): WorkStealingScheduler {
    const { capacity = 256, common = 1024, seed = 1, at } = checkOptions(ACTION, options);
    checkInteger(ACTION, "the seed", seed, -(2 ** 31), 2 ** 31 - 1);
    const bytes = WorkStealingScheduler.byteLength(workers, capacity, common);
    const handle = createRegion(KIND, bytes, [workers, capacity, common, seed], at);
    const { buffer } = handle;
    const [first, ...rest] = placesOf(handle.byteOffset, workers, capacity, common);
    MpmcQueue.create(common, { at: { buffer, byteOffset: first! } });
    for (const byteOffset of rest) {
      WorkStealingQueue.create(capacity, { inbox: LEAST_INBOX, at: { buffer, byteOffset } });
    }
    return new WorkStealingScheduler(handle);
  }

  /** The one that `handle` names, in this thread. O(workers). */
  static attach(handle: Handle<"WorkStealingScheduler">): WorkStealingScheduler {
    return new WorkStealingScheduler(handle);
  }

  /** Anybody adds an int32 to the common queue: true, or FULL. Lock-free, O(1). */
  submit(value: number): true | typeof FULL {
    return this.#common.push(value) === true || FULL;
  }

  /** The part of worker `id`, for the thread that is it, once. O(workers). */
  worker(id: number): StealingWorker {
    checkInteger("make a worker", "the number", id, 0, this.workers - 1);
    const own = WorkStealingQueue.attach(this.#queues[id]!.handle);
    const queues = this.#queues.map((queue, i) => i === id ? own : queue);
    return new StealingWorker(id, queues, this.#common, this.#seed);
  }

  /**
   * Takes out of all queues what died with a worker between claim and publish, as
   * `MpmcQueue.repair`; answers how many. Only while no other thread is in a call. O(workers +
   * capacity).
   */
  repair(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.repair(), this.#common.repair());
  }

  /** How many workers it has. */
  get workers(): number {
    return this.#queues.length;
  }

  /** Items that nobody has taken: exact only while nobody is at it. O(workers). Wait-free. */
  get totalPending(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.size, this.#common.size);
  }
}

type Sizes = [workers: number, capacity: number, common: number];

/** Where the common queue lies, then each worker's. */
function placesOf(base: number, ...[workers, capacity, common]: Sizes): number[] {
  const first = base + LINE_BYTES + MpmcQueue.byteLength(common);
  const each = WorkStealingQueue.byteLength(capacity, LEAST_INBOX);
  return [base + LINE_BYTES, ...Array.from({ length: workers }, (_, i) => first + i * each)];
}
