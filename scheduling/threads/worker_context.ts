/**
 * What a function sees of the task it runs as: whether it is cancelled, and which worker it is in.
 *
 * @module
 */

import { Cancelled } from "../../runtime/errors.ts";

/** The task that runs now, seen from inside its function. */
export interface ThreadTaskContext {
  /** The worker it runs in; -1 in an engine without workers. */
  readonly worker: number;
  /** Whether it was cancelled. One load: ask as often as you like. */
  readonly isCancelled: boolean;
  /**
   * Aborts when the task is cancelled. Made when first read. A function that does not await hears of it only by
   * {@linkcode isCancelled}: while it runs, no listener can be called.
   */
  readonly signal: AbortSignal;
  /** Throws `Cancelled` if the task was cancelled: a cancel point for long computations. */
  throwIfCancelled(): void;
}

/** Who knows which task runs now in this thread. */
export interface ContextProvider {
  /** The task whose function was called last, and has not returned. */
  current(): ThreadTaskContext | undefined;
  /** The task on whose behalf a generator goes on now. */
  active: ThreadTaskContext | undefined;
}

/** Found by a symbol of the whole thread, so that two copies of this package agree. */
const PROVIDER = Symbol.for("@vais/runtime currentThreadTask");

/** This thread, with its provider. */
const thread = globalThis as { [PROVIDER]?: ContextProvider | undefined };

/** From now on `provider` is asked. */
export function provideContext(provider: ContextProvider): void {
  thread[PROVIDER] = provider;
}

/** Calls `body` as `task`. */
export function runAs<R>(task: ThreadTaskContext | undefined, body: () => R): R {
  const provider = thread[PROVIDER] ??= { current: () => undefined, active: undefined };
  const before = provider.active;
  provider.active = task;
  try {
    return body();
  } finally {
    provider.active = before;
  }
}

/** A generator whose every step is taken as `task`. */
export function stepsAs<Y, T, N>(
  task: ThreadTaskContext | undefined,
  generator: Generator<Y, T, N>,
): Generator<Y, T, N> {
  return {
    next: (...sent: [] | [N]) => runAs(task, () => generator.next(...sent)),
    throw: (error: unknown) => runAs(task, () => generator.throw(error)),
    return: (value: T) => runAs(task, () => generator.return(value)),
    [Symbol.iterator]() {
      return this;
    },
  } as Generator<Y, T, N>;
}

/**
 * The task that the calling function runs as, in a worker or in an engine without any; `undefined`
 * elsewhere. Call it before the first `await` of an asynchronous function, and keep the answer.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine, currentThreadTask } from "@vais/runtime";
 *
 * await using engine = await createEngine({
 *   module: `data:text/javascript,
 *     import { currentThreadTask } from "${import.meta.resolve("@vais/runtime")}";
 *     export function count(limit) {
 *       const task = currentThreadTask();
 *       let n = 0;
 *       while (n < limit && !task.isCancelled) n++;
 *       return n;
 *     }`,
 *   workerCount: 1,
 * });
 * assertEquals(await engine.run("count", [1_000]), 1_000);
 * assertEquals(currentThreadTask(), undefined);
 * ```
 */
export function currentThreadTask(): ThreadTaskContext | undefined {
  const provider = thread[PROVIDER];
  return provider === undefined ? undefined : provider.active ?? provider.current();
}

/** How a context asks its thread. */
export interface TaskFlags<K> {
  isCancelled(task: K): boolean;
  onCancel(task: K, listener: () => void): void;
}

/** A context over the flag of its task. */
export class FlagContext<K> implements ThreadTaskContext {
  readonly #flags: TaskFlags<K>;
  readonly #task: K;
  readonly worker: number;
  #controller: AbortController | undefined;

  constructor(flags: TaskFlags<K>, task: K, worker: number) {
    this.#flags = flags;
    this.#task = task;
    this.worker = worker;
  }

  get isCancelled(): boolean {
    return this.#flags.isCancelled(this.#task);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = this.#controller = new AbortController();
      if (this.isCancelled) controller.abort(cancelled());
      else this.#flags.onCancel(this.#task, () => controller.abort(cancelled()));
    }
    return this.#controller.signal;
  }

  throwIfCancelled(): void {
    if (this.isCancelled) throw cancelled();
  }
}

function cancelled(): Cancelled {
  return new Cancelled({ kind: "requested", by: "its caller" });
}

/** Calls `then` when a signal aborts; at once when it has: a task may be cancelled before it is called. */
export function whenAborted(signal: AbortSignal | undefined, then: () => void): void {
  if (signal?.aborted === true) then();
  else signal?.addEventListener("abort", then, { once: true });
}
