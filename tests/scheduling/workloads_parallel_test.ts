/**
 * The parallel workloads: over real workers they answer what one thread does, bit by bit.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  createEngine,
  dense,
  type DenseLayer,
  EngineClosedError,
  matMul,
  mlp,
  parallelDense,
  parallelMatMul,
  parallelMlp,
  parallelRelu,
  type ParallelRun,
  relu,
  sharedFloat32Array,
} from "@vais/runtime/scheduling";
import fc from "fast-check";
import { partsOf } from "../../scheduling/workloads/parallel.ts";
import { test } from "../support/test.ts";

/** Runs calls in this thread, as with no worker; counts them. */
function inline(workerCount: number): ParallelRun & { readonly calls: string[] } {
  const calls: string[] = [];
  return {
    workerCount,
    calls,
    async run(call, [module, task, ...args]) {
      calls.push(task);
      await call(module, task, ...args);
    },
  };
}

function random(length: number, seed: number, shared: boolean): Float32Array {
  const array = Float32Array.from(
    { length },
    () => (seed = Math.imul(seed, 1664525) + 1013904223 | 0) / 2 ** 31,
  );
  return shared ? sharedFloat32Array(array) : array;
}

function assertSame(actual: Float32Array, expected: Float32Array): void {
  assertEquals(actual.length, expected.length);
  assertEquals(actual.findIndex((x, i) => x !== expected[i]), -1);
}

test("an engine's workers give the bits of one thread", async () => {
  const run = await createEngine({ workerCount: 3 });
  try {
    for (const shared of [true, false]) {
      const make = (length: number, seed: number) => random(length, seed, shared);
      // By rows, by columns, and so little that one worker takes it.
      for (const [m, k, n] of [[301, 127, 130], [3, 700, 1500], [5, 4, 3]] as const) {
        const a = make(m * k, 1), b = make(k * n, 2), out = make(m * n, 3);
        const product = await parallelMatMul(run, a, b, m, k, n, out);
        assertStrictEquals(product, out);
        assertSame(product, matMul(a, b, m, k, n));
        const biases = make(n, 4);
        const layer = await parallelDense(run, a, b, biases, k, n);
        assert(layer.buffer instanceof SharedArrayBuffer);
        assertSame(layer, dense(a, b, biases, k, n));
      }
      const values = make(400_001, 5);
      const expected = relu(values.slice());
      assertStrictEquals(await parallelRelu(run, values), values);
      assertSame(values, expected);
      const layers: DenseLayer[] = [
        {
          inputs: 90,
          outputs: 120,
          weights: make(10800, 6),
          biases: make(120, 7),
          activation: "relu",
        },
        { inputs: 120, outputs: 7, weights: make(840, 8), biases: make(7, 9) },
      ];
      const input = make(400 * 90, 10);
      assertSame(await parallelMlp(run, input, layers), mlp(input, layers));
    }
  } finally {
    await run.close();
  }
});

test("an engine without workers computes in the calling thread", async () => {
  const engine = await createEngine({ workerCount: 0 });
  const a = random(40 * 40, 1, false);
  assertSame(await parallelMatMul(engine, a, a, 40, 40, 40), matMul(a, a, 40, 40, 40));
  await engine.close();
  await assertRejects(() => parallelMatMul(engine, a, a, 40, 40, 40), EngineClosedError);
});

test("parts cover the result once, are not many more than workers, and keep panels whole", () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 3000 }));
  fc.assert(
    fc.property(
      size,
      size,
      size,
      fc.integer({ min: 1, max: 64 }),
      (rows, columns, depth, count) => {
        const parts = partsOf(rows, columns, depth, count);
        let covered = 0;
        for (const [i, part] of parts.entries()) {
          const last = parts[i - 1];
          assert(part.rows > 0 && part.columns > 0);
          assert(part.rows === rows || part.columns === columns);
          assertEquals(part.row, last && last.columns === columns ? last.row + last.rows : 0);
          assertEquals(
            part.column,
            last && last.columns !== columns ? last.column + last.columns : 0,
          );
          assert(part.column % 16 === 0);
          covered += part.rows * part.columns;
        }
        assertEquals(covered, rows * columns);
        assert(parts.length <= count);
        assert(parts.length < 2 || rows * columns * depth >= 1e6 * parts.length);
      },
    ),
    { seed: 31, numRuns: 1000 },
  );
});

test("small work is one call, and nothing at all is none", async () => {
  const run = inline(8);
  const four = new Float32Array(4);
  await parallelMatMul(run, four, four, 2, 2, 2);
  assertEquals(run.calls, ["productPart"]);
  assertEquals((await parallelMatMul(run, new Float32Array(0), four, 0, 2, 2)).length, 0);
  assertEquals((await parallelRelu(run, new Float32Array(0))).length, 0);
  assertEquals(run.calls, ["productPart"]);
  await parallelRelu(run, four);
  assertEquals(run.calls, ["productPart", "reluPart"]);
  assertEquals((await parallelMatMul(inline(0), four, four, 2, 2, 2)).length, 4);
});

test("the number of parts may be asked for", async () => {
  const run = inline(2);
  const values = new Float32Array(1_000_000).fill(-1);
  await parallelRelu(run, values);
  assertEquals(run.calls.length, 2);
  await parallelRelu(run, values, { parts: 5 });
  assertEquals(run.calls.length, 7);
  const a = new Float32Array(256 * 256);
  await parallelMatMul(run, a, a, 256, 256, 256, undefined, { parts: 3 });
  assertEquals(run.calls.length, 10);
  const wrong = (parts: number) => parallelRelu(run, values, { parts });
  for (const parts of [0, -1, 1.5, NaN]) {
    await assertRejects(() => wrong(parts), RangeError, "parts");
  }
});

test("a depth of nothing still gives zeros, and a layer without inputs its biases", async () => {
  const empty = new Float32Array(0);
  const out = new Float32Array(6).fill(5);
  await parallelMatMul(inline(2), empty, empty, 2, 0, 3, out);
  assertEquals([...out], [0, 0, 0, 0, 0, 0]);
  const layer = { inputs: 0, outputs: 2, weights: empty, biases: Float32Array.of(1, 2) };
  assertEquals([...await parallelMlp(inline(2), empty, [layer])], [1, 2]);
});

test("it rejects with the first failure, after all parts have ended", async () => {
  const first = new Error("first"), later = new Error("later");
  let ended = 0;
  const settle: (() => void)[] = [];
  const run: ParallelRun = {
    workerCount: 4,
    run: (_call, args) =>
      new Promise((resolve, reject) => {
        const { row } = args.at(-1) as { row: number };
        settle.push(() => {
          ended++;
          if (row === 0) reject(later);
          else if (row > 300) reject(first);
          else resolve(undefined);
        });
      }),
  };
  const a = sharedFloat32Array(512 * 512);
  let failure: unknown;
  const running = parallelMatMul(run, a, a, 512, 512, 512).catch((error) => failure = error);
  await null;
  assertEquals(settle.length, 4);
  for (const one of settle.reverse()) {
    assertEquals(failure, undefined);
    one();
    await null;
  }
  await running;
  assertEquals(ended, 4);
  assertStrictEquals(failure, first);
});

test("the signal goes to every call; aborted before, none is made", async () => {
  const controller = new AbortController();
  const seen: unknown[] = [];
  const run: ParallelRun = {
    workerCount: 2,
    async run(call, args, options) {
      seen.push(options?.signal);
      await call(...args);
    },
  };
  const values = new Float32Array(300_000);
  await parallelRelu(run, values, { signal: controller.signal });
  assertEquals(seen, [controller.signal, controller.signal]);
  await parallelRelu(run, values);
  assertEquals(seen.slice(2), [undefined, undefined]);
  const reason = new Error("enough");
  controller.abort(reason);
  const options = { signal: controller.signal };
  assertStrictEquals(await parallelRelu(run, values, options).catch((error) => error), reason);
  assertEquals(seen.length, 4);
});

test("what does not fit is refused as in one thread, and so is what cannot run", async () => {
  const run = inline(2);
  const four = sharedFloat32Array(4);
  await assertRejects(() => parallelMatMul(run, four, four, 2, 3, 2), RangeError, "a has 4");
  await assertRejects(() => parallelMatMul(run, four, four, 2, 2, 2, four), RangeError, "share");
  await assertRejects(() => parallelDense(run, four, four, four, 2, 2), RangeError, "biases");
  await assertRejects(() => parallelMlp(run, four, []), RangeError, "no layer");
  await assertRejects(() => parallelRelu(run, [1] as unknown as Float32Array), TypeError, "values");
  const none = {} as ParallelRun;
  await assertRejects(() => parallelMatMul(none, four, four, 2, 2, 2), TypeError, "run is");
  await assertRejects(
    () => parallelRelu(null as unknown as ParallelRun, four),
    TypeError,
    "run is",
  );
  assertEquals(run.calls, []);
});
