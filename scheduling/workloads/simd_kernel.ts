/**
 * The kernel in WebAssembly SIMD: cuts a product into blocks that fit in the caches and in the
 * module's memory, and copies them in and out. The module's source is `scripts/build_kernel.ts`.
 *
 * A module's memory (2.4 MB) is its thread's own; it is made at the first product and stays.
 *
 * @module
 */

import type { Kernel, Part, Product } from "./product.ts";
import { MEMORY_BYTES, MODULE, PANEL } from "./simd_kernel_bytes.ts";

/** Depth of a block: a panel of it stays in the nearest cache. */
const DEPTH = 512;
/** Columns of a block, whole panels. */
const COLUMNS = 512;
/** Rows of a block: they stay in the second cache. */
const ROWS = 64;

/** The module's functions read and write so many bytes more than they are told to. */
const SLACK = 256;

// Where things lie in the memory, in bytes: a block as it is, B in panels, A, the result in panels.
const PLAIN = 0;
const PANELS = PLAIN + 4 * DEPTH * COLUMNS + SLACK;
const LEFT = PANELS + 4 * DEPTH * COLUMNS + SLACK;
const RESULT = LEFT + 4 * ROWS * DEPTH;

/** So many elements are made 0 at a time: they stay in the second cache. */
const RELU_ELEMENTS = 16384;

/** What the module exports. Addresses, and steps from a row to the next, are in bytes. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  multiply(
    a: number,
    aStep: number,
    panels: number,
    c: number,
    cStep: number,
    rows: number,
    panelCount: number,
    depth: number,
  ): void;
  pack(from: number, step: number, depth: number, panelCount: number, to: number): void;
  packColumns(from: number, step: number, depth: number, panelCount: number, to: number): void;
  copyRows(
    from: number,
    fromStep: number,
    to: number,
    toStep: number,
    rows: number,
    bytes: number,
  ): void;
  relu(from: number, to: number): void;
}

interface WasmHost {
  readonly WebAssembly?: {
    validate(bytes: Uint8Array): boolean;
    readonly Module: new (bytes: Uint8Array) => unknown;
    readonly Instance: new (module: unknown) => { readonly exports: unknown };
  };
}

/** The kernel of this thread, or why there can be none. */
export function openSimdKernel(): Kernel | string {
  const { WebAssembly } = globalThis as WasmHost;
  if (WebAssembly === undefined) return "this host has no WebAssembly";
  const bytes = Uint8Array.from(atob(MODULE), (character) => character.charCodeAt(0));
  if (!WebAssembly.validate(bytes)) return "the WebAssembly of this host has no SIMD";
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return new SimdKernel(exports as Exports);
  } catch (error) {
    // A policy of the page, or no memory to be had.
    return `WebAssembly refused: ${(error as Error).message}`;
  }
}

class SimdKernel implements Kernel {
  readonly name = "wasm-simd";
  readonly #wasm: Exports;
  readonly #memory: Float32Array;

  constructor(wasm: Exports) {
    this.#wasm = wasm;
    this.#memory = new Float32Array(wasm.memory.buffer, 0, MEMORY_BYTES >> 2);
  }

  relu(values: Float32Array): void {
    for (let at = 0; at < values.length; at += RELU_ELEMENTS) {
      const some = values.subarray(at, at + RELU_ELEMENTS);
      this.#memory.set(some, PLAIN >> 2);
      this.#wasm.relu(PLAIN, PLAIN + 4 * some.length);
      some.set(this.#memory.subarray(PLAIN >> 2, (PLAIN >> 2) + some.length));
    }
  }

  multiply(product: Product, part: Part): void {
    const columnsEnd = part.column + part.columns;
    const rowsEnd = part.row + part.rows;
    for (let j = part.column; j < columnsEnd; j += COLUMNS) {
      const columns = Math.min(COLUMNS, columnsEnd - j);
      // Also when the depth is 0: then what the rows start from is all.
      for (let p = 0; p < product.depth || p === 0; p += DEPTH) {
        const depth = Math.min(DEPTH, product.depth - p);
        this.#takeB(product, j, columns, p, depth);
        for (let i = part.row; i < rowsEnd; i += ROWS) {
          const rows = Math.min(ROWS, rowsEnd - i);
          this.#block(product, i, rows, j, columns, p, depth);
        }
      }
    }
  }

  /** B's block, in panels. */
  #takeB(
    { b, byColumns, columns: step, depth: whole }: Product,
    j: number,
    columns: number,
    p: number,
    depth: number,
  ): void {
    if (depth === 0) return;
    const panels = Math.ceil(columns / PANEL);
    if (byColumns) {
      this.#take(b, whole, j, columns, p, depth, PLAIN);
      this.#wasm.packColumns(PLAIN, 4 * depth, depth, panels, PANELS);
    } else {
      this.#take(b, step, p, depth, j, columns, PLAIN);
      this.#wasm.pack(PLAIN, 4 * columns, depth, panels, PANELS);
    }
  }

  #block(
    { a, out, start, columns: step, depth: whole }: Product,
    i: number,
    rows: number,
    j: number,
    columns: number,
    p: number,
    depth: number,
  ): void {
    const panels = Math.ceil(columns / PANEL);
    const wide = 4 * panels * PANEL;
    const bytes = 4 * columns;
    const result = RESULT >> 2;
    if (p > 0) {
      this.#take(out, step, i, rows, j, columns, PLAIN);
      this.#wasm.copyRows(PLAIN, bytes, RESULT, wide, rows, bytes);
    } else if (start === undefined) {
      this.#memory.fill(0, result, result + rows * panels * PANEL);
    } else {
      this.#memory.set(start.subarray(j, j + columns), PLAIN >> 2);
      this.#wasm.copyRows(PLAIN, 0, RESULT, wide, rows, bytes);
    }
    if (depth > 0) {
      this.#take(a, whole, i, rows, p, depth, LEFT);
      this.#wasm.multiply(LEFT, 4 * depth, PANELS, RESULT, wide, rows, panels, depth);
    }
    if (columns === step) {
      this.#wasm.copyRows(RESULT, wide, PLAIN, bytes, rows, bytes);
      const plain = PLAIN >> 2;
      out.set(this.#memory.subarray(plain, plain + rows * columns), i * step);
    } else {
      for (let r = 0; r < rows; r++) {
        const from = result + r * panels * PANEL;
        out.set(this.#memory.subarray(from, from + columns), (i + r) * step + j);
      }
    }
  }

  /** Copies a block of an array whose rows have `step` elements: row after row, to an address. */
  #take(
    from: Float32Array,
    step: number,
    i: number,
    rows: number,
    j: number,
    columns: number,
    address: number,
  ): void {
    const at = address >> 2;
    if (columns === step) {
      this.#memory.set(from.subarray(i * step, (i + rows) * step), at);
    } else {
      for (let r = 0; r < rows; r++) {
        const first = (i + r) * step + j;
        this.#memory.set(from.subarray(first, first + columns), at + r * columns);
      }
    }
  }
}
