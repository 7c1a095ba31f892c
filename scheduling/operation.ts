/**
 * Work that has begun: as eager as a promise, and still a future that `yield*` takes.
 *
 * @module
 */

import { Future } from "../runtime/future.ts";
import type { Waker } from "../runtime/poll.ts";
import { addWaker, removeWaker, wakeAll, type WakerSlot } from "../runtime/wakers.ts";
import { Shared } from "./shared.ts";

/**
 * What `scope()` and its kin answer: a `Promise` that has already begun, usable with `yield*` too.
 *
 * Dropping it does not stop the work; what it throws and nobody looks at is reported.
 */
export abstract class Operation<T> extends Future<T> {
  /** As `Promise.prototype.catch`: subscribes at once. */
  override catch<R = never>(
    // deno-lint-ignore no-explicit-any -- as Promise has it
    onError?: ((error: any) => R | PromiseLike<R>) | null,
  ): Future<T | R> {
    return new Shared(super.catch(onError));
  }

  /** As `Promise.prototype.finally`: subscribes at once. */
  override finally(onEnd?: (() => void) | null): Future<T> {
    return new Shared(super.finally(onEnd));
  }
}

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
