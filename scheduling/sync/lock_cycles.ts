/**
 * Tasks that wait for each other's locks.
 *
 * The runtime finds cycles of joins; this finds those that a wait for a lock closes, also when joins
 * and groups are links of it. Looked for only when a holder is itself waiting for a task, a group or
 * a lock; a cycle is closed by its last wait, so that is enough. The search runs in the next batch,
 * when the wait has really begun.
 *
 * A depth-first search, as in `runtime/deadlock.ts`; only waits that cannot end otherwise are edges.
 *
 * @module
 */

import { joinedBy, waitsFor } from "../../runtime/deadlock.ts";
import { DeadlockError } from "../../runtime/errors.ts";
import type { Task } from "../../runtime/task.ts";

/** What a task waits for, in the shape of a group: those children that must be waited for. */
export interface Edges {
  children(): Iterable<Task<unknown>>;
  mustAwait(task: Task<unknown>): boolean;
}

/** The path from `task` back to itself, if there is one. Each task is looked at once. */
function cycleThrough(task: Task<unknown>): Task<unknown>[] | undefined {
  const seen = new Set<Task<unknown>>();
  const path = [task];
  const edges = [waitsFor(task)];
  while (path.length > 0) {
    const step = edges.at(-1)!.next();
    if (step.done) {
      path.pop();
      edges.pop();
    } else if (step.value === task) return path;
    else if (!seen.has(step.value)) {
      seen.add(step.value);
      path.push(step.value);
      edges.push(waitsFor(step.value));
    }
  }
  return undefined;
}

/** True for a wait that a throw ends at once. */
function isBreakable(task: Task<unknown>): boolean {
  return joinedBy(task) !== undefined ||
    (task.awaiting as { readonly isLockWait?: boolean } | undefined)?.isLockWait === true;
}

/**
 * `task` begins to wait for a lock, one of whose holders waits too: should that close a cycle, throws
 * into the youngest task of it that waits for a lock or a join.
 */
export function watchForCycle(task: Task<unknown>, title: string): void {
  task.host.enqueue({ runOnce: () => breakCycle(task, title) });
}

function breakCycle(task: Task<unknown>, title: string): void {
  if (task.isFinished || !isBreakable(task)) return;
  const cycle = cycleThrough(task);
  if (cycle === undefined) return;
  const youngest = cycle.filter(isBreakable).reduce((a, b) => b.id > a.id ? b : a);
  const names = [...cycle, task].map((each) => {
    const { awaiting } = each as { readonly awaiting?: { describe?(): string } };
    const what = awaiting?.describe?.();
    return `${each.name} #${each.id}` + (what === undefined ? "" : ` (waits for ${what})`) +
      (each.spawnSite === "" ? "" : ` (spawned at ${each.spawnSite})`);
  });
  youngest.throwInto(
    new DeadlockError(`Cannot wait for ${title}: tasks wait for each other: ${names.join(" -> ")}`),
  );
}
