/**
 * Does cancelling stay linear, however deep or wide the tree is?
 *
 * A chain 100 000 deep: each task opens a group, or a scope, with the next one in it and waits.
 * A group 1 000 000 wide: parked poll-style children. Twice the size may take 2.4 times as long.
 *
 * @module
 */
import { Future, PENDING, Runtime, scope, TaskGroup } from "@vais/runtime";
import { type Bench, type Cell, check, size, time } from "./bench.ts";

const DEEP = size(100_000, 20_000);
const WIDE = size(1_000_000, 200_000);

function* inGroups(left: number): Generator<unknown, void> {
  if (left === 0) return yield* Future.never();
  const group = new TaskGroup();
  group.spawn(() => inGroups(left - 1));
  yield* group.run() as unknown as Future<void>;
}

function* inScopes(left: number): Generator<unknown, void> {
  if (left === 0) return yield* Future.never();
  yield* scope(() => inScopes(left - 1));
}

/** A chain of `tasks` in all. */
function deep(body: (left: number) => Generator<unknown, void>, tasks: number): Cell {
  return () => async () => {
    const runtime = new Runtime();
    const root = runtime.spawn(() => body(tasks - 1));
    const build = await time(() => check(runtime.runUntilStalled(), tasks, "number of tasks"));
    const cancel = await time(() => root.cancelAndJoin());
    check(runtime.taskCount, 0, "number of tasks left");
    return { build, cancel };
  };
}

function wide(tasks: number): Cell {
  return () => async () => {
    const runtime = new Runtime();
    const group = new TaskGroup({ runtime });
    const build = await time(() => {
      for (let i = 0; i < tasks; i++) group.spawn(i, () => PENDING);
      check(runtime.runUntilStalled(), tasks, "number of tasks");
    });
    const cancel = await time(() => group.cancelAndJoin());
    check(group.stats().cancelled, tasks, "number of cancelled tasks");
    check(runtime.taskCount, 0, "number of tasks left");
    return { build, cancel };
  };
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "deep n": deep(inGroups, DEEP / 2),
    "deep 2n": deep(inGroups, DEEP),
    "scopes n": deep(inScopes, DEEP / 2),
    "scopes 2n": deep(inScopes, DEEP),
    "wide n": wide(WIDE / 2),
    "wide 2n": wide(WIDE),
  },
  rows: [
    [`groups, ${DEEP} deep`, "deep"],
    [`scopes, ${DEEP} deep`, "scopes"],
    [`a group ${WIDE} wide`, "wide"],
  ].flatMap(([what, cell]) =>
    ["build", "cancel"].map((step) => ({
      work: `${step} ${what}`,
      ours: `${cell} 2n.${step}`,
      reference: `${cell} n.${step}`,
      goal: { ratio: 2.4, of: "half" },
    }))
  ),
  repeat: { processes: 1, warmups: 1, warmMs: 0, rounds: 5, leastRounds: 5, roundsMs: 0 },
};
