/**
 * A dense layer of a neural network, and what comes after it.
 *
 * @module
 */

import { checkInteger } from "../../runtime/clock.ts";
import { checkApart, checkArray, checkFloats } from "./check_arrays.ts";
import { openKernel } from "./kernel.ts";
import type { Product } from "./product.ts";
import { reluPart } from "./tasks.ts";

const ACTION = "compute a dense layer";

/** A layer as a product, checked, with where it goes; and how many rows it has. */
export function denseProduct(
  input: Float32Array,
  weights: Float32Array,
  biases: Float32Array,
  inputs: number,
  outputs: number,
  out: Float32Array | undefined,
  make: (length: number) => Float32Array,
): { readonly product: Product; readonly rows: number } {
  checkInteger(inputs, 0, ACTION, "inputs");
  checkInteger(outputs, 0, ACTION, "outputs");
  checkFloats(input, ACTION, "input");
  checkArray(weights, inputs * outputs, ACTION, "weights", `${outputs} rows of ${inputs}`);
  checkArray(biases, outputs, ACTION, "biases", "one for each output");
  const rows = rowsOf(input, inputs, ACTION);
  if (out !== undefined) {
    checkArray(out, rows * outputs, ACTION, "out", `${rows} rows of ${outputs}`);
    checkApart(out, input, ACTION, "input");
    checkApart(out, weights, ACTION, "weights");
    checkApart(out, biases, ACTION, "biases");
  }
  const product: Product = {
    a: input,
    b: weights,
    byColumns: true,
    start: biases,
    out: out ?? make(rows * outputs),
    depth: inputs,
    columns: outputs,
  };
  return { product, rows };
}

/** How many rows of `inputs` elements there are; without inputs it is one. */
export function rowsOf(input: Float32Array, inputs: number, action: string): number {
  const rows = inputs === 0 ? 1 : input.length / inputs;
  if (Number.isInteger(rows) && rows * inputs === input.length) return rows;
  throw new RangeError(
    `Cannot ${action}: input has ${input.length} elements (must be rows of ${inputs})`,
  );
}

/**
 * Computes a dense layer: `out = biases + weights * input`, for one row of inputs or for several.
 *
 * It runs in this thread, before it answers; {@linkcode parallelDense} spreads it over workers. Sums
 * begin with the bias and go on in the order of the inputs, in 32 bits: the same bits everywhere.
 * Cost, error, NaN and Infinity are as in {@linkcode matMul}, with `inputs` for `colsA`.
 *
 * @param input Rows of `inputs` elements each.
 * @param weights A row of `inputs` weights for each output.
 * @param biases One for each output.
 * @param out Receives a row of `outputs` elements for each row of `input`; must not share bytes with
 * what is read. Default: a new array.
 * @returns `out`
 * @throws {TypeError} If an array is no Float32Array, or a size no number
 * @throws {RangeError} If a size is not a whole number from 0 on, an array has another number of
 * elements, or `out` overlaps one that is read
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dense } from "@vais/runtime";
 *
 * const weights = Float32Array.of(1, 2, 3, -1, 0, 1); // 2 outputs, 3 inputs
 * const biases = Float32Array.of(10, 20);
 * assertEquals([...dense(Float32Array.of(1, 1, 2), weights, biases, 3, 2)], [19, 21]);
 * ```
 */
export function dense(
  input: Float32Array,
  weights: Float32Array,
  biases: Float32Array,
  inputs: number,
  outputs: number,
  out?: Float32Array,
): Float32Array {
  const { product, rows } = denseProduct(
    input,
    weights,
    biases,
    inputs,
    outputs,
    out,
    (n) => new Float32Array(n),
  );
  openKernel().multiply(product, { row: 0, rows, column: 0, columns: outputs });
  return product.out;
}

/**
 * Makes the negative elements 0, in place. NaN stays, and so does -0.
 *
 * It takes about 0.3 ns for an element, whatever their signs.
 *
 * @returns `values`
 * @throws {TypeError} If it is no Float32Array
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { relu } from "@vais/runtime";
 *
 * assertEquals([...relu(Float32Array.of(-2, 0, 3, NaN))], [0, 0, 3, NaN]);
 * ```
 */
export function relu(values: Float32Array): Float32Array {
  checkFloats(values, "compute relu", "values");
  reluPart(values, 0, values.length);
  return values;
}
