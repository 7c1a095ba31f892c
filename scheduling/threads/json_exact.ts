/**
 * Which values JSON carries exactly as structured clone would.
 *
 * @module
 */

const DEEPEST = 32;
const FEW = 8;

/**
 * Whether `JSON.parse(JSON.stringify(value))` is what structured clone gives: plain objects and arrays,
 * strings, finite numbers, booleans and null, none of them there twice. Not: undefined, -0, holes, dates,
 * classes, cycles. Accessors are taken to answer the same each time. No effect; O(size).
 */
export function isJsonExact(value: unknown): boolean {
  return typeof value === "object" && value !== null
    ? isExactObject(value, 0, new Seen())
    : isExactPrimitive(value);
}

/** The same for an array of values that this code has made: it has no holes, and no keys but its indices. */
export function areJsonExact(values: readonly unknown[]): boolean {
  let seen: Seen | undefined;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "object" || value === null) {
      if (!isExactPrimitive(value)) return false;
    } else if (!isExactObject(value, 1, seen ??= new Seen())) return false;
  }
  return true;
}

function isExact(value: unknown, depth: number, seen: Seen): boolean {
  return typeof value === "object" && value !== null
    ? isExactObject(value, depth + 1, seen)
    : isExactPrimitive(value);
}

function isExactPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "string":
    case "boolean":
      return true;
    default:
      return value === null;
  }
}

function isExactObject(value: object, depth: number, seen: Seen): boolean {
  if (depth === DEEPEST || !seen.add(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Array.prototype) return isExactArray(value as unknown[], depth, seen);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    if (!isExact((value as Record<string, unknown>)[key], depth, seen)) return false;
  }
  return !("toJSON" in value) && !(Symbol.toStringTag in value);
}

function isExactArray(array: readonly unknown[], depth: number, seen: Seen): boolean {
  for (let i = 0; i < array.length; i++) {
    if (!isExact(array[i], depth, seen)) return false;
  }
  return Object.keys(array).length === array.length && !("toJSON" in array);
}

/** Objects seen are few in most values: a set only for the others. */
class Seen {
  readonly #few: object[] = [];
  #many: Set<object> | undefined;

  /** False when it was there. */
  add(value: object): boolean {
    if (this.#many !== undefined) {
      const { size } = this.#many;
      return this.#many.add(value).size > size;
    }
    const few = this.#few;
    for (let i = 0; i < few.length; i++) if (few[i] === value) return false;
    few.push(value);
    if (few.length > FEW) this.#many = new Set(few);
    return true;
  }
}
