/**
 * Stack, map and priority queue between two workers, beside what one would write otherwise.
 *
 * `stack`: both workers push and pop in turn on one stack of 1024; the figures are ns for a push and a pop.
 * `mutex stack` is an array under a mutex of `Atomics`. `map`: 4096 int keys, seven operations in eight
 * look up, one sets; both workers at once; `map by messages` is a worker with a Map that another one asks
 * through a MessagePort, at most 1000 questions ahead. `priority`: one worker adds with one of five levels,
 * the other takes the most urgent; `priority by messages` posts them to a worker that has an array for each
 * level. `alone` is one thread: what sharing costs when nobody shares. Figures are ns an operation, for
 * `alone` priority ns for a push and a pop.
 *
 * @module
 */
import { EMPTY, LockFreeStack, PRIORITIES, PriorityQueue, ShardedMap } from "@vais/runtime/memory";
import { type Bench, type Cell, check, size, time } from "./bench.ts";
import { ArrayLanes } from "./memory/lanes.ts";
import { MutexStack } from "./memory/mutex_stack.ts";
import { isChange, keyOf, KEYS, levelOf, type StructureJob } from "./memory/structure_jobs.ts";
import { startThread } from "./memory/threads.ts";

const PAIRS = size(200_000, 50_000);
const OPERATIONS = size(500_000, 50_000);
const POSTED = size(50_000, 10_000);
const CAPACITY = 1024;
const BURST = 64;

type Made = Pick<StructureJob, "handle" | "buffer">;

function filledMap(): ShardedMap {
  const map = ShardedMap.create(KEYS);
  for (let key = 0; key < KEYS; key++) map.put(key, key);
  return map;
}

const make: Record<string, () => Made> = {
  "stack": () => ({ handle: LockFreeStack.create(CAPACITY).handle }),
  "mutex stack": () => ({ buffer: new SharedArrayBuffer(MutexStack.byteLength(CAPACITY)) }),
  "map": () => ({ handle: filledMap().handle }),
  "map by messages": () => ({}),
  "priority": () => ({ handle: PriorityQueue.create(CAPACITY).handle }),
  "priority by messages": () => ({}),
};

/** Both workers do a job of `kind`; answers what they answer and how many ms it took. */
async function twoWorkers(kind: string, count: number) {
  const url = new URL("./memory/structure_worker.mjs", import.meta.url);
  const [first, second] = [await startThread(url), await startThread(url)];
  return async () => {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const job = { kind, count, gate, ...make[kind]!() };
    const ports = kind.endsWith("messages") ? new MessageChannel() : undefined;
    let answers: unknown[] = [];
    const ms = await time(async () => {
      answers = await Promise.all([
        first.run({ ...job, role: "first", port: ports?.port1 }, ports && [ports.port1]),
        second.run({ ...job, role: "second", port: ports?.port2 }, ports && [ports.port2]),
      ]);
    });
    return { ms, answers };
  };
}

/** ns for a push and a pop, while another worker does the same. */
function pairs(kind: string): Cell {
  return async () => {
    const run = await twoWorkers(kind, PAIRS);
    return async () => {
      const { ms, answers } = await run();
      const all = Float64Array.from((answers as Float64Array[]).flatMap((one) => [...one])).sort();
      return { mean: ms * 1e6 / (2 * PAIRS), p999: all[Math.floor(all.length * 0.999)]! };
    };
  };
}

/** ns an operation; `each`: how many the workers do together for one of `count`. */
function shared(kind: string, count: number, each: number, expected: unknown): Cell {
  return async () => {
    const run = await twoWorkers(kind, count);
    return async () => {
      const { ms, answers } = await run();
      check((answers as number[]).reduce((sum, one) => sum + one), expected, "sum");
      return ms * 1e6 / (count * each);
    };
  };
}

/** ns an operation, on one thread. */
function alone(work: (count: number) => unknown, expected: unknown): Cell {
  return () => async () => {
    let result: unknown;
    const ms = await time(() => result = work(OPERATIONS));
    check(result, expected, "result");
    return ms * 1e6 / OPERATIONS;
  };
}

/** Looks up and sets as the workers do; answers how many keys were found. */
function lookUps(get: (key: number) => unknown, set: (key: number, value: number) => unknown) {
  return (count: number) => {
    let found = 0;
    for (let i = 0; i < count; i++) {
      if (isChange(i)) set(keyOf(i), i);
      else if (get(keyOf(i)) !== undefined) found++;
    }
    return found;
  };
}

/** Pushes and pops in bursts; answers the sum. */
function bursts(push: (value: number, level: number) => unknown, pop: () => number) {
  return (count: number) => {
    let sum = 0;
    for (let done = 0; done < count; done += BURST) {
      for (let i = 0; i < BURST; i++) push(i, levelOf(i));
      for (let i = 0; i < BURST; i++) sum += pop();
    }
    return sum;
  };
}

const sumOf = (count: number) => {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += i & 255;
  return sum;
};
const found = (count: number) => count - Math.ceil(count / 8);
const burstSum = Math.ceil(OPERATIONS / BURST) * (BURST * (BURST - 1) / 2);
const plainMap = new Map(Array.from({ length: KEYS }, (_, key) => [key, key]));
const sharedMap = filledMap();
const queue = PriorityQueue.create(CAPACITY);
const lanes = new ArrayLanes();

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["memory/structure_worker.ts"],
  cells: {
    "stack": pairs("stack"),
    "mutex stack": pairs("mutex stack"),
    "map": shared("map", OPERATIONS, 2, 2 * found(OPERATIONS)),
    "map by messages": shared("map by messages", POSTED, 1, POSTED),
    "map alone": alone(
      lookUps((key) => sharedMap.get(key), (key, value) => sharedMap.put(key, value)),
      found(OPERATIONS),
    ),
    "Map alone": alone(
      lookUps((key) => plainMap.get(key), (key, value) => plainMap.set(key, value)),
      found(OPERATIONS),
    ),
    "priority": shared("priority", OPERATIONS, 1, sumOf(OPERATIONS)),
    "priority by messages": shared("priority by messages", POSTED, 1, sumOf(POSTED)),
    "priority alone": alone(
      bursts(
        (value, level) => queue.push(value, PRIORITIES[level]),
        () => {
          const value = queue.pop();
          return value === EMPTY ? -1 : value;
        },
      ),
      burstSum,
    ),
    "arrays alone": alone(
      bursts((value, level) => lanes.push(value, level), () => lanes.pop() ?? -1),
      burstSum,
    ),
  },
  rows: [
    {
      work: "stack push+pop, two workers, p99.9",
      ours: "stack.p999",
      reference: "mutex stack.p999",
      unit: "ns",
    },
    {
      work: "stack push+pop, two workers, mean",
      ours: "stack.mean",
      reference: "mutex stack.mean",
      unit: "ns",
      note: "the mutex lets one worker run while the other sleeps",
    },
    { work: "map, two workers", ours: "map", reference: "map by messages", unit: "ns" },
    { work: "map, one thread", ours: "map alone", reference: "Map alone", unit: "ns" },
    {
      work: "hand over by priority",
      ours: "priority",
      reference: "priority by messages",
      unit: "ns",
    },
    {
      work: "priority push+pop, one thread",
      ours: "priority alone",
      reference: "arrays alone",
      unit: "ns",
    },
  ],
};
