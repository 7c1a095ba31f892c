/**
 * What the options of allocators have in common, checked at the door.
 *
 * @module
 */
import { checkInteger, shown } from "../check.ts";

/** The end of the last byte an allocator manages: offsets and sizes stay int32. */
export const MOST_BYTES = 2 ** 31 - 2 ** 16;

/** The largest alignment. */
export const MOST_ALIGNMENT = 2 ** 16;

/** How far to shift for `alignment`, which must be a power of two from 8. */
export function checkAlignment(action: string, alignment: unknown): number {
  checkInteger(action, "the alignment", alignment, 8, MOST_ALIGNMENT);
  if ((alignment & (alignment - 1)) === 0) return 31 - Math.clz32(alignment);
  throw new RangeError(`Cannot ${action}: the alignment is ${alignment} (pass a power of two)`);
}

/** `true`, `false` or nothing. */
export function checkFlag(action: string, what: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new TypeError(`Cannot ${action}: ${what} is ${shown(value)} (pass a boolean)`);
}

/** A number from 0 to 1. */
export function checkPart(action: string, what: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value <= 1) return;
  const message = `Cannot ${action}: ${what} is ${shown(value)} (pass a number from 0 to 1)`;
  throw typeof value === "number" ? new RangeError(message) : new TypeError(message);
}

/** Throws: `bytes` is not a size that could ever be allocated. Callers test that first, quickly. */
export function refuseSize(bytes: unknown, most: number): never {
  checkInteger("allocate", "the size in bytes", bytes, 1, most);
  throw new RangeError(`Cannot allocate: the size is ${bytes} (pass an int32)`);
}
