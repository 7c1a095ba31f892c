/**
 * An engine's place in the scope tree: a group under the task that made it, with a child for each worker.
 *
 * Invariant: a child lives as long as its worker's thread serves. So the task that made the engine cannot end before
 * its workers have, dumps show them by name, and a cancelled scope takes its engine with it: what is queued never
 * runs, what runs is told, and after the grace its threads are ended. What its tasks then end with does not come
 * before the end of the task that made it: else it would look like the cause of that.
 *
 * @module
 */

import { Future } from "../../runtime/future.ts";
import { WAKE_MAYBE, WAKE_OUTSIDE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { GroupCore } from "../group_core.ts";
import type { EngineCore, EngineEnd } from "./engine_core.ts";
import { nextTurn } from "./owner_wait.ts";
import type { PoolWorker } from "./pool_worker.ts";
import type { ThreadPool } from "./pool.ts";

/** Turns of the host's loop in which a task ends that has nothing left to wait for. */
const MOST_TURNS = 64;

/** The engine as a group of the current task. */
export class EngineScope {
  readonly #core: EngineCore;
  readonly #group: GroupCore;
  readonly #children = new Map<PoolWorker, WorkerLife>();

  constructor(core: EngineCore) {
    this.#core = core;
    this.#group = new GroupCore({ name: core.name, cancelOnError: false, graceMs: core.graceMs });
    core.onWorkers = () => this.#look();
    // A child that was cancelled before it began has told nobody.
    this.#group.completions.add(() => this.#group.isClosed ? this.#cancel() : undefined);
  }

  /** Gives new workers a child, and ends those of workers that are gone. */
  #look(): void {
    const here = new Set<PoolWorker>();
    for (const pool of this.#core.pools) {
      for (const worker of pool.workers) {
        if (worker.isOver) continue;
        here.add(worker);
        if (!this.#children.has(worker)) this.#add(worker, pool);
      }
    }
    for (const [worker, life] of this.#children) {
      if (here.has(worker)) continue;
      this.#children.delete(worker);
      life.end();
    }
  }

  #add(worker: PoolWorker, pool: ThreadPool): void {
    // The scope is cancelled, or over, already.
    if (this.#group.isClosed || this.#group.parent?.isEnding === true) return this.#cancel();
    const life = new WorkerLife(worker, pool, () => this.#cancel());
    this.#children.set(worker, life);
    this.#group.spawn(function* () {
      yield* life;
    }, { name: worker.name });
  }

  /** The scope ends, or is cancelled. */
  #cancel(): void {
    void this.#core.close(false, Infinity, this.#end);
  }

  get #end(): EngineEnd {
    const owner = this.#group.parent;
    if (owner?.cancelled !== undefined) return { error: this.#group.cancelled ?? owner.cancelled };
    return owner?.isEnding === true ? { until: () => this.#ended(owner) } : {};
  }

  /**
   * Resolves when the task that made the engine has ended. What else it opened may hold it up, and wait for this
   * engine: then soon.
   */
  async #ended(owner: { readonly isFinished: boolean }): Promise<void> {
    for (let turns = 0; turns < MOST_TURNS && !owner.isFinished; turns++) {
      await new Promise<void>((resolve) => nextTurn(resolve));
    }
  }
}

/** Ready when a worker's thread is gone, or given up. */
class WorkerLife extends Future<void> {
  readonly #worker: PoolWorker;
  readonly #pool: ThreadPool;
  readonly #onCancel: () => void;
  #isOver = false;
  #isEnding = false;
  #waker: Waker | undefined;

  constructor(worker: PoolWorker, pool: ThreadPool, onCancel: () => void) {
    super();
    this.#worker = worker;
    this.#pool = pool;
    this.#onCancel = onCancel;
  }

  end(): void {
    this.#isOver = true;
    this.#waker?.wake();
  }

  poll(waker: Waker): Poll<void> {
    if (this.#isOver) return undefined;
    this.#waker = waker;
    return PENDING;
  }

  /** It ends with its thread, which is told. */
  override abandon(): boolean {
    if (this.#isOver || this.#isEnding) return false;
    this.#isEnding = true;
    this.#onCancel();
    this.#waker?.wake(); // to wait on, for something outside now
    return false;
  }

  override describe(): string {
    const running = this.#pool.dispatcher.runningOn(this.#worker.index).length;
    return running === 0 ? "work" : `${running} task${running === 1 ? "" : "s"} on its thread`;
  }

  /** A worker that serves stands in nobody's way; one that is told to end does so outside. */
  override get source(): WakeSource {
    return this.#isEnding ? WAKE_OUTSIDE : WAKE_MAYBE;
  }
}
