/**
 * What the threads benches run on other threads: exports of a module, each with one argument, since pools
 * of message ports pass no more.
 *
 * @module
 */

/** An object of 200 bytes or so. */
export interface Row {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly at: { readonly x: number; readonly y: number };
  readonly note: string;
  readonly active: boolean;
}

/** Next to nothing. */
export function increment(n: number): number {
  return n + 1;
}

/** The argument itself. */
export function echo(row: Row): Row {
  return row;
}

/** The length of some bytes, their first and their last. */
export function ends(bytes: Uint8Array): number {
  return bytes.length + bytes[0]! + bytes[bytes.length - 1]!;
}

/** The slow way. */
export function fib(n: number): number {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

/** So many steps of a loop, none of which can be left out. */
export function spin(steps: number): number {
  let x = 1;
  for (let i = 0; i < steps; i++) x = Math.imul(x, 1664525) + 1013904223 | 0;
  return x;
}
