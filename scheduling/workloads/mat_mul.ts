/**
 * The product of two matrices.
 *
 * @module
 */

import { checkInteger } from "../../runtime/clock.ts";
import { checkApart, checkArray } from "./check_arrays.ts";
import { openKernel } from "./kernel.ts";
import type { Product } from "./product.ts";

const ACTION = "multiply matrices";

/** A product, checked, with where it goes. */
export function matMulProduct(
  a: Float32Array,
  b: Float32Array,
  rowsA: number,
  colsA: number,
  colsB: number,
  out: Float32Array | undefined,
  make: (length: number) => Float32Array,
): Product {
  checkInteger(rowsA, 0, ACTION, "rowsA");
  checkInteger(colsA, 0, ACTION, "colsA");
  checkInteger(colsB, 0, ACTION, "colsB");
  checkArray(a, rowsA * colsA, ACTION, "a", `${rowsA} rows of ${colsA}`);
  checkArray(b, colsA * colsB, ACTION, "b", `${colsA} rows of ${colsB}`);
  if (out !== undefined) {
    checkArray(out, rowsA * colsB, ACTION, "out", `${rowsA} rows of ${colsB}`);
    checkApart(out, a, ACTION, "a");
    checkApart(out, b, ACTION, "b");
  }
  return {
    a,
    b,
    byColumns: false,
    start: undefined,
    out: out ?? make(rowsA * colsB),
    depth: colsA,
    columns: colsB,
  };
}

/**
 * Multiplies two matrices of 32-bit floats, which lie there by rows: `out = a * b`.
 *
 * All is done in this thread, before it answers; {@linkcode parallelMatMul} spreads it over workers.
 * It takes `2 * rowsA * colsA * colsB` operations, at about 10 per cycle of the processor (see
 * {@linkcode workloadKernel}), and no memory beside `out`.
 *
 * Each element is summed up in the order of `colsA`, in 32 bits, which gives the same bits
 * everywhere. Against exact arithmetic the error is at most `n * u / (1 - n * u)` times
 * `|a| * |b|`, with `n = colsA + 1` and `u = 2^-24`, unless a sum overflows. NaN and Infinity go on as
 * in IEEE 754: 0 times Infinity is NaN.
 *
 * Blocks and panels: K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix
 * Multiplication" (2008).
 *
 * @param a `rowsA * colsA` elements.
 * @param b `colsA * colsB` elements.
 * @param out Receives the product; must not share bytes with `a` or `b`. Default: a new array.
 * @returns `out`
 * @throws {TypeError} If an array is no Float32Array, or a size no number
 * @throws {RangeError} If a size is not a whole number from 0 on, an array has another number of
 * elements, or `out` overlaps one that is read
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { matMul } from "@vais/runtime";
 *
 * const a = Float32Array.of(1, 2, 3, 4, 5, 6); // 2 rows of 3
 * const b = Float32Array.of(1, 0, 0, 1, 1, 1); // 3 rows of 2
 * assertEquals([...matMul(a, b, 2, 3, 2)], [4, 5, 10, 11]);
 * ```
 */
export function matMul(
  a: Float32Array,
  b: Float32Array,
  rowsA: number,
  colsA: number,
  colsB: number,
  out?: Float32Array,
): Float32Array {
  const product = matMulProduct(a, b, rowsA, colsA, colsB, out, (n) => new Float32Array(n));
  openKernel().multiply(product, { row: 0, rows: rowsA, column: 0, columns: colsB });
  return product.out;
}
