/**
 * Bytes and atomics: pools, arenas, and lock-free structures over shared memory.
 *
 * @module
 */

export { CLOSED, EMPTY, FULL, RETRY, TIMED_OUT } from "./answers.ts";
export { Backoff } from "./backoff.ts";
export { BlockingMpmcQueue, type BlockingMpmcQueueOptions } from "./blocking_mpmc_queue.ts";
export { ChaseLevDeque } from "./chase_lev_deque.ts";
export { EpochParticipant } from "./epoch_participant.ts";
export { EpochReclamation, type EpochReclamationOptions } from "./epoch_reclamation.ts";
export { FreeList } from "./free_list.ts";
export { type Handle, Layout, LINE_BYTES, type Place, View } from "./layout.ts";
export { LockedView } from "./locked_view.ts";
export { LockHeldError } from "./lock_held_error.ts";
export type { LockedViewOptions } from "./lock_word.ts";
export { LockFreeQueue } from "./lock_free_queue.ts";
export { LockFreeStack } from "./lock_free_stack.ts";
export { LockFreeStackEBR } from "./lock_free_stack_ebr.ts";
export { MpmcQueue, type MpmcQueueOptions } from "./mpmc_queue.ts";
export { MpmcView } from "./mpmc_view.ts";
export { ParkWord } from "./park_word.ts";
export { NO_REF, type Ref, RefFormat } from "./ref.ts";
export { SlotSlab, type SlotSlabOptions } from "./slot_slab.ts";

export { ArenaAllocator } from "./allocators/arena_allocator.ts";
export { ArenaMark } from "./allocators/arena_mark.ts";
export type { ArenaAllocatorOptions, ArenaStats } from "./allocators/arena_options.ts";
export { Block, PoolHandle } from "./allocators/block.ts";
export {
  DoubleFreeError,
  ForeignBlockError,
  OutOfMemoryError,
  StaleBlockError,
  StaleMarkError,
} from "./allocators/errors.ts";
export { FixedPool, type FixedPoolOptions } from "./allocators/fixed_pool.ts";
export { MemoryPool } from "./allocators/memory_pool.ts";
export type { FitStrategy } from "./allocators/pool_core.ts";
export type { MemoryPoolOptions } from "./allocators/pool_options.ts";
export type { MemoryPoolStats, PoolRange } from "./allocators/pool_report.ts";
export type { RegionOptions } from "./allocators/region.ts";
export { ScopedArena } from "./allocators/scoped_arena.ts";
export { SlabAllocator } from "./allocators/slab_allocator.ts";
export type { SlabAllocatorOptions } from "./allocators/slab_layout.ts";
export type { SlabAllocatorStats, SlabClassStats } from "./allocators/slab_report.ts";
export { ByteRing } from "./byte_ring.ts";
export { RecordQueue, type RecordQueueOptions } from "./record_queue.ts";
export { DeadlineQueue } from "./deadline_queue.ts";
export { MultilevelQueue, type Turn } from "./multilevel_queue.ts";
export {
  PRIORITIES,
  type Priority,
  type PriorityQueueOptions,
  type PriorityQueueStats,
} from "./priority.ts";
export { PriorityQueue } from "./priority_queue.ts";
export { LocalMap } from "./local_map.ts";
export type { ByteKey } from "./key_codec.ts";
export { ShardedMap, type ShardedMapOptions } from "./sharded_map.ts";
export { StatsBlock } from "./stats_block.ts";
export { WorkStealingQueue } from "./work_stealing_queue.ts";
export {
  WorkStealingScheduler,
  type WorkStealingSchedulerOptions,
} from "./work_stealing_scheduler.ts";
export { StealingWorker } from "./stealing_worker.ts";
