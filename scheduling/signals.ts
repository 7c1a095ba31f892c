/**
 * Listening to an AbortSignal once, and leaving nothing behind.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";

/**
 * Calls back when the signal aborts, at once if it has; answers how to stop listening.
 *
 * @throws {TypeError} If it is not an AbortSignal
 */
export function listenOnce(
  signal: AbortSignal,
  onAbort: (reason: unknown) => void,
): (() => void) | undefined {
  if (
    typeof signal !== "object" || signal === null || typeof signal.aborted !== "boolean" ||
    typeof signal.addEventListener !== "function"
  ) {
    throw new TypeError(`Cannot listen: signal is ${typeOf(signal)} (must be an AbortSignal)`);
  }
  if (signal.aborted) {
    onAbort(signal.reason);
    return undefined;
  }
  const listener = () => {
    signal.removeEventListener("abort", listener);
    onAbort(signal.reason);
  };
  signal.addEventListener("abort", listener);
  return () => signal.removeEventListener("abort", listener);
}
