/**
 * How an agenda is made, and what it tells.
 *
 * @module
 */

import { checkDuration, checkInteger, checkTimeout, typeOf } from "../../runtime/clock.ts";
import { usableCpus } from "./usable_cpus.ts";
import type { Tasklet } from "./tasklet.ts";

/** How to make an `Agenda`. */
export interface AgendaOptions {
  /** Worker threads, 1 to 64. Default: one for each CPU this process may use. */
  readonly jobs?: number;
  /** The module whose exports tasklets name. */
  readonly module?: URL | string;
  /** For errors and the names of threads. Default `"agenda"`. */
  readonly name?: string;
  /** Hears of each tasklet that failed, or whose worker was lost. Without it that goes to the console. */
  readonly onError?: (error: unknown, tasklet: Tasklet) => void;
  /** A tasklet that has waited so long goes up a lane, in ms. Default: none does. */
  readonly agingMs?: number;
  /** So long after it was made the agenda stops by itself, abandoning what is queued. Default: never. */
  readonly timeoutMs?: number | null;
  /** How long a worker may take to start, in ms. Default 10 000. */
  readonly startTimeoutMs?: number;
}

/** Options that were looked at. */
export interface CheckedAgendaOptions {
  readonly jobs: number;
  readonly module: string | undefined;
  readonly name: string;
  readonly onError: ((error: unknown, tasklet: Tasklet) => void) | undefined;
  readonly agingMs: number;
  readonly timeoutMs: number;
  readonly startTimeoutMs: number;
}

/**
 * Checks options.
 *
 * @throws {TypeError | RangeError} If one has the wrong type or is out of range
 */
export function checkAgendaOptions(options: AgendaOptions): CheckedAgendaOptions {
  const action = "make Agenda";
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { jobs, module, name = "agenda", onError, agingMs, timeoutMs, startTimeoutMs = 10_000 } =
    options;
  const count = jobs === undefined ? usableCpus().count : checkInteger(jobs, 1, action, "jobs");
  if (count > MOST_JOBS) {
    throw new RangeError(`Cannot ${action}: jobs is ${count} (must be at most ${MOST_JOBS})`);
  }
  if (module !== undefined && typeof module !== "string" && !(module instanceof URL)) {
    throw new TypeError(`Cannot ${action}: module is ${typeOf(module)} (must be a URL)`);
  }
  if (typeof name !== "string") {
    throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
  }
  if (onError !== undefined && typeof onError !== "function") {
    throw new TypeError(`Cannot ${action}: onError is ${typeOf(onError)} (must be a function)`);
  }
  return {
    jobs: count,
    module: module === undefined ? undefined : String(module),
    name,
    onError,
    agingMs: agingMs === undefined ? Infinity : checkDuration(agingMs, action, "agingMs", true),
    timeoutMs: checkTimeout(timeoutMs, action),
    startTimeoutMs: checkDuration(startTimeoutMs, action, "startTimeoutMs"),
  };
}

const MOST_JOBS = 64;

/** Counters of an agenda; those of tasklets count each once. */
export interface AgendaStats {
  /** Tasklets that have not ended, by lane. */
  readonly high: number;
  /** See {@linkcode high}. */
  readonly normal: number;
  /** See {@linkcode high}. */
  readonly low: number;
  /** Tasklets that were added. */
  readonly added: number;
  /** Tasklets that returned. */
  readonly done: number;
  /** Tasklets that threw. */
  readonly failed: number;
  /** Tasklets that were dropped because they were obsolete. */
  readonly obsolete: number;
  /** Tasklets whose worker was lost while it ran them. */
  readonly lost: number;
  /** Tasklets that went up a lane. */
  readonly aged: number;
  /** Workers that are ready. */
  readonly workers: number;
}

/** One worker of an agenda. */
export interface WorkerState {
  /** Its number, from 0. */
  readonly index: number;
  /** What it is at: `paused` in a pause, and while `quiesce` runs its callback. */
  readonly state: "starting" | "idle" | "running" | "paused" | "lost";
  /** What it runs. */
  readonly tasklet: Tasklet | undefined;
  /** Tasklets it has begun. */
  readonly executed: number;
}
