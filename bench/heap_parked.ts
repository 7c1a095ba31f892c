/**
 * How much memory does a parked task take? 50 000 of them in one group, in bytes of heap each.
 * Of effection, and with a signal, 5 000: to end more takes them time that grows with the square,
 * and the figure is the same.
 *
 * @module
 */
import { Future, PENDING, Runtime, TaskGroup } from "@vais/runtime";
import { setMaxListeners } from "node:events";
import process from "node:process";
import { type Bench, type Cell, check, collectGarbage, hostTurn } from "./bench.ts";
import { effect, effection } from "./peers.ts";

const TASKS = 50_000;
const FEWER_TASKS = 5_000;

/** Rounds that park so many tasks, and let them end again. */
function cell(park: (count: { parked: number }) => () => unknown, tasks = TASKS): Cell {
  return () => async () => {
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const count = { parked: 0 };
    const end = park(count);
    while (count.parked < tasks) await hostTurn();
    await collectGarbage();
    const bytes = (process.memoryUsage().heapUsed - before) / tasks;
    await end();
    return bytes;
  };
}

/** The children share one body, as the native ones do. */
function ours(
  spawn: (group: TaskGroup, body: () => unknown) => void,
  bodyOf: (count: { parked: number }) => () => unknown,
): Cell {
  return cell((count) => {
    const runtime = new Runtime();
    const group = new TaskGroup({ runtime });
    const body = bodyOf(count);
    for (let i = 0; i < TASKS; i++) spawn(group, body);
    check(runtime.runUntilStalled(), TASKS, "number of tasks");
    return () => group.cancelAndJoin();
  });
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "poll": ours((group, body) => group.spawn(undefined, body), (count) => () => {
      count.parked++;
      return PENDING;
    }),
    "generator": ours((group, body) => group.spawn(body), (count) =>
      function* () {
        count.parked++;
        yield* Future.never();
      }),
    "async": ours((group, body) => group.spawn(body), (count) => async () => {
      count.parked++;
      await Future.never();
    }),
    "bare promise": cell((count) => {
      const resolves: (() => void)[] = [];
      const bodies = Array.from({ length: TASKS }, async () => {
        count.parked++;
        await new Promise<void>((resolve) => resolves.push(resolve));
      });
      return () => {
        for (const resolve of resolves) resolve();
        return Promise.all(bodies);
      };
    }),
    "promise + signal": cell((count) => {
      const controller = new AbortController();
      const { signal } = controller;
      setMaxListeners(0, signal);
      const bodies = Array.from({ length: FEWER_TASKS }, async () => {
        count.parked++;
        await new Promise<void>((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason), { once: true })
        );
      });
      return () => {
        controller.abort();
        return Promise.allSettled(bodies);
      };
    }, FEWER_TASKS),
    "effect": async () => {
      const { Effect, Fiber } = await effect();
      return cell((count) => {
        const body = Effect.gen(function* () {
          count.parked++;
          yield* Effect.never;
        });
        const fiber = Effect.runFork(Effect.gen(function* () {
          for (let i = 0; i < TASKS; i++) yield* Effect.forkChild(body);
          yield* Effect.never;
        }));
        return () => Effect.runPromise(Fiber.interrupt(fiber));
      })();
    },
    "effection": async () => {
      const { run, spawn, suspend } = await effection();
      return cell((count) => {
        const body = function* () {
          count.parked++;
          yield* suspend();
        };
        const task = run(function* () {
          for (let i = 0; i < FEWER_TASKS; i++) yield* spawn(body);
          yield* suspend();
        });
        task.catch(() => {});
        return () => task.halt();
      }, FEWER_TASKS)();
    },
  },
  rows: [
    ...([["poll", 200, "bare promise"], ["generator", 800, "effect"], [
      "async",
      1_000,
      "promise + signal",
    ]] as const).map(([kind, atMost, reference]) => ({
      work: `heap per parked task, ${kind}`,
      ours: kind,
      reference,
      unit: "B",
      goal: { atMost },
    })),
    {
      work: "heap per parked task, generator",
      ours: "generator",
      reference: "effection",
      unit: "B",
    },
  ],
  repeat: { processes: 1, warmups: 1, warmMs: 0, rounds: 5, leastRounds: 5, roundsMs: 0 },
};
