/**
 * Arrays are refused at the door when they do not fit: see `memory/check.ts` for the form.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";

/** Throws unless `array` is a Float32Array of so many elements; `why` tells what they are. */
export function checkArray(
  array: unknown,
  length: number,
  action: string,
  what: string,
  why: string,
): asserts array is Float32Array {
  checkFloats(array, action, what);
  if (array.length !== length) {
    throw new RangeError(
      `Cannot ${action}: ${what} has ${array.length} elements (${why}: must have ${length})`,
    );
  }
}

/** Throws unless `array` is a Float32Array. */
export function checkFloats(
  array: unknown,
  action: string,
  what: string,
): asserts array is Float32Array {
  if (!(array instanceof Float32Array)) {
    throw new TypeError(`Cannot ${action}: ${what} is ${typeOf(array)} (must be a Float32Array)`);
  }
}

/** Throws when a result would be written over something that is still to be read. */
export function checkApart(
  out: Float32Array,
  input: Float32Array,
  action: string,
  what: string,
): void {
  if (
    out.buffer === input.buffer && out.length > 0 && input.length > 0 &&
    out.byteOffset < input.byteOffset + input.byteLength &&
    input.byteOffset < out.byteOffset + out.byteLength
  ) {
    throw new RangeError(
      `Cannot ${action}: out and ${what} share bytes of one buffer (must lie apart)`,
    );
  }
}
