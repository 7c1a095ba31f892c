/**
 * matMul, dense, relu and mlp against exact sums: within the stated error, for all shapes; and what
 * they refuse.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { dense, type DenseLayer, matMul, mlp, relu } from "@vais/runtime/scheduling";
import fc from "fast-check";
import { test } from "../support/test.ts";

const UNIT = 2 ** -24;

/** A sum of products in 64 bits, with the sum of the absolute values. */
function exactly(
  start: number,
  depth: number,
  x: (p: number) => number,
  y: (p: number) => number,
): { sum: number; size: number } {
  let sum = start, size = Math.abs(start);
  for (let p = 0; p < depth; p++) {
    sum += x(p) * y(p);
    size += Math.abs(x(p) * y(p));
  }
  return { sum, size };
}

/** The error that the docs promise, with what the 64-bit sum itself may be off. */
function bound(depth: number, size: number): number {
  const n = (depth + 1) * UNIT;
  return n / (1 - n) * size + depth * 2 ** -149 + depth * size * 2 ** -52;
}

function assertNear(
  actual: number,
  depth: number,
  { sum, size }: ReturnType<typeof exactly>,
): void {
  const most = bound(depth, size);
  if (!(Math.abs(actual - sum) <= most)) {
    throw new Error(`${actual} is ${Math.abs(actual - sum)} from ${sum} (may be ${most})`);
  }
}

const size = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.constantFrom(15, 16, 17, 31, 33, 64, 65, 100, 513, 700),
);
/** Numbers of very different sizes, whose sums do not overflow. */
const numbers = fc.oneof(
  fc.float({ min: -1, max: 1, noNaN: true }),
  fc.float({ min: -(2 ** 50), max: 2 ** 50, noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e-30, -1e-30, 1e-44, 1),
);

/** An array that repeats a few numbers in a row without order. */
function floats(length: number, some: readonly number[], seed: number): Float32Array {
  const array = new Float32Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    array[i] = some[(state >>> 8) % some.length]! * (1 - (state >>> 28) / 16);
  }
  return array;
}

const some = fc.array(numbers, { minLength: 1, maxLength: 5 });

test("matMul is within its error of the exact product, for all shapes", () => {
  fc.assert(
    fc.property(size, size, size, some, some, fc.integer(), (m, k, n, xs, ys, seed) => {
      fc.pre(m * k * n < 500_000);
      const a = floats(m * k, xs, seed), b = floats(k * n, ys, seed + 1);
      const out = matMul(a, b, m, k, n);
      assertEquals(out.length, m * n);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          assertNear(
            out[i * n + j]!,
            k,
            exactly(0, k, (p) => a[i * k + p]!, (p) => b[p * n + j]!),
          );
        }
      }
    }),
    { seed: 11, numRuns: 300 },
  );
});

test("dense is within its error of the exact layer, for one row and for several", () => {
  fc.assert(
    fc.property(
      size,
      size,
      size,
      some,
      some,
      fc.integer(),
      (rows, inputs, outputs, xs, ys, seed) => {
        fc.pre(rows * inputs * outputs < 500_000 && (inputs > 0 || rows === 1));
        const input = floats(rows * inputs, xs, seed);
        const weights = floats(outputs * inputs, ys, seed + 1),
          biases = floats(outputs, xs, seed + 2);
        const out = dense(input, weights, biases, inputs, outputs);
        assertEquals(out.length, rows * outputs);
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < outputs; j++) {
            assertNear(
              out[i * outputs + j]!,
              inputs,
              exactly(
                biases[j]!,
                inputs,
                (p) => input[i * inputs + p]!,
                (p) => weights[j * inputs + p]!,
              ),
            );
          }
        }
      },
    ),
    { seed: 12, numRuns: 300 },
  );
});

test("an error beyond the bound is found", () => {
  const exact = exactly(0, 3, () => 1, () => 0.1);
  assertNear(Math.fround(0.3), 3, exact);
  assertThrows(() => assertNear(0.3001, 3, exact));
  assertThrows(() => assertNear(NaN, 3, exact));
});

test("NaN and Infinity go where they go in exact arithmetic, and nowhere else", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(NaN, Infinity, -Infinity),
      fc.nat(),
      fc.boolean(),
      (m, k, n, value, place, left) => {
        const a = floats(m * k, [1, 0, -2], place), b = floats(k * n, [1, 0, -2], place + 1);
        const into = left ? a : b;
        into[place % into.length] = value;
        const out = matMul(a, b, m, k, n);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const { sum } = exactly(0, k, (p) => a[i * k + p]!, (p) => b[p * n + j]!);
            if (Number.isFinite(sum)) assertEquals(out[i * n + j], sum);
            else assert(Object.is(out[i * n + j], sum));
          }
        }
      },
    ),
    { seed: 13, numRuns: 200 },
  );
});

test("what overflows 32 bits is Infinity", () => {
  const big = Float32Array.of(3e38, 3e38);
  assertEquals([...matMul(big, Float32Array.of(1, 1), 1, 2, 1)], [Infinity]);
  assertEquals([...matMul(big, Float32Array.of(1, -1), 1, 2, 1)], [0]);
});

test("nothing times nothing is 0, or nothing", () => {
  assertEquals([...matMul(new Float32Array(0), new Float32Array(0), 2, 0, 3)], [0, 0, 0, 0, 0, 0]);
  assertEquals(matMul(new Float32Array(0), new Float32Array(6), 0, 2, 3).length, 0);
  assertEquals(matMul(new Float32Array(6), new Float32Array(0), 3, 2, 0).length, 0);
  const empty = new Float32Array(0);
  assertEquals([...dense(empty, empty, Float32Array.of(4, 5), 0, 2)], [4, 5]);
});

test("an array given for the result is filled and answered, also a shared one", () => {
  const out = new Float32Array(new SharedArrayBuffer(16)).fill(9);
  const a = Float32Array.of(1, 2, 3, 4), unit = Float32Array.of(1, 0, 0, 1);
  assertStrictEquals(matMul(a, unit, 2, 2, 2, out), out);
  assertEquals([...out], [1, 2, 3, 4]);
  assertStrictEquals(dense(a, unit, Float32Array.of(1, 1), 2, 2, out), out);
  assertEquals([...out], [2, 3, 4, 5]);
  // Both may read the same bytes.
  assertEquals([...matMul(a, a, 2, 2, 2)], [7, 10, 15, 22]);
});

test("parts of one buffer do when they lie apart, and are refused when they overlap", () => {
  const buffer = new ArrayBuffer(64);
  const at = (first: number) => new Float32Array(buffer, 4 * first, 4);
  at(0).set([1, 2, 3, 4]);
  at(4).set([1, 0, 0, 1]);
  assertEquals([...matMul(at(0), at(4), 2, 2, 2, at(8))], [1, 2, 3, 4]);
  const overlap = /^Cannot multiply matrices: out and [ab] share bytes of one buffer/;
  for (const out of [at(0), at(1), at(3), at(4), at(5), at(7)]) {
    const error = assertThrows(() => matMul(at(0), at(4), 2, 2, 2, out), RangeError);
    assert(overlap.test(error.message), error.message);
  }
  assertThrows(() => dense(at(0), at(4), new Float32Array(2), 2, 2, at(1)), RangeError, "input");
  assertThrows(() => dense(at(0), at(4), new Float32Array(2), 2, 2, at(6)), RangeError, "weights");
  const biases = new Float32Array(buffer, 48, 2);
  assertThrows(() => dense(at(0), at(4), biases, 2, 2, at(10)), RangeError, "biases");
});

test("shapes that do not fit are RangeErrors that tell both sizes", () => {
  const four = new Float32Array(4);
  const message = (body: () => unknown) => assertThrows(body, RangeError).message;
  assertEquals(
    message(() => matMul(four, four, 2, 3, 2)),
    "Cannot multiply matrices: a has 4 elements (2 rows of 3: must have 6)",
  );
  assertEquals(
    message(() => matMul(four, four, 2, 2, 3)),
    "Cannot multiply matrices: b has 4 elements (2 rows of 3: must have 6)",
  );
  assertEquals(
    message(() => matMul(four, four, 2, 2, 2, new Float32Array(5))),
    "Cannot multiply matrices: out has 5 elements (2 rows of 2: must have 4)",
  );
  for (const wrong of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => matMul(four, four, wrong, 2, 2), RangeError, "rowsA");
    assertThrows(() => matMul(four, four, 2, wrong, 2), RangeError, "colsA");
    assertThrows(() => matMul(four, four, 2, 2, wrong), RangeError, "colsB");
    assertThrows(() => dense(four, four, four, wrong, 2), RangeError, "inputs");
    assertThrows(() => dense(four, four, four, 2, wrong), RangeError, "outputs");
  }
  assertThrows(() => dense(four, four, four, 2, 2), RangeError, "biases has 4");
  assertThrows(
    () => dense(new Float32Array(5), four, new Float32Array(2), 2, 2),
    RangeError,
    "5 elements",
  );
  assertThrows(() => dense(four, new Float32Array(0), four, 0, 4), RangeError, "rows of 0");
});

test("what is no Float32Array, or no number, is a TypeError", () => {
  const four = new Float32Array(4);
  for (const wrong of [[1, 2, 3, 4], new Float64Array(4), null, undefined, "four"]) {
    const array = wrong as unknown as Float32Array;
    assertThrows(() => matMul(array, four, 2, 2, 2), TypeError, "a is");
    assertThrows(() => matMul(four, array, 2, 2, 2), TypeError, "b is");
    if (wrong !== undefined) {
      assertThrows(() => matMul(four, four, 2, 2, 2, array), TypeError, "out is");
    }
    assertThrows(() => dense(array, four, four, 1, 4), TypeError, "input is");
    assertThrows(() => relu(array), TypeError, "values is");
  }
  assertThrows(() => matMul(four, four, "2" as unknown as number, 2, 2), TypeError, "rowsA");
});

/** Layers of these widths. */
function layersOf(
  widths: readonly number[],
  activations: readonly boolean[],
  seed: number,
): DenseLayer[] {
  return widths.slice(1).map((outputs, i) => ({
    inputs: widths[i]!,
    outputs,
    weights: floats(widths[i]! * outputs, [1, -1, 0.3], seed + i),
    biases: floats(outputs, [0.5, -0.5], seed - i),
    ...(activations[i % activations.length] ? { activation: "relu" } : {}),
  }));
}

test("mlp is dense and relu after one another, also where a layer is empty", () => {
  const width = fc.integer({ min: 0, max: 40 });
  fc.assert(
    fc.property(
      fc.array(width, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 0, max: 30 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
      fc.integer(),
      (widths, wanted, activations, seed) => {
        const layers = layersOf(widths, activations, seed);
        const rows = widths[0] === 0 ? 1 : wanted;
        const input = floats(rows * widths[0]!, [1, -1, 0.7], seed);
        const out = mlp(input, layers);
        const expected: number[] = [];
        for (let row = 0; row < rows; row++) {
          let values = input.slice(row * widths[0]!, (row + 1) * widths[0]!);
          for (const { inputs, outputs, weights, biases, activation } of layers) {
            values = new Float32Array(dense(values, weights, biases, inputs, outputs));
            if (activation === "relu") relu(values);
          }
          expected.push(...values);
        }
        assertEquals([...out], expected);
        assertEquals(out.length, rows * widths.at(-1)!);
      },
    ),
    { seed: 14, numRuns: 200 },
  );
});

test("mlp refuses layers that do not fit, and results that overlap", () => {
  const [first, second] = layersOf([2, 3, 1], [true], 1) as [DenseLayer, DenseLayer];
  const input = new Float32Array(2);
  assertThrows(() => mlp(input, []), RangeError, "no layer");
  assertThrows(() => mlp(input, [first, first]), RangeError, "layers[1] has 2 inputs");
  assertThrows(() => mlp(new Float32Array(3), [first, second]), RangeError, "rows of 2");
  assertThrows(() => mlp(input, [first, second], new Float32Array(2)), RangeError, "out has 2");
  assertThrows(() => mlp(input, [{ ...first, weights: input }]), RangeError, "layers[0].weights");
  assertThrows(() => mlp(input, [{ ...first, biases: input }]), RangeError, "layers[0].biases");
  const activation = "tanh" as "relu";
  assertThrows(() => mlp(input, [{ ...first, activation }]), RangeError, `"tanh"`);
  assertThrows(
    () => mlp(input, [first, second], second.weights.subarray(0, 1)),
    RangeError,
    "share",
  );
  assertThrows(() => mlp(input, first as unknown as DenseLayer[]), TypeError, "layers are");
  assertThrows(() => mlp(input, [null as unknown as DenseLayer]), TypeError, "layers[0] is null");
  assertThrows(() => mlp([1, 2] as unknown as Float32Array, [first]), TypeError, "input is");
});
