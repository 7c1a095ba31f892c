/**
 * What workers do for `dense`, `matMul` and `relu`: they import this module and call its functions by
 * name. Arrays are arguments of their own, as an engine carries those in shared memory best.
 *
 * Nothing is checked here.
 *
 * @module
 */

import { openKernel } from "./kernel.ts";
import type { Part, Product } from "./product.ts";

/** A product without its arrays. */
export type ProductShape = Pick<Product, "byColumns" | "depth" | "columns">;

/** A part of a product. */
export function productPart(
  a: Float32Array,
  b: Float32Array,
  start: Float32Array | null,
  out: Float32Array,
  shape: ProductShape,
  part: Part,
): void {
  openKernel().multiply({ ...shape, a, b, start: start ?? undefined, out }, part);
}

/** The elements from `from` to `to`. */
export function reluPart(values: Float32Array, from: number, to: number): void {
  openKernel().relu(values.subarray(from, to));
}
