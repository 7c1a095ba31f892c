/**
 * The engine: calls that leave this thread.
 *
 * @module
 */

import type { Core } from "../../runtime/core.ts";
import { getRuntime } from "../../runtime/globals.ts";
import { coreOf } from "../../runtime/runtime.ts";
import { currentTask } from "../current_task.ts";
import { checkFlag } from "../group_options.ts";
import type { Operation } from "../operation.ts";
import { argCalls, itemCalls } from "./call_lists.ts";
import { dispatchCall } from "./callback_task.ts";
import type { Division } from "./division.ts";
import { beginBatch } from "./engine_batch.ts";
import { checkEngineConfig, checkWithin, type EngineConfig } from "./engine_config.ts";
import { EngineCore } from "./engine_core.ts";
import { EngineResults } from "./engine_results.ts";
import { EngineScope } from "./engine_scope.ts";
import type { EngineTask } from "./engine_task.ts";
import type { EngineStats } from "./engine_stats.ts";
import type {
  AnyModule,
  Callable,
  CallArgs,
  CallItem,
  CallResult,
  ItemCallable,
} from "./engine_types.ts";
import type { Lease } from "./lease.ts";
import {
  checkArgs,
  checkCloseOptions,
  checkRunOptions,
  type CloseOptions,
  type RunOptions,
  type StreamOptions,
  type SubmitOptions,
} from "./run_options.ts";
import { beginStream, type ThreadStream } from "./thread_stream.ts";
import type { ThreadCancelOptions, ThreadTask } from "./thread_task.ts";

/** A task's number, as `submit` answers it: from 1. */
export type TaskId = number;

/**
 * Runs functions on other threads, with work stealing: abi's engine.
 *
 * Functions are exports of the module that the engine was made with, called by name, or self-contained functions, which use
 * nothing but their arguments. Arguments and results are copied as `postMessage` does, small ones through shared
 * memory; views of a `SharedArrayBuffer` are shared. A function may be asynchronous; a generator function runs on
 * the worker's own runtime, and its yields are futures (with {@linkcode stream} they are items). In it,
 * `currentThreadTask()` tells whether the call was cancelled.
 *
 * A worker that dies loses only what it was running (`WorkerLostError`), and is replaced. The engine must be closed;
 * made inside a task, it is closed with it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Engine } from "@vais/runtime";
 *
 * const module = "data:text/javascript,export const fib = (n) => n < 2 ? n : fib(n - 1) + fib(n - 2)";
 * await using engine = await Engine.create<{ fib(n: number): number }>({ module, workerCount: 2 });
 * assertEquals(await engine.run("fib", [20]), 6765);
 * assertEquals(await engine.map([10, 11, 12], "fib"), [55, 89, 144]);
 * ```
 */
export class Engine<M extends object = AnyModule> implements AsyncDisposable {
  readonly #core: EngineCore;
  readonly #results: EngineResults;

  private constructor(core: EngineCore) {
    this.#core = core;
    this.#results = new EngineResults(core);
  }

  /**
   * Makes an engine; resolves when its workers are ready, their modules loaded. 15 to 50 ms.
   *
   * Made inside a task, it belongs to that task, not to the scope: it is closed when the task's body ends, however
   * it does. So children of a scope cannot outlive an engine that the scope's body has made: what they still wait
   * for ends with `EngineClosedError`. Make it outside the scope, or wait for them first (`await s.run()`). If the
   * body throws, or is cancelled, they are cancelled, as without an engine.
   *
   * @throws {Cancelled} If the task is cancelled meanwhile
   * @throws {TypeError | RangeError} If a field of the configuration has the wrong type or is out of range
   * @throws {WorkerStartError} If a worker does not start: a permission is missing, the module fails
   */
  static async create<M extends object = AnyModule>(config: EngineConfig = {}): Promise<Engine<M>> {
    const checked = checkEngineConfig(config);
    const task = currentTask();
    const host = (task?.host as Core | undefined) ?? coreOf(getRuntime(), "create Engine");
    const core = new EngineCore(checked, host);
    if (task !== undefined && !checked.detached) new EngineScope(core);
    try {
      await core.start();
    } catch (error) {
      await core.close(false, 0);
      throw core.endError ?? error;
    }
    if (core.endError !== undefined) {
      await core.close(false, 0);
      throw core.endError;
    }
    return new Engine<M>(core);
  }

  /** The engine's name. */
  get name(): string {
    return this.#core.name;
  }

  // ---- calling ------------------------------------------------------------------------------------

  /**
   * Calls a function on another thread.
   *
   * The task rejects with what the function throws, class, code and cause kept; with `WorkerLostError`,
   * `TimeoutError`, `Cancelled`, `EngineClosedError`, `QueueFullError` (`whenFull: "reject"`), or a `DataCloneError`.
   *
   * @throws {TypeError | RangeError} If there is no such function, it is not self-contained, or an option is wrong
   */
  run<F extends Callable<M>>(
    fn: F,
    args: CallArgs<M, F>,
    options?: RunOptions,
  ): ThreadTask<CallResult<M, F>> {
    return this.#begin(this.#core.work, "run", fn, args, options);
  }

  /**
   * As {@linkcode run}, for calls that block their thread: files, processes, the C library. Each has a thread of
   * `maxBlocking` others to itself, started when needed, ended after 10 s without work.
   */
  unblock<F extends Callable<M>>(
    fn: F,
    args: CallArgs<M, F>,
    options?: RunOptions,
  ): ThreadTask<CallResult<M, F>> {
    // Without workers there are no threads at all.
    const { work, blocking, hasThreads } = this.#core;
    return this.#begin(hasThreads ? blocking : work, "unblock", fn, args, options);
  }

  #begin<T>(
    division: Division,
    action: string,
    fn: unknown,
    args: unknown,
    options: RunOptions | undefined,
  ): EngineTask<T> {
    return this.#core.begin(division, {
      fn: division.functions.numberOf(fn, "call", action),
      args: checkArgs(args, action),
      options: options === undefined ? undefined : checkRunOptions(options, action),
    });
  }

  /**
   * As {@linkcode run}, answering a number: {@linkcode waitForResult} has the result. abi's form.
   *
   * @throws {EngineClosedError} If the engine is closed
   * @throws {QueueFullError} If it is full, and was made with `whenFull: "reject"`
   */
  submit<F extends Callable<M>>(
    fn: F,
    args: CallArgs<M, F>,
    options?: SubmitOptions,
  ): TaskId {
    const detach = checkFlag(options?.detach, false, "submit", "detach");
    const { work } = this.#core;
    this.#core.checkOpen(work);
    const task = this.#begin(work, "submit", fn, args, options);
    if (!detach) this.#results.add(task);
    return task.id;
  }

  /**
   * The result of a submitted task, which is gone once somebody has it.
   *
   * @param timeoutMs How long to wait: then `TimeoutError`, and the task goes on. 0: only if it is there;
   * `undefined`, `null` or `Infinity`: for ever
   * @throws {TypeError | RangeError} If the id or the time is none
   */
  waitForResult<T = unknown>(id: TaskId, timeoutMs?: number | null): Operation<T> {
    return this.#results.wait<T>(id, timeoutMs);
  }

  /**
   * Cancels a submitted task; see `ThreadTask.cancel`. Its result is a `Cancelled`.
   *
   * @returns False when there is no such task, or it is over
   */
  cancel(id: TaskId, reason?: unknown, options?: ThreadCancelOptions): boolean {
    const task = this.#results.get(id, "cancel");
    if (task === undefined || task.isSettled) return false;
    task.cancel(reason, options);
    return true;
  }

  /**
   * Calls a function without making a promise: `onValue` gets the result, later. The cheapest way to call.
   *
   * @param onError Gets what would reject a promise; without it, that is reported
   * @throws {TypeError} If there is no such function, or a callback is none
   */
  dispatch<F extends Callable<M>>(
    fn: F,
    args: CallArgs<M, F>,
    onValue: (value: CallResult<M, F>) => void,
    onError?: (error: unknown) => void,
  ): void {
    const number = this.#core.work.functions.numberOf(fn, "call", "dispatch");
    dispatchCall(this.#core, number, checkArgs(args, "dispatch"), onValue, onError);
  }

  // ---- many calls ---------------------------------------------------------------------------------

  /**
   * Calls a function with each list of arguments, as many at once as there is room for.
   *
   * @returns The results, in order. The first failure ends it: what is queued never runs
   */
  runBatch<F extends Callable<M>>(
    fn: F,
    calls: Iterable<CallArgs<M, F>>,
    options?: RunOptions,
  ): Operation<CallResult<M, F>[]> {
    return beginBatch(this.#core, "runBatch", fn, argCalls(calls, "runBatch"), true, options);
  }

  /** Calls a function with each item, as {@linkcode runBatch} does; answers the results, in order. */
  map<I, F extends ItemCallable<M, I>>(
    items: Iterable<I>,
    fn: F,
    options?: RunOptions,
  ): Operation<CallResult<M, F>[]> {
    return beginBatch(this.#core, "map", fn, itemCalls(items, "map"), true, options);
  }

  /** Calls a function with each item, as {@linkcode runBatch} does, and forgets the results: abi's `parallelForEach`. */
  forEach<I, F extends ItemCallable<M, I>>(
    items: Iterable<I>,
    fn: F,
    options?: RunOptions,
  ): Operation<void> {
    return beginBatch(this.#core, "forEach", fn, itemCalls(items, "forEach"), false, options);
  }

  /**
   * Calls a function that yields, and gives what it yields as it comes. The function runs ahead by as many items as
   * `buffer`, then it waits for the reader.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { createEngine } from "@vais/runtime";
   *
   * await using engine = await createEngine({ workerCount: 1 });
   * const squares = engine.stream(function* (count: number) {
   *   for (let n = 1; n <= count; n++) yield n * n;
   * }, [1_000_000]);
   * const seen: number[] = [];
   * for await (const square of squares) {
   *   seen.push(square);
   *   if (seen.length === 3) break; // stops the function
   * }
   * assertEquals(seen, [1, 4, 9]);
   * ```
   */
  stream<F extends Callable<M>>(
    fn: F,
    args: CallArgs<M, F>,
    options?: StreamOptions,
  ): ThreadStream<CallItem<M, F>> {
    return beginStream(this.#core, fn, args, options);
  }

  // ---- shared memory ------------------------------------------------------------------------------

  /** From now on views of this buffer go to workers by reference, also through the quick path. */
  share(buffer: SharedArrayBuffer): void {
    this.#core.share(buffer);
  }

  /**
   * Shared memory for arguments, 1 MiB at most: what is written there need not be copied. Give it back with
   * `release`. `undefined` when none of that size is free.
   *
   * @throws {TypeError | RangeError} If `bytes` is no whole number, or too many
   */
  lease(bytes: number): Lease | undefined {
    return this.#core.lease(bytes);
  }

  // ---- back-pressure, size ------------------------------------------------------------------------

  /** Whether a task would get a slot now. */
  get hasRoom(): boolean {
    return this.#core.work.queue.hasRoom;
  }

  /** Resolves when a task would get a slot, in the order of asking. */
  room(): Promise<void> {
    return this.#core.work.queue.room();
  }

  /** Tasks in flight, and those that wait for a slot. */
  get pending(): number {
    const { queue } = this.#core.work;
    return queue.inFlight + queue.waiting;
  }

  /** Workers that are ready, or starting; not those of {@linkcode unblock}. */
  get workerCount(): number {
    return this.#core.work.pool?.alive ?? 0;
  }

  /** The numbers of the workers that are ready. */
  get workers(): readonly number[] {
    const workers = this.#core.work.pool?.workers ?? [];
    return workers.filter((one) => one.state === "running").map((one) => one.index);
  }

  /**
   * Changes the number of workers; those too many end when they have done what they are running.
   *
   * @param workerCount The most, up to `maxWorkers`
   * @param minWorkers Those kept when there is nothing to do. Default: as many
   * @throws {TypeError | RangeError} If these are no whole numbers, or out of range
   */
  resize(workerCount: number, minWorkers: number = workerCount): void {
    const { pool } = this.#core.work;
    const { maxWorkers } = this.#core.config;
    checkWithin(workerCount, 1, maxWorkers, "resize", "workerCount");
    checkWithin(minWorkers, 0, workerCount, "resize", "minWorkers");
    if (pool === undefined) {
      throw new RangeError(
        `Cannot resize: ${this.name} was made without workers (must be made with workerCount 1 or more)`,
      );
    }
    if (!this.#core.isClosed) pool.resize(minWorkers, workerCount);
  }

  /**
   * Ends a worker's thread, whatever it is doing: what it runs rejects with `WorkerLostError`, and it is replaced.
   *
   * On Deno a busy thread cannot be ended: it is given up, and goes on by itself (see `maxAbandoned`).
   *
   * @returns False when there is no such worker, or it would have to be given up and too many have been
   */
  async terminateWorker(worker: number): Promise<boolean> {
    checkWithin(worker, 0, 127, "terminate worker", "worker");
    return await this.#core.work.pool?.kill(worker) ?? false;
  }

  // ---- looking, ending ----------------------------------------------------------------------------

  /** Counters, and how long tasks take. */
  stats(): EngineStats {
    return this.#core.stats(this.#results.unread);
  }

  /** Counts from 0 again. */
  resetStats(): void {
    this.#core.counters.reset(this.pending);
  }

  /** Nothing can be run any more. */
  get isClosed(): boolean {
    return this.#core.isClosed;
  }

  /**
   * Ends the engine: nothing can be run from now on. Resolves when all tasks have an outcome and all threads are gone,
   * or given up.
   *
   * With `drain`, the default, tasks that were begun are waited for, at most for `timeoutMs`: also all calls of a
   * batch, and a stream that nobody reads. What is then left rejects with `EngineClosedError`: queued, it never
   * runs; running, its thread is ended. So does all without `drain`, but what runs is told first, and has the
   * engine's `graceMs`, or its own if that is shorter.
   *
   * What has its outcome already, cancelled or timed out, and runs on, is not waited for: its thread is ended after
   * `graceMs`. Called again without `drain`, or with a shorter time, it cuts the draining short; it answers the
   * same promise.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  close(options?: CloseOptions): Promise<void> {
    const { drain, timeoutMs } = checkCloseOptions(options);
    return this.#core.close(drain, timeoutMs);
  }

  /** The end of an `await using` block: `close({ drain: false })`, since whoever waited has been told by then. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close({ drain: false });
  }
}
