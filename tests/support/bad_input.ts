/**
 * Bad input: values that the types would not let through, and how they must be refused.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";

/** A call that must be refused. */
export type Call = () => unknown;

/** Any value where a type is asked for, and one of which anything may be asked. */
// deno-lint-ignore no-explicit-any -- what is tested is what types do not let through
export type Any = any;

/** `Cannot <action>: <what is> (<what is required>)`. */
export const FORM = /^Cannot [^:]+: .+ \(.+\)$/;

/** A value where its type is not asked for. */
export function wrong(value: unknown): never {
  return value as never;
}

/** What the call throws or rejects with; fails when it does not. */
export async function errorOf(name: string, call: Call): Promise<Error> {
  try {
    await call();
  } catch (error) {
    assertInstanceOf(error, Error, `${name} threw no Error`);
    return error;
  }
  throw new Error(`${name}: accepted`);
}

/** Fails unless the call throws, or rejects with, this very class and a message of the usual form. */
export async function assertRefused(
  kind: typeof TypeError | typeof RangeError,
  name: string,
  call: Call,
): Promise<void> {
  const error = await errorOf(name, call);
  assertEquals(error.constructor, kind, `${name}: ${error}`);
  assertMatch(error.message, FORM, name);
}
