/**
 * Workloads spread over workers: each computes a part of the result, in place, in shared memory.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { checkFloats } from "./check_arrays.ts";
import { denseProduct } from "./dense.ts";
import { matMulProduct } from "./mat_mul.ts";
import { checkMlp, type DenseLayer } from "./mlp.ts";
import type { Part, Product } from "./product.ts";
import type { ProductShape } from "./tasks.ts";

/** A self-contained function, which workers get as text: calls a function of a module. */
export type WorkloadCall = (
  module: string,
  task: string,
  ...args: readonly unknown[]
) => void | Promise<void>;

/**
 * Workers that run self-contained functions: an `Engine` is one. Buffers that it was told of by its
 * `share` reach the workers soonest.
 */
export interface ParallelRun {
  /** How many there are; 0 when calls run in the calling thread. */
  readonly workerCount: number;
  /** Runs the function in one of them; resolves when it has ended. Arrays in shared memory are shared. */
  run(
    call: WorkloadCall,
    args: Parameters<WorkloadCall>,
    options?: { readonly signal?: AbortSignal },
  ): PromiseLike<unknown>;
}

/** How to run a workload on workers. */
export interface ParallelOptions {
  /** Cancels: parts that have not begun are not begun, the others end. */
  readonly signal?: AbortSignal;
  /** Into how many parts it is cut, at most. Default: as many as there are workers. */
  readonly parts?: number;
}

/** So many multiplications are worth a task of their own: about 50 µs. */
const LEAST_WORK = 1_000_000;
/** Each part copies all of B that it needs: with so many rows that is a small share of its time. */
const LEAST_ROWS = 32;
/** Cuts between columns keep panels whole. */
const PANEL = 16;
/** So many elements of a relu are worth a task of their own. */
const LEAST_ELEMENTS = 131_072;

/**
 * A module beside this one, for workers: `.ts` in a checkout and on JSR, `.js` in the npm package, which
 * has it only because others import it too.
 */
export function moduleUrl(name: "tasks" | "mlp"): string {
  const ending = /\.[cm]?[jt]s$/.exec(import.meta.url)?.[0] ?? ".js";
  return new URL(`./${name}${ending}`, import.meta.url).href;
}

type Tasks = Readonly<Record<string, (...args: readonly unknown[]) => void>>;

/**
 * It uses nothing from around it. What it has imported it keeps on itself: then it has ended when it
 * answers, and no worker takes a second part while it waits for the module of the first.
 */
const callTask: WorkloadCall = function call(module, task, ...args) {
  const self = call as WorkloadCall & { modules?: Record<string, Tasks> };
  const modules = self.modules ??= {};
  const loaded = modules[module];
  if (loaded !== undefined) return loaded[task]!(...args);
  return import(module).then((tasks: Tasks) => {
    modules[module] = tasks;
    tasks[task]!(...args);
  });
};

/**
 * A Float32Array in shared memory, which the parallel workloads use without copying.
 *
 * @param values Its length (it is filled with 0), or what it begins with.
 * @throws {RangeError} If the length is not a whole number, or there is no memory for it
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { sharedFloat32Array } from "@vais/runtime";
 *
 * const weights = sharedFloat32Array([0.5, 0.25]);
 * assert(weights.buffer instanceof SharedArrayBuffer);
 * assertEquals([...weights], [0.5, 0.25]);
 * ```
 */
export function sharedFloat32Array(values: number | ArrayLike<number>): Float32Array {
  const length = typeof values === "number" ? values : values.length;
  const array = new Float32Array(new SharedArrayBuffer(4 * length));
  if (typeof values !== "number") array.set(values);
  return array;
}

/**
 * {@linkcode matMul} on workers: each computes some rows of the product, or some columns where there
 * are few rows. The bits are those of `matMul`, whatever the number of workers.
 *
 * Arrays outside shared memory are copied into it first, and `out` back from it at the end; see
 * {@linkcode sharedFloat32Array}. Until it settles `a` and `b` must not be written, nor `out` read.
 *
 * @param run Workers: an `Engine`.
 * @param out Receives the product. Default: a new array in shared memory.
 * @returns `out`. Rejects with what `run` rejected with first, after all parts have ended; `out` is
 * written in part then
 * @throws {TypeError | RangeError} As `matMul` does; it rejects
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine, parallelMatMul } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 2 });
 * const a = Float32Array.of(1, 2, 3, 4), b = Float32Array.of(0, 1, 1, 0);
 * assertEquals([...await parallelMatMul(engine, a, b, 2, 2, 2)], [2, 1, 4, 3]);
 * ```
 */
export async function parallelMatMul(
  run: ParallelRun,
  a: Float32Array,
  b: Float32Array,
  rowsA: number,
  colsA: number,
  colsB: number,
  out?: Float32Array,
  options?: ParallelOptions,
): Promise<Float32Array> {
  const action = "multiply matrices";
  checkRun(run, action);
  const product = matMulProduct(a, b, rowsA, colsA, colsB, out, sharedFloat32Array);
  return await runProduct(run, action, product, rowsA, options);
}

/**
 * {@linkcode dense} on workers, like {@linkcode parallelMatMul}.
 *
 * @param run Workers: an `Engine`.
 * @param out Receives the outputs. Default: a new array in shared memory.
 * @returns `out`. Rejects with what `run` rejected with first, after all parts have ended
 * @throws {TypeError | RangeError} As `dense` does; it rejects
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine, parallelDense } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 2 });
 * const input = Float32Array.of(1, 2), weights = Float32Array.of(3, 4), biases = Float32Array.of(5);
 * assertEquals([...await parallelDense(engine, input, weights, biases, 2, 1)], [16]);
 * ```
 */
export async function parallelDense(
  run: ParallelRun,
  input: Float32Array,
  weights: Float32Array,
  biases: Float32Array,
  inputs: number,
  outputs: number,
  out?: Float32Array,
  options?: ParallelOptions,
): Promise<Float32Array> {
  const action = "compute a dense layer";
  checkRun(run, action);
  const { product, rows } = denseProduct(
    input,
    weights,
    biases,
    inputs,
    outputs,
    out,
    sharedFloat32Array,
  );
  return await runProduct(run, action, product, rows, options);
}

/**
 * {@linkcode relu} on workers, in place. It pays from some hundred thousand elements on.
 *
 * @param run Workers: an `Engine`.
 * @returns `values`. Rejects with what `run` rejected with first, after all parts have ended
 * @throws {TypeError} If `values` is no Float32Array; it rejects
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine, parallelRelu } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 2 });
 * assertEquals([...await parallelRelu(engine, Float32Array.of(-1, 1))], [0, 1]);
 * ```
 */
export async function parallelRelu(
  run: ParallelRun,
  values: Float32Array,
  options?: ParallelOptions,
): Promise<Float32Array> {
  const action = "compute relu";
  checkRun(run, action);
  checkFloats(values, action, "values");
  const most = partCount(run, options, action);
  const shared = inShared(values);
  const each = Math.max(LEAST_ELEMENTS, Math.ceil(values.length / most));
  const parts: unknown[][] = [];
  for (let from = 0; from < values.length; from += each) {
    parts.push([shared, from, Math.min(from + each, values.length)]);
  }
  await runAll(run, moduleUrl("tasks"), "reluPart", parts, options);
  if (shared !== values) values.set(shared);
  return values;
}

/**
 * {@linkcode mlp} on workers: each takes some rows through all layers. One row stays in one worker.
 *
 * Arrays outside shared memory are copied into it first, the weights too: keep those there, see
 * {@linkcode sharedFloat32Array}.
 *
 * @param run Workers: an `Engine`.
 * @param out Receives the outputs. Default: a new array in shared memory.
 * @returns `out`. Rejects with what `run` rejected with first, after all parts have ended
 * @throws {TypeError | RangeError} As `mlp` does; it rejects
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine, parallelMlp } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 2 });
 * const layer = { inputs: 2, outputs: 1, weights: Float32Array.of(1, 1), biases: Float32Array.of(0) };
 * assertEquals([...await parallelMlp(engine, Float32Array.of(1, 2, 3, 4), [layer])], [3, 7]);
 * ```
 */
export async function parallelMlp(
  run: ParallelRun,
  input: Float32Array,
  layers: readonly DenseLayer[],
  out?: Float32Array,
  options?: ParallelOptions,
): Promise<Float32Array> {
  const action = "run an MLP";
  checkRun(run, action);
  const rows = checkMlp(input, layers, out);
  const wanted = out ?? sharedFloat32Array(rows * layers.at(-1)!.outputs);
  const result = inShared(wanted, false);
  const from = inShared(input);
  const shared = layers.map(({ inputs, outputs, weights, biases, activation = "none" }) => ({
    inputs,
    outputs,
    weights: inShared(weights),
    biases: inShared(biases),
    activation,
  }));
  const work = layers.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
  const parts = partsOf(rows, 1, work, partCount(run, options, action));
  await runAll(
    run,
    moduleUrl("mlp"),
    "mlpPart",
    parts.map((part) => [from, shared, result, part.row, part.rows]),
    options,
  );
  if (result !== wanted) wanted.set(result);
  return wanted;
}

async function runProduct(
  run: ParallelRun,
  action: string,
  product: Product,
  rows: number,
  options: ParallelOptions | undefined,
): Promise<Float32Array> {
  const { byColumns, depth, columns, out } = product;
  const result = inShared(out, false);
  const arrays = [
    inShared(product.a),
    inShared(product.b),
    product.start === undefined ? null : inShared(product.start),
    result,
  ];
  const shape: ProductShape = { byColumns, depth, columns };
  const parts = partsOf(rows, columns, depth, partCount(run, options, action))
    .map((part) => [...arrays, shape, part]);
  await runAll(run, moduleUrl("tasks"), "productPart", parts, options);
  if (result !== out) out.set(result);
  return out;
}

/** Cuts a result into so many parts at most: by rows, or by columns where there are few rows. */
export function partsOf(rows: number, columns: number, depth: number, most: number): Part[] {
  if (rows === 0 || columns === 0) return [];
  const count = Math.min(most, Math.max(1, Math.floor(rows * columns * depth / LEAST_WORK)));
  const byRows = columns === 1 || rows >= count * LEAST_ROWS;
  const [length, grain] = byRows ? [rows, 1] : [columns, PANEL];
  const each = Math.ceil(length / count / grain) * grain;
  const parts: Part[] = [];
  for (let at = 0; at < length; at += each) {
    const some = Math.min(each, length - at);
    parts.push(
      byRows
        ? { row: at, rows: some, column: 0, columns }
        : { row: 0, rows, column: at, columns: some },
    );
  }
  return parts;
}

function partCount(
  { workerCount }: ParallelRun,
  options: ParallelOptions | undefined,
  action: string,
): number {
  if (options?.parts !== undefined) return checkInteger(options.parts, 1, action, "parts");
  return Math.max(1, workerCount);
}

/** All parts have ended when it settles: nobody writes into the result after that, but threads given up. */
async function runAll(
  run: ParallelRun,
  module: string,
  task: string,
  parts: readonly unknown[][],
  options: ParallelOptions | undefined,
): Promise<void> {
  const signal = options?.signal;
  signal?.throwIfAborted();
  const failures: unknown[] = [];
  await Promise.all(parts.map(async (args) => {
    try {
      await run.run(callTask, [module, task, ...args], signal && { signal });
    } catch (error) {
      failures.push(error);
    }
  }));
  if (failures.length > 0) throw failures[0];
}

/** The array itself when it lies in shared memory, else one that does, with or without its elements. */
function inShared(array: Float32Array, filled = true): Float32Array {
  if (Object.prototype.toString.call(array.buffer) === "[object SharedArrayBuffer]") return array;
  return sharedFloat32Array(filled ? array : array.length);
}

function checkRun(run: ParallelRun, action: string): void {
  if (typeof run?.run !== "function" || typeof run.workerCount !== "number") {
    throw new TypeError(
      `Cannot ${action}: run is ${typeOf(run)} (must have workerCount and run(), as an Engine has)`,
    );
  }
}
