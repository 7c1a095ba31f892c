/**
 * Waiting for a change that everybody may see: all who wait are woken, and each looks for itself.
 *
 * Nothing is handed over, so giving up loses nothing.
 *
 * @module
 */

import { Future } from "../../runtime/future.ts";
import { context, WAKE_MAYBE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import type { Waiters } from "../waiters.ts";

/** Looks at each change, until there is what it looks for. */
export class Look<T> extends Future<T> {
  readonly #changes: Waiters;
  readonly #look: () => Poll<T>;
  readonly #what: string;
  #isOver = false;

  /** @param look Answers `PENDING` as long as there is nothing to see; may throw */
  constructor(changes: Waiters, what: string, look: () => Poll<T>) {
    super();
    this.#changes = changes;
    this.#what = what;
    this.#look = look;
  }

  /** Looks, and waits for the next change where there is nothing to see. */
  poll(waker: Waker): Poll<T> {
    if (this.#isOver) {
      throw new TypeError(
        `Cannot wait again for ${this.#what}: it is over (call the method again)`,
      );
    }
    let seen: Poll<T> = PENDING;
    try {
      seen = this.#look();
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
    if (seen === PENDING) this.#changes.add(waker);
    else this.#isOver = true;
    return seen;
  }

  /** Leaves those who wait. */
  override abandon(waker: Waker): boolean {
    this.#changes.remove(waker);
    return true;
  }

  /** What it waits for. */
  override describe(): string {
    return this.#what;
  }

  /** Host code may make the change; in virtual time it does not, so that deadlocks are told. */
  override get source(): WakeSource {
    return context.host?.bodySource ?? WAKE_MAYBE;
  }
}
