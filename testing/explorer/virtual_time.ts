/**
 * Time and chance of a schedule: the same whenever it is run.
 *
 * Time passes only where a thread sleeps (`Gate.now`). A timer of the host never fires: whether it
 * would, before the thread is seen to wait for it, depends on how busy the machine is. `Math.random`
 * is a sequence that begins anew with each schedule. Mulberry32, Tommy Ettinger (2017).
 *
 * @module
 */
import type { Gate } from "./gate.ts";

const DAY_ONE = 1_700_000_000_000;

/** What setting a timer answers; clearing it is allowed, and changes nothing. */
const NEVER = {
  ref: () => NEVER,
  unref: () => NEVER,
  hasRef: () => false,
  [Symbol.toPrimitive]: () => 0,
};

/** Replaces the host's clocks, timers and `Math.random` while `gate` is open. */
export function virtualTime(gate: Gate): void {
  const scope = globalThis as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["setTimeout", "setInterval", "setImmediate"]) {
    const host = scope[name];
    if (host !== undefined) scope[name] = (...args) => gate.open ? NEVER : host(...args);
  }
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
