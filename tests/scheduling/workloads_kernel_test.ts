/**
 * The kernels against the plain loop, bit by bit; and what is committed against its source.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { workloadKernel } from "@vais/runtime/scheduling";
import fc from "fast-check";
import { JsKernel } from "../../scheduling/workloads/js_kernel.ts";
import { moduleUrl } from "../../scheduling/workloads/parallel.ts";
import type { Kernel, Part, Product } from "../../scheduling/workloads/product.ts";
import { openSimdKernel } from "../../scheduling/workloads/simd_kernel.ts";
import { MODULE, PANEL } from "../../scheduling/workloads/simd_kernel_bytes.ts";
import { kernelModule } from "../../scripts/build_kernel.ts";
import { test } from "../support/test.ts";
import { startThread } from "../support/threads.ts";

const f = Math.fround;

/** What every kernel must answer. */
function plainLoop({ a, b, byColumns, start, out, depth, columns }: Product, part: Part): void {
  for (let i = part.row; i < part.row + part.rows; i++) {
    for (let j = part.column; j < part.column + part.columns; j++) {
      let sum = start === undefined ? 0 : start[j]!;
      for (let p = 0; p < depth; p++) {
        const y = byColumns ? b[j * depth + p]! : b[p * columns + j]!;
        sum = f(sum + f(a[i * depth + p]! * y));
      }
      out[i * columns + j] = sum;
    }
  }
}

function simd(): Kernel {
  const kernel = openSimdKernel();
  if (typeof kernel === "string") throw new Error(`no SIMD kernel here: ${kernel}`);
  return kernel;
}

const KERNELS: [string, () => Kernel][] = [["wasm-simd", simd], ["js", () => new JsKernel()]];

/** All NaNs alike. */
function bitsOf(values: Float32Array): number[] {
  const copy = values.map((value) => value !== value ? NaN : value);
  return [...new Int32Array(copy.buffer, 0, copy.length)];
}

/** Sizes around those of tiles, panels and blocks. */
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 2, arbitrary: fc.constantFrom(31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 130) },
  { weight: 1, arbitrary: fc.constantFrom(511, 512, 513, 528, 1025) },
);

const special = fc.constantFrom(NaN, Infinity, -Infinity, -0, 3e38, -3e38, 1e-40, -1e-45, 1e-20);

interface Case {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
  readonly byColumns: boolean;
  readonly hasStart: boolean;
  readonly shared: boolean;
  readonly seed: number;
  /** Put at random places. */
  readonly specials: readonly number[];
  /** Where the part begins and ends, as shares. */
  readonly cuts: readonly [number, number, number, number];
}

const share = fc.double({ min: 0, max: 1, noNaN: true });
const cases: fc.Arbitrary<Case> = fc.record({
  rows: size,
  depth: size,
  columns: size,
  byColumns: fc.boolean(),
  hasStart: fc.boolean(),
  shared: fc.boolean(),
  seed: fc.integer(),
  specials: fc.array(special, { maxLength: 6 }),
  cuts: fc.oneof(
    fc.constant<[number, number, number, number]>([0, 1, 0, 1]),
    fc.tuple(share, share, share, share),
  ),
}).filter(({ rows, depth, columns }) => rows * depth * columns < 2_000_000);

function random(seed: number): () => number {
  return () => (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) / 2 ** 31;
}

function make(one: Case): { product: Product; part: Part } {
  const next = random(one.seed);
  const floats = (length: number): Float32Array => {
    const array = new Float32Array(
      one.shared ? new SharedArrayBuffer(4 * length) : new ArrayBuffer(4 * length),
    ).map(next);
    return array;
  };
  const a = floats(one.rows * one.depth), b = floats(one.depth * one.columns);
  const start = one.hasStart ? floats(one.columns) : undefined;
  for (const value of one.specials) {
    const into = [a, b, start ?? a][Math.floor((next() + 1) * 1.5)]!;
    if (into.length > 0) into[Math.floor((next() + 1) / 2 * into.length)] = value;
  }
  const cut = (x: number, y: number, length: number): [number, number] => {
    const ends = [Math.round(x * length), Math.round(y * length)].sort((p, q) => p - q);
    return [ends[0]!, ends[1]! - ends[0]!];
  };
  const [row, rows] = cut(one.cuts[0], one.cuts[1], one.rows);
  const [column, columns] = cut(one.cuts[2], one.cuts[3], one.columns);
  return {
    product: {
      a,
      b,
      byColumns: one.byColumns,
      start,
      out: floats(one.rows * one.columns).fill(7),
      depth: one.depth,
      columns: one.columns,
    },
    part: { row, rows, column, columns },
  };
}

for (const [name, open] of KERNELS) {
  test(`${name}: random products and parts of them have the bits of the plain loop`, () => {
    const kernel = open();
    assertEquals(kernel.name, name);
    fc.assert(
      fc.property(cases, (one) => {
        const { product, part } = make(one);
        const expected = { ...product, out: product.out.slice() };
        plainLoop(expected, part);
        kernel.multiply(product, part);
        assertEquals(bitsOf(product.out), bitsOf(expected.out));
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  test(`${name}: relu makes negative numbers 0, and leaves -0 and NaN`, () => {
    const kernel = open();
    const values = [-1, 1, 0, -0, NaN, Infinity, -Infinity, 1e-45, -1e-45, 3e38, -3e38];
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...values), fc.float()), { maxLength: 200 }),
        fc.constantFrom(0, 16384, 40_000),
        (some, more) => {
          const array = new Float32Array(some.length + more);
          array.set(some, more);
          if (more > 0) array.set(some.slice(0, 3));
          const expected = array.map((x) => x < 0 ? 0 : x);
          kernel.relu(array);
          assertEquals(bitsOf(array), bitsOf(expected));
        },
      ),
      { seed: 2, numRuns: 100 },
    );
    // The sign of a NaN is no sign of a negative number.
    const bits = Int32Array.of(-1, 0x7fc00000, 0xffc00001 | 0);
    const nans = new Float32Array(bits.buffer);
    kernel.relu(nans);
    assert(nans.every((x) => Number.isNaN(x)));
  });
}

test("a kernel that multiplies wrongly is found by the comparison", () => {
  const one = { rows: 3, depth: 4, columns: 5, byColumns: false, hasStart: false } as Case;
  const { product, part } = make({
    ...one,
    shared: false,
    seed: 3,
    specials: [],
    cuts: [0, 1, 0, 1],
  });
  const expected = { ...product, out: product.out.slice() };
  plainLoop(expected, part);
  simd().multiply({ ...product, byColumns: true }, part);
  assertNotEquals(bitsOf(product.out), bitsOf(expected.out));
});

test("the committed module is what its script makes", () => {
  const committed = Uint8Array.from(atob(MODULE), (character) => character.charCodeAt(0));
  assertEquals(committed, kernelModule());
  assertEquals(PANEL, 16);
});

test("the kernel of this host is WebAssembly SIMD", () => {
  assertEquals(workloadKernel(), { name: "wasm-simd" });
});

/** What a worker answers that runs `before` first. */
async function kernelWithout(before: string): Promise<unknown> {
  const tasks = moduleUrl("tasks");
  const thread = await startThread(`
${before}
const { workloadKernel } = await import("${tasks.replace("/tasks.", "/kernel.")}");
const { matMul } = await import("${tasks.replace("/tasks.", "/mat_mul.")}");
const product = matMul(Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8), 2, 2, 2);
post([workloadKernel(), [...product]]);`);
  try {
    return await thread.next();
  } finally {
    await thread.end();
  }
}

test("without WebAssembly, and without its SIMD, the plain kernel runs and the reason is told", async () => {
  assertEquals(await kernelWithout(""), [{ name: "wasm-simd" }, [19, 22, 43, 50]]);
  assertEquals(await kernelWithout("delete globalThis.WebAssembly;"), [
    { name: "js", reason: "this host has no WebAssembly" },
    [19, 22, 43, 50],
  ]);
  assertEquals(await kernelWithout("WebAssembly.validate = () => false;"), [
    { name: "js", reason: "the WebAssembly of this host has no SIMD" },
    [19, 22, 43, 50],
  ]);
  const refusing = "WebAssembly.Module = function () { throw new Error('not allowed'); };";
  assertEquals(await kernelWithout(refusing), [
    { name: "js", reason: "WebAssembly refused: not allowed" },
    [19, 22, 43, 50],
  ]);
});
