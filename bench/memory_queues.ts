/**
 * What does it cost to hand something to another worker?
 *
 * Two workers, one core each if there are two: one adds, one takes; while it is full or empty all of
 * them wait by `Backoff`. `mutex` is a ring under a mutex of `Atomics`; `port` a MessagePort between the two,
 * at most 1000 messages ahead. Figures are ns an item. `pairs`: both workers push and pop in turn on
 * one queue; the figure is what one push and pop take, the worst of a thousand. `bytes` are messages of
 * 200 bytes; ringbuf.js gets them without lengths. `deque` is one thread that pushes and pops.
 *
 * @module
 */
import { ByteRing, ChaseLevDeque, EMPTY, LockFreeQueue, MpmcQueue } from "@vais/runtime/memory";
import { type Bench, type Cell, check, size, time } from "./bench.ts";
import { MutexQueue } from "./memory/mutex_queue.ts";
import type { QueueJob } from "./memory/queue_worker.ts";
import { startThread } from "./memory/threads.ts";
import { ringbuf } from "./peers.ts";

const ITEMS = size(640_000, 64_000);
const POSTED = size(50_000, 10_000);
const PAIRS = size(200_000, 50_000);
const MESSAGES = size(200_000, 20_000);
const OPERATIONS = size(1_000_000, 100_000);
const CAPACITY = 4096;
const RING_BYTES = 65_536;
const BURST = 64;

type Made = Pick<QueueJob, "handle" | "buffer">;

const make: Record<string, () => Made | Promise<Made>> = {
  "mpmc": () => ({ handle: MpmcQueue.create(CAPACITY).handle }),
  "spsc": () => ({ handle: LockFreeQueue.create(CAPACITY).handle }),
  "spsc batched": () => ({ handle: LockFreeQueue.create(CAPACITY).handle }),
  "mutex": () => ({ buffer: new SharedArrayBuffer(MutexQueue.byteLength(CAPACITY)) }),
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
function handOver(kind: string, count: number): Cell {
  return async () => {
    const [first, second] = await twoWorkers();
    let expected = 0;
    for (let i = 0; i < count; i++) expected += i & 255;
    return async () => {
      const made = await make[kind]!();
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
      const made = await make[kind]!();
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

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["memory/queue_worker.ts"],
  cells: {
    "mpmc": handOver("mpmc", ITEMS),
    "spsc": handOver("spsc", ITEMS),
    "spsc batched": handOver("spsc batched", ITEMS),
    "mutex": handOver("mutex", ITEMS),
    "port": handOver("port", POSTED),
    "mpmc pairs": pairs("mpmc"),
    "mutex pairs": pairs("mutex"),
    "bytes": handOver("bytes", MESSAGES),
    "ringbuf": handOver("ringbuf", MESSAGES),
    "port bytes": handOver("port bytes", POSTED),
    "deque": alone(ChaseLevDeque.create(CAPACITY)),
    "array": alone([] as number[]),
  },
  rows: [
    ...["mpmc", "spsc batched"].flatMap((ours) => [
      {
        work: `hand over a number, ${ours}`,
        ours,
        reference: "mutex",
        unit: "ns",
        goal: { faster: 2.5, than: "mutex queue" },
      },
      {
        work: `hand over a number, ${ours}`,
        ours,
        reference: "port",
        unit: "ns",
        goal: { faster: 20, than: "postMessage" },
      },
    ]),
    { work: "hand over a number, spsc", ours: "spsc", reference: "mutex", unit: "ns" },
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
      note: "two locked instructions, which an array has not",
    },
  ],
};
