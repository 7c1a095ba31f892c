/**
 * A multi-layer perceptron: dense layers one after the other.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { checkApart, checkArray, checkFloats } from "./check_arrays.ts";
import { rowsOf } from "./dense.ts";
import { openKernel } from "./kernel.ts";

const ACTION = "run an MLP";

/** A layer of an {@linkcode mlp}: see {@linkcode dense}. */
export interface DenseLayer {
  /** How many inputs it has: as many as the layer before has outputs. */
  readonly inputs: number;
  /** How many outputs. */
  readonly outputs: number;
  /** A row of `inputs` weights for each output. */
  readonly weights: Float32Array;
  /** One for each output. */
  readonly biases: Float32Array;
  /** What its outputs go through. Default `"none"`. */
  readonly activation?: "relu" | "none";
}

/** Checks the layers and the arrays; answers how many rows there are. */
export function checkMlp(
  input: Float32Array,
  layers: readonly DenseLayer[],
  out: Float32Array | undefined,
): number {
  if (!Array.isArray(layers)) {
    throw new TypeError(`Cannot ${ACTION}: the layers are ${typeOf(layers)} (must be an array)`);
  }
  if (layers.length === 0) {
    throw new RangeError(`Cannot ${ACTION}: it has no layer (must have one)`);
  }
  checkFloats(input, ACTION, "input");
  let width: number | undefined;
  for (const [i, layer] of layers.entries()) {
    const name = `layers[${i}]`;
    if (typeof layer !== "object" || layer === null) {
      throw new TypeError(`Cannot ${ACTION}: ${name} is ${typeOf(layer)} (must be an object)`);
    }
    const { inputs, outputs, weights, biases, activation = "none" } = layer;
    checkInteger(inputs, 0, ACTION, `${name}.inputs`);
    checkInteger(outputs, 0, ACTION, `${name}.outputs`);
    if (width !== undefined && inputs !== width) {
      throw new RangeError(
        `Cannot ${ACTION}: ${name} has ${inputs} inputs (the layer before it has ${width} outputs)`,
      );
    }
    const shape = `${outputs} rows of ${inputs}`;
    checkArray(weights, inputs * outputs, ACTION, `${name}.weights`, shape);
    checkArray(biases, outputs, ACTION, `${name}.biases`, "one for each output");
    if (activation !== "none" && activation !== "relu") {
      throw new RangeError(
        `Cannot ${ACTION}: ${name}.activation is ${typeOf(activation)} (must be "relu" or "none")`,
      );
    }
    width = outputs;
  }
  const rows = rowsOf(input, layers[0]!.inputs, ACTION);
  if (out !== undefined) {
    checkArray(out, rows * width!, ACTION, "out", `${rows} rows of ${width}`);
    checkApart(out, input, ACTION, "input");
    for (const [i, { weights, biases }] of layers.entries()) {
      checkApart(out, weights, ACTION, `layers[${i}].weights`);
      checkApart(out, biases, ACTION, `layers[${i}].biases`);
    }
  }
  return rows;
}

/**
 * Runs inputs forward through dense layers: each layer's outputs are the next one's inputs.
 *
 * It runs in this thread, before it answers; {@linkcode parallelMlp} spreads the rows over workers.
 * It makes an array for the outputs of each layer but the last. Cost and error are those of the
 * layers, see {@linkcode dense}; the bits are the same everywhere.
 *
 * @param input Rows of as many elements as the first layer has inputs.
 * @param out Receives a row of the last layer's outputs for each; must not share bytes with what is
 * read. Default: a new array.
 * @returns `out`
 * @throws {TypeError} If something is of the wrong type
 * @throws {RangeError} If there is no layer, two layers do not fit, an array has another number of
 * elements, or `out` overlaps one that is read
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type DenseLayer, mlp } from "@vais/runtime";
 *
 * // Exclusive or: one hidden unit counts, the other sees whether both are 1.
 * const layers: DenseLayer[] = [
 *   {
 *     inputs: 2,
 *     outputs: 2,
 *     weights: Float32Array.of(1, 1, 1, 1),
 *     biases: Float32Array.of(0, -1),
 *     activation: "relu",
 *   },
 *   { inputs: 2, outputs: 1, weights: Float32Array.of(1, -2), biases: Float32Array.of(0) },
 * ];
 * assertEquals([...mlp(Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), layers)], [0, 1, 1, 0]);
 * ```
 */
export function mlp(
  input: Float32Array,
  layers: readonly DenseLayer[],
  out?: Float32Array,
): Float32Array {
  const rows = checkMlp(input, layers, out);
  const result = out ?? new Float32Array(rows * layers.at(-1)!.outputs);
  mlpPart(input, layers, result, 0, rows);
  return result;
}

/** Runs so many rows, from `row` on, through all layers; all was checked. Workers call it by its name. */
export function mlpPart(
  input: Float32Array,
  layers: readonly DenseLayer[],
  out: Float32Array,
  row: number,
  rows: number,
): void {
  const kernel = openKernel();
  const width = layers.at(-1)!.outputs;
  const result = out.subarray(row * width, (row + rows) * width);
  let values = input.subarray(row * layers[0]!.inputs, (row + rows) * layers[0]!.inputs);
  for (const [i, { inputs, outputs, weights, biases, activation }] of layers.entries()) {
    const next = i === layers.length - 1 ? result : new Float32Array(rows * outputs);
    kernel.multiply({
      a: values,
      b: weights,
      byColumns: true,
      start: biases,
      out: next,
      depth: inputs,
      columns: outputs,
    }, { row: 0, rows, column: 0, columns: outputs });
    if (activation === "relu") kernel.relu(next);
    values = next;
  }
}
