/**
 * What a pool tells a thread when it starts it, and later.
 *
 * @module
 */

import type { DispatchHandle } from "./dispatch_types.ts";
import type { FunctionSource } from "./function_source.ts";
import type { StealDescription } from "./steal_policy.ts";

/** Posted to a new thread; structured-clonable. */
export interface ThreadSetup {
  readonly dispatch: DispatchHandle;
  /** Its place among the workers. */
  readonly index: number;
  /** Where functions are exported; loaded before it says that it is ready. */
  readonly module: string | undefined;
  /** The functions known so far, by their numbers. */
  readonly functions: readonly FunctionSource[];
  readonly concurrency: number;
  readonly steal: StealDescription | undefined;
  readonly seed: number;
  /** The CPU it should run on. */
  readonly cpu: number | undefined;
}

/** What a thread says of itself before it is ready. */
export interface ThreadReport {
  /** The functions that its module exports. */
  readonly exports: readonly string[];
  /** Whether it runs on the CPU it should; undefined when it was told none. */
  readonly isPinned: boolean | undefined;
}

/** First in each message of the engine's own. */
export const ENGINE_MESSAGE = "vais-engine";

/** Whether a message is one of the engine's own. */
export function isEngineMessage(
  message: unknown,
): message is readonly [typeof ENGINE_MESSAGE, string, ...unknown[]] {
  return Array.isArray(message) && message[0] === ENGINE_MESSAGE;
}

/** From the owner: a function that threads did not know when they started. */
export type DefineMessage = readonly [typeof ENGINE_MESSAGE, "define", FunctionSource];

/**
 * From the owner: take tasks. Sent once the owner has heard that the thread is ready, after what it had to say
 * meanwhile; a thread that began sooner could take a task before what the task needs is there.
 */
export type GoMessage = readonly [typeof ENGINE_MESSAGE, "go"];

/** From a thread, first of all. */
export type ReportMessage = readonly [typeof ENGINE_MESSAGE, "report", ThreadReport];
