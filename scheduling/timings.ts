/**
 * When the children of a group were spawned, began and ended.
 *
 * @module
 */

import type { Clock } from "../runtime/clock.ts";

/** When things happened to a child, in ms of the runtime's clock. */
export interface Timing {
  /** `spawn` was called. */
  readonly spawnedMs: number;
  /** It was let run. */
  startedMs?: number;
  /** It ended. */
  endedMs?: number;
}

/** The times of a group's children; of those nobody holds any more, none. */
export class Timings {
  readonly #clock: Clock;
  readonly #byTask = new WeakMap<object, Timing>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  spawned(task: object): void {
    this.#byTask.set(task, { spawnedMs: this.#clock.now() });
  }

  started(task: object): void {
    const timing = this.#byTask.get(task);
    if (timing !== undefined) timing.startedMs = this.#clock.now();
  }

  ended(task: object): void {
    const timing = this.#byTask.get(task);
    if (timing !== undefined) timing.endedMs = this.#clock.now();
  }

  of(task: object): Timing | undefined {
    return this.#byTask.get(task);
  }
}
