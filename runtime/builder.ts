/**
 * How a runtime with worker threads is described: the methods of `Runtime.builder()` (Liten).
 *
 * Threads are made by a layer above, which sets `runtimeBuilder.make` when it is loaded; so a program that never asks for
 * threads does not load them.
 *
 * @module
 */

import type { JoinHandle } from "./join_handle.ts";
import type { SpawnOptions, TaskBody } from "./task_body.ts";

/** What a runtime with worker threads can do besides; `M` is the type of its module. */
export interface ThreadSpawner<M> {
  /** Worker threads. */
  readonly workerCount: number;
  /** Starts a task that calls an export of the module on a worker. */
  spawn<F extends keyof M & string>(
    fn: F,
    args: M[F] extends (...args: infer A) => unknown ? A : never,
    options?: SpawnOptions,
  ): JoinHandle<M[F] extends (...args: never[]) => infer R ? Awaited<R> : never>;
}

/** A worker thread, as hooks see it. */
export interface BuiltThread {
  /** Its number; the numbers of ended ones are used again. */
  readonly worker: number;
  /** Its name. */
  readonly name: string;
}

/**
 * Settings of a runtime with worker threads; each method answers the builder itself.
 *
 * `R` is what it builds.
 */
export interface RuntimeBuilder<R> {
  /** Worker threads, 0 to 128; 0 runs everything on the calling thread. Default: one less than CPUs, at least 1. */
  numWorkers(count: number): this;
  /** Idle workers take nothing of what others have claimed. Tasks still come from one queue for all. */
  disableWorkStealing(): this;
  /** Threads are called this, and a number. Default `"worker"`. */
  workerThreadName(name: string): this;
  /** The module whose exports `spawn` runs on workers by name. */
  module(module: URL | string): this;
  /** Threads for blocking calls, at most. Default 16. */
  maxBlockingThreads(count: number): this;
  /** Called on this thread when a worker is ready. */
  onThreadStart(hook: (thread: BuiltThread) => void): this;
  /** Called on this thread when a worker has ended, however. */
  onThreadStop(hook: (thread: BuiltThread) => void): this;
  /** Called when a call to a worker begins. */
  onTaskStart(hook: (task: { readonly name: string }) => void): this;
  /** Called when a call to a worker has its outcome. */
  onTaskEnd(hook: (task: { readonly name: string }) => void): this;
  /** Makes the runtime; resolves when its workers are ready. */
  build(): Promise<R>;
  /** Makes the runtime, runs `body` on this thread to its end, and closes the runtime. */
  blockOn<T>(body: TaskBody<T>): Promise<T>;
}

/** Set by the layer that has threads. */
export const runtimeBuilder: { make: (() => unknown) | undefined } = { make: undefined };
