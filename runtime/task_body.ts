/**
 * What can be spawned, and what a body is given.
 *
 * @module
 */

import type { Future } from "./future.ts";
import type { JoinHandle } from "./join_handle.ts";
import type { RuntimeMetrics } from "./observer.ts";
import type { Poll, Pollable, Waker } from "./poll.ts";

/** A runtime, seen from inside one of its tasks; `Runtime` is the class. */
export interface RuntimeApi {
  /** The runtime's name. */
  readonly name: string;
  /** Live tasks. */
  readonly taskCount: number;
  /** The task that is polled now. */
  readonly currentTask: JoinHandle<unknown> | undefined;
  /** Starts a task; it is polled in a later batch. */
  spawn<T>(body: TaskBody<T>, options?: SpawnOptions): JoinHandle<T>;
  /** Starts a poll-style task. */
  spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
  /** A future of nothing, ready after `ms`. */
  sleep(ms: number): Future<void>;
  /** Counters. */
  metrics(): RuntimeMetrics;
}

/** A task, seen from inside its body. */
export interface TaskScope {
  /** Unique within its runtime. */
  readonly id: number;
  /** The task's name. */
  readonly name: string;
  /** The runtime the task lives in. */
  readonly runtime: RuntimeApi;
  /** Aborts when the task is cancelled, with the `Cancelled` as its reason. Made when first read. */
  readonly signal: AbortSignal;
  /**
   * A future of nothing, ready after `ms`. Bound to this task: a cancel ends it wherever it is awaited.
   *
   * @throws {RangeError} If `ms` is negative, NaN or infinite
   */
  sleep(ms: number): Future<void>;
  /**
   * Waits for anything as this task: a cancel throws here, and an async body is known again after it.
   *
   * In an async body write `await task.wait(fetch(url, { signal: task.signal }))`: a bare foreign
   * `await` cannot be ended by a cancel. What is abandoned goes on by itself; its late failure is
   * not unhandled.
   */
  wait<T>(source: Pollable<T> | PromiseLike<T>): Future<T>;
  /** Throws the `Cancelled` that waits for this task, if one does: a cancel point for long computations. */
  throwIfCancelled(): void;
}

/** The body of a generator task; `yield*` futures in it. */
export type GeneratorBody<T> = (task: TaskScope) => Generator<unknown, T>;

/**
 * What can be spawned: a pollable, a promise, a generator function, or a function, async or not.
 *
 * A function is called at the first poll, never inside `spawn`.
 */
export type TaskBody<T> =
  | Pollable<T>
  | PromiseLike<T>
  | ((task: TaskScope) => Generator<unknown, T>)
  | ((task: TaskScope) => PromiseLike<T> | T);

/** How to spawn. */
export interface SpawnOptions {
  /** For dumps, reports and reasons. */
  readonly name?: string;
}
