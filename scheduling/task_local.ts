/**
 * Values that tasks inherit down the tree: a request id, a user, a logger.
 *
 * A value belongs to a scope, and is looked for from the current task upwards, as deadlines are. So
 * tasks carry nothing, and spawning costs nothing.
 *
 * @module
 */

import { callAs, storedOwner } from "../runtime/async_context.ts";
import { typeOf } from "../runtime/clock.ts";
import type { Task } from "../runtime/task.ts";
import { currentTask } from "./current_task.ts";
import type { GroupOptions } from "./group_options.ts";
import type { Operation } from "./operation.ts";
import { type ScopeBody, ScopeOperation } from "./scope.ts";

/** Of each scope that sets values: which. */
const values = new WeakMap<object, { readonly local: object; readonly value: unknown }>();

class LocalOperation<T> extends ScopeOperation<T> {
  constructor(
    local: object,
    value: unknown,
    body: ScopeBody<T>,
    options: GroupOptions | undefined,
  ) {
    super(body, options, "run with a task local");
    values.set(this.core, { local, value }); // the body has not run yet
    this.core.hasLocals = true;
  }
}

/**
 * A value that each task has from the scopes it lives in, the innermost first.
 *
 * It is found wherever the task is: in generators, behind foreign awaits of async bodies, and in
 * the timers and other callbacks that either makes, as in an `AsyncLocalStorage`. Where the host has none,
 * and for callbacks that were made elsewhere, there is {@linkcode bind}. A task that is spawned into an outer
 * group has the values of that group, not those of who spawned it. Work in other threads has none.
 *
 * Reading costs a step for each level of the tree above the task (some 10 ns), and each poll of a task below a
 * scope that sets a value some 0.1 µs; no other task pays anything.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scope, sleep, TaskLocal } from "@vais/runtime";
 *
 * const requestId = new TaskLocal<string>({ name: "request id" });
 * const log: string[] = [];
 * await scope(async (s) => {
 *   for (const id of ["a", "b"]) {
 *     s.spawn(() =>
 *       requestId.run(id, async (inner) => {
 *         await inner.spawn(() => sleep(1).map(() => log.push(`in ${requestId.get()}`)));
 *       })
 *     );
 *   }
 * });
 * assertEquals(log.sort(), ["in a", "in b"]);
 * assertEquals(requestId.get(), undefined);
 * ```
 */
export class TaskLocal<T, D = undefined> {
  /** For error texts. */
  readonly name: string;
  readonly #default: D;

  /**
   * A value that no task has yet.
   *
   * @param options `defaultValue` is what `get` answers where no scope has set it
   */
  constructor(options: { readonly name?: string; readonly defaultValue?: D } = {}) {
    const action = "make TaskLocal";
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
    }
    const { name = "task local", defaultValue } = options;
    if (typeof name !== "string") {
      throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
    }
    this.name = name;
    this.#default = defaultValue as D;
  }

  /** The value of the current task, or the default. */
  get(): T | D {
    // A callback may come after its task has ended: it still has the values.
    let task = (currentTask() ?? storedOwner()) as Task<unknown> | undefined;
    while (task !== undefined) {
      const set = values.get(task.owner);
      if (set?.local === this) return set.value as T;
      task = task.owner.parent;
    }
    return this.#default;
  }

  /** Runs a body as `scope` does; it and all tasks below it have the value. */
  run<R>(value: T, body: ScopeBody<R>, options?: GroupOptions): Operation<R> {
    return new LocalOperation(this, value, body, options);
  }

  /**
   * A function that sees the values of the task that calls `bind`, wherever and whenever it is called: for
   * the callbacks of event emitters and the like, which belong to nobody.
   */
  bind<A extends unknown[], R>(callback: (...args: A) => R): (...args: A) => R {
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot bind ${this.name}: callback is ${typeOf(callback)} (must be a function)`,
      );
    }
    const task = currentTask();
    return task === undefined ? callback : (...args) => callAs(task, () => callback(...args));
  }
}
