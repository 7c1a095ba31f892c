/**
 * One thread: futures, tasks, and the runtime that polls them.
 *
 * @module
 */

export { type Clock, systemClock } from "./clock.ts";
export {
  Cancelled,
  type CancelReason,
  ClosedError,
  DeadlockError,
  describeReason,
  rootReason,
  TimeoutError,
  TooManyTasksError,
} from "./errors.ts";
export { type DumpEntry, TaskDump } from "./dump.ts";
export { type Failure, failuresOf } from "./failures.ts";
export { Future } from "./future.ts";
export { yieldNow } from "./yield.ts";
export { blockOn, getRuntime, join, runAll, runtimeInit, select, sleep, spawn } from "./globals.ts";
export type { WakeSource } from "./host.ts";
export { type CancelOptions, JoinHandle } from "./join_handle.ts";
export type { Observer, RefusalReport, RuntimeMetrics } from "./observer.ts";
export {
  MAX_TASKS,
  type Outcome,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  TASK_PENDING,
  TASK_READY,
  TASK_RUNNING,
  type TaskInfo,
  type TaskStatus,
} from "./outcome.ts";
export { HostParker, type Parker } from "./parker.ts";
export { PENDING, type Poll, type Pollable, type Waker } from "./poll.ts";
export type { RuntimeOptions } from "./core.ts";
export { Runtime } from "./runtime.ts";
export type { BuiltThread, RuntimeBuilder, ThreadSpawner } from "./builder.ts";
export type { RuntimeApi, SpawnOptions, TaskBody, TaskScope } from "./task_body.ts";
export type { Interval } from "./time.ts";
