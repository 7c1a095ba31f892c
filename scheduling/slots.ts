/**
 * How many children of a group may run at once: the others wait, first in, first out.
 *
 * @module
 */

import type { Task } from "../runtime/task.ts";

/** Ended tasks that may stay queued before they are swept out. */
const SWEEP_AT = 1_024;

/** The slots of one group. */
export class Slots {
  #limit: number;
  readonly #start: (task: Task<unknown>) => void;
  readonly #running: Set<Task<unknown>>;
  #pending: Task<unknown>[] = [];
  #next = 0;
  /** Tasks that were cancelled while they waited, and are still queued. */
  #dead = 0;

  /** A limit of 0 is none; `running` are those let run already. */
  constructor(
    limit: number,
    start: (task: Task<unknown>) => void,
    running: Iterable<Task<unknown>>,
  ) {
    this.#limit = limit;
    this.#start = start;
    this.#running = new Set(running);
  }

  /** Changes the limit; those running go on. */
  setLimit(limit: number): void {
    this.#limit = limit;
    this.#startPending();
  }

  /** Starts the task, or queues it. */
  add(task: Task<unknown>): void {
    this.#pending.push(task);
    this.#startPending();
  }

  /** A task of the group ended; its slot goes to the next. */
  ended(task: Task<unknown>): void {
    if (this.#running.delete(task)) {
      this.#startPending();
      return;
    }
    this.#dead++;
    if (this.#dead > SWEEP_AT && this.#dead * 2 > this.#pending.length - this.#next) {
      this.#pending = this.#pending.slice(this.#next).filter((waiting) => !waiting.isFinished);
      this.#next = 0;
      this.#dead = 0;
    }
  }

  /** Tasks that no slot was free for yet. */
  get waiting(): number {
    let count = 0;
    for (let i = this.#next; i < this.#pending.length; i++) {
      if (!this.#pending[i]!.isFinished) count++;
    }
    return count;
  }

  #startPending(): void {
    const pending = this.#pending;
    const limit = this.#limit === 0 ? Infinity : this.#limit;
    while (this.#next < pending.length && this.#running.size < limit) {
      const task = pending[this.#next]!;
      pending[this.#next++] = undefined!;
      if (task.isFinished) {
        this.#dead--;
        continue;
      }
      this.#running.add(task);
      this.#start(task);
    }
    if (this.#next > SWEEP_AT && this.#next * 2 > pending.length) {
      this.#pending = pending.slice(this.#next);
      this.#next = 0;
    }
  }
}
