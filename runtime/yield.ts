/**
 * Letting others go first.
 *
 * @module
 */

import { Future } from "./future.ts";
import { WAKE_INSIDE, type WakeSource } from "./host.ts";
import { PENDING, type Poll, type Waker } from "./poll.ts";

const YIELD_STEP: { done: boolean; value: unknown } = { done: false, value: undefined };
const RESUME_STEP: { done: boolean; value: unknown } = { done: true, value: undefined };

/** Pending once. In a generator task it costs one small object: its steps are constants. */
class YieldNow extends Future<void> {
  #yielded = false;

  poll(waker: Waker): Poll<void> {
    if (this.#yielded) return undefined;
    this.#yielded = true;
    waker.wake();
    return PENDING;
  }

  next(): IteratorResult<Future<void>, void> {
    if (this.#yielded) return RESUME_STEP as IteratorReturnResult<void>;
    this.#yielded = true;
    return YIELD_STEP as IteratorYieldResult<Future<void>>;
  }

  throw(error: unknown): IteratorResult<Future<void>, void> {
    throw error;
  }

  return(): IteratorResult<Future<void>, void> {
    return RESUME_STEP as IteratorReturnResult<void>;
  }

  override [Symbol.iterator](): Iterator<Future<void>, void, unknown> {
    return this;
  }

  override describe(): string {
    return "yieldNow";
  }

  override get source(): WakeSource {
    return WAKE_INSIDE;
  }
}

/** What a generator task sees of `yield* yieldNow()`: go to the end of the queue. */
export const YIELD: Future<void> = new YieldNow();
YIELD_STEP.value = YIELD;

/**
 * Lets every other runnable task go first: pending exactly once.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime, yieldNow } from "@vais/runtime";
 *
 * const runtime = new Runtime();
 * const log: string[] = [];
 * for (const name of ["a", "b"]) {
 *   runtime.spawn(function* () {
 *     log.push(name + 1);
 *     yield* yieldNow();
 *     log.push(name + 2);
 *   });
 * }
 * await runtime.run();
 * assertEquals(log, ["a1", "b1", "a2", "b2"]);
 * ```
 */
export function yieldNow(): Future<void> {
  return new YieldNow();
}
