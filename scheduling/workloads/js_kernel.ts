/**
 * The kernel without WebAssembly SIMD, for hosts that have none.
 *
 * Eight columns of B are copied together first, so that every cache line of it is read once per
 * block; then eight sums at a time run in registers, none waiting for another. `Math.fround` after
 * each operation gives the bits that 32-bit arithmetic gives: rounding the exact result to 64 bits
 * first changes nothing (S. A. Figueroa, "When is Double Rounding Innocuous?", 1995).
 *
 * @module
 */

import type { Kernel, Part, Product } from "./product.ts";

const f = Math.fround;

/** Depth of a block: eight columns of it stay in the nearest cache. */
const DEPTH = 512;
const WIDTH = 8;

/** See the head of this file. */
export class JsKernel implements Kernel {
  readonly name = "js";
  /** Eight columns of B, row after row. */
  readonly #panel = new Float32Array(WIDTH * DEPTH);
  /** Eight elements of the result, where it has fewer. */
  readonly #edge = new Float32Array(WIDTH);

  multiply(product: Product, part: Part): void {
    const { a, out, start, depth, columns } = product;
    const rowsEnd = part.row + part.rows, columnsEnd = part.column + part.columns;
    const panel = this.#panel, edge = this.#edge;
    for (let i = part.row; i < rowsEnd; i++) {
      for (let j = part.column; j < columnsEnd; j++) out[i * columns + j] = start?.[j] ?? 0;
    }
    for (let from = 0; from < depth; from += DEPTH) {
      const many = Math.min(DEPTH, depth - from);
      for (let j = part.column; j < columnsEnd; j += WIDTH) {
        const width = Math.min(WIDTH, columnsEnd - j);
        pack(product, from, many, j, width, panel);
        for (let i = part.row; i < rowsEnd; i++) {
          const at = i * columns + j, first = i * depth + from;
          if (width === WIDTH) addRow(out, at, a, first, many, panel);
          else {
            for (let c = 0; c < width; c++) edge[c] = out[at + c]!;
            addRow(edge, 0, a, first, many, panel);
            for (let c = 0; c < width; c++) out[at + c] = edge[c]!;
          }
        }
      }
    }
  }

  /** Without a branch, which random signs would make slow. */
  relu(values: Float32Array): void {
    const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
    for (let i = 0; i < bits.length; i++) {
      const x = bits[i]!;
      const size = x & 0x7fffffff;
      const isNegative = x >> 31, isNumber = (size - 0x7f800001) >> 31, isNotZero = -size >> 31;
      bits[i] = x & ~(isNegative & isNumber & isNotZero);
    }
  }
}

function pack(
  { b, byColumns, depth, columns }: Product,
  from: number,
  many: number,
  j: number,
  width: number,
  panel: Float32Array,
): void {
  const step = byColumns ? 1 : columns;
  for (let c = 0; c < width; c++) {
    let at = byColumns ? (j + c) * depth + from : from * columns + j + c;
    for (let p = c; p < WIDTH * many; p += WIDTH, at += step) panel[p] = b[at]!;
  }
}

/** Adds a row of A times the panel to eight elements. */
function addRow(
  to: Float32Array,
  at: number,
  a: Float32Array,
  first: number,
  many: number,
  y: Float32Array,
): void {
  let s0 = to[at]!, s1 = to[at + 1]!, s2 = to[at + 2]!, s3 = to[at + 3]!;
  let s4 = to[at + 4]!, s5 = to[at + 5]!, s6 = to[at + 6]!, s7 = to[at + 7]!;
  for (let p = 0; p < many; p++) {
    const x = a[first + p]!, q = WIDTH * p;
    s0 = f(s0 + f(x * y[q]!));
    s1 = f(s1 + f(x * y[q + 1]!));
    s2 = f(s2 + f(x * y[q + 2]!));
    s3 = f(s3 + f(x * y[q + 3]!));
    s4 = f(s4 + f(x * y[q + 4]!));
    s5 = f(s5 + f(x * y[q + 5]!));
    s6 = f(s6 + f(x * y[q + 6]!));
    s7 = f(s7 + f(x * y[q + 7]!));
  }
  to[at] = s0;
  to[at + 1] = s1;
  to[at + 2] = s2;
  to[at + 3] = s3;
  to[at + 4] = s4;
  to[at + 5] = s5;
  to[at + 6] = s6;
  to[at + 7] = s7;
}
