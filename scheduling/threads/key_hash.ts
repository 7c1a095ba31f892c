/**
 * Which part of a cache a key belongs to.
 *
 * @module
 */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Characters of a long string that count: its first and last ones. */
const SAMPLED = 16;

/** Objects and functions get numbers in the order they are first seen. */
const numbers = new WeakMap<object, number>();
let nextNumber = 0;

/** A number of 32 bits, the same for keys that a `Map` takes for the same. */
export function hashKey(key: unknown): number {
  switch (typeof key) {
    case "number":
      return mix(key === (key | 0) ? key : hashText(String(key)));
    case "string":
      return mix(hashText(key));
    case "object":
    case "function":
      return key === null ? 0 : mix(numberOf(key));
    default: // bigint, boolean, symbol, undefined
      return mix(hashText(String(key)));
  }
}

function numberOf(key: object): number {
  let number = numbers.get(key);
  if (number === undefined) numbers.set(key, number = nextNumber++ | 0);
  return number;
}

/** FNV-1a over the length and some characters. Glenn Fowler, Landon Curt Noll, Phong Vo (1991). */
function hashText(text: string): number {
  const { length } = text;
  let hash = Math.imul(FNV_OFFSET ^ length, FNV_PRIME);
  const head = Math.min(length, SAMPLED);
  for (let i = 0; i < head; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  for (let i = Math.max(head, length - SAMPLED); i < length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  }
  return hash;
}

/** Spreads neighbouring numbers: the finalizer of MurmurHash3. Austin Appleby (2011). */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
