/**
 * Those who wait for one thing: mostly none or one, at times thousands.
 *
 * The slot is a plain field of whoever is waited for: the waker itself, or a set of them in the
 * order they came. Adding and removing are O(1).
 *
 * @module
 */

import type { Waker } from "./poll.ts";

/** None, one, or several wakers. */
export type WakerSlot = Waker | Set<Waker> | undefined;

/** The slot with a waker added, once. */
export function addWaker(slot: WakerSlot, waker: Waker): WakerSlot {
  if (slot === undefined || slot === waker) return waker;
  if (slot instanceof Set) return slot.add(waker);
  return new Set([slot, waker]);
}

/** The slot without a waker. */
export function removeWaker(slot: WakerSlot, waker: Waker): WakerSlot {
  if (slot === waker) return undefined;
  if (slot instanceof Set) slot.delete(waker);
  return slot;
}

/** The wakers, in the order they came. */
export function* wakersIn(slot: WakerSlot): Generator<Waker> {
  if (slot instanceof Set) yield* slot;
  else if (slot !== undefined) yield slot;
}

/** Wakes all, in the order they came. */
export function wakeAll(slot: WakerSlot): void {
  if (slot === undefined) return;
  if (slot instanceof Set) { for (const waker of slot) waker.wake(); }
  else slot.wake();
}
