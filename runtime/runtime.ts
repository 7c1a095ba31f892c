/**
 * The executor: a run queue, a turn, and the ways to drive it.
 *
 * A turn fires the timers that are due and polls the tasks that were runnable at its start; what
 * wakes meanwhile waits for the next turn. `run()` and awaited handles drive turns in slices, so
 * that the host's timers, `fetch` and signals go on; `blockOn` drives them without the host.
 *
 * @module
 */

import { type RuntimeBuilder, runtimeBuilder, type ThreadSpawner } from "./builder.ts";
import { typeOf } from "./clock.ts";
import { Core, type RuntimeOptions } from "./core.ts";
import type { TaskDump } from "./dump.ts";
import type { Future } from "./future.ts";
import { currentTask } from "./host.ts";
import type { JoinHandle } from "./join_handle.ts";
import type { RuntimeMetrics } from "./observer.ts";
import type { Poll, Waker } from "./poll.ts";
import type { Task } from "./task.ts";
import type { RuntimeApi, SpawnOptions, TaskBody } from "./task_body.ts";
import { Interval, Sleep } from "./time.ts";

let coreIn: (runtime: object) => Core | undefined;

/**
 * A single-threaded executor of tasks.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime } from "@vais/runtime";
 *
 * await using runtime = new Runtime({ name: "demo" });
 * const a = runtime.spawn(function* (task) {
 *   yield* task.sleep(5);
 *   return "generator";
 * });
 * const b = runtime.spawn(async (task) => {
 *   await task.sleep(5);
 *   return "async";
 * });
 * await runtime.run();
 * assertEquals([a.outcome(), b.outcome()], [
 *   { status: "ok", value: "generator" },
 *   { status: "ok", value: "async" },
 * ]);
 * ```
 */
export class Runtime implements RuntimeApi, AsyncDisposable {
  /** The runtime's name. */
  readonly name: string;
  readonly #core: Core;

  /**
   * Makes a runtime; nothing runs until something drives it.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: RuntimeOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot create Runtime: options is ${typeOf(options)} (must be an object)`,
      );
    }
    const { name = "runtime" } = options;
    if (typeof name !== "string") {
      throw new TypeError(`Cannot create Runtime: name is ${typeOf(name)} (must be a string)`);
    }
    this.name = name;
    this.#core = new Core(this, options);
  }

  static {
    coreIn = (runtime) => #core in runtime ? runtime.#core : undefined;
  }

  /**
   * Describes a runtime with worker threads, over which `spawn` of module functions spreads; `M` is the
   * type of the module.
   *
   * @throws {TypeError} If no part of the library that has threads was imported
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Runtime } from "@vais/runtime";
   *
   * const module = "data:text/javascript,export const double = (n) => 2 * n";
   * const answer = await Runtime.builder().numWorkers(1).module(module).blockOn(function* () {
   *   return 42;
   * });
   * assertEquals(answer, 42);
   * ```
   */
  static builder<
    M extends object = Record<string, (...args: never[]) => unknown>,
  >(): RuntimeBuilder<
    Runtime & ThreadSpawner<M>
  > {
    const { make } = runtimeBuilder;
    if (make === undefined) {
      throw new TypeError(
        "Cannot build Runtime: no threads (import @vais/runtime or @vais/runtime/scheduling)",
      );
    }
    return make() as RuntimeBuilder<Runtime & ThreadSpawner<M>>;
  }

  /**
   * Starts a task. It is polled in a later batch, never inside this call.
   *
   * A failure reaches whoever joins the handle; if nobody does, `run()` rejects with it.
   *
   * @throws {TypeError} If the body is none of the kinds of {@linkcode TaskBody}
   * @throws {TooManyTasksError} If `maxTasks` tasks are alive
   * @throws {ClosedError} If the runtime is closed
   */
  spawn<T>(body: TaskBody<T>, options?: SpawnOptions): JoinHandle<T>;
  /** Starts a poll-style task over a state: the Vais form. */
  spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
  spawn(body: unknown, second?: unknown): JoinHandle<unknown> {
    return this.#core.spawnRoot(body, second);
  }

  /**
   * Drives the runtime until no task is left.
   *
   * Rejects with the first failure that nobody joined (`failuresOf` has them all), or with
   * `DeadlockError` when the tasks left can never be woken.
   *
   * @throws {TypeError} If called inside a task of this runtime
   */
  run(): Promise<void> {
    return this.#core.run();
  }

  /**
   * Runs turns until nothing is runnable, without waiting for time or for the host.
   *
   * @returns The number of tasks still alive
   */
  runUntilStalled(): number {
    this.#core.runUntilStalled();
    return this.#core.taskCount;
  }

  /**
   * Runs one batch: due timers, then every task that was runnable at the start.
   *
   * @returns How long the runtime may wait now, in ms: 0 when more is runnable, `Infinity` when
   * only a wake from outside can make it so
   */
  turn(): number {
    this.#core.checkNotPolling("turn");
    return this.#core.turn(Infinity);
  }

  /**
   * Runs everything until this one is done, blocking the thread; answers its value or throws.
   *
   * Host promises, timers and I/O cannot progress meanwhile, so an async body cannot get past its
   * first `await`: write a generator, or use `await` or `run()`.
   *
   * @throws {DeadlockError} If it can never be done, also because it waits for the host
   * @throws {TypeError} If called inside a task of this runtime
   */
  blockOn<T>(body: TaskBody<T> | JoinHandle<T>): T {
    return this.#core.blockOn(body);
  }

  /**
   * A future of nothing, ready `ms` after its first poll; 0 is ready in the next turn.
   *
   * @throws {RangeError} If `ms` is negative, NaN or infinite
   */
  sleep(ms: number): Future<void> {
    return new Sleep(ms, this.#core);
  }

  /**
   * Ticks every `ms`, counted from the first wait; ticks that were missed are skipped, not made up.
   *
   * `for await` in async code; in a generator `for (const tick of …) { const n = yield* tick; … }`.
   *
   * @throws {RangeError} If `ms` is not positive
   */
  interval(ms: number): Interval {
    return new Interval(ms, this.#core);
  }

  /** Live tasks, in groups or not. */
  get taskCount(): number {
    return this.#core.taskCount;
  }

  /** The task that is polled now, if one is. */
  get currentTask(): JoinHandle<unknown> | undefined {
    const task = currentTask();
    return task !== undefined && task.host === this.#core ? task as Task<unknown> : undefined;
  }

  /** Counters since the runtime was made. */
  metrics(): RuntimeMetrics {
    return this.#core.metrics();
  }

  /** What is alive, as a tree: tasks, the groups they opened, what each waits for. O(tasks). */
  dump(): TaskDump {
    return this.#core.dump();
  }

  /**
   * Cancels every task, waits for their cleanup, and frees what the runtime holds. Idempotent.
   *
   * Failures that nobody joined are reported to the observer, else on the console.
   */
  close(): Promise<void> {
    return this.#core.close();
  }

  /** See {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * The inside of a runtime, for the layers above.
 *
 * @throws {TypeError} If it is not a Runtime of this package
 */
export function coreOf(runtime: RuntimeApi, action: string): Core {
  const core = typeof runtime === "object" && runtime !== null ? coreIn(runtime) : undefined;
  if (core === undefined) {
    throw new TypeError(`Cannot ${action}: runtime is ${typeOf(runtime)} (must be a Runtime)`);
  }
  return core;
}
