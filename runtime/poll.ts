/**
 * The kernel's vocabulary: what a poll answers, and who is told to poll again.
 *
 * A pollable does nothing by itself. Whoever wants its value calls `poll(waker)`; the answer is
 * the value, a throw, or {@linkcode PENDING}, in which case the pollable has arranged that
 * `waker.wake()` is called once it is worth asking again. A wake only enqueues: it never runs code,
 * so it may be called from anywhere, any number of times.
 *
 * @module
 */

/**
 * The answer of a poll that has no value yet.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PENDING, Runtime } from "@vais/runtime";
 *
 * const runtime = new Runtime();
 * const handle = runtime.spawn({ left: 3 }, (state, waker) => {
 *   if (state.left === 0) return "done";
 *   state.left--;
 *   waker.wake();
 *   return PENDING;
 * });
 * assertEquals(runtime.blockOn(handle), "done");
 * ```
 */
export const PENDING: unique symbol = Symbol("vais.PENDING");

/** What one poll answers: the value, or {@linkcode PENDING}. A throw is the third answer. */
export type Poll<T> = T | typeof PENDING;

/** Asks for another poll. */
export interface Waker {
  /**
   * Marks the waiting side runnable; it is polled in a later batch.
   *
   * Never runs code of the waiter, never throws; repeated, late and spurious calls are harmless.
   */
  wake(): void;
}

/** Anything that can be driven by polling; see {@linkcode Waker} for the other half of the contract. */
export interface Pollable<T> {
  /**
   * Answers the value, throws, or answers {@linkcode PENDING} after arranging a wake.
   *
   * Extra polls while pending must be tolerated; the last waker given is the one to wake.
   */
  poll(waker: Waker): Poll<T>;
  /**
   * Undoes what `poll` registered. Called at most once, when the waiting task is cancelled or the
   * value is no longer wanted; what was already granted must be given back. Must not throw.
   */
  cancel?(reason: unknown): void;
}

/** True for an object with a `poll` method. */
export function isPollable(value: unknown): value is Pollable<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { poll?: unknown }).poll === "function";
}

/** True for an object or function with a `then` method. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === "object" || typeof value === "function") &&
    value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** Refuses the promise that a hand-written poll answered; other values pass through. */
export function checkPolled<T>(value: Poll<T>): Poll<T> {
  if (typeof value !== "object" || value === null || isPollable(value) || !isPromiseLike(value)) {
    return value;
  }
  // Its rejection would be unhandled, on top of the error told here.
  value.then(undefined, () => {});
  throw new TypeError(
    "Cannot poll: poll() answered a promise (answer a value or PENDING; for promises spawn an async function, or use Future.from(promise))",
  );
}

/** Calls a pollable's `cancel`, which must not throw; one that does is reported, and has cancelled. */
export function cancelSafely(pollable: Pollable<unknown>, reason: unknown): void {
  try {
    pollable.cancel?.(reason);
  } catch (error) {
    // deno-lint-ignore no-console -- it must not throw, and nobody else can be told
    console.error("@vais/runtime: the cancel() of a pollable threw:", error);
  }
}
