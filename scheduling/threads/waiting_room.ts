/**
 * Tasks that no slot is free for yet: by priority, then first in, first out.
 *
 * Invariant: a task is counted from `add` until `next` hands it out or `leave` says that it gave up; those that gave up
 * stay in their queue until their turn comes, and are passed over.
 *
 * @module
 */

import type { EngineTask } from "./engine_task.ts";

/** Entries passed before a queue is shortened. */
const COMPACT_AT = 1_024;

class Fifo {
  #tasks: (EngineTask<unknown> | undefined)[] = [];
  #head = 0;

  push(task: EngineTask<unknown>): void {
    this.#tasks.push(task);
  }

  /** Before all others. */
  unshift(task: EngineTask<unknown>): void {
    if (this.#head > 0) this.#tasks[--this.#head] = task;
    else this.#tasks.unshift(task);
  }

  /** The next that has not given up. */
  shift(): EngineTask<unknown> | undefined {
    while (this.#head < this.#tasks.length) {
      const task = this.#tasks[this.#head]!;
      this.#tasks[this.#head++] = undefined;
      if (this.#head === this.#tasks.length) {
        this.#tasks = [];
        this.#head = 0;
      } else if (this.#head >= COMPACT_AT && this.#head * 2 > this.#tasks.length) {
        this.#tasks = this.#tasks.slice(this.#head);
        this.#head = 0;
      }
      if (!task.isFreed) return task;
    }
    return undefined;
  }
}

/** Three queues: high, normal, low. */
export class WaitingRoom {
  readonly #queues = [new Fifo(), new Fifo(), new Fifo()] as const;
  #size = 0;

  /** Tasks waiting. */
  get size(): number {
    return this.#size;
  }

  /** Waits, with its parcel in its extras. */
  add(task: EngineTask<unknown>): void {
    this.#size++;
    this.#queues[task.extras!.parcel!.lane].push(task);
  }

  /** Waits on, before all others: it was handed out too early. */
  putBack(task: EngineTask<unknown>): void {
    this.#size++;
    this.#queues[task.extras!.parcel!.lane].unshift(task);
  }

  /** A waiting task gave up. */
  leave(): void {
    this.#size--;
  }

  /** The next one, of the most urgent queue. */
  next(): EngineTask<unknown> | undefined {
    if (this.#size === 0) return undefined;
    for (const queue of this.#queues) {
      const task = queue.shift();
      if (task !== undefined) {
        this.#size--;
        return task;
      }
    }
    return undefined;
  }
}
