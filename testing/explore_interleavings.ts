/**
 * All interleavings of a program of several threads, up to a number of preemptions.
 *
 * Each thread is a real worker that runs unmodified code. What is replaced are `Atomics`, the typed
 * arrays and `DataView`: before every access to the program's shared memory the thread waits for its
 * turn. Whoever has the turn decides who is next; the leader, in the first worker, goes through all
 * decisions, depth first. Atomics in JavaScript are sequentially consistent, so interleavings of
 * accesses are all that can happen. How a few preemptions find most bugs: Musuvathi & Qadeer, "Iterative
 * Context Bounding for Systematic Testing of Multithreaded Programs" (PLDI 2007).
 *
 * @module
 */
import { Exploration } from "./explorer/exploration.ts";
import { parseSchedule } from "./explorer/steps.ts";

/** How far to explore. */
export interface ExploreOptions {
  /** Preemptions in a schedule, 0 to 20. Default 2. First all schedules with 0, then with 1, … */
  readonly preemptions?: number;
  /** Steps after which a schedule is a livelock, 10 to 100 000. Default 2000. */
  readonly maxSteps?: number;
  /**
   * Equal steps without effect after which a thread is taken to spin, and lets others go first, 2 to 1000.
   * Default 32. What a thread does when it has spun longer than that and nobody moved is explored
   * little: let programs spin less, or set this higher.
   */
  readonly spinLimit?: number;
  /** Schedules after which to give up, unfinished. Default: none. */
  readonly maxSchedules?: number;
  /** Run only this schedule: `schedule` of an {@linkcode InterleavingError}. */
  readonly replay?: string;
  /**
   * Milliseconds without a step after which to give up. Default 20 000. Deno cannot end a worker that loops
   * for ever: it stays until the program exits.
   */
  readonly stuckMs?: number;
  /** Gives up when it is aborted: its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** What an exploration that found nothing wrong has explored. */
export interface ExploreResult {
  /** Schedules run, the repeated ones counted again. */
  readonly schedules: number;
  /** Those with at most 0, 1, 2, … preemptions. */
  readonly schedulesByBound: readonly number[];
  /** Steps taken in all schedules. */
  readonly steps: number;
  /** States with a choice in the last round. */
  readonly states: number;
  /** All schedules with so many preemptions have been covered; -1: none. */
  readonly preemptions: number;
  /** Whether the preemptions asked for were reached; false when `maxSchedules` came first. */
  readonly complete: boolean;
  /** Words of shared memory on which plain accesses raced: harmless only if whoever loses notices. */
  readonly racyWords: number;
  /** Whether more preemptions would give no further schedule: there are no others at all. */
  readonly exhaustive: boolean;
}

/**
 * Runs `program` under every interleaving of its threads' accesses to shared memory that has at most
 * `preemptions` preemptions, and checks each.
 *
 * `program` is a module, by its URL or as source text, that exports what
 * {@linkcode ExploredProgram} lists: `setup`, `threads`, and `check`, `model` or both. It is imported in
 * each worker anew. Rejects with an {@linkcode InterleavingError} that has the first schedule that fails: one
 * with as few preemptions as any. Rejects with `TypeError` or `RangeError` for bad input, and `Error`
 * where threads are not deterministic.
 *
 * The model: `wait` sleeps until a `notify` is granted, or its timeout passes, which it may at any
 * time; `waitAsync` likewise, in threads that are async functions and await nothing else. `Atomics.pause`,
 * and `spinLimit` times the same step without effect, let others go first. Time stands still but for sleeps,
 * and the host's timers never fire; `Math.random` repeats itself. Everything else that is not shared memory (timers, messages, files)
 * must not matter. Threads must reach shared memory through the state that `setup` made, must be
 * deterministic, and must keep nothing from schedule to schedule.
 *
 * Cost: 5 000 to 50 000 schedules per second on two free cores; they grow with
 * (steps ** preemptions). Choose capacities of 2 to 4 and one or two calls per thread.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { exploreInterleavings } from "@vais/runtime/testing";
 *
 * const result = await exploreInterleavings(`
 *   export const setup = () => new Int32Array(new SharedArrayBuffer(4));
 *   const count = (words) => Atomics.add(words, 0, 1);
 *   export const threads = [count, count];
 *   export function check(words) {
 *     if (words[0] !== 2) throw new Error("counted " + words[0]);
 *   }
 * `);
 * assert(result.complete && result.exhaustive);
 * ```
 */
export async function exploreInterleavings(
  program: string | URL,
  options: ExploreOptions = {},
): Promise<ExploreResult> {
  if (typeof program !== "string" && !(program instanceof URL)) {
    throw new TypeError(
      `Cannot explore: the program is ${typeof program} (a URL or a module's text is required)`,
    );
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot explore: the options are ${options} (an object is required)`);
  }
  const preemptions = whole(options.preemptions, "preemptions", 2, 0, 20);
  const maxSteps = whole(options.maxSteps, "maxSteps", 2000, 10, 100_000);
  const spinLimit = whole(options.spinLimit, "spinLimit", 32, 2, 1000);
  const stuckMs = whole(options.stuckMs, "stuckMs", 20_000, 1, 2 ** 31);
  const maxSchedules = options.maxSchedules === Infinity
    ? Infinity
    : whole(options.maxSchedules, "maxSchedules", Infinity, 1, 2 ** 53);
  const { replay, signal } = options;
  if (replay !== undefined && typeof replay !== "string") {
    throw new TypeError(`Cannot explore: replay is ${typeof replay} (a schedule is required)`);
  }
  const prescribed = replay === undefined ? undefined : parseSchedule(replay);
  if (prescribed !== undefined && prescribed.length > maxSteps) {
    throw new RangeError(
      `Cannot replay: the schedule has ${prescribed.length} steps (at most maxSteps, ${maxSteps})`,
    );
  }
  const url = program instanceof URL ? program.href : urlOf(program);
  return await new Exploration({
    url,
    orders: {
      preemptions,
      maxSchedules,
      spinLimit,
      ...(prescribed === undefined ? {} : { replay: prescribed }),
    },
    maxSteps,
    stuckMs,
    signal,
  }).run();
}

/** A module's text as a URL. In base64: Bun takes what looks like a file name in it for one. */
function urlOf(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return `data:text/javascript;base64,${btoa(binary)}`;
}

function whole(
  value: unknown,
  name: string,
  usual: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return usual;
  if (typeof value !== "number") {
    throw new TypeError(`Cannot explore: ${name} is ${typeof value} (a number is required)`);
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot explore: ${name} is ${value} (a whole number from ${least} to ${most} is required)`,
    );
  }
  return value;
}
