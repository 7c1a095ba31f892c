/**
 * Testing aids: virtual time, seeded schedules, a kernel in memory, and all interleavings of threads.
 *
 * @module
 */

export { VirtualClock } from "../runtime/clock.ts";
export {
  exploreInterleavings,
  type ExploreOptions,
  type ExploreResult,
} from "./explore_interleavings.ts";
export {
  type FailureDetails,
  type FailureReason,
  InterleavingError,
} from "./explorer/interleaving_error.ts";
export { type ExploredProgram, type ProgramThread, type Recorder } from "./explorer/program.ts";
export {
  checkLinearizable,
  type LinearizabilityResult,
  type RecordedCall,
  type SequentialModel,
  showHistory,
} from "./linearizability.ts";
export { dequeModel, mapModel, type ModelOptions, queueModel, stackModel } from "./models.ts";
export { SimulatedKernel, type SimulatedKernelOptions } from "./simulated_kernel.ts";
export {
  forEachSchedule,
  type SchedulesOptions,
  type SimulatedOptions,
  SimulatedRuntime,
} from "./simulated_runtime.ts";
export {
  explore,
  type ExploredSchedules,
  type ExploreSchedulesOptions,
  ScheduleError,
} from "./explore.ts";
export type { SimulatedProgram } from "./simulated_run.ts";
export {
  CancellationSweepError,
  sweepCancellation,
  type SweepOptions,
  type SweptCancel,
  type SweptProgram,
} from "./sweep_cancellation.ts";
