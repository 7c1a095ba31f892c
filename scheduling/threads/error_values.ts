/**
 * What may hang on an error: which of it can be sent as it is, and how the rest is told in words.
 *
 * @module
 */

/** An error, of this realm or another. */
export function isError(value: object): boolean {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

/** Made by `{}`, or without a prototype. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * What stands for `value` when it is not taken apart: itself when it can be cloned (a date, bytes), a
 * text when it cannot. `undefined` when it is taken apart: a container, or an object of some class,
 * which arrives as a plain one.
 */
export function asLeaf(value: object): unknown {
  if (Array.isArray(value) || value instanceof Map || value instanceof Set || isPlain(value)) {
    return undefined;
  }
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  let clone: unknown;
  try {
    clone = structuredClone(value);
  } catch {
    // An object of somebody's class that owns a function, say.
    return tag === "Object" ? undefined : describeUnclonable(value);
  }
  if (typeof clone !== "object" || clone === null || !isPlain(clone)) return value;
  // A thing of the host's whose content clone cannot see: a URL, a response.
  return tag === "Object" ? undefined : describeUnclonable(value);
}

/** In words, what is lost. */
export function describeUnclonable(
  value: unknown,
  why = "cannot be sent to another thread",
): string {
  return `[${inWords(value)}: ${why}]`;
}

/** A value, short, whatever it is. */
export function inWords(value: unknown): string {
  try {
    if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
    if (typeof value === "symbol") return String(value);
    if (typeof value !== "object" || value === null) return String(value);
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    const name = value.constructor?.name ?? "object";
    const ownText = value.toString !== Object.prototype.toString && !Array.isArray(value)
      ? ` ${String(value)}`
      : "";
    return name + ownText;
  } catch {
    return "object"; // it refuses to be looked at
  }
}

/** A property of an object that may refuse to be looked at. */
export function readProperty(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
