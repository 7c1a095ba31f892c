/**
 * Cancels a program at each of its checkpoints, once.
 *
 * A checkpoint is the moment before a ready task is polled, and each wait of the whole runtime. There
 * every task that is alive may be cancelled: parked, woken and not yet polled, or new. What was granted to
 * a task that is cancelled before it sees the grant is where most lost permits, items and sockets come from.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import type { Runnable } from "../runtime/host.ts";
import type { Observer } from "../runtime/observer.ts";
import type { TaskInfo } from "../runtime/outcome.ts";
import { coreOf } from "../runtime/runtime.ts";
import type { Task } from "../runtime/task.ts";
import { runSimulated, type SimulatedProgram, textOf } from "./simulated_run.ts";
import type { SimulatedRuntime } from "./simulated_runtime.ts";

/** How to {@linkcode sweepCancellation}. */
export interface SweepOptions {
  /** Which tasks are cancelled; all unless said. */
  readonly filter?: (task: TaskInfo) => boolean;
  /** Only this run: the token of a {@linkcode CancellationSweepError}. */
  readonly replay?: string;
}

/** What {@linkcode sweepCancellation} did. */
export interface SweptProgram {
  /** Checkpoints of the program when nothing is cancelled. */
  readonly checkpoints: number;
  /** Runs, the one without a cancel included. */
  readonly runs: number;
}

/** What was cancelled in one run. */
export interface SweptCancel {
  /** At which checkpoint, from 1 on. */
  readonly checkpoint: number;
  /** Which task. */
  readonly task: TaskInfo;
}

/** A cancel after which the program was wrong; `cause` is what was thrown. */
export class CancellationSweepError extends Error {
  /** Class name. */
  override readonly name: string = "CancellationSweepError";
  /** Stable code of this class. */
  readonly code: string = "ERR_CANCELLATION_SWEEP";
  /** Pass it as `replay` to have the same run again. */
  readonly token: string;
  /** What was cancelled; `undefined` when the program is wrong without a cancel. */
  readonly cancelled: SweptCancel | undefined;

  /** A cancel and what went wrong. */
  constructor(token: string, cancelled: SweptCancel | undefined, cause: unknown) {
    super(
      `Failed ${
        cancelled === undefined
          ? "without a cancel"
          : `after a cancel of ${cancelled.task.name} at checkpoint ${cancelled.checkpoint}`
      } (replay ${JSON.stringify(token)}): ${textOf(cause)}`,
      { cause },
    );
    this.token = token;
    this.cancelled = cancelled;
  }
}

/** Counts the checkpoints of one run, and cancels at one of them. */
class Sweeper implements Runnable {
  /** For each checkpoint, how many tasks could be cancelled there. */
  readonly targets: number[] = [];
  cancelled: SweptCancel | undefined;
  readonly #alive = new Set<Task<unknown>>();
  readonly #at: number;
  readonly #which: number;
  readonly #filter: (task: TaskInfo) => boolean;
  /** Follows the tasks of the runtime; a wait of the whole runtime is a checkpoint. */
  readonly hooks: Observer = {
    onSpawn: (task) => void this.#alive.add(task as Task<unknown>),
    onExit: (task) => void this.#alive.delete(task as Task<unknown>),
    onPark: () => queueMicrotask(() => this.runOnce()),
  };

  constructor(at: number, which: number, filter: (task: TaskInfo) => boolean) {
    this.#at = at;
    this.#which = which;
    this.#filter = filter;
  }

  /** Goes into the queue before each that is ready. */
  attach(runtime: SimulatedRuntime): void {
    const { queue } = coreOf(runtime, "sweep");
    const push = queue.push.bind(queue);
    queue.push = (runnable) => {
      push(this);
      push(runnable);
    };
  }

  /** A checkpoint. */
  runOnce(): void {
    const here = this.targets.length;
    let count = 0;
    for (const task of [...this.#alive]) {
      if (!this.#filter(task)) continue;
      if (here === this.#at && count === this.#which) {
        this.cancelled = { checkpoint: here + 1, task: { id: task.id, name: task.name } };
        task.cancel({ kind: "requested", by: "sweepCancellation" });
      }
      count++;
    }
    this.targets.push(count);
  }
}

/**
 * Runs a program once for each checkpoint and each task that is alive there, cancels that task there,
 * and checks what must hold whatever is cancelled.
 *
 * The program spawns tasks on the `SimulatedRuntime` that it gets, and answers what `invariant` looks at when
 * all have ended. It is wrong when `invariant` throws, a task fails (otherwise than by `Cancelled`) and nobody
 * looks, somebody waits for ever, or a timer is left. It must be deterministic: virtual time, no
 * `Math.random`, no I/O. With `n` polls and `t` tasks it is run some `n * t` times.
 *
 * @param invariant Gets what the program answered, and what was cancelled: first nothing
 * @returns How many checkpoints and runs there were
 * @throws {CancellationSweepError} With the first cancel after which it was wrong, and its token
 *
 * @example
 * ```ts
 * import { assert, assertEquals, assertRejects } from "@std/assert";
 * import { yieldNow } from "@vais/runtime";
 * import { CancellationSweepError, sweepCancellation } from "@vais/runtime/testing";
 *
 * // The file is closed after the loop, and not in `finally`: a cancel leaves it open.
 * const error = await assertRejects(() =>
 *   sweepCancellation((runtime) => {
 *     const state = { open: 0 };
 *     runtime.spawn(function* () {
 *       state.open++;
 *       for (let i = 0; i < 3; i++) yield* yieldNow();
 *       state.open--;
 *     }, { name: "writer" });
 *     return state;
 *   }, (state) => assertEquals(state.open, 0)), CancellationSweepError);
 * assert(error.message.startsWith("Failed after a cancel of writer at checkpoint 2"));
 * ```
 */
export async function sweepCancellation<S>(
  program: SimulatedProgram<S>,
  invariant: (state: Awaited<S>, cancelled: SweptCancel | undefined) => void | PromiseLike<void>,
  options: SweepOptions = {},
): Promise<SweptProgram> {
  const action = "sweep cancellation";
  if (typeof program !== "function") {
    throw new TypeError(`Cannot ${action}: program is ${typeOf(program)} (must be a function)`);
  }
  if (typeof invariant !== "function") {
    throw new TypeError(`Cannot ${action}: invariant is ${typeOf(invariant)} (must be a function)`);
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { filter = () => true, replay } = options;
  if (typeof filter !== "function") {
    throw new TypeError(`Cannot ${action}: filter is ${typeOf(filter)} (must be a function)`);
  }
  let runs = 0;
  const run = async (at: number, which: number): Promise<number[]> => {
    const sweeper = new Sweeper(at, which, filter);
    runs++;
    try {
      await runSimulated(
        program,
        (runtime) => sweeper.attach(runtime),
        (state) => invariant(state, sweeper.cancelled),
        sweeper.hooks,
      );
    } catch (error) {
      throw new CancellationSweepError(`${at} ${which}`, sweeper.cancelled, error);
    }
    return sweeper.targets;
  };
  if (replay !== undefined) {
    const [at, which] = placeOf(replay);
    return { checkpoints: (await run(at, which)).length, runs };
  }
  const targets = await run(-1, -1);
  for (let at = 0; at < targets.length; at++) {
    for (let which = 0; which < targets[at]!; which++) await run(at, which);
  }
  return { checkpoints: targets.length, runs };
}

function placeOf(token: unknown): [at: number, which: number] {
  const match = typeof token === "string" ? /^(-1|\d+) (-1|\d+)$/.exec(token) : null;
  if (match !== null) return [Number(match[1]), Number(match[2])];
  throw new TypeError(
    `Cannot sweep cancellation: replay is ${
      typeof token === "string" ? JSON.stringify(token) : typeOf(token)
    } (must be the token of a CancellationSweepError)`,
  );
}
