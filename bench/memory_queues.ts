/**
 * What does it cost to hand something to another worker?
 *
 * Two workers, one core each if there are two: one adds, one takes; while it is full or empty all of
 * them wait by `Backoff`. `mutex` is a ring under a mutex of `Atomics`; `port` a MessagePort between the two,
 * at most 1000 messages ahead. All rings hold 1024 numbers, those with `64` in their name 64. Figures are
 * ns an item. `pairs`: both workers push and pop in turn on one queue; the figure is what one push and pop
 * take, the worst of a thousand. `bytes` are messages of 200 bytes; ringbuf.js gets them without
 * lengths. `deque` is one thread that pushes and pops; `three Atomics` what two stores and a load take.
 *
 * @module
 */
import { ByteRing, ChaseLevDeque, EMPTY, LockFreeQueue, MpmcQueue } from "@vais/runtime/memory";
import { type Bench, type Cell, check, type Row, size, time } from "./bench.ts";
import { MutexQueue } from "./memory/mutex_queue.ts";
import type { QueueJob } from "./memory/queue_worker.ts";
import { startThread } from "./memory/threads.ts";
import { ringbuf } from "./peers.ts";

const ITEMS = size(640_000, 64_000);
const POSTED = size(50_000, 10_000);
const PAIRS = size(200_000, 50_000);
const MESSAGES = size(200_000, 20_000);
const OPERATIONS = size(1_000_000, 100_000);
const CAPACITY = 1024;
const SMALL = 64;
const RING_BYTES = 65_536;
const BURST = 64;

type Made = Pick<QueueJob, "handle" | "buffer">;

const make: Record<string, (capacity: number) => Made | Promise<Made>> = {
  "mpmc": (capacity) => ({ handle: MpmcQueue.create(capacity).handle }),
  "spsc": (capacity) => ({ handle: LockFreeQueue.create(capacity).handle }),
  "spsc batched": (capacity) => ({ handle: LockFreeQueue.create(capacity).handle }),
  "mutex": (capacity) => ({ buffer: new SharedArrayBuffer(MutexQueue.byteLength(capacity)) }),
  "bytes": () => ({ handle: ByteRing.create(RING_BYTES).handle }),
  "ringbuf": async () => ({
    buffer: (await ringbuf()).RingBuffer.getStorageForCapacity(RING_BYTES, Uint8Array),
  }),
  "port": () => ({}),
  "port bytes": () => ({}),
};

async function twoWorkers() {
  const url = new URL("./memory/queue_worker.mjs", import.meta.url);
  return [await startThread(url), await startThread(url)] as const;
}

/** ns an item, from one worker to the other. */
function handOver(kind: string, count: number, capacity = CAPACITY): Cell {
  return async () => {
    const [first, second] = await twoWorkers();
    let expected = 0;
    for (let i = 0; i < count; i++) expected += i & 255;
    return async () => {
      const made = await make[kind]!(capacity);
      const gate = new Int32Array(new SharedArrayBuffer(4));
      const ports = kind.startsWith("port") ? new MessageChannel() : undefined;
      let sum: unknown;
      const ms = await time(async () => {
        const job = { kind, count, gate, ...made };
        const taken = second.run(
          { ...job, role: "consume", ...(ports && { port: ports.port2 }) },
          ports && [ports.port2],
        );
        const added = first.run(
          { ...job, role: "produce", ...(ports && { port: ports.port1 }) },
          ports && [ports.port1],
        );
        [, sum] = await Promise.all([added, taken]);
      });
      check(sum, expected, "sum");
      return ms * 1e6 / count;
    };
  };
}

/** One push and pop, ns, while another worker does the same on the same queue. */
function pairs(kind: string): Cell {
  return async () => {
    const threads = await twoWorkers();
    return async () => {
      const made = await make[kind]!(CAPACITY);
      const gate = new Int32Array(new SharedArrayBuffer(4));
      const job = { kind, role: "pairs", count: PAIRS, gate, ...made };
      const took = await Promise.all(threads.map((thread) => thread.run(job))) as Float64Array[];
      const all = Float64Array.from(took.flatMap((one) => [...one])).sort();
      const at = (share: number) => all[Math.floor(all.length * share)]!;
      return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
    };
  };
}

interface Deque {
  push(value: number): unknown;
  pop(): unknown;
}

/** ns for a push and a pop by the owner, alone; in bursts. */
function alone(deque: Deque): Cell {
  return () => async () => {
    let last: unknown;
    const ms = await time(() => {
      for (let done = 0; done < OPERATIONS; done += BURST) {
        for (let i = 0; i < BURST; i++) deque.push(i);
        for (let i = 0; i < BURST; i++) last = deque.pop();
      }
    });
    check(last, 0, "last");
    check(deque.pop() ?? EMPTY, EMPTY, "end");
    return ms * 1e6 / OPERATIONS;
  };
}

/** ns for the operations of `Atomics` that a push and a pop are made of. */
function threeAtomics(): Cell {
  return () => {
    const words = new Int32Array(new SharedArrayBuffer(512));
    return async () => {
      let sum = 0;
      const ms = await time(() => {
        for (let i = 0; i < OPERATIONS; i++) {
          Atomics.store(words, 64, i);
          Atomics.store(words, 64, i);
          sum += Atomics.load(words, 32);
        }
      });
      check(sum, 0, "sum");
      return ms * 1e6 / OPERATIONS;
    };
  };
}

/** Rows that compare a hand-over with the two that one would write otherwise. */
function handOvers(ours: string): Row[] {
  const work = `hand over a number, ${ours}, capacity ${CAPACITY}`;
  return [
    {
      work,
      ours,
      reference: "mutex",
      unit: "ns",
      goal: { faster: 2.5, than: "mutex queue" },
    },
    {
      work,
      ours,
      reference: "port",
      unit: "ns",
      goal: { faster: 20, than: "postMessage" },
    },
  ];
}

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["memory/queue_worker.ts"],
  repeat: { processes: 4 },
  cells: {
    "mpmc": handOver("mpmc", ITEMS),
    "spsc": handOver("spsc", ITEMS),
    "spsc batched": handOver("spsc batched", ITEMS),
    "mutex": handOver("mutex", ITEMS),
    "mpmc 64": handOver("mpmc", ITEMS, SMALL),
    "spsc 64": handOver("spsc", ITEMS, SMALL),
    "mutex 64": handOver("mutex", ITEMS, SMALL),
    "port": handOver("port", POSTED),
    "mpmc pairs": pairs("mpmc"),
    "mutex pairs": pairs("mutex"),
    "bytes": handOver("bytes", MESSAGES),
    "ringbuf": handOver("ringbuf", MESSAGES),
    "port bytes": handOver("port bytes", POSTED),
    "deque": alone(ChaseLevDeque.create(CAPACITY)),
    "array": alone([] as number[]),
    "three Atomics": threeAtomics(),
  },
  rows: [
    ...["mpmc", "spsc", "spsc batched"].flatMap(handOvers),
    ...["mpmc 64", "spsc 64"].map((ours) => ({
      work: `hand over a number, ${ours.split(" ")[0]}, capacity ${SMALL}`,
      ours,
      reference: "mutex 64",
      unit: "ns",
    })),
    {
      work: "push+pop, two workers on one queue, p99.9",
      ours: "mpmc pairs.p999",
      reference: "mutex pairs.p999",
      unit: "ns",
      goal: { faster: 15, than: "mutex queue" },
    },
    {
      work: "push+pop, two workers on one queue, p50",
      ours: "mpmc pairs.p50",
      reference: "mutex pairs.p50",
      unit: "ns",
      note: "the mutex lets one worker run while the other sleeps",
    },
    {
      work: "hand over 200 bytes",
      ours: "bytes",
      reference: "ringbuf",
      unit: "ns",
      goal: { faster: 1, than: "ringbuf.js" },
    },
    {
      work: "hand over 200 bytes",
      ours: "bytes",
      reference: "port bytes",
      unit: "ns",
      goal: { faster: 10, than: "postMessage" },
    },
    {
      work: "deque push+pop, owner alone",
      ours: "deque",
      reference: "array",
      unit: "ns",
      goal: { ratio: 3, of: "array" },
      note: "three operations of Atomics, which an array has not: see the next line",
    },
    { work: "deque push+pop, owner alone", ours: "deque", reference: "three Atomics", unit: "ns" },
  ],
};
