/**
 * What does it cost to call a small function on another thread?
 *
 * Every pool has two threads. Figures are µs a task, the whole time divided by the tasks: `promise` with 256 tasks
 * in flight, each with a promise, and a `then` on it: no async function of the bench's is among what is measured; `callback` with as many, through `dispatch`; `batch` with one promise for all, through
 * `map`. `row` is an object of 200 bytes, there and back, with 256 in flight. `hot` is the median of one task
 * after the other, `cold` the same with 2 ms of silence before each, when every thread sleeps; `low` is an
 * engine with `latency: "low"`. `tuned`, like tinypool here, posts 64 tasks to a thread ahead and takes no times;
 * poolifier does that by itself, on Deno it is its package for Web Workers. On a busy machine the CPU time says more.
 *
 * @module
 */
import type { EngineConfig } from "@vais/runtime";
import { type Bench, type Cell, check, hostTurn, size } from "./bench.ts";
import { type Call, engineOf, ours, peers, perTask, pipeline, watched } from "./threads/pools.ts";
import type { Row } from "./threads/tasks.ts";

const WINDOW = 256;
const OURS = size(100_000, 20_000);
const THEIRS = size(10_000, 2_000);
const HOT = size(2_000, 500);
const COLD = size(150, 40);
const SILENCE_MS = 2;

type Open = () => Promise<Call>;

/** The sum of 1 to `count`: what incrementing 0 to `count - 1` comes to. */
function sumTo(count: number): number {
  return count * (count + 1) / 2;
}

function promises(open: Open, count: number): Cell {
  return async () => {
    const call = await watched(open);
    return async () => {
      let sum = 0, next = 0, done = 0;
      const figures = await perTask(
        count,
        () =>
          new Promise<void>((resolve, reject) => {
            const take = (value: unknown) => {
              sum += value as number;
              if (next < count) call("increment", next++).then(take, reject);
              if (++done === count) resolve();
            };
            while (next < WINDOW) call("increment", next++).then(take, reject);
          }),
      );
      check(sum, sumTo(count), "sum");
      return figures;
    };
  };
}

const callbacks: Cell = async () => {
  const engine = await engineOf();
  return async () => {
    let sum = 0, next = 0, done = 0;
    const figures = await perTask(
      OURS,
      () =>
        new Promise<void>((resolve, reject) => {
          const take = (value: number) => {
            sum += value;
            if (next < OURS) engine.dispatch("increment", [next++], take, reject);
            if (++done === OURS) resolve();
          };
          while (next < WINDOW) engine.dispatch("increment", [next++], take, reject);
        }),
    );
    check(sum, sumTo(OURS), "sum");
    return figures;
  };
};

const batch: Cell = async () => {
  const engine = await engineOf();
  const items = Array.from({ length: OURS }, (_, n) => n);
  return async () => {
    let results: readonly number[] = [];
    const figures = await perTask(
      OURS,
      async () => results = await engine.map(items, "increment"),
    );
    check(results.every((result, n) => result === n + 1), true, "results");
    check(results.length, OURS, "number of results");
    return figures;
  };
};

function row(id: number): Row {
  return {
    id,
    name: `customer number ${id % 1_000}`,
    tags: ["north", "retail", "2026", "renewed"],
    at: { x: id * 0.5, y: -id },
    note: "prefers to be called in the morning, never on Fridays; has two dogs",
    active: (id & 1) === 0,
  };
}

function rows(open: Open, count: number): Cell {
  return async () => {
    const call = await watched(open);
    return async () => {
      let right = 0;
      const figures = await perTask(
        count,
        () =>
          pipeline(count, WINDOW, async (n) => {
            const sent = row(n);
            const got = await call("echo", sent) as Row;
            if (got !== sent && got.at.y === -n && got.tags[3] === "renewed") right++;
          }),
      );
      check(right, count, "number of right rows");
      return figures;
    };
  };
}

/** The median of one task's time, in µs. */
async function roundTrips(call: Call, count: number, silenceMs: number): Promise<number> {
  const took = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    if (silenceMs > 0) await hostTurn(silenceMs);
    const start = performance.now();
    check(await call("increment", i), i + 1, "result");
    took[i] = performance.now() - start;
  }
  return took.sort()[count >> 1]! * 1e3;
}

function latency(open: Open): Cell {
  return async () => {
    const call = await watched(open);
    return () =>
      watched(async () => ({
        hot: await roundTrips(call, HOT, 0),
        cold: await roundTrips(call, COLD, SILENCE_MS),
      }));
  };
}

const engine = (config: EngineConfig = {}) => () => ours(config);

function ofPeers(kind: string, cell: (open: Open) => Cell): Record<string, Cell> {
  return Object.fromEntries(
    Object.entries(peers).map(([name, open]) => [`${kind} ${name}`, cell(open)]),
  );
}

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["threads/tasks.ts", "threads/poolifier_worker.ts"],
  cells: {
    "promise": promises(engine(), OURS),
    ...ofPeers("promise", (open) => promises(open, THEIRS)),
    "callback": callbacks,
    "batch": batch,
    "row": rows(engine(), OURS / 5),
    ...ofPeers("row", (open) => rows(open, THEIRS)),
    "trip": latency(engine()),
    "low": latency(engine({ latency: "low" })),
    ...ofPeers("trip", latency),
  },
  rows: [
    {
      work: "a promise each",
      ours: "promise",
      reference: "promise piscina tuned",
      unit: "µs",
      goal: { faster: 40, than: "piscina" },
    },
    {
      work: "a promise each",
      ours: "promise",
      reference: "promise piscina",
      unit: "µs",
      goal: { faster: 120, than: "piscina" },
    },
    ...["tinypool", "poolifier"].map((peer) => ({
      work: "a promise each",
      ours: "promise",
      reference: `promise ${peer}`,
      unit: "µs",
    })),
    ...["callback", "batch"].map((kind) => ({
      work: `without a promise each, ${kind}`,
      ours: kind,
      reference: "promise piscina tuned",
      unit: "µs",
      goal: { faster: 100, than: "piscina" },
    })),
    {
      work: "an object of 200 bytes",
      ours: "row",
      reference: "row piscina tuned",
      unit: "µs",
      goal: { faster: 4, than: "piscina" },
    },
    ...["piscina", "tinypool", "poolifier"].map((peer) => ({
      work: "an object of 200 bytes",
      ours: "row",
      reference: `row ${peer}`,
      unit: "µs",
    })),
    ...["promise", "callback", "batch", "row"].map((kind) => ({
      work: `CPU time of all threads, ${kind === "row" ? "an object of 200 bytes" : kind}`,
      ours: `${kind}.cpu`,
      reference: `${kind === "row" ? "row" : "promise"} piscina tuned.cpu`,
      unit: "µs",
    })),
    ...["trip", "low"].map((kind) => ({
      work: `round trip, hot${kind === "low" ? ", latency: low" : ""}`,
      ours: `${kind}.hot`,
      reference: "trip piscina.hot",
      unit: "µs",
      goal: { faster: 20, than: "piscina" },
    })),
    ...["piscina tuned", "tinypool", "poolifier"].map((peer) => ({
      work: "round trip, hot",
      ours: "trip.hot",
      reference: `trip ${peer}.hot`,
      unit: "µs",
    })),
    ...([["deno", 2], ["node", 1.2]] as const).map(([on, faster]) => ({
      work: "round trip, cold",
      on,
      ours: "trip.cold",
      reference: "trip piscina.cold",
      unit: "µs",
      goal: { faster, than: "piscina" },
    })),
    ...["piscina tuned", "tinypool", "poolifier"].map((peer) => ({
      work: "round trip, cold",
      ours: "trip.cold",
      reference: `trip ${peer}.cold`,
      unit: "µs",
    })),
  ],
};
