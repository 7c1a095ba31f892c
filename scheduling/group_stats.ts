/**
 * What a group tells about itself and its children.
 *
 * @module
 */

import type { TaskStatus } from "../runtime/outcome.ts";
import type { GroupCore } from "./group_core.ts";
import type { Timing } from "./timings.ts";

/** A child as `tasks()` lists it. */
export interface GroupTaskInfo extends Partial<Timing> {
  /** Unique within the runtime. */
  readonly id: number;
  /** The child's name. */
  readonly name: string;
  /** One of the `TASK_…` numbers. */
  readonly status: TaskStatus;
}

/** Counters of a group. */
export interface GroupStats {
  /** Children spawned. */
  readonly total: number;
  /** Waiting for a slot (`maxConcurrency`). */
  readonly pending: number;
  /** Let run, and not ended. */
  readonly running: number;
  /** Returned. */
  readonly completed: number;
  /** Threw. */
  readonly failed: number;
  /** Were cancelled. */
  readonly cancelled: number;
  /** What the live children cost together; without a `budget`, how many there are. */
  readonly used: number;
  /** How many `admit` lets wait for room. */
  readonly waiting: number;
  /** Nothing can be spawned any more. */
  readonly isClosed: boolean;
  /** completed / (completed + failed + cancelled); 0 when none ended. */
  readonly successRate: number;
}

/** The counters of a group. */
export function statsOf(core: GroupCore): GroupStats {
  const { completed, cancelledCount: cancelled, failed, pendingCount: pending } = core;
  const ended = completed + cancelled + failed;
  return {
    total: core.total,
    pending,
    running: core.live - pending,
    completed,
    failed,
    cancelled,
    used: core.budget?.used ?? core.live,
    waiting: core.budget?.queue.size ?? 0,
    isClosed: core.isClosed,
    successRate: ended === 0 ? 0 : completed / ended,
  };
}

/** The children a group knows. */
export function tasksOf(core: GroupCore): GroupTaskInfo[] {
  return [...core.remembered].map((task) => ({
    id: task.id,
    name: task.name,
    status: task.status,
    ...core.timingOf(task),
  }));
}
