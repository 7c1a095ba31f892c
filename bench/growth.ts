/**
 * Does a group that lives for ever grow? Bytes of heap per child that has ended in it.
 *
 * 1 000 000 children of one living group, a fifth each: returned, had a child that threw, were
 * cancelled, hit a time limit, lost a race. Its rounds of 200 000 go on in the same group.
 * `kept failures`: children of a supervisor that throw themselves. The group is bound to report
 * each of them at its end, so these are kept; without a goal.
 *
 * @module
 */
import {
  Future,
  type JoinHandle,
  moveOnAfter,
  race,
  Runtime,
  scope,
  TaskGroup,
} from "@vais/runtime";
import process from "node:process";
import { type Bench, type Cell, check, collectGarbage, size } from "./bench.ts";

const CHILDREN = size(200_000, 20_000);
const BATCH = 1_000;

type Spawn = (group: TaskGroup, i: number) => JoinHandle<unknown>;

const failure = new Error("expected");

const returns: Spawn = (group, i) => group.spawn(i, (i) => i);

const throws: Spawn = (group) =>
  group.spawn(function* () {
    try {
      yield* scope((s) => {
        s.spawn(() => {
          throw failure;
        });
      });
    } catch (error) {
      check(error, failure, "error");
    }
  });

const isCancelled: Spawn = (group) => group.spawn(() => Future.never());

const timesOut: Spawn = (group) =>
  group.spawn(function* () {
    const { timedOut } = yield* moveOnAfter(1, () => Future.never());
    check(timedOut, true, "timedOut");
  });

const losesRace: Spawn = (group, i) =>
  group.spawn(function* () {
    check(yield* race([() => i, (task) => task.sleep(60_000).map(() => -1)]), i, "winner");
  });

const ENDS = [returns, throws, isCancelled, timesOut, losesRace];

function cell(spawn: Spawn, children: number, group: (runtime: Runtime) => TaskGroup): Cell {
  return () => {
    const runtime = new Runtime();
    const living = group(runtime);
    const batch = async () => {
      const handles: JoinHandle<unknown>[] = [];
      for (let i = 0; i < BATCH; i++) handles.push(spawn(living, i));
      await runtime.sleep(0);
      for (let i = 0; i < BATCH; i++) {
        if (ENDS[i % ENDS.length] === isCancelled) handles[i]!.cancel();
      }
      for (const handle of handles) await handle.settled();
    };
    return async () => {
      await collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let done = 0; done < children; done += BATCH) await batch();
      check(runtime.taskCount, 0, "number of tasks left");
      await collectGarbage();
      return (process.memoryUsage().heapUsed - before) / children;
    };
  };
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "every way": cell(
      (group, i) => ENDS[i % ENDS.length]!(group, i),
      CHILDREN,
      (runtime) => new TaskGroup({ runtime }),
    ),
    "kept failures": cell(
      (group) =>
        group.spawn(() => {
          throw failure;
        }),
      CHILDREN / 10,
      (runtime) => new TaskGroup({ runtime, cancelOnError: false }),
    ),
  },
  rows: [
    {
      work: `heap growth per ended child, ${5 * CHILDREN} children`,
      ours: "every way",
      unit: "B",
      goal: { atMost: 2 },
    },
    {
      work: "heap growth per failure kept by a supervisor",
      ours: "kept failures",
      unit: "B",
      note: "kept on purpose: the group reports every failure at its end",
    },
  ],
  repeat: { processes: 1, warmups: 1, warmMs: 0, rounds: 5, leastRounds: 5, roundsMs: 0 },
};
