/**
 * abi's functions over an engine.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import type { Operation } from "../operation.ts";
import { Engine, type TaskId } from "./engine.ts";
import type { EngineConfig } from "./engine_config.ts";
import type { AnyModule, Callable, CallArgs, CallResult } from "./engine_types.ts";
import type { RunOptions, SubmitOptions } from "./run_options.ts";
import type { ThreadTask } from "./thread_task.ts";

/** An engine; `Engine.create`. */
export function createEngine<M extends object = AnyModule>(
  config?: EngineConfig,
): Promise<Engine<M>> {
  return Engine.create<M>(config);
}

/**
 * An engine with a worker for each CPU but one, for self-contained functions.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createDefaultEngine } from "@vais/runtime";
 *
 * await using engine = await createDefaultEngine();
 * assertEquals(await engine.run((text: string) => text.toUpperCase(), ["abi"]), "ABI");
 * ```
 */
export function createDefaultEngine(): Promise<Engine> {
  return Engine.create();
}

/**
 * Begins a call, and answers its number; `Engine.submit`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createEngine, submitTask, waitForResult } from "@vais/runtime";
 *
 * await using engine = await createEngine({ workerCount: 1 });
 * const id = submitTask(engine, (a: number, b: number) => a * b, [6, 7]);
 * assertEquals(await waitForResult(engine, id, 10_000), 42);
 * ```
 */
export function submitTask<M extends object, F extends Callable<M>>(
  engine: Engine<M>,
  fn: F,
  args: CallArgs<M, F>,
  options?: SubmitOptions,
): TaskId {
  return checkEngine(engine, "submit task").submit(fn, args, options);
}

/** The result of a submitted task; `Engine.waitForResult`. */
export function waitForResult<T = unknown>(
  engine: Engine<never>,
  id: TaskId,
  timeoutMs?: number | null,
): Operation<T> {
  return checkEngine(engine, "wait for result").waitForResult<T>(id, timeoutMs);
}

/** Calls a function on another thread; `Engine.run`. */
export function runTask<M extends object, F extends Callable<M>>(
  engine: Engine<M>,
  fn: F,
  args: CallArgs<M, F>,
  options?: RunOptions,
): ThreadTask<CallResult<M, F>> {
  return checkEngine(engine, "run task").run(fn, args, options);
}

/** abi's other name for {@linkcode runTask}. */
export function runWorkload<M extends object, F extends Callable<M>>(
  engine: Engine<M>,
  fn: F,
  args: CallArgs<M, F>,
  options?: RunOptions,
): ThreadTask<CallResult<M, F>> {
  return checkEngine(engine, "run workload").run(fn, args, options);
}

function checkEngine<M extends object>(engine: Engine<M>, action: string): Engine<M> {
  if (engine instanceof Engine) return engine;
  throw new TypeError(`Cannot ${action}: engine is ${typeOf(engine)} (must be an Engine)`);
}
