/**
 * The options of a group, and their check at the door.
 *
 * @module
 */

import { checkDuration, checkInteger, checkTimeout, typeOf } from "../runtime/clock.ts";
import { DEFAULT_GRACE_MS } from "../runtime/root_owner.ts";
import type { RuntimeApi } from "../runtime/task_body.ts";
import { checkSignal } from "./signals.ts";

/** How to make a group. */
export interface GroupOptions {
  /** For errors, reasons and dumps. */
  readonly name?: string;
  /** Cancel the siblings when a child fails. Default true; false makes a supervisor. */
  readonly cancelOnError?: boolean;
  /** Reject with the first failure itself, or always with a `TaskGroupError`. Default `"primary"`. */
  readonly failures?: "primary" | "aggregate";
  /** Children between first poll and end, at most; more wait, first in, first out. 0: no limit. */
  readonly maxConcurrency?: number;
  /**
   * How much may be alive at once, waiting for a slot or running: the costs of the children
   * together, 1 each unless `spawn` says otherwise (bytes, rows). `spawn` into a full group throws
   * `GroupFullError`, `admit` waits for room. 0: no limit.
   */
  readonly budget?: number;
  /** Cancels the group when it aborts. One listener, there only while children live. */
  readonly signal?: AbortSignal;
  /** The runtime. Default: that of the current task, else the default one. */
  readonly runtime?: RuntimeApi;
  /** How long cancelled children may await in their cleanup, in ms. Default 5 000. */
  readonly graceMs?: number;
  /** Cancels the group so long after its first child was spawned, in ms; it then rejects with `TimeoutError`. */
  readonly timeoutMs?: number | null;
  /** Record when each child was spawned, started and ended; see `tasks()`. */
  readonly trackTiming?: boolean;
}

/** What this folder itself passes on. */
export interface InnerGroupOptions extends GroupOptions {
  /** The group is a shield, with this limit. */
  readonly shieldMs?: number | undefined;
  /** The body owns something already: it begins although it is cancelled, and hears of that at its first await. */
  readonly mustBegin?: boolean;
}

/** The options with every default filled in. */
export interface CheckedOptions {
  readonly label: string;
  readonly cancelOnError: boolean;
  readonly aggregate: boolean;
  readonly maxConcurrency: number;
  readonly budget: number;
  readonly signal: AbortSignal | undefined;
  readonly runtime: RuntimeApi | undefined;
  readonly graceMs: number;
  readonly timeoutMs: number;
  readonly trackTiming: boolean;
  readonly shieldMs: number | undefined;
  readonly mustBegin: boolean;
}

/** Refuses what is no options object, before it is spread into another. */
export function mustBeOptions(options: unknown, action: string): void {
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
}

/** Answers a boolean option. */
export function checkFlag(
  flag: unknown,
  otherwise: boolean,
  action: string,
  what: string,
): boolean {
  if (flag === undefined) return otherwise;
  if (typeof flag !== "boolean") {
    throw new TypeError(`Cannot ${action}: ${what} is ${typeOf(flag)} (must be a boolean)`);
  }
  return flag;
}

/**
 * Checks the options of a group.
 *
 * @throws {TypeError | RangeError} If one has the wrong type or is out of range
 */
export function checkGroupOptions(
  options: InnerGroupOptions,
  defaultName: string,
): CheckedOptions {
  const action = "create group";
  mustBeOptions(options, action);
  const { failures, name, signal, graceMs } = options;
  if (failures !== undefined && failures !== "primary" && failures !== "aggregate") {
    throw new RangeError(
      `Cannot ${action}: failures is ${typeOf(failures)} (must be "primary" or "aggregate")`,
    );
  }
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
  }
  return {
    label: name ?? defaultName,
    cancelOnError: checkFlag(options.cancelOnError, true, action, "cancelOnError"),
    aggregate: failures === "aggregate",
    maxConcurrency: checkInteger(options.maxConcurrency ?? 0, 0, action, "maxConcurrency"),
    budget: checkInteger(options.budget ?? 0, 0, action, "budget"),
    signal: signal === undefined ? undefined : checkSignal(signal, action),
    runtime: options.runtime,
    graceMs: graceMs === undefined
      ? DEFAULT_GRACE_MS
      : checkDuration(graceMs, action, "graceMs", true),
    timeoutMs: checkTimeout(options.timeoutMs, action),
    trackTiming: checkFlag(options.trackTiming, false, action, "trackTiming"),
    shieldMs: options.shieldMs,
    mustBegin: options.mustBegin === true,
  };
}
