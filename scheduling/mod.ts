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
export { Broadcast, type BroadcastOptions, BroadcastReceiver } from "./channels/broadcast.ts";
export { LaggedError } from "./channels/lagged_error.ts";
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
export { messages, type MessagesOptions } from "./adapters/web_socket.ts";
export { WebSocketError } from "./adapters/web_socket_error.ts";
export { fromReadable, pipeInto, toReadable } from "./adapters/web_streams.ts";

export {
  type AffinityAnswer,
  currentCpu,
  setThreadAffinity,
  threadAffinity,
} from "./threads/affinity.ts";
export type { CacheConfig } from "./threads/cache_options.ts";
export type { Latency } from "./threads/dispatch_types.ts";
export { Engine, type TaskId } from "./threads/engine.ts";
export {
  DEFAULT_MAX_TASKS,
  type EngineConfig,
  type Stealing,
  type WhenFull,
  type WorkerLimits,
} from "./threads/engine_config.ts";
export { EngineClosedError, QueueFullError, ResultNotFoundError } from "./threads/engine_errors.ts";
export {
  createDefaultEngine,
  createEngine,
  runTask,
  runWorkload,
  submitTask,
  waitForResult,
} from "./threads/engine_globals.ts";
export type { EngineHooks, WorkerEndInfo, WorkerInfo } from "./threads/engine_hooks.ts";
export type { EngineStats } from "./threads/engine_stats.ts";
export type {
  AnyModule,
  Callable,
  CallArgs,
  CallItem,
  CallResult,
  ItemCallable,
  ThreadFunction,
} from "./threads/engine_types.ts";
export {
  type ErrorClass,
  type ErrorClassOptions,
  registerErrorClass,
} from "./threads/error_classes.ts";
export { Histogram, type HistogramSummary } from "./threads/histogram.ts";
export type { Lease } from "./threads/lease.ts";
export { Memoize, memoize, type Memoized, type MemoizeOptions } from "./threads/memoize.ts";
export {
  type AnyFunction,
  compileInline,
  type FunctionArgs,
  type FunctionName,
  type FunctionResult,
  inlineSource,
  type ModuleFunctions,
  type StreamItem,
  type StreamName,
  type Unwrapped,
  type Yielded,
} from "./threads/module_functions.ts";
export { type NumaStealOptions, NumaStealPolicy } from "./threads/numa_steal_policy.ts";
export { type CacheStats, ResultCache } from "./threads/result_cache.ts";
export type {
  CloseOptions,
  RunOptions,
  StreamOptions,
  SubmitOptions,
  TaskPriority,
} from "./threads/run_options.ts";
export {
  RoundRobinStealPolicy,
  type StealDescription,
  type StealPolicy,
  type StealPolicyConfig,
  type StealStats,
} from "./threads/steal_policy.ts";
export type { ThreadStream } from "./threads/thread_stream.ts";
export type { ThreadCancelOptions, ThreadTask, ThreadTaskStatus } from "./threads/thread_task.ts";
export {
  type CpuCache,
  type CpuCore,
  type CpuTopology,
  nodeOfCpu,
  type NumaNode,
  readTopology,
  type TopologyOptions,
} from "./threads/topology.ts";
export {
  placeWorkers,
  type UsableCpus,
  usableCpus,
  type WorkerPlace,
} from "./threads/usable_cpus.ts";
export { currentThreadTask, type ThreadTaskContext } from "./threads/worker_context.ts";
export {
  type WorkerEndKind,
  WorkerLostError,
  WorkerStartError,
  type WorkerStartReason,
} from "./threads/worker_errors.ts";

export { dense, relu } from "./workloads/dense.ts";
export { type WorkloadKernel, workloadKernel } from "./workloads/kernel.ts";
export { matMul } from "./workloads/mat_mul.ts";
export { type DenseLayer, mlp } from "./workloads/mlp.ts";
export {
  parallelDense,
  parallelMatMul,
  parallelMlp,
  type ParallelOptions,
  parallelRelu,
  type ParallelRun,
  sharedFloat32Array,
  type WorkloadCall,
} from "./workloads/parallel.ts";
export {
  type ExecutionContext,
  GpuUnavailableError,
  type GPUWorkloadVTable,
  runWorkItem,
  runWorkItems,
  type WorkItem,
  type WorkloadHints,
  type WorkloadVTable,
} from "./workloads/work_item.ts";
export { Agenda, type AgendaJson } from "./threads/agenda.ts";
export type { AgendaOptions, AgendaStats, WorkerState } from "./threads/agenda_options.ts";
export {
  Tasklet,
  type TaskletClosure,
  type TaskletJson,
  type TaskletMetadata,
  type TaskletOptions,
  type TaskletPriority,
} from "./threads/tasklet.ts";
export { ThreadedRuntime } from "./threads/runtime_builder.ts";
export { RuntimeContext, type RuntimeContextOptions } from "./runtime_context.ts";
