/**
 * An owner's live children: an intrusive list, so that adding and removing cost no memory.
 *
 * @module
 */

import type { Task } from "./task.ts";

/** Live tasks in the order they were spawned. */
export class Children implements Iterable<Task<unknown>> {
  #first: Task<unknown> | undefined;
  #last: Task<unknown> | undefined;
  #size = 0;

  /** Live children. */
  get size(): number {
    return this.#size;
  }

  /** Appends a new task. */
  add(task: Task<unknown>): void {
    task.prevSibling = this.#last;
    if (this.#last === undefined) this.#first = task;
    else this.#last.nextSibling = task;
    this.#last = task;
    this.#size++;
  }

  /** Takes out a task that is in this list. */
  remove(task: Task<unknown>): void {
    const { prevSibling: prev, nextSibling: next } = task;
    if (prev === undefined) this.#first = next;
    else prev.nextSibling = next;
    if (next === undefined) this.#last = prev;
    else next.prevSibling = prev;
    task.prevSibling = task.nextSibling = undefined;
    this.#size--;
  }

  /** The children now, safe against changes while it is walked. */
  snapshot(): Task<unknown>[] {
    const tasks = new Array<Task<unknown>>(this.#size);
    let i = 0;
    for (let task = this.#first; task !== undefined; task = task.nextSibling) tasks[i++] = task;
    return tasks;
  }

  /** The children, in the order they were spawned. */
  [Symbol.iterator](): Iterator<Task<unknown>> {
    return this.snapshot()[Symbol.iterator]();
  }
}
