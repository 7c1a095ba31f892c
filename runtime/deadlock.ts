/**
 * Cycles in the wait-for graph: tasks that join each other, and tasks that join a task which in
 * turn waits for them as its children.
 *
 * Only waits that cannot end otherwise are edges: a task parked on exactly one handle, and a parent
 * that has nothing left to do but wait for its group. So a cycle found is a deadlock, while other
 * tasks run on. Async bodies may wait for several things at once, so their joins are no edges.
 *
 * @module
 */

import { DeadlockError } from "./errors.ts";
import type { Waker } from "./poll.ts";
import { Task } from "./task.ts";

/** Those who cannot end before `task` does. */
function* dependents(task: Task<unknown>): Generator<Task<unknown>> {
  for (const waker of task.joiners() as Iterable<Waker>) {
    if (waker instanceof Task && waker.joining === task) yield waker;
  }
  const { owner } = task;
  if (owner.parent !== undefined && owner.mustAwait(task)) yield owner.parent;
}

/** The cycle through `task`, which is parked on a handle: each waits for the next, the last for the first. */
export function findCycle(task: Task<unknown>): Task<unknown>[] | undefined {
  const target = task.joining;
  if (target === undefined) return undefined;
  if (target === task) return [task];
  const cameFrom = new Map<Task<unknown>, Task<unknown>>();
  const work = [task];
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    for (const next of dependents(at)) {
      if (next === task || cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      if (next === target) {
        const cycle = [task];
        for (let step: Task<unknown> | undefined = next; step !== task && step !== undefined;) {
          cycle.push(step);
          step = cameFrom.get(step);
        }
        return cycle;
      }
      work.push(next);
    }
  }
  return undefined;
}

/** Throws a `DeadlockError` into the youngest task of each cycle that a suspect closed. */
export function breakCycles(suspects: readonly Task<unknown>[]): void {
  for (const suspect of suspects) {
    const cycle = findCycle(suspect);
    if (cycle === undefined) continue;
    // Only a task that itself joins can be thrown into; the suspect is one.
    const youngest = cycle.filter((t) => t.joining !== undefined)
      .reduce((a, b) => b.id > a.id ? b : a);
    const names = [...cycle, cycle[0]!].map((t) =>
      `${t.name} #${t.id}` + (t.spawnSite === "" ? "" : ` (spawned at ${t.spawnSite})`)
    );
    youngest.throwInto(
      new DeadlockError(`Cannot join: tasks wait for each other: ${names.join(" -> ")}`),
    );
  }
}
