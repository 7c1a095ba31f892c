/**
 * How a task is run, and the check at the door.
 *
 * @module
 */

import { checkTimeout, typeOf } from "../../runtime/clock.ts";
import { checkFlag, mustBeOptions } from "../group_options.ts";
import { checkSignal } from "../signals.ts";
import { HIGH_LANE, type Lane, LOW_LANE, NORMAL_LANE } from "./dispatch_types.ts";
import { checkWithin } from "./engine_config.ts";
import { checkStopOrder, type StopOrder } from "./engine_task.ts";
import type { ThreadCancelOptions } from "./thread_task.ts";

/** Which tasks go first; low ones get one turn in 16 however many others there are. */
export type TaskPriority = "high" | "normal" | "low";

/** How to run a task on another thread. */
export interface RunOptions extends ThreadCancelOptions {
  /**
   * It rejects with `TimeoutError` when there is no outcome after so many ms, and the task is stopped as if it had been
   * cancelled. 0: only if the outcome is there at once. `undefined`, `null` and `Infinity`: never.
   */
  readonly timeoutMs?: number | null;
  /** Cancels the task when it aborts. */
  readonly signal?: AbortSignal;
  /** Default "normal". */
  readonly priority?: TaskPriority;
  /** What of the arguments is moved, not copied: array buffers, message ports and the like. */
  readonly transfer?: readonly object[];
}

/** How to submit a task whose result is fetched by its number. */
export interface SubmitOptions extends RunOptions {
  /** Nobody will ask for the result. A failure is reported. Default false. */
  readonly detach?: boolean;
}

/** How to stream what a function yields. */
export interface StreamOptions extends RunOptions {
  /** Items that the function may be ahead of its reader, 1 to 65 536. Default 16. */
  readonly buffer?: number;
}

/** How to close an engine. */
export interface CloseOptions {
  /** Wait for the tasks that were begun. Default true. */
  readonly drain?: boolean;
  /** For how long, in ms. Default: for ever. */
  readonly timeoutMs?: number | null;
}

/** Options, checked. */
export interface CheckedRunOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly lane: Lane;
  readonly transfer: readonly Transferable[] | undefined;
  readonly order: Partial<StopOrder> | undefined;
}

/**
 * Checks how a task is to be run.
 *
 * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
 */
export function checkRunOptions(options: RunOptions, action: string): CheckedRunOptions {
  mustBeOptions(options, action);
  const { signal, transfer, terminate, graceMs } = options;
  if (transfer !== undefined && !Array.isArray(transfer)) {
    throw new TypeError(`Cannot ${action}: transfer is ${typeOf(transfer)} (must be an array)`);
  }
  return {
    timeoutMs: checkTimeout(options.timeoutMs, action),
    signal: signal === undefined ? undefined : checkSignal(signal, action),
    lane: checkPriority(options.priority, action),
    transfer,
    order: terminate === undefined && graceMs === undefined
      ? undefined
      : checkStopOrder(options, action),
  };
}

/**
 * The lane of a priority.
 *
 * @throws {TypeError | RangeError} If it is none
 */
export function checkPriority(priority: unknown, action: string): Lane {
  switch (priority) {
    case undefined:
    case "normal":
      return NORMAL_LANE;
    case "high":
      return HIGH_LANE;
    case "low":
      return LOW_LANE;
  }
  const ErrorClass = typeof priority === "string" ? RangeError : TypeError;
  throw new ErrorClass(
    `Cannot ${action}: priority is ${typeOf(priority)} (must be "high", "normal" or "low")`,
  );
}

/**
 * How many items a stream may be ahead.
 *
 * @throws {TypeError | RangeError} If the options are none, or it is out of range
 */
export function checkStreamWindow(options: StreamOptions | undefined): number {
  mustBeOptions(options, "stream");
  return checkWithin(options?.buffer ?? 16, 1, 2 ** 16, "stream", "buffer");
}

/**
 * How an engine is to be closed.
 *
 * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
 */
export function checkCloseOptions(
  options: CloseOptions | undefined,
): { readonly drain: boolean; readonly timeoutMs: number } {
  const action = "close Engine";
  mustBeOptions(options, action);
  return {
    drain: checkFlag(options?.drain, true, action, "drain"),
    timeoutMs: checkTimeout(options?.timeoutMs, action),
  };
}

/**
 * Answers a list of arguments.
 *
 * @throws {TypeError} If it is no array
 */
export function checkArgs(args: unknown, action: string): readonly unknown[] {
  if (args === undefined) return [];
  if (Array.isArray(args)) return args;
  throw new TypeError(`Cannot ${action}: args is ${typeOf(args)} (must be an array)`);
}
