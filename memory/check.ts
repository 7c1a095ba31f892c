/**
 * Bad input is refused at the door, in one form: `Cannot <action>: <what is> (<what is required>)`.
 *
 * @module
 */

const LARGEST_CAPACITY = 2 ** 26;

/** `value` as a person would write it, kept short. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value)
    ? "an array"
    : `a value of class ${value.constructor?.name ?? "Object"}`;
}

/** Throws unless `value` is a whole number from `least` to `most`. */
export function checkInteger(
  action: string,
  what: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
    return;
  }
  const message = `Cannot ${action}: ${what} is ${shown(value)} ` +
    `(pass a whole number from ${least} to ${most})`;
  throw typeof value === "number" ? new RangeError(message) : new TypeError(message);
}

/** Whether `value` is an int32; -0 is taken for 0. */
export function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value;
}

/** Throws: `value` is not an int32. Callers ask `isInt32` first: that is the quick path. */
export function refuseInt32(action: string, value: unknown): never {
  checkInteger(action, "the value", value, -(2 ** 31), 2 ** 31 - 1);
  throw new RangeError(`Cannot ${action}: the value is ${shown(value)} (pass an int32)`);
}

/** Throws unless `start`, where a counter is to begin, is an int32. */
export function checkStart(action: string, start: unknown): asserts start is number {
  checkInteger(action, "the start", start, -(2 ** 31), 2 ** 31 - 1);
}

/** `capacity` rounded up to a power of two of at least `least`. */
export function roundCapacity(action: string, capacity: unknown, least: number): number {
  checkInteger(action, "the capacity", capacity, 1, LARGEST_CAPACITY);
  let rounded = least;
  while (rounded < capacity) rounded *= 2;
  return rounded;
}

/** `capacity`, checked, not rounded. */
export function exactCapacity(action: string, capacity: unknown): number {
  checkInteger(action, "the capacity", capacity, 1, LARGEST_CAPACITY);
  return capacity;
}

/** Options of a call: an object, or nothing. */
export function checkOptions<T extends object>(action: string, options: T | undefined): T {
  if (options === undefined) return {} as T;
  if (typeof options === "object" && options !== null) return options;
  throw new TypeError(`Cannot ${action}: the options are ${shown(options)} (pass an object)`);
}

/** A time to wait, in ms: for ever is `undefined`, `null` or `Infinity`; 0 checks once. */
export function checkTimeout(action: string, timeoutMs: number | null | undefined): number {
  if (timeoutMs === undefined || timeoutMs === null) return Infinity;
  if (typeof timeoutMs !== "number") {
    throw new TypeError(
      `Cannot ${action}: the time is ${shown(timeoutMs)} (pass ms, or nothing to wait for ever)`,
    );
  }
  if (timeoutMs >= 0) return timeoutMs;
  throw new RangeError(`Cannot ${action}: the time is ${timeoutMs} (pass 0 or more ms)`);
}
