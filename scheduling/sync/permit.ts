/**
 * What a semaphore or a lock gives to whoever acquired it.
 *
 * @module
 */

/**
 * The right to something, until it is released: permits of a `Semaphore`, a lock of a `Mutex` or
 * `RwLock`.
 *
 * `using permit = await semaphore.acquire()` releases it at the end of the block, however that is
 * left; without `using`, call {@linkcode release} in `finally`. A permit that is dropped is not
 * released: it stays taken. Those that a `Future.all` had got when it failed, or was cancelled half-way,
 * are released.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Semaphore } from "@vais/runtime";
 *
 * const semaphore = new Semaphore(2);
 * {
 *   using permit = await semaphore.acquire();
 *   assertEquals([permit.isReleased, semaphore.available], [false, 1]);
 * }
 * assertEquals(semaphore.available, 2);
 * ```
 */
export abstract class Permit implements Disposable {
  /** True when it is given back, also while a `Condition` has it. */
  abstract readonly isReleased: boolean;

  /**
   * Gives it back; the next in the queue gets it. O(1), and runs no code of theirs.
   *
   * @returns False when it was given back before: nothing happens then
   */
  abstract release(): boolean;

  /** See {@linkcode release}. */
  [Symbol.dispose](): void {
    this.release();
  }
}
