/**
 * How long does it take to cancel a tree: a root, 100 groups in it, 100 parked leaves in each, and
 * each leaf has a cleanup that must run? From the cancel until everything has ended.
 *
 * `bare throw`: what the language alone needs to throw into as many suspended generators; the least
 * a cancellation by throw can cost.
 *
 * @module
 */
import { setMaxListeners } from "node:events";
import { Future, type JoinHandle, Runtime, scope } from "@vais/runtime";
import { type Bench, type Cell, check, hostTurn, time } from "./bench.ts";
import { effect, effection } from "./peers.ts";

const GROUPS = 100;
const LEAVES = 100;

/** What a tree of any kind counts. */
interface Counts {
  parked: number;
  cleaned: number;
}

/** Rounds that build a tree, and time its cancellation. */
function cell(
  build: (counts: Counts) => { cancel(): Promise<unknown>; settle?(): void },
): Cell {
  return () => async () => {
    const counts = { parked: 0, cleaned: 0 };
    const tree = build(counts);
    tree.settle?.();
    while (counts.parked < GROUPS * LEAVES) await hostTurn();
    await hostTurn();
    check(counts.cleaned, 0, "number of early cleanups");
    const ms = await time(() => tree.cancel());
    check(counts.cleaned, GROUPS * LEAVES, "number of cleanups");
    return ms;
  };
}

function ours(root: (runtime: Runtime, counts: Counts) => JoinHandle<unknown>): Cell {
  return cell((counts) => {
    const runtime = new Runtime();
    const handle = root(runtime, counts);
    return {
      settle: () => check(runtime.runUntilStalled() > GROUPS * LEAVES, true, "tree"),
      cancel: async () => {
        const outcome = await handle.cancelAndJoin();
        check(outcome.status, "cancelled", "outcome");
        check(runtime.taskCount, 0, "number of tasks left");
      },
    };
  });
}

/** As little as `yield*` needs. */
const stuck = {
  [Symbol.iterator]: () => stuck,
  next: () => ({ done: false, value: undefined }),
  throw: (error: unknown) => {
    throw error;
  },
} as IterableIterator<undefined>;

function bareThrow(): Cell {
  return cell((counts) => {
    const leaf = function* () {
      try {
        counts.parked++;
        yield* stuck;
      } finally {
        counts.cleaned++;
      }
    };
    const leaves = Array.from({ length: GROUPS * LEAVES }, leaf);
    for (const generator of leaves) generator.next();
    const reason = new Error("cancelled");
    return {
      cancel: () => {
        for (const generator of leaves) {
          try {
            generator.throw(reason);
          } catch (error) {
            check(error, reason, "error");
          }
        }
        return Promise.resolve();
      },
    };
  });
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "generator": ours((runtime, counts) => {
      const leaf = function* () {
        try {
          counts.parked++;
          yield* Future.never();
        } finally {
          counts.cleaned++;
        }
      };
      return runtime.spawn(function* () {
        yield* scope(function* (root) {
          for (let g = 0; g < GROUPS; g++) {
            root.spawn(function* () {
              yield* scope(function* (group) {
                for (let l = 0; l < LEAVES; l++) group.spawn(leaf);
                yield* Future.never();
              });
            });
          }
          yield* Future.never();
        });
      });
    }),
    "async": ours((runtime, counts) => {
      const leaf = async () => {
        try {
          counts.parked++;
          await Future.never();
        } finally {
          counts.cleaned++;
        }
      };
      return runtime.spawn(async () => {
        await scope(async (root) => {
          for (let g = 0; g < GROUPS; g++) {
            root.spawn(async () => {
              await scope(async (group) => {
                for (let l = 0; l < LEAVES; l++) group.spawn(leaf);
                await Future.never();
              });
            });
          }
          await Future.never();
        });
      });
    }),
    "AbortSignal.any": cell((counts) => {
      const leaf = async (signal: AbortSignal) => {
        try {
          await new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason), { once: true });
            counts.parked++;
          });
        } finally {
          counts.cleaned++;
        }
      };
      const group = async (parent: AbortSignal) => {
        const own = new AbortController();
        const signal = AbortSignal.any([parent, own.signal]);
        setMaxListeners(0, signal); // else Node warns, which costs time
        const leaves = [];
        for (let l = 0; l < LEAVES; l++) leaves.push(leaf(signal));
        await Promise.allSettled(leaves);
        signal.throwIfAborted();
      };
      const root = new AbortController();
      const groups = [];
      for (let g = 0; g < GROUPS; g++) groups.push(group(root.signal));
      const done = Promise.allSettled(groups);
      return {
        cancel: async () => {
          root.abort();
          for (const { status } of await done) check(status, "rejected", "outcome");
        },
      };
    }),
    "bare throw": bareThrow(),
    "effect": async () => {
      const { Effect, Fiber } = await effect();
      return cell((counts) => {
        const leaf = Effect.gen(function* () {
          counts.parked++;
          yield* Effect.never;
        });
        const cleaned = Effect.ensuring(leaf, Effect.sync(() => void counts.cleaned++));
        const group = Effect.gen(function* () {
          for (let l = 0; l < LEAVES; l++) yield* Effect.forkChild(cleaned);
          yield* Effect.never;
        });
        const fiber = Effect.runFork(Effect.gen(function* () {
          for (let g = 0; g < GROUPS; g++) yield* Effect.forkChild(group);
          yield* Effect.never;
        }));
        return { cancel: () => Effect.runPromise(Fiber.interrupt(fiber)) };
      })();
    },
    "effection": async () => {
      const { run, spawn, suspend } = await effection();
      return cell((counts) => {
        const leaf = function* () {
          try {
            counts.parked++;
            yield* suspend();
          } finally {
            counts.cleaned++;
          }
        };
        const task = run(function* () {
          for (let g = 0; g < GROUPS; g++) {
            yield* spawn(function* () {
              for (let l = 0; l < LEAVES; l++) yield* spawn(leaf);
              yield* suspend();
            });
          }
          yield* suspend();
        });
        task.catch(() => {});
        return { cancel: () => task.halt() };
      })();
    },
  },
  rows: [
    ...["generator", "async"].map((kind) => ({
      work: `cancel a tree of 10 101 with cleanups, ${kind}`,
      ours: kind,
      reference: "AbortSignal.any",
      goal: { ratio: 0.5, of: "native" },
    })),
    { work: "cancel a tree of 10 101, generator", ours: "generator", reference: "bare throw" },
    { work: "cancel a tree of 10 101, generator", ours: "generator", reference: "effect" },
    { work: "cancel a tree of 10 101, generator", ours: "generator", reference: "effection" },
  ],
};
