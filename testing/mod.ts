/**
 * Testing aids: virtual time, seeded schedules and a kernel in memory.
 *
 * @module
 */

export { VirtualClock } from "../runtime/clock.ts";
export { SimulatedKernel, type SimulatedKernelOptions } from "./simulated_kernel.ts";
export {
  forEachSchedule,
  type SchedulesOptions,
  type SimulatedOptions,
  SimulatedRuntime,
} from "./simulated_runtime.ts";
