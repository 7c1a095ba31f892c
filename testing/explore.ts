/**
 * Every order in which ready tasks can run, or many of them.
 *
 * A batch of the run queue may be run in any order; each place of it is a choice. A schedule is the
 * list of its choices, so it can be had again. Exhaustive exploration goes depth first through the
 * choices, first the schedules that differ from the order of arrival in no choice, then in one, in two
 * and so on: what is found first is the least strange. The bound is that of delays, after Emmi,
 * Qadeer, Rakamaric, "Delay-Bounded Scheduling" (2011).
 *
 * @module
 */

import { checkInteger, typeOf } from "../runtime/clock.ts";
import { seededPick } from "../runtime/run_queue.ts";
import { coreOf } from "../runtime/runtime.ts";
import { runSimulated, type SimulatedProgram, textOf } from "./simulated_run.ts";
import type { SimulatedRuntime } from "./simulated_runtime.ts";

/** How to {@linkcode explore}. */
export interface ExploreSchedulesOptions<S = unknown> {
  /** Shuffles with so many seeds, from 1 on; 100 unless it is `exhaustive`. */
  readonly seeds?: number;
  /** All orders, the least strange first, until there is none left or `maxSchedules` are tried. */
  readonly exhaustive?: boolean;
  /** Schedules tried at most when it is `exhaustive`. Default 10 000. */
  readonly maxSchedules?: number;
  /** Only this schedule: the token of a {@linkcode ScheduleError}. */
  readonly replay?: string;
  /** Looks at what the program answered, when all tasks have ended. */
  readonly check?: (state: Awaited<S>) => void | PromiseLike<void>;
}

/** What {@linkcode explore} did. */
export interface ExploredSchedules {
  /** Schedules tried. */
  readonly schedules: number;
  /** True when there is no other. */
  readonly complete: boolean;
}

/** A schedule on which a program went wrong; `cause` is what was thrown. */
export class ScheduleError extends Error {
  /** Class name. */
  override readonly name: string = "ScheduleError";
  /** Stable code of this class. */
  readonly code: string = "ERR_SCHEDULE";
  /** Pass it as `replay` to have the same schedule again. */
  readonly token: string;
  /** How many schedules went well before. */
  readonly schedules: number;

  /** A schedule and what went wrong. */
  constructor(token: string, schedules: number, cause: unknown) {
    super(`Failed on schedule ${JSON.stringify(token)}: ${textOf(cause)}`, { cause });
    this.token = token;
    this.schedules = schedules;
  }
}

/** The choices of one schedule: those prescribed, then the order of arrival. */
class Choices {
  readonly made: { choice: number; of: number }[] = [];

  constructor(readonly prescribed: readonly number[]) {}

  readonly pick = (of: number): number => {
    const choice = this.prescribed[this.made.length] ?? 0;
    if (choice >= of) {
      throw new Error(
        `Cannot follow the schedule: choice ${this.made.length + 1} is ${choice} of ${of} ` +
          `(it must be of this program, and the program deterministic)`,
      );
    }
    this.made.push({ choice, of });
    return of - 1 - choice;
  };
}

/**
 * Runs a program under many orders of its ready tasks, each on a fresh `SimulatedRuntime`, until one
 * goes wrong.
 *
 * The program spawns tasks and answers what `check` looks at when all have ended. It goes wrong when
 * `check` throws, a task fails and nobody looks, somebody waits for ever, or a timer is left. Timers
 * that are due at the same time wake their tasks in one batch, so their order is explored too.
 *
 * The program must be deterministic but for the order: virtual time, no `Math.random`, no I/O.
 *
 * @returns How many schedules went well, and whether these were all
 * @throws {ScheduleError} With the first that did not, and its token
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { yieldNow } from "@vais/runtime";
 * import { explore, ScheduleError, type SimulatedRuntime } from "@vais/runtime/testing";
 *
 * const program = (runtime: SimulatedRuntime) => {
 *   const log: string[] = [];
 *   for (const name of ["a", "b", "c"]) {
 *     runtime.spawn(function* () {
 *       yield* yieldNow();
 *       log.push(name);
 *     });
 *   }
 *   return log;
 * };
 * const check = (log: string[]) => assertEquals(log[0] === "c" && log[1] === "a", false);
 * const error = await assertRejects(
 *   () => explore(program, { exhaustive: true, check }),
 *   ScheduleError,
 * );
 * await assertRejects(() => explore(program, { replay: error.token, check }), ScheduleError);
 * ```
 */
export async function explore<S>(
  program: SimulatedProgram<S>,
  options: ExploreSchedulesOptions<S> = {},
): Promise<ExploredSchedules> {
  const action = "explore";
  if (typeof program !== "function") {
    throw new TypeError(`Cannot ${action}: program is ${typeOf(program)} (must be a function)`);
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { seeds = 100, exhaustive = false, maxSchedules = 10_000, replay, check = () => {} } =
    options;
  checkInteger(seeds, 1, action, "seeds");
  checkInteger(maxSchedules, 1, action, "maxSchedules");
  if (typeof exhaustive !== "boolean") {
    throw new TypeError(
      `Cannot ${action}: exhaustive is ${typeOf(exhaustive)} (must be a boolean)`,
    );
  }
  if (typeof check !== "function") {
    throw new TypeError(`Cannot ${action}: check is ${typeOf(check)} (must be a function)`);
  }
  let schedules = 0;
  const run = async (token: () => string, pick: (n: number) => number): Promise<void> => {
    const prepare = (runtime: SimulatedRuntime): void => {
      coreOf(runtime, action).queue.pick = pick;
    };
    try {
      await runSimulated(program, prepare, check);
    } catch (error) {
      throw new ScheduleError(token(), schedules, error);
    }
    schedules++;
  };
  if (replay !== undefined) {
    await run(() => replay, pickOf(replay));
    return { schedules, complete: false };
  }
  if (!exhaustive) {
    for (let seed = 1; seed <= seeds; seed++) await run(() => `seed ${seed}`, seededPick(seed));
    return { schedules, complete: false };
  }
  const complete = await inAllOrders(maxSchedules, (choices) => {
    const token = (): string => {
      const list = choices.made.map(({ choice }) => choice);
      while (list.at(-1) === 0) list.pop();
      return `order ${list.join(" ")}`.trimEnd();
    };
    return run(token, choices.pick);
  });
  return { schedules, complete };
}

/** Tries every list of choices once, those with fewer that are not 0 first; false if `max` were too few. */
async function inAllOrders(
  max: number,
  run: (choices: Choices) => Promise<void>,
): Promise<boolean> {
  let tried = 0;
  for (let level: number[][] = [[]], next: number[][]; level.length > 0; level = next) {
    next = [];
    for (const prescribed of level) {
      if (tried++ === max) return false;
      const choices = new Choices(prescribed);
      await run(choices);
      // Each of the others differs from this one in one more choice, behind those prescribed.
      const made = choices.made.map(({ choice }) => choice);
      for (let at = prescribed.length; at < made.length && next.length <= max; at++) {
        for (let choice = 1; choice < choices.made[at]!.of; choice++) {
          next.push([...made.slice(0, at), choice]);
        }
      }
    }
  }
  return true;
}

/** The order that a token stands for. */
function pickOf(token: unknown): (n: number) => number {
  const [, kind, rest = ""] = /^(seed|order)((?: \d+)*)$/.exec(String(token)) ?? [];
  const numbers = rest.trim() === "" ? [] : rest.trim().split(" ").map(Number);
  if (
    typeof token !== "string" || kind === undefined || (kind === "seed") && numbers.length !== 1
  ) {
    throw new TypeError(
      `Cannot explore: replay is ${
        typeof token === "string" ? JSON.stringify(token) : typeOf(token)
      } (must be the token of a ScheduleError)`,
    );
  }
  return kind === "seed" ? seededPick(numbers[0]!) : new Choices(numbers).pick;
}
