/**
 * Structured concurrency: groups, scopes, cancellation, time limits.
 *
 * @module
 */

export type { Completion } from "./completions.ts";
export type { Timing } from "./timings.ts";
export type { GroupOptions } from "./group_options.ts";
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
export { abortable } from "./abortable.ts";
export {
  all,
  allSettled,
  any,
  type Joiner,
  type JoinOptions,
  joinWith,
  quorum,
  race,
  type ValueOfBody,
} from "./joiners.ts";
export {
  effectiveDeadline,
  type LimitOptions,
  type MovedOn,
  moveOnAfter,
  shield,
  withDeadline,
  withTimeout,
} from "./limits.ts";
export { type ExitSignal, main, type MainBody, type MainOptions } from "./main.ts";
export {
  type Emit,
  type Producer,
  scopedIterable,
  type ScopedIterator,
} from "./scoped_iterable.ts";
export type {
  CancellationCallback,
  CancellationReason,
  CancellationState,
} from "./cancellation_reason.ts";
export { CancellationSource } from "./cancellation_source.ts";
export { CancellationToken } from "./cancellation_token.ts";
export {
  type CancellationInput,
  LinkedCancellation,
  ScopedCancellation,
} from "./linked_cancellation.ts";
export { Deferred, type DeferredState } from "./deferred.ts";
export {
  delay,
  type DelayOptions,
  type Jitter,
  retry,
  type RetryBody,
  type RetryOptions,
} from "./retry.ts";
