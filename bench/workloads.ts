/**
 * How long do products of matrices take?
 *
 * Figures are ms of one thread; `naive` is the triple loop one would write first. tfjs is TensorFlow's
 * WebAssembly backend with SIMD (XNNPACK), the tuned one among npm's: its matrices are tensors before
 * the clock starts, ours are plain arrays. `plain` is our kernel for hosts without WebAssembly. The layer
 * has 1024 inputs and outputs; one row of them is what a single request needs. `two workers` is an engine
 * with two, on arrays in shared memory.
 *
 * @module
 */
import {
  createEngine,
  dense,
  matMul,
  mlp,
  parallelMatMul,
  relu,
  sharedFloat32Array,
} from "@vais/runtime";
import { type Bench, type Cell, check, size, time } from "./bench.ts";
import { tfjs } from "./peers.ts";

const SIZE = size(512, 256);
const LARGE = size(1024, 384);
const WIDTH = 1024;
const ROWS = 64;
const ELEMENTS = 1 << 20;

function random(length: number, seed: number): Float32Array {
  return Float32Array.from(
    { length },
    () => (seed = Math.imul(seed, 1664525) + 1013904223 | 0) / 2 ** 31,
  );
}

type Multiply = (a: Float32Array, b: Float32Array, n: number, out: Float32Array) => unknown;

const naive: Multiply = (a, b, n, out) => {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < n; p++) sum += a[i * n + p]! * b[p * n + j]!;
      out[i * n + j] = sum;
    }
  }
};

const ours: Multiply = (a, b, n, out) => matMul(a, b, n, n, n, out);

/** Some elements against their sums in 64 bits. */
function checkProduct(a: Float32Array, b: Float32Array, n: number, out: ArrayLike<number>): void {
  for (const at of [0, n + 1, n * n >> 1, n * n - 1]) {
    const i = Math.floor(at / n), j = at % n;
    let sum = 0;
    for (let p = 0; p < n; p++) sum += a[i * n + p]! * b[p * n + j]!;
    check(Math.abs(out[at]! - sum) < 1e-3, true, `element ${at}: ${out[at]} instead of ${sum}`);
  }
}

function square(n: number, multiply: Multiply): Cell {
  return () => {
    const a = random(n * n, 1), b = random(n * n, 2), out = new Float32Array(n * n);
    return async () => {
      const ms = await time(() => multiply(a, b, n, out));
      checkProduct(a, b, n, out);
      return ms;
    };
  };
}

/** On two workers. */
function onWorkers(n: number): Cell {
  return async () => {
    const engine = await createEngine({ workerCount: 2 });
    const a = sharedFloat32Array(random(n * n, 1)), b = sharedFloat32Array(random(n * n, 2));
    const out = sharedFloat32Array(n * n);
    for (const { buffer } of [a, b, out]) engine.share(buffer as SharedArrayBuffer);
    return async () => {
      const ms = await time(() => parallelMatMul(engine, a, b, n, n, n, out));
      checkProduct(a, b, n, out);
      return ms;
    };
  };
}

/** By tensors; with `fromArrays` they are made of arrays each time. */
function tensors(n: number, fromArrays: boolean): Cell {
  return async () => {
    const tf = await tfjs();
    const a = random(n * n, 1), b = random(n * n, 2);
    const shape: [number, number] = [n, n];
    const x = tf.tensor2d(a, shape), y = tf.tensor2d(b, shape);
    return async () => {
      let out: ArrayLike<number> = [];
      const ms = await time(() => {
        const left = fromArrays ? tf.tensor2d(a, shape) : x;
        const right = fromArrays ? tf.tensor2d(b, shape) : y;
        const product = tf.matMul(left, right);
        out = product.dataSync();
        product.dispose();
        if (fromArrays) left.dispose(), right.dispose();
      });
      checkProduct(a, b, n, out);
      return ms;
    };
  };
}

function layer(rows: number, isNaive: boolean): Cell {
  return () => {
    const input = random(rows * WIDTH, 1), weights = random(WIDTH * WIDTH, 2);
    const biases = random(WIDTH, 3), out = new Float32Array(rows * WIDTH);
    const loop = () => {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < WIDTH; j++) {
          let sum = biases[j]!;
          for (let p = 0; p < WIDTH; p++) sum += input[i * WIDTH + p]! * weights[j * WIDTH + p]!;
          out[i * WIDTH + j] = sum;
        }
      }
    };
    return async () => {
      const ms = await time(() =>
        isNaive ? loop() : dense(input, weights, biases, WIDTH, WIDTH, out)
      );
      let sum = biases[7]!;
      for (let p = 0; p < WIDTH; p++) sum += input[p]! * weights[7 * WIDTH + p]!;
      check(Math.abs(out[7]! - sum) < 1e-3, true, `output: ${out[7]} instead of ${sum}`);
      return ms;
    };
  };
}

function relus(isNaive: boolean): Cell {
  return () => {
    const from = random(ELEMENTS, 1), values = new Float32Array(ELEMENTS);
    const left = from.reduce((count, x) => count + (x > 0 ? 1 : 0), 0);
    return async () => {
      values.set(from);
      const ms = await time(() => {
        if (!isNaive) return relu(values);
        for (let i = 0; i < values.length; i++) if (values[i]! < 0) values[i] = 0;
      });
      check(values.reduce((count, x) => count + (x !== 0 ? 1 : 0), 0), left, "elements above 0");
      return ms;
    };
  };
}

const forward: Cell = () => {
  const make = (inputs: number, outputs: number) => ({
    inputs,
    outputs,
    weights: random(inputs * outputs, 1),
    biases: random(outputs, 2),
    activation: "relu" as const,
  });
  const layers = [make(784, 512), make(512, 256), make(256, 10)];
  const input = random(ROWS * 784, 3);
  return async () => {
    let out = input;
    const ms = await time(() => out = mlp(input, layers));
    check(out.length, ROWS * 10, "outputs");
    return ms;
  };
};

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "simd": square(SIZE, ours),
    "naive": square(SIZE, naive),
    "tfjs": tensors(SIZE, false),
    "tfjs from arrays": tensors(SIZE, true),
    "plain": () => {
      Object.defineProperty(globalThis, "WebAssembly", { value: undefined });
      return square(SIZE, ours)();
    },
    "large simd": square(LARGE, ours),
    "large tfjs": tensors(LARGE, false),
    "two workers": onWorkers(LARGE),
    "layer": layer(1, false),
    "layer naive": layer(1, true),
    "layers": layer(ROWS, false),
    "layers naive": layer(ROWS, true),
    "relu": relus(false),
    "relu naive": relus(true),
    "mlp": forward,
  },
  rows: [
    {
      work: `matMul ${SIZE}²`,
      ours: "simd",
      reference: "naive",
      goal: { faster: 8, than: "naive loop" },
    },
    {
      work: `matMul ${SIZE}²`,
      ours: "simd",
      reference: "tfjs",
      goal: { faster: 1, than: "tfjs wasm" },
      note: "its matrices are tensors already, ours are arrays",
    },
    { work: `matMul ${SIZE}²`, ours: "simd", reference: "tfjs from arrays" },
    {
      work: `matMul ${LARGE}²`,
      ours: "large simd",
      reference: "large tfjs",
      goal: { faster: 1, than: "tfjs wasm" },
    },
    { work: `matMul ${LARGE}², two workers`, ours: "two workers", reference: "large simd" },
    { work: `matMul ${SIZE}² without WebAssembly`, ours: "plain", reference: "naive" },
    { work: `dense ${WIDTH} to ${WIDTH}, one row`, ours: "layer", reference: "layer naive" },
    { work: `dense ${WIDTH} to ${WIDTH}, ${ROWS} rows`, ours: "layers", reference: "layers naive" },
    { work: "relu of a million", ours: "relu", reference: "relu naive" },
    { work: `mlp 784, 512, 256, 10, ${ROWS} rows`, ours: "mlp" },
  ],
};
