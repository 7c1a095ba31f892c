/**
 * Cycles in the wait-for graph: tasks that join each other, and tasks that join a task which in
 * turn waits for them as its children.
 *
 * Only waits that cannot end otherwise are edges: a task parked on exactly one handle waits for
 * that task; a task parked on a group waits for each child the group must await. So a cycle found
 * is a deadlock, while other tasks run on. Async bodies may wait for several things at once, so
 * their joins are no edges.
 *
 * Found by depth-first search with three colours (Tarjan, "Depth-First Search and Linear Graph
 * Algorithms", 1972), iterative, over all suspects at once: each task is looked at once.
 *
 * @module
 */

import { DeadlockError } from "./errors.ts";
import { type Owner, Task } from "./task.ts";

/** The task whose end `task` is parked on, and nothing else. */
export function joinedBy({ parkedOn }: Task<unknown>): Task<unknown> | undefined {
  return parkedOn instanceof Task ? parkedOn : undefined;
}

/** Those `task` cannot end before. */
export function* waitsFor(task: Task<unknown>): Generator<Task<unknown>> {
  const joined = joinedBy(task);
  if (joined !== undefined) return yield joined;
  const { awaitedOwner } = (task.parkedOn ?? {}) as { readonly awaitedOwner?: Owner };
  if (awaitedOwner === undefined) return;
  for (const child of awaitedOwner.children()) if (awaitedOwner.mustAwait(child)) yield child;
}

/** The cycles that can be reached from the suspects, each as a path whose last waits for its first. */
function findCycles(suspects: readonly Task<unknown>[]): Task<unknown>[][] {
  const cycles: Task<unknown>[][] = [];
  const done = new Set<Task<unknown>>();
  for (const suspect of suspects) {
    if (done.has(suspect)) continue;
    const path = [suspect];
    const onPath = new Map([[suspect, 0]]);
    const edges = [waitsFor(suspect)];
    while (path.length > 0) {
      const step = edges.at(-1)!.next();
      if (step.done) {
        const left = path.pop()!;
        onPath.delete(left);
        edges.pop();
        done.add(left);
        continue;
      }
      const at = onPath.get(step.value);
      if (at !== undefined) cycles.push(path.slice(at));
      else if (!done.has(step.value)) {
        onPath.set(step.value, path.length);
        path.push(step.value);
        edges.push(waitsFor(step.value));
      }
    }
  }
  return cycles;
}

/** Throws a `DeadlockError` into the youngest joining task of each cycle that a suspect closed. */
export function breakCycles(suspects: readonly Task<unknown>[]): void {
  for (const cycle of findCycles(suspects)) {
    const joining = cycle.filter((task) => joinedBy(task) !== undefined);
    if (joining.length === 0) continue; // broken already
    const youngest = joining.reduce((a, b) => b.id > a.id ? b : a);
    const names = [...cycle, cycle[0]!].map((t) =>
      `${t.name} #${t.id}` + (t.spawnSite === "" ? "" : ` (spawned at ${t.spawnSite})`)
    );
    youngest.throwInto(
      new DeadlockError(`Cannot join: tasks wait for each other: ${names.join(" -> ")}`),
    );
  }
}
