/**
 * One run of a program on a simulated runtime, with everything that can be wrong about its end.
 *
 * @module
 */

import { Cancelled, DeadlockError } from "../runtime/errors.ts";
import { failuresOf } from "../runtime/failures.ts";
import type { Observer } from "../runtime/observer.ts";
import { SimulatedRuntime } from "./simulated_runtime.ts";

/** Tasks that are spawned before the first one runs; answers what is looked at when all have ended. */
export type SimulatedProgram<S> = (runtime: SimulatedRuntime) => S;

/**
 * Runs a program to its end, then looks at it.
 *
 * @param prepare Gets the runtime before the program does
 * @param hooks Told what happens in it
 * @throws What `check` throws; `DeadlockError` if somebody waits for ever; what a task failed with
 *   and nobody looked at (a `Cancelled` is none); an `Error` if timers are left
 */
export async function runSimulated<S>(
  program: SimulatedProgram<S>,
  prepare: (runtime: SimulatedRuntime) => void,
  check: (state: Awaited<S>) => void | PromiseLike<void>,
  hooks: Observer = {},
): Promise<void> {
  const unobserved: unknown[] = [];
  let tellStuck = (_error: Error): void => {};
  const stuck = new Promise<never>((_, reject) => tellStuck = reject);
  stuck.catch(() => {});
  let parks = 0;
  const runtime = new SimulatedRuntime({
    observer: {
      ...hooks,
      onUnobserved: (error) => void unobserved.push(error),
      onPark: (ms) => {
        hooks.onPark?.(ms);
        const park = ++parks;
        if (ms !== Infinity) return;
        afterTurns(STUCK_TURNS, () => {
          if (park !== parks) return;
          const text = `Cannot go on: nothing in the program can wake it\n${runtime.dump()}`;
          tellStuck(new DeadlockError(text));
        });
      },
      onUnpark: () => void parks++,
    },
  });
  try {
    prepare(runtime);
    const state = await program(runtime);
    await Promise.race([runtime.run().catch(ignoreCancels), stuck]);
    await check(state);
    const { timers } = runtime.metrics();
    if (timers > 0) throw new Error(`${timers} timer${timers === 1 ? " is" : "s are"} left`);
    await runtime.close();
    const lost = unobserved.find((error) => !(error instanceof Cancelled));
    if (lost !== undefined) throw lost;
  } finally {
    await runtime.close().catch(() => {});
  }
}

/** A task that failed by a `Cancelled` of another one is no mistake of the program. */
function ignoreCancels(error: unknown): void {
  const failures = failuresOf(error).map((failure) => failure.error);
  const wrong = [error, ...failures].find((error) => !(error instanceof Cancelled));
  if (wrong !== undefined) throw wrong;
}

/** Turns of the host after which nothing that the program itself has begun is on its way. */
const STUCK_TURNS = 8;

function afterTurns(turns: number, then: () => void): void {
  if (turns === 0) then();
  else setTimeout(() => afterTurns(turns - 1, then), 0);
}

/** What was thrown, for the text of another error. */
export function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
