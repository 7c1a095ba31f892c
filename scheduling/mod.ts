/**
 * Structured concurrency: groups, scopes, cancellation, time limits.
 *
 * @module
 */

export type { Completion } from "./completions.ts";
export type { GroupOptions, Timing } from "./group_core.ts";
export { GroupClosedError, TaskGroupError } from "./group_errors.ts";
export { Operation } from "./operation.ts";
export { parallelForEach, Scope, scope, type ScopeBody, ScopedTask, scopedTask } from "./scope.ts";
export {
  type GroupSpawnOptions,
  type GroupStats,
  type GroupTaskInfo,
  type ItemBody,
  TaskGroup,
  taskGroup,
  taskGroupNamed,
} from "./task_group.ts";
