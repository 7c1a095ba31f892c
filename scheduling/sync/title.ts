/**
 * What primitives are called.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";

/** What a primitive is called in errors and dumps. */
export interface NameOptions {
  /** Default: none. */
  readonly name?: string;
}

/**
 * "semaphore db", or "semaphore" without a name.
 *
 * @throws {TypeError} If the options are no object, or the name is no string
 */
export function titleOf(kind: string, options: NameOptions | undefined, action: string): string {
  if (options === undefined) return kind;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { name } = options;
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
  }
  return name === undefined || name === "" ? kind : `${kind} ${name}`;
}
