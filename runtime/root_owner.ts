/**
 * The owner of the tasks that are in no group: the runtime itself.
 *
 * @module
 */

import { Children } from "./children.ts";
import type { Failure } from "./failures.ts";
import type { Host } from "./host.ts";
import { TASK_FAILED } from "./outcome.ts";
import type { Owner, Task } from "./task.ts";

/** Default grace of cancelled tasks, in ms. */
export const DEFAULT_GRACE_MS = 5_000;

/** The failure of a task that failed. */
export function failureOf(task: Task<unknown>): Failure {
  return {
    error: task.result,
    task: { id: task.id, name: task.name },
    during: task.sawCancel ? "cleanup" : "body",
  };
}

/** Owns the tasks that were spawned on the runtime itself. */
export class RootOwner implements Owner {
  readonly graceMs = DEFAULT_GRACE_MS;
  readonly hasLocals = false;
  readonly parent = undefined;
  prevOwned: Owner | undefined = undefined;
  nextOwned: Owner | undefined = undefined;
  readonly #host: Host;
  readonly #children = new Children();

  constructor(host: Host) {
    this.#host = host;
  }

  get host(): Host {
    return this.#host;
  }

  get label(): string {
    return this.#host.name;
  }

  adopt(task: Task<unknown>): void {
    this.#children.add(task);
  }

  childFinished(task: Task<unknown>): void {
    this.#children.remove(task);
    // Whoever joins it takes this back when the failure is really delivered.
    if (task.status === TASK_FAILED) this.#host.unobserved(failureOf(task), task);
  }

  cancelFromParent(): void {}

  mustBegin(): boolean {
    return false;
  }

  shortenGrace(): void {}

  mustAwait(): boolean {
    return false;
  }

  children(): Iterable<Task<unknown>> {
    return this.#children;
  }
}
