/**
 * What the queues over an {@linkcode MpmcRing} have in common, whatever their items are.
 *
 * @module
 */

import { type Handle, View } from "./layout.ts";
import type { MpmcRing } from "./mpmc_ring.ts";

/** A bounded queue between any number of threads: how full it is, and closing it. */
export abstract class MpmcView<K extends string = string> extends View<K> {
  readonly #ring: MpmcRing;

  /** Over the ring in the region of `handle`. */
  protected constructor(handle: Handle<K>, ring: MpmcRing) {
    super(handle);
    this.#ring = ring;
  }

  /**
   * Nothing can be added from now on; what is in it can be taken. True for the first to close.
   * Wait-free, O(1).
   */
  close(): boolean {
    return this.#ring.close();
  }

  /**
   * Takes out what died with a worker between claim and publish, so that RETRY ends; answers how many such
   * positions there were. Only while no other thread is in a call. O(capacity).
   */
  repair(): number {
    return this.#ring.repair();
  }

  /** Whether `close` was called. Wait-free, O(1). */
  get isClosed(): boolean {
    return this.#ring.isClosed;
  }

  /** Items now, those being added included: exact only while nobody else is at it. Wait-free, O(1). */
  get size(): number {
    return this.#ring.size;
  }

  /** Whether `size` is 0. Exact at some moment during the call. Wait-free, O(1). */
  get isEmpty(): boolean {
    return this.#ring.size === 0;
  }

  /** Whether `size` is the capacity. Wait-free, O(1). */
  get isFull(): boolean {
    return this.#ring.size === this.#ring.capacity;
  }

  /** How many items fit. */
  get capacity(): number {
    return this.#ring.capacity;
  }
}
