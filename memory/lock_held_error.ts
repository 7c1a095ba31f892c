/**
 * What is thrown when a lock is kept for too long.
 *
 * @module
 */

/**
 * A worker has kept the lock of a structure for longer than the caller's `patienceMs`. Nothing was changed.
 *
 * Locks are held for microseconds, so it has ended inside a call, or the machine, or a debugger, has
 * stopped it. Only for the first `recover(error.worker)` is right.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { LockHeldError, PriorityQueue } from "@vais/runtime/memory";
 *
 * const queue = PriorityQueue.create(8, { patienceMs: 1_000 });
 * try {
 *   queue.push(1);
 * } catch (error) {
 *   // Ask whoever started that worker whether it has ended.
 *   if (error instanceof LockHeldError) queue.recover(error.worker);
 *   else throw error;
 * }
 * assert(queue.holder === undefined);
 * ```
 */
export class LockHeldError extends Error {
  /** Class name. */
  override readonly name = "LockHeldError";
  /** Stable code of this class. */
  readonly code = "ERR_LOCK_HELD";
  /** The number of the worker that holds it. */
  readonly worker: number;

  /** Who has kept the lock of a `kind` for so long. */
  constructor(kind: string, worker: number, patienceMs: number) {
    super(
      `Cannot lock a ${kind}: worker ${worker} has held it for ${patienceMs} ms ` +
        `(call recover(${worker}) if that worker has ended)`,
    );
    this.worker = worker;
  }
}
