/**
 * A runtime whose tasks may leave their thread: Liten's, by its builder.
 *
 * @module
 */

import { type BuiltThread, type RuntimeBuilder, runtimeBuilder } from "../../runtime/builder.ts";
import { typeOf } from "../../runtime/clock.ts";
import type { JoinHandle } from "../../runtime/join_handle.ts";
import type { RuntimeMetrics } from "../../runtime/observer.ts";
import type { Poll, Waker } from "../../runtime/poll.ts";
import { Runtime } from "../../runtime/runtime.ts";
import type { SpawnOptions, TaskBody } from "../../runtime/task_body.ts";
import { Engine } from "./engine.ts";
import type { EngineConfig } from "./engine_config.ts";
import type { EngineStats } from "./engine_stats.ts";
import type { AnyModule, Callable, CallArgs, CallResult } from "./engine_types.ts";

/**
 * A `Runtime` with an engine: `spawn` of a body runs it here, `spawn` of a function's name runs it on a worker.
 * Either way the task is one of this runtime: it has a handle, is in `dump()`, and is cancelled with it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Runtime } from "@vais/runtime";
 *
 * const runtime = await Runtime.builder<{ square(n: number): number }>()
 *   .numWorkers(2)
 *   .workerThreadName("squares")
 *   .module("data:text/javascript,export const square = (n) => n * n")
 *   .build();
 * const squares = [2, 3].map((n) => runtime.spawn("square", [n]));
 * const sum = await runtime.spawn(function* () {
 *   let sum = 0;
 *   for (const square of squares) sum += yield* square;
 *   return sum;
 * });
 * assertEquals(sum, 13);
 * await runtime.close();
 * ```
 */
export class ThreadedRuntime<M extends object = AnyModule> extends Runtime {
  /** Its threads. */
  readonly engine: Engine<M>;

  /** Made by the builder. */
  constructor(engine: Engine<M>, name: string) {
    super({ name });
    this.engine = engine;
  }

  /** How many worker threads it has. */
  get workerCount(): number {
    return this.engine.workerCount;
  }

  /**
   * Starts a task that calls an export of the module on a worker. As any task it begins when the runtime is driven: by
   * `run`, or by somebody who awaits its handle; the worker gets the call then, not before.
   */
  override spawn<F extends string & Callable<M>>(
    fn: F,
    args: CallArgs<M, F>,
    options?: SpawnOptions,
  ): JoinHandle<CallResult<M, F>>;
  /** Starts a task on this thread; see `Runtime.spawn`. */
  override spawn<T>(body: TaskBody<T>, options?: SpawnOptions): JoinHandle<T>;
  /** Starts a poll-style task over a state; see `Runtime.spawn`. */
  override spawn<S, T>(state: S, poll: (state: S, waker: Waker) => Poll<T>): JoinHandle<T>;
  override spawn(body: unknown, second?: unknown, third?: SpawnOptions): JoinHandle<unknown> {
    if (typeof body !== "string" || typeof second === "function") {
      return super.spawn(body as TaskBody<unknown>, second as SpawnOptions);
    }
    const { engine } = this;
    const call = () => engine.run(body as Callable<M>, second as never);
    return super.spawn(call, { name: body, ...third });
  }

  /** Counters of the tasks here and of those on workers. */
  override metrics(): RuntimeMetrics & { readonly threads: EngineStats } {
    return { ...super.metrics(), threads: this.engine.stats() };
  }

  /** Cancels all tasks, waits for their cleanup, and ends the threads. */
  override async close(): Promise<void> {
    try {
      await super.close();
    } finally {
      await this.engine.close({ drain: false });
    }
  }
}

type Settings = { -readonly [K in keyof EngineConfig]: EngineConfig[K] };

class Builder<M extends object> implements RuntimeBuilder<ThreadedRuntime<M>> {
  readonly #settings: Settings = { name: "worker", detached: true };
  readonly #hooks: Record<"start" | "stop" | "taskStart" | "taskEnd", ((what: never) => void)[]> = {
    start: [],
    stop: [],
    taskStart: [],
    taskEnd: [],
  };

  numWorkers(count: number): this {
    return this.#set("workerCount", count);
  }

  disableWorkStealing(): this {
    return this.#set("stealPolicy", "none");
  }

  workerThreadName(name: string): this {
    return this.#set("name", name);
  }

  module(module: URL | string): this {
    return this.#set("module", module);
  }

  maxBlockingThreads(count: number): this {
    return this.#set("maxBlocking", count);
  }

  onThreadStart(hook: (thread: BuiltThread) => void): this {
    return this.#add("start", hook, "onThreadStart");
  }

  onThreadStop(hook: (thread: BuiltThread) => void): this {
    return this.#add("stop", hook, "onThreadStop");
  }

  onTaskStart(hook: (task: { readonly name: string }) => void): this {
    return this.#add("taskStart", hook, "onTaskStart");
  }

  onTaskEnd(hook: (task: { readonly name: string }) => void): this {
    return this.#add("taskEnd", hook, "onTaskEnd");
  }

  #set<K extends keyof Settings>(key: K, value: Settings[K]): this {
    this.#settings[key] = value;
    return this;
  }

  #add(
    key: "start" | "stop" | "taskStart" | "taskEnd",
    hook: (what: never) => void,
    name: string,
  ): this {
    if (typeof hook !== "function") {
      throw new TypeError(`Cannot build Runtime: ${name} is ${typeOf(hook)} (must be a function)`);
    }
    this.#hooks[key].push(hook);
    return this;
  }

  async build(): Promise<ThreadedRuntime<M>> {
    const tell = (key: "start" | "stop" | "taskStart" | "taskEnd") => (what: unknown): void => {
      for (const hook of this.#hooks[key]) hook(what as never);
    };
    const hooks = {
      onWorkerStart: tell("start"),
      onWorkerEnd: tell("stop"),
      // Looking at each task costs a little.
      ...(this.#hooks.taskStart.length > 0 ? { onTaskStart: tell("taskStart") } : {}),
      ...(this.#hooks.taskEnd.length > 0 ? { onTaskEnd: tell("taskEnd") } : {}),
    };
    const engine = await Engine.create<M>({ ...this.#settings, hooks });
    return new ThreadedRuntime(engine, `${engine.name} runtime`);
  }

  async blockOn<T>(body: TaskBody<T>): Promise<T> {
    const runtime = await this.build();
    try {
      return await runtime.spawn<T>(body);
    } finally {
      await runtime.close();
    }
  }
}

runtimeBuilder.make = () => new Builder();
