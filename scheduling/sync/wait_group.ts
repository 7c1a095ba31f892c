/**
 * Waiting until so many things are done, the number of which is not known before.
 *
 * @module
 */

import { checkInteger } from "../../runtime/clock.ts";
import type { Future } from "../../runtime/future.ts";
import { PENDING } from "../../runtime/poll.ts";
import { ClosableQueue, OwnedWait, type WaitOwner } from "./owned_wait.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";

/**
 * A count of things that go on; those who wait are let go when it comes down to 0. It may go up
 * again. For tasks use a `TaskGroup`, which also has their errors.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { WaitGroup } from "@vais/runtime";
 *
 * const requests = new WaitGroup();
 * for (const ms of [1, 2, 3]) {
 *   requests.add();
 *   setTimeout(() => requests.done(), ms);
 * }
 * await requests.wait();
 * assertEquals(requests.count, 0);
 * ```
 */
export class WaitGroup implements Disposable {
  readonly #queue: ClosableQueue<void>;
  readonly #owner: WaitOwner<void>;
  #count = 0;

  /**
   * A group of nothing.
   *
   * @throws {TypeError} If the options are no object, or the name is no string
   */
  constructor(options?: NameOptions) {
    const title = titleOf("wait group", options, "create WaitGroup");
    const queue = this.#queue = new ClosableQueue<void>(title);
    this.#owner = {
      isRepeatable: true,
      begin: (wait) => {
        queue.checkOpen();
        if (this.#count === 0) return undefined;
        queue.push(wait);
        return PENDING;
      },
      describe: () => `${title} (${this.#count} to go)`,
    };
  }

  /** What is not done yet. */
  get count(): number {
    return this.#count;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Something begins, or several things.
   *
   * @throws {TypeError | RangeError} If `count` is no whole number, 1 or more
   */
  add(count = 1): void {
    this.#count += checkInteger(count, 1, "add to WaitGroup", "count");
  }

  /**
   * Something is done.
   *
   * @throws {RangeError} If nothing was left
   */
  done(): void {
    if (this.#count === 0) {
      throw new RangeError(
        "Cannot be done: the count of the WaitGroup is 0 (add() before each done())",
      );
    }
    this.#count--;
    if (this.#count === 0) this.#queue.grantAll(undefined);
  }

  /**
   * A future that is ready when nothing is left, or was at some time since its first poll.
   *
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the group is closed first
   */
  wait(options?: WaitOptions): Future<void> {
    return limited(new OwnedWait(this.#owner), options, "wait for WaitGroup");
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
