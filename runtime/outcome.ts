/**
 * The states of a task, with the numbers Vais gave them, and how a task can end.
 *
 * @module
 */

import type { CancelReason } from "./errors.ts";

/** Not started yet, or waiting. */
export const TASK_PENDING = 0 as const;
/** Being polled. */
export const TASK_RUNNING = 1 as const;
/** Woken: in the run queue again. */
export const TASK_READY = 2 as const;
/** Returned a value. */
export const TASK_COMPLETED = 3 as const;
/** Ended by a cancel. */
export const TASK_CANCELLED = 4 as const;
/** Threw. */
export const TASK_FAILED = 5 as const;

/** One of the `TASK_…` numbers. */
export type TaskStatus = 0 | 1 | 2 | 3 | 4 | 5;

/** The limit Vais declares for live tasks; the default of nothing: pass it as `maxTasks` to have it. */
export const MAX_TASKS = 256 as const;

/** A task as hooks and reports name it. */
export interface TaskInfo {
  /** Unique within its runtime. */
  readonly id: number;
  /** The given name, else the body's function name, else `task <id>`. */
  readonly name: string;
}

/** How a task ended. */
export type Outcome<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "error"; readonly error: unknown }
  | { readonly status: "cancelled"; readonly reason: CancelReason };
