/**
 * Those who wait for one thing, and are woken together.
 *
 * @module
 */

import type { Waker } from "../runtime/poll.ts";
import { addWaker, removeWaker, wakeAll, type WakerSlot } from "../runtime/wakers.ts";

/** Those who wait for one thing. */
export class Waiters {
  #slot: WakerSlot = undefined;

  /** Adds a waker once. */
  add(waker: Waker): void {
    this.#slot = addWaker(this.#slot, waker);
  }

  /** Removes a waker. */
  remove(waker: Waker): void {
    this.#slot = removeWaker(this.#slot, waker);
  }

  /** Wakes all, in order of arrival. */
  wakeAll(): void {
    const slot = this.#slot;
    this.#slot = undefined;
    wakeAll(slot);
  }
}
