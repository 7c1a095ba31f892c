/**
 * What does it cost to hand 64 KiB to a function on another thread?
 *
 * Every pool has two threads, 16 tasks are in flight, each with a buffer of its own that is written to before each
 * task. Figures are µs a task. `copied` is a plain array of bytes, copied into shared memory by the engine
 * (`copyBuffers`), by `postMessage` in the peers; `moved` is a fresh one that is transferred; `leased` lies in the
 * engine's shared memory from the start, so that nothing is copied; `shared` is the same done by hand, a view of a
 * `SharedArrayBuffer`. `tuned` and tinypool post 64 tasks to a thread ahead. piscina and tinypool are left
 * out on Deno, where a buffer takes them ms, and now and then they stop.
 *
 * @module
 */
import { type Bench, type Cell, check, size } from "./bench.ts";
import { type Call, engineOf, ours, peers, perTask, pipeline, watched } from "./threads/pools.ts";

const BYTES = 65_536;
const WINDOW = 16;
const OURS = size(10_000, 2_000);
const THEIRS = size(3_000, 500);

/** What `ends` of task `n` answers. */
function expected(n: number): number {
  return BYTES + (n & 255) + (n * 7 & 255);
}

function write(bytes: Uint8Array, n: number): Uint8Array {
  bytes[0] = n;
  bytes[BYTES - 1] = n * 7;
  return bytes;
}

/** Hands over buffers that `make` made, one for each task in flight. */
function buffers(
  open: () => Promise<{ call: Call; make: () => Uint8Array }>,
  count: number,
): Cell {
  return async () => {
    const { call, make } = await watched(open);
    const places = Array.from({ length: WINDOW }, make);
    return async () => {
      let wrong = 0;
      const figures = await perTask(
        count,
        () =>
          pipeline(count, WINDOW, async (n, lane) => {
            if (await call("ends", write(places[lane]!, n)) !== expected(n)) wrong++;
          }),
      );
      check(wrong, 0, "number of wrong results");
      return figures;
    };
  };
}

const plain = () => new Uint8Array(BYTES);
const shared = () => new Uint8Array(new SharedArrayBuffer(BYTES));

function peer(name: keyof typeof peers, make: () => Uint8Array): Cell {
  return buffers(async () => ({ call: await peers[name](), make }), THEIRS);
}

const moved: Cell = async () => {
  const engine = await engineOf();
  return async () => {
    let wrong = 0;
    const figures = await perTask(
      THEIRS,
      () =>
        pipeline(THEIRS, WINDOW, async (n) => {
          const bytes = write(plain(), n);
          const task = engine.run("ends", [bytes], { transfer: [bytes.buffer as ArrayBuffer] });
          if (await task !== expected(n)) wrong++;
        }),
    );
    check(wrong, 0, "number of wrong results");
    return figures;
  };
};

const leased: Cell = buffers(async () => {
  const engine = await engineOf();
  return {
    call: (_, bytes) => engine.run("ends", [bytes as Uint8Array]),
    make: () => engine.lease(BYTES)!.bytes,
  };
}, OURS);

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["threads/tasks.ts", "threads/poolifier_worker.ts"],
  on: {
    "piscina": "node",
    "piscina tuned": "node",
    "tinypool": "node",
    "piscina shared": "node",
  },
  cells: {
    "copied": buffers(
      async () => ({ call: await ours({ copyBuffers: true }), make: plain }),
      OURS,
    ),
    "posted": buffers(async () => ({ call: await ours(), make: plain }), THEIRS),
    "moved": moved,
    "leased": leased,
    "piscina": peer("piscina", plain),
    "piscina tuned": peer("piscina tuned", plain),
    "tinypool": peer("tinypool", plain),
    "poolifier": peer("poolifier", plain),
    "piscina shared": peer("piscina tuned", shared),
    "poolifier shared": peer("poolifier", shared),
  },
  rows: [
    ...([["copied", 4, 6], ["leased", 15, 15]] as const).flatMap(([kind, node, deno]) => [
      {
        work: `64 KiB, ${kind}`,
        ours: kind,
        reference: "piscina tuned",
        unit: "µs",
        goal: { faster: node, than: "piscina" },
      },
      {
        work: `64 KiB, ${kind}`,
        on: "deno" as const,
        ours: kind,
        reference: "poolifier",
        unit: "µs",
        goal: { faster: deno, than: "poolifier" },
      },
      ...["piscina", "tinypool"].map((reference) => ({
        work: `64 KiB, ${kind}`,
        ours: kind,
        reference,
        unit: "µs",
      })),
      {
        work: `64 KiB, ${kind}`,
        on: "node" as const,
        ours: kind,
        reference: "poolifier",
        unit: "µs",
      },
    ]),
    ...["piscina shared", "poolifier shared"].map((reference) => ({
      work: "64 KiB, leased, when the peer's are shared too",
      ours: "leased",
      reference,
      unit: "µs",
    })),
    ...["copied", "leased"].flatMap((kind) =>
      ["piscina tuned", "poolifier"].map((peer) => ({
        work: `CPU time of all threads, 64 KiB, ${kind}`,
        ours: `${kind}.cpu`,
        reference: `${peer}.cpu`,
        unit: "µs",
      }))
    ),
    { work: "64 KiB, posted as it is", ours: "posted", reference: "copied", unit: "µs" },
    { work: "64 KiB, made and moved", ours: "moved", reference: "copied", unit: "µs" },
  ],
};
