/**
 * A door that opens once.
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
 * Opens when it was counted down to 0, and stays open: all who wait go on, and all who come later.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Latch, Runtime } from "@vais/runtime";
 *
 * const runtime = new Runtime();
 * const ready = new Latch(2);
 * const log: string[] = [];
 * runtime.spawn(function* () {
 *   yield* ready.wait();
 *   log.push("both are ready");
 * });
 * for (const name of ["a", "b"]) {
 *   runtime.spawn(() => {
 *     log.push(`${name} is ready`);
 *     ready.countDown();
 *   });
 * }
 * await runtime.run();
 * assertEquals(log, ["a is ready", "b is ready", "both are ready"]);
 * ```
 */
export class Latch implements Disposable {
  readonly #queue: ClosableQueue<void>;
  readonly #owner: WaitOwner<void>;
  #count: number;

  /**
   * A latch that opens after `count` counts; with 0 it is open.
   *
   * @throws {TypeError | RangeError} If `count` is no whole number, 0 or more; if the name is no string
   */
  constructor(count = 1, options?: NameOptions) {
    const action = "create Latch";
    this.#count = checkInteger(count, 0, action, "count");
    const title = titleOf("latch", options, action);
    const queue = this.#queue = new ClosableQueue<void>(title);
    this.#owner = {
      isRepeatable: true,
      begin: (wait) => {
        if (this.#count === 0) return undefined;
        queue.checkOpen();
        queue.push(wait);
        return PENDING;
      },
      describe: () => `${title} (${this.#count} to go)`,
    };
  }

  /** Counts left; 0 when it is open. */
  get count(): number {
    return this.#count;
  }

  /** True when it is open. */
  get isOpen(): boolean {
    return this.#count === 0;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Counts down by `by`, at most to 0; at 0 it opens.
   *
   * @returns Whether it is open now
   * @throws {TypeError | RangeError} If `by` is no whole number, 1 or more
   */
  countDown(by = 1): boolean {
    checkInteger(by, 1, "count down", "by");
    this.#count = Math.max(0, this.#count - by);
    if (this.#count === 0) this.#queue.grantAll(undefined);
    return this.#count === 0;
  }

  /** Opens it, whatever is left to count. */
  open(): void {
    this.countDown(Number.MAX_SAFE_INTEGER);
  }

  /**
   * A future that is ready when it is open.
   *
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When it is closed before it is open
   */
  wait(options?: WaitOptions): Future<void> {
    return limited(new OwnedWait(this.#owner), options, "wait for Latch");
  }

  /** Ends every wait by `ClosedError`, those to come too, unless it is open: then it stays open. */
  close(): void {
    this.#queue.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
