/**
 * The children of a group by the order they were spawned.
 *
 * Live children are always found. Of those that ended, the latest are kept, so that a group may
 * live for ever: a million ended children cost what a thousand do.
 *
 * @module
 */

import { checkInteger } from "../runtime/clock.ts";
import type { Task } from "../runtime/task.ts";

/** Ended children that are kept at least. */
export const REMEMBERED = 1_024;

/** An array of tasks whose front is forgotten, except for what still lives. */
export class Remembered {
  #tasks: Task<unknown>[] = [];
  /** Index of the first task in `#tasks`. */
  #base = 0;
  /** Live children older than that, with their index. */
  #old: Map<Task<unknown>, number> | undefined;

  /** Appends a task; amortised O(1). */
  add(task: Task<unknown>, live: number): void {
    this.#tasks.push(task);
    // At least half of what is cut off has ended, so each cut pays for itself.
    if (this.#tasks.length > 2 * (REMEMBERED + live)) this.#cut();
  }

  #cut(): void {
    const keepFrom = this.#tasks.length - REMEMBERED;
    for (let i = 0; i < keepFrom; i++) {
      const task = this.#tasks[i]!;
      if (!task.isFinished) (this.#old ??= new Map()).set(task, this.#base + i);
    }
    this.#tasks = this.#tasks.slice(keepFrom);
    this.#base += keepFrom;
  }

  /** A child ended. */
  ended(task: Task<unknown>): void {
    this.#old?.delete(task);
  }

  /**
   * The child at `index`, 0-based.
   *
   * @throws {RangeError} If there was none, or it ended too long ago
   */
  at(index: number, action: string): Task<unknown> {
    checkInteger(index, 0, action, "index");
    const total = this.#base + this.#tasks.length;
    if (index >= total) {
      throw new RangeError(
        `Cannot ${action}: index is ${index} (the group has ${total} children, from 0)`,
      );
    }
    const task = this.#tasks[index - this.#base];
    if (task !== undefined) return task;
    for (const [old, at] of this.#old ?? []) if (at === index) return old;
    throw new RangeError(
      `Cannot ${action}: child ${index} ended too long ago (the latest ${REMEMBERED} are kept; hold its handle)`,
    );
  }

  /** All that are remembered, in the order they were spawned. */
  *[Symbol.iterator](): Generator<Task<unknown>> {
    yield* this.#old?.keys() ?? [];
    yield* this.#tasks;
  }
}
