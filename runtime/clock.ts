/**
 * Where the runtime gets its time: monotonic milliseconds, from the host or from a test.
 *
 * @module
 */

/** A monotonic clock. */
export interface Clock {
  /** Milliseconds since some fixed moment; fractions allowed, never goes back. */
  now(): number;
}

/** The host's monotonic clock (`performance.now()`). */
export const systemClock: Clock = { now: () => performance.now() };

/**
 * A clock that stands still until it is told to move. `SimulatedRuntime` drives one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { VirtualClock } from "@vais/runtime/testing";
 *
 * const clock = new VirtualClock();
 * clock.advance(1_500);
 * assertEquals(clock.now(), 1_500);
 * ```
 */
export class VirtualClock implements Clock {
  #now: number;

  /** Starts at `start` ms. */
  constructor(start = 0) {
    this.#now = checkDuration(start, "create VirtualClock", "start");
  }

  /** The virtual time, in ms. */
  now(): number {
    return this.#now;
  }

  /** Moves the time on by `ms`. */
  advance(ms: number): void {
    this.#now += checkDuration(ms, "advance VirtualClock", "ms");
  }
}

/**
 * Answers `ms` when it is a number of milliseconds, 0 or more; `Infinity` only where it is allowed.
 *
 * @throws {TypeError} If it is not a number
 * @throws {RangeError} If it is NaN or negative, or infinite where that makes no sense
 */
export function checkDuration(
  ms: unknown,
  action: string,
  what: string,
  infinite = false,
): number {
  if (typeof ms !== "number") {
    throw new TypeError(
      `Cannot ${action}: ${what} is ${typeOf(ms)} (must be a number of milliseconds)`,
    );
  }
  if (!(ms >= 0) || (!infinite && ms === Infinity)) {
    throw new RangeError(
      `Cannot ${action}: ${what} is ${ms} (must be 0 or more${infinite ? "" : ", and finite"})`,
    );
  }
  return ms;
}

/**
 * Reads a timeout: `undefined`, `null` and `Infinity` mean "for ever" and answer `Infinity`.
 *
 * @throws {TypeError} If it is neither nullish nor a number
 * @throws {RangeError} If it is NaN or negative
 */
export function checkTimeout(
  ms: unknown,
  action: string,
  what = "timeoutMs",
): number {
  return ms === undefined || ms === null ? Infinity : checkDuration(ms, action, what, true);
}

/** Answers `n` when it is a whole number in [min, 2^53). */
export function checkInteger(
  n: unknown,
  min: number,
  action: string,
  what: string,
): number {
  if (typeof n !== "number") {
    throw new TypeError(
      `Cannot ${action}: ${what} is ${typeOf(n)} (must be a whole number)`,
    );
  }
  if (!Number.isSafeInteger(n) || n < min) {
    throw new RangeError(
      `Cannot ${action}: ${what} is ${n} (must be a whole number, ${min} or more)`,
    );
  }
  return n;
}

/** The type of a value, for error messages. */
export function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") {
    return `a ${value.constructor?.name ?? "null-prototype object"}`;
  }
  if (typeof value === "function") return "a function";
  return typeof value === "string"
    ? `the string ${JSON.stringify(value)}`
    : `${typeof value} ${String(value)}`;
}
