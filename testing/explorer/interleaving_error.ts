/**
 * What a user sees of a schedule that fails.
 *
 * @module
 */

/** Why a schedule failed. */
export type FailureReason =
  /** The program's `check` threw. */
  | "check"
  /** The recorded calls are not linearizable. */
  | "nonlinearizable"
  /** A thread threw. */
  | "threw"
  /** All threads left were asleep: a lost wake-up, or a deadlock. */
  | "asleep"
  /** There was no end: a livelock. */
  | "endless";

/** What is known of a failure. */
export interface FailureDetails {
  /** Why. */
  readonly reason: FailureReason;
  /** In words. */
  readonly what: string;
  /** The stack of what was thrown in a worker. */
  readonly stack?: string | undefined;
  /** The token of the schedule. */
  readonly schedule: string;
  /** A line per step. */
  readonly trace: readonly string[];
  /** Preemptions in it. */
  readonly preemptions: number;
  /** Schedules run, this one included. */
  readonly schedules: number;
}

/**
 * A program fails under some schedule; the message shows it, step by step.
 *
 * @example
 * ```ts
 * import { exploreInterleavings, InterleavingError } from "@vais/runtime/testing";
 *
 * const program = `
 *   export const setup = () => new Int32Array(new SharedArrayBuffer(4));
 *   const count = (words) => Atomics.store(words, 0, Atomics.load(words, 0) + 1);
 *   export const threads = [count, count];
 *   export function check(words) {
 *     if (words[0] !== 2) throw new Error("counted " + words[0]);
 *   }
 * `;
 * try {
 *   await exploreInterleavings(program);
 * } catch (error) {
 *   if (!(error instanceof InterleavingError)) throw error;
 *   console.log(error.schedule); // 0*2,1*3,0*1
 *   // Again, and nothing else: await exploreInterleavings(program, { replay: error.schedule })
 * }
 * ```
 */
export class InterleavingError extends Error {
  /** Class name. */
  override readonly name = "InterleavingError";
  /** Stable code of this class. */
  readonly code = "ERR_INTERLEAVING";
  /** Why the schedule failed. */
  readonly reason: FailureReason;
  /** The schedule, as `replay` takes it: `0*3,1*2` is three steps of thread 0, then two of thread 1. */
  readonly schedule: string;
  /** A line per step. */
  readonly trace: readonly string[];
  /** Preemptions in it: no schedule with fewer fails. */
  readonly preemptions: number;
  /** Schedules that had been run, this one included. */
  readonly schedules: number;

  /** From what is known. */
  constructor(details: FailureDetails) {
    const { reason, what, schedule, trace, preemptions, schedules, stack } = details;
    super(
      `Cannot pass every interleaving: ${what}\n` +
        `schedule ${schedule} (run ${schedules}, preemptions ${preemptions})\n` +
        trace.map((line, i) => `  ${String(i + 1).padStart(3)}  ${line}`).join("\n") +
        (stack ? `\nin the worker: ${stack}` : ""),
    );
    this.reason = reason;
    this.schedule = schedule;
    this.trace = trace;
    this.preemptions = preemptions;
    this.schedules = schedules;
  }
}
