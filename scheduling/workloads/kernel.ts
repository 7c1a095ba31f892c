/**
 * Which kernel this thread computes with.
 *
 * @module
 */

import { JsKernel } from "./js_kernel.ts";
import type { Kernel } from "./product.ts";
import { openSimdKernel } from "./simd_kernel.ts";

/** What {@linkcode workloadKernel} answers. */
export interface WorkloadKernel {
  /** `"wasm-simd"`, or `"js"` where that cannot be had. */
  readonly name: "wasm-simd" | "js";
  /** Why it is not the faster one. */
  readonly reason?: string;
}

let opened: { readonly kernel: Kernel; readonly told: WorkloadKernel } | undefined;

/** The kernel of this thread, made at the first call. */
export function openKernel(): Kernel {
  return (opened ??= open()).kernel;
}

/**
 * Tells how this thread multiplies: by WebAssembly SIMD, or in plain JavaScript where the host has
 * none, which takes about 15 times as long. Both give the same bits.
 *
 * The first call, or the first product, makes the kernel (about 1 ms, 2.4 MB in each thread).
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { workloadKernel } from "@vais/runtime";
 *
 * const { name, reason } = workloadKernel();
 * assert(name === "wasm-simd" || reason !== undefined);
 * ```
 */
export function workloadKernel(): WorkloadKernel {
  return (opened ??= open()).told;
}

function open(): { readonly kernel: Kernel; readonly told: WorkloadKernel } {
  const kernel = openSimdKernel();
  return typeof kernel === "string"
    ? { kernel: new JsKernel(), told: { name: "js", reason: kernel } }
    : { kernel, told: { name: kernel.name } };
}
