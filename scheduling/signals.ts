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
  checkSignal(signal, "listen");
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

/**
 * Answers the signal.
 *
 * @throws {TypeError} If it is not an AbortSignal
 */
export function checkSignal(signal: unknown, action: string): AbortSignal {
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (
    typeof signal !== "object" || typeof aborted !== "boolean" ||
    typeof addEventListener !== "function"
  ) {
    throw new TypeError(`Cannot ${action}: signal is ${typeOf(signal)} (must be an AbortSignal)`);
  }
  return signal as AbortSignal;
}
