/**
 * What the kernels compute: a part of a matrix product.
 *
 * Every kernel, however it cuts the work, adds the products of one element one after the other in
 * the order of the depth, and rounds each to 32 bits. So all give the same bits, on every machine and
 * with any number of workers; only which NaN a NaN is, is left open.
 *
 * The error against exact arithmetic is at most `n * u / (1 - n * u)` times the sum of the absolute
 * values of what is added, with `n = depth + 1` and `u = 2^-24`, as long as nothing overflows, plus
 * `depth * 2^-149` where it underflows (N. J. Higham, "Accuracy and Stability of Numerical
 * Algorithms", 2002, §3.1).
 *
 * @module
 */

/** Rows of `a` times columns of `b`, into `out`: `out[i][j] = start[j] + a[i][0] * b[0][j] + …`. */
export interface Product {
  /** By rows, of `depth` elements each. */
  readonly a: Float32Array;
  /** By rows, of `columns` elements each; or by columns, of `depth` elements each. */
  readonly b: Float32Array;
  /** Whether `b` lies there by columns. */
  readonly byColumns: boolean;
  /** What each row starts from; 0 without one. */
  readonly start: Float32Array | undefined;
  /** By rows, of `columns` elements each. */
  readonly out: Float32Array;
  /** How many products an element adds up. */
  readonly depth: number;
  /** How many columns `out` has. */
  readonly columns: number;
}

/** The part of a product that is wanted. */
export interface Part {
  /** The first row. */
  readonly row: number;
  /** How many rows. */
  readonly rows: number;
  /** The first column. */
  readonly column: number;
  /** How many columns. */
  readonly columns: number;
}

/** A way to compute. */
export interface Kernel {
  /** Its name. */
  readonly name: "wasm-simd" | "js";
  /** Computes a part of a product; the rest of `out` stays as it is. */
  multiply(product: Product, part: Part): void;
  /** Makes negative numbers 0. */
  relu(values: Float32Array): void;
}
