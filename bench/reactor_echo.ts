/**
 * How many echoes does a server make per second, next to one written in C, and to the host's own?
 *
 * TCP on loopback, 64 bytes, 1, 64 and 512 connections; the load is a C program in a process of its
 * own, a closed loop. Each server is a process too; they are measured alternately. Figures are µs
 * per echo (1 000 000 / echoes per second), so less is better: 0.85 of the echoes is 1.176 of the
 * time. `paced` is the latency (µs, p50) of one connection with 2 ms of silence before each echo,
 * when every server sleeps; without silence one connection finds the reactor still looking. The
 * server's CPU time (µs per echo, all threads) tells the same with less noise, but for the waiting.
 *
 * @module
 */
import { type Bench, type Cell, type Goal, type Row, size } from "./bench.ts";
import { compiled, load, program, serve } from "./reactor/children.ts";

const MS = { warm: size(300, 150), measure: size(600, 300) };
const PAUSE_US = 2_000;
const PACED_MS = { warm: 100, measure: 400 };

function server(command: () => string[]): Cell {
  return async () => {
    const server = await serve(command());
    return async () => {
      const figures: Record<string, number> = {};
      for (const connections of [64, 512, 1]) {
        const { perRequest, cpu } = await load(server, connections, MS);
        figures[connections] = perRequest;
        figures[`${connections} cpu`] = cpu;
      }
      figures.paced = (await load(server, 1, PACED_MS, PAUSE_US)).p50;
      return figures;
    };
  };
}

/** Rows of one situation: the reference and the goal, one after the other. */
function rows(kind: string, figure: string, goals: Readonly<Record<string, Goal>>): Row[] {
  const situation = figure === "paced"
    ? "echo, 1 connection, 2 ms apart, latency"
    : `echo, ${figure} connection${figure === "1" ? "" : "s"}`;
  return Object.entries(goals).map(([reference, goal]) => ({
    work: `${situation}, ${kind}`,
    ours: `${kind}.${figure}`,
    reference: `${reference}.${figure}`,
    unit: "µs",
    goal,
  }));
}

/** So much of the echoes of C, at least. */
function share(part: number): Goal {
  return { ratio: Number((1 / part).toFixed(3)), of: "C" };
}

/** See the head of this file. */
export const bench: Bench = {
  helpers: ["reactor/echo_server.c", "reactor/load.c", "reactor/echo_server.ts"],
  on: { "Deno.listen": "deno" },
  cells: {
    "C": server(() => compiled("echo_server")),
    ...Object.fromEntries(
      ["generator", "async", "node:net", "Deno.listen"].map((kind) => [
        kind,
        server(() => program("echo_server", kind)),
      ]),
    ),
  },
  rows: [
    ...rows("generator", "64", {
      "C": share(0.85),
      "Deno.listen": { faster: 1.4, than: "host" },
      "node:net": { faster: 1.5, than: "host" },
    }),
    ...rows("generator", "512", {
      "C": share(0.85),
      "Deno.listen": { faster: 1.6, than: "host" },
      "node:net": { faster: 1.5, than: "host" },
    }),
    ...rows("generator", "1", {
      "Deno.listen": { faster: 2.5, than: "host" },
      "node:net": { faster: 2.5, than: "host" },
    }),
    ...rows("generator", "paced", {
      "Deno.listen": { faster: 1, than: "host" },
      "node:net": { faster: 1, than: "host" },
    }),
    ...rows("async", "64", { "C": share(0.75) }),
    ...["generator", "async", "node:net", "Deno.listen"].map((kind) => ({
      work: `CPU time per echo, 64 connections, ${kind}`,
      ours: `${kind}.64 cpu`,
      reference: "C.64 cpu",
      unit: "µs",
    })),
  ],
  repeat: { processes: 3, warmups: 0, warmMs: 0, rounds: 1, leastRounds: 1, roundsMs: 0 },
};
