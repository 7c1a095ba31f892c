/**
 * Testing aids: virtual time and seeded schedules.
 *
 * @module
 */

export { VirtualClock } from "../runtime/clock.ts";
export {
  forEachSchedule,
  type SchedulesOptions,
  type SimulatedOptions,
  SimulatedRuntime,
} from "./simulated_runtime.ts";
