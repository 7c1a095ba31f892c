/**
 * Waiting for a word without blocking the thread.
 *
 * `Atomics.waitAsync` alone does not keep a program alive: on Deno even a notified promise is dropped
 * when nothing else is due. So a timer is held meanwhile.
 *
 * @module
 */

/** What waiting came to. */
export type Waited = "ok" | "not-equal" | "timed-out";

const LONG_MS = 2 ** 30;

/** Resolves when `words[index]` is not `expected`, was notified, or the time is over. */
export async function waitAsync(
  words: Int32Array,
  index: number,
  expected: number,
  timeoutMs: number,
): Promise<Waited> {
  const waiting = Atomics.waitAsync(words, index, expected, timeoutMs);
  if (!waiting.async) return waiting.value;
  const held = setInterval(() => {}, LONG_MS);
  try {
    return await waiting.value;
  } finally {
    clearInterval(held);
  }
}

/** When `timeoutMs` from now is. */
export function deadlineOf(timeoutMs: number): number {
  return timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
}

/** How long until then. */
export function leftUntil(deadline: number): number {
  return deadline === Infinity ? Infinity : Math.max(0, deadline - performance.now());
}
