/**
 * Structured concurrency: groups, scopes, cancellation, time limits.
 *
 * @module
 */

export type { Completion } from "./completions.ts";
export type { Timing } from "./timings.ts";
export type { GroupOptions } from "./group_options.ts";
export { GroupClosedError, GroupFullError, TaskGroupError } from "./group_errors.ts";
export type { GroupStats, GroupTaskInfo } from "./group_stats.ts";
export { Operation } from "./operation.ts";
export { parallelForEach, Scope, scope, type ScopeBody, ScopedTask, scopedTask } from "./scope.ts";
export {
  type GroupSpawnOptions,
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
export {
  Channel,
  type ChannelOptions,
  type ChannelProducer,
  type Overflow,
} from "./channels/channel.ts";
export { oneshot, OneshotReceiver, OneshotSender } from "./channels/oneshot.ts";
export {
  Broadcast,
  type BroadcastOptions,
  BroadcastReceiver,
  LaggedError,
} from "./channels/broadcast.ts";
export { Watch, watch, WatchReceiver } from "./channels/watch.ts";
export { Question, RequestChannel, type RequestChannelOptions } from "./channels/request.ts";
export { mapConcurrent, type MapConcurrentOptions, type Mapper } from "./streams/map_concurrent.ts";
export { merge, zip } from "./streams/combine_streams.ts";
export { debounce, throttle, type ThrottleOptions } from "./streams/pace.ts";
export type { Source, ValueOfSource } from "./streams/source_reader.ts";
export { Barrier } from "./sync/barrier.ts";
export { Condition } from "./sync/condition.ts";
export { Latch } from "./sync/latch.ts";
export { Mutex } from "./sync/mutex.ts";
export { Notify } from "./sync/notify.ts";
export { ObjectPool, type ObjectPoolOptions, PoolItem } from "./sync/object_pool.ts";
export { Once } from "./sync/once.ts";
export { type Initializer, OnceCell } from "./sync/once_cell.ts";
export { Permit } from "./sync/permit.ts";
export { RateLimiter, type RateLimiterOptions } from "./sync/rate_limiter.ts";
export { RwLock } from "./sync/rw_lock.ts";
export type { SectionBody } from "./sync/section.ts";
export { type AcquireOptions, Semaphore } from "./sync/semaphore.ts";
export {
  type RunPolicy,
  type SlotRunOptions,
  TaskSlot,
  type TaskSlotOptions,
} from "./sync/task_slot.ts";
export type { NameOptions } from "./sync/title.ts";
export { WaitGroup } from "./sync/wait_group.ts";
export type { WaitOptions } from "./sync/wait_options.ts";
export { TaskLocal } from "./task_local.ts";
export { type Closable, closing } from "./adapters/closing.ts";
export {
  type Emitter,
  type EventOf,
  type EventOrigin,
  events,
  type EventsOptions,
  nextEvent,
} from "./adapters/events.ts";
export { type ResponseBody, withFetch } from "./adapters/fetch.ts";
export {
  type EventProcess,
  type ProcessEnd,
  processEnd,
  type ProcessEndOptions,
  type StatusProcess,
} from "./adapters/process.ts";
export { messages, type MessagesOptions, WebSocketError } from "./adapters/web_socket.ts";
export { fromReadable, pipeInto, toReadable } from "./adapters/web_streams.ts";
