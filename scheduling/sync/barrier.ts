/**
 * Parties that go on together.
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
 * Lets nobody go on before all parties are there; then all at once, and the next round begins.
 *
 * Who gives up before that has not arrived. The last to arrive is the leader of the round.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Barrier, parallelForEach } from "@vais/runtime";
 *
 * const barrier = new Barrier(3);
 * const log: string[] = [];
 * await parallelForEach([1, 2, 3], async () => {
 *   log.push("before");
 *   if (await barrier.wait()) log.push("all are here");
 * });
 * assertEquals(log, ["before", "before", "before", "all are here"]);
 * assertEquals(barrier.round, 1);
 * ```
 */
export class Barrier implements Disposable {
  readonly #queue: ClosableQueue<boolean>;
  readonly #owner: WaitOwner<boolean>;
  /** How many make a round. */
  readonly parties: number;
  #round = 0;

  /**
   * A barrier for `parties` parties.
   *
   * @throws {TypeError | RangeError} If `parties` is no whole number, 1 or more; if the name is no string
   */
  constructor(parties: number, options?: NameOptions) {
    const action = "create Barrier";
    this.parties = checkInteger(parties, 1, action, "parties");
    const title = titleOf("barrier", options, action);
    const queue = this.#queue = new ClosableQueue<boolean>(title);
    this.#owner = {
      begin: (wait) => {
        queue.checkOpen();
        if (queue.size + 1 < parties) {
          queue.push(wait);
          return PENDING;
        }
        this.#round++;
        queue.grantAll(false);
        return true;
      },
      describe: () => `${title} (${queue.size} of ${parties} are here)`,
    };
  }

  /** How many have arrived in this round. */
  get arrived(): number {
    return this.#queue.size;
  }

  /** Rounds that are over. */
  get round(): number {
    return this.#round;
  }

  /**
   * A future that arrives at its first poll, and is ready when all have: true for the leader.
   *
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the barrier is closed first
   */
  wait(options?: WaitOptions): Future<boolean> {
    return limited(new OwnedWait(this.#owner), options, "wait at Barrier");
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
