/**
 * Time and chance of a schedule: the same whenever it is run.
 *
 * Time passes only where a thread sleeps (`Gate.now`). `Math.random` is a sequence that begins anew
 * with each schedule. Mulberry32, Tommy Ettinger (2017).
 *
 * @module
 */
import type { Gate } from "./gate.ts";

const DAY_ONE = 1_700_000_000_000;

/** Replaces `Date.now`, `performance.now` and `Math.random` while `gate` is open. */
export function virtualTime(gate: Gate): void {
  const hostNow = Date.now;
  Date.now = () => gate.open ? DAY_ONE + Math.floor(gate.now()) : hostNow();
  const hostTime = performance.now.bind(performance);
  performance.now = () => gate.open ? gate.now() : hostTime();
  const hostRandom = Math.random;
  Math.random = () => {
    if (!gate.open) return hostRandom();
    let t = gate.chance = gate.chance + 0x6d2b79f5 | 0;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
}
