/**
 * Waking one who waits, or the next who will.
 *
 * @module
 */

import type { Future } from "../../runtime/future.ts";
import { PENDING } from "../../runtime/poll.ts";
import { ClosableQueue, OwnedWait, type WaitOwner } from "./owned_wait.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";

/**
 * Notifications without a value: Liten's `pulse`.
 *
 * `notifyOne` wakes who has waited longest. If nobody waits it is kept for the next wait; several are
 * kept as one. So "look, then wait" misses nothing. A notification of a waiter that was cancelled goes
 * to the next.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Notify } from "@vais/runtime";
 *
 * const changed = new Notify();
 * assertEquals(changed.notifyOne(), false); // kept
 * assertEquals(changed.notifyOne(), false); // kept as one with it
 * await changed.wait();
 * assertEquals(changed.isNotified, false);
 * setTimeout(() => changed.notifyOne(), 1);
 * await changed.wait();
 * ```
 */
export class Notify implements Disposable {
  readonly #queue: ClosableQueue<void>;
  readonly #owner: WaitOwner<void>;
  #kept = false;

  /**
   * Nothing is notified yet.
   *
   * @throws {TypeError} If the options are no object, or the name is no string
   */
  constructor(options?: NameOptions) {
    const title = titleOf("notify", options, "create Notify");
    const queue = this.#queue = new ClosableQueue<void>(title);
    this.#owner = {
      begin: (wait) => {
        queue.checkOpen();
        if (this.#kept) {
          this.#kept = false;
          wait.isMarked = true;
          return undefined;
        }
        wait.isMarked = false;
        queue.push(wait);
        return PENDING;
      },
      // Marked: the notification was for it alone.
      giveBack: (_value, wait) => void (wait.isMarked && this.notifyOne()),
      describe: () => title,
    };
  }

  /** True when a notification is kept for the next wait. */
  get isNotified(): boolean {
    return this.#kept;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Wakes who has waited longest, or keeps the notification for the next wait.
   *
   * @returns Whether somebody waited
   */
  notifyOne(): boolean {
    const { first } = this.#queue;
    if (first === undefined) {
      this.#kept = true;
      return false;
    }
    first.isMarked = true;
    first.grant(undefined);
    return true;
  }

  /**
   * Wakes all who wait now; keeps nothing.
   *
   * @returns How many
   */
  notifyAll(): number {
    return this.#queue.grantAll(undefined);
  }

  /**
   * A future that is ready after the next notification for it.
   *
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When it is closed first
   */
  wait(options?: WaitOptions): Future<void> {
    return limited(new OwnedWait(this.#owner), options, "wait for Notify");
  }

  /** Ends every wait by `ClosedError`, those to come too. */
  close(): void {
    this.#queue.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
