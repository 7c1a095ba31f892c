/**
 * A tasklet: a call that an agenda makes when its turn comes (RefPerSys).
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import type { Lane } from "./dispatch_types.ts";

/** The lanes of an agenda, the first of which is looked at first. */
export type TaskletPriority = "high" | "normal" | "low";

const LANES: Readonly<Record<TaskletPriority, Lane>> = { high: 0, normal: 1, low: 2 };

/** What a tasklet calls: the name of an export of the agenda's module, or a self-contained function. */
export type TaskletClosure = string | ((...args: never[]) => unknown);

/** What an agenda knows of a tasklet beside what it calls; anything of the owner's own. */
export interface TaskletMetadata {
  /** When it was made, in ms of `Date.now()`. */
  readonly createdAt: number;
  /** How often it was run to its end, well or not. */
  executions: number;
  /** Whatever the owner keeps with it. In a permanent tasklet it must be as JSON has it. */
  [key: string]: unknown;
}

/** How to make a {@linkcode Tasklet}. */
export interface TaskletOptions {
  /** What is called: an export of the agenda's module, or a self-contained function. */
  readonly closure: TaskletClosure;
  /** What it is called with; copied as `postMessage` does. Default: nothing. */
  readonly args?: readonly unknown[];
  /** Its lane. Default `"normal"`. */
  readonly priority?: TaskletPriority;
  /** A worker that would begin it later drops it: a `Date`, or ms as of `Date.now()`. */
  readonly obsoleteAt?: number | Date;
  /** Whether it is in `Agenda.toJSON`. Default false. */
  readonly permanent?: boolean;
  /** See {@linkcode TaskletMetadata}. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A permanent tasklet, as JSON has it. */
export interface TaskletJson {
  /** The name of an export. */
  readonly closure: string;
  /** What it is called with. */
  readonly args: readonly unknown[];
  /** From when on it is dropped, in ms of `Date.now()`. */
  readonly obsoleteAt?: number;
  /** See {@linkcode TaskletMetadata}. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * A call in the lane of its priority. It belongs to one agenda at most at a time; when it has ended it may be
 * added again.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Tasklet } from "@vais/runtime";
 *
 * const tasklet = new Tasklet({ closure: "index", args: ["a.txt"], priority: "low" });
 * assertEquals([tasklet.priority, tasklet.permanent, tasklet.metadata.executions], ["low", false, 0]);
 * ```
 */
export class Tasklet {
  /** What is called. */
  readonly closure: TaskletClosure;
  /** What it is called with. */
  readonly args: readonly unknown[];
  /** Its lane. */
  readonly priority: TaskletPriority;
  /** From when on it is dropped, in ms of `Date.now()`; `Infinity` for never. */
  readonly obsoleteAt: number;
  /** Whether it is in `Agenda.toJSON`. */
  readonly permanent: boolean;
  /** See {@linkcode TaskletMetadata}. */
  readonly metadata: TaskletMetadata;

  /**
   * A tasklet that is in no agenda.
   *
   * @throws {TypeError} If an option has the wrong type, or a permanent tasklet could not be written as JSON
   * @throws {RangeError} If there is no such priority, or `obsoleteAt` is no point in time
   */
  constructor(options: TaskletOptions) {
    const action = "make Tasklet";
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
    }
    const { closure, args = [], priority = "normal", obsoleteAt, permanent = false, metadata } =
      options;
    if (typeof closure !== "string" && typeof closure !== "function") {
      throw new TypeError(
        `Cannot ${action}: closure is ${
          typeOf(closure)
        } (must be the name of an export, or a self-contained function)`,
      );
    }
    if (!Array.isArray(args)) {
      throw new TypeError(`Cannot ${action}: args is ${typeOf(args)} (must be an array)`);
    }
    if (typeof priority !== "string" || !Object.hasOwn(LANES, priority)) {
      throw new RangeError(
        `Cannot ${action}: priority is ${
          typeof priority === "string" ? JSON.stringify(priority) : typeOf(priority)
        } (must be "high", "normal" or "low")`,
      );
    }
    if (typeof permanent !== "boolean") {
      throw new TypeError(
        `Cannot ${action}: permanent is ${typeOf(permanent)} (must be a boolean)`,
      );
    }
    if (metadata !== undefined && (typeof metadata !== "object" || metadata === null)) {
      throw new TypeError(`Cannot ${action}: metadata is ${typeOf(metadata)} (must be an object)`);
    }
    this.closure = closure;
    this.args = [...args];
    this.priority = priority;
    this.obsoleteAt = checkTime(obsoleteAt, action);
    this.permanent = permanent;
    this.metadata = { createdAt: Date.now(), executions: 0, ...metadata };
    if (permanent) checkPermanent(this, action);
  }

  /** Of a permanent one. */
  toJSON(): TaskletJson {
    const { closure, args, obsoleteAt, metadata } = this;
    if (typeof closure !== "string") {
      throw new TypeError(
        "Cannot write Tasklet as JSON: closure is a function (must be the name of an export)",
      );
    }
    return { closure, args, ...(obsoleteAt === Infinity ? {} : { obsoleteAt }), metadata };
  }
}

/** The lane of a tasklet's priority. */
export function laneOf({ priority }: Tasklet): Lane {
  return LANES[priority];
}

function checkTime(at: unknown, action: string): number {
  if (at === undefined || at === Infinity) return Infinity;
  if (typeof at !== "number" && !(at instanceof Date)) {
    throw new TypeError(
      `Cannot ${action}: obsoleteAt is ${typeOf(at)} (must be a Date, or a number of milliseconds)`,
    );
  }
  if (Number.isFinite(Number(at))) return Number(at);
  throw new RangeError(`Cannot ${action}: obsoleteAt is ${Number(at)} (must be a point in time)`);
}

function checkPermanent(tasklet: Tasklet, action: string): void {
  if (typeof tasklet.closure !== "string") {
    throw new TypeError(
      `Cannot ${action}: a permanent tasklet's closure is a function (must be the name of an export)`,
    );
  }
  for (const what of ["args", "metadata"] as const) {
    let text: string | undefined;
    try {
      text = JSON.stringify(tasklet[what]);
    } catch (cause) {
      throw new TypeError(`Cannot ${action}: ${what} cannot be written as JSON`, { cause });
    }
    if (!isSame(JSON.parse(text), tasklet[what])) {
      throw new TypeError(
        `Cannot ${action}: ${what} of a permanent tasklet would not be the same after JSON`,
      );
    }
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (!Array.isArray(b) && Object.getPrototypeOf(b) !== Object.prototype) return false;
  const keys = Object.keys(b);
  return keys.length === Object.keys(a).length &&
    keys.every((key) => isSame((a as never)[key], (b as never)[key]));
}
