/**
 * Random programs: whatever is thrown, cancelled and timed out, no task outlives its scope and no
 * failure vanishes.
 *
 * Each program runs twice in virtual time, by the same seed. Checked after it:
 *
 * - when a scope, group, join or task ended, no body below it was alive (G1);
 * - every value thrown was rethrown, listed by `failuresOf`, consumed or reported (G21);
 * - no `unhandledRejection`, no `uncaughtException` (G22), every `Cancelled` leads to a root (G23);
 * - no task, timer, counted wait or listener on a foreign signal is left;
 * - a body that saw its cancellation gave its scope no value (G6);
 * - a cancelled scope ended although its tasks slept for a long time;
 * - `maxConcurrency` was kept; both runs did the same in the same order.
 *
 * A failure prints the seed and the shrunk program. `VAIS_SEED=… deno test …` tries other programs,
 * `VAIS_PROGRAMS=20` twenty times as many.
 *
 * @module
 */
import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { hostDelay } from "../support/probes.ts";
import { type Features, type Program, programs, render } from "../support/random_program.ts";
import { type Report, runProgram, watchProcess } from "../support/random_program_runner.ts";
import { test } from "../support/test.ts";

const env = (globalThis as unknown as { process: { env: Record<string, string | undefined> } })
  .process.env;
const SEED = Number(env.VAIS_SEED ?? 20_260_101);
const FACTOR = Number(env.VAIS_PROGRAMS ?? 1);

const PLAIN: Features = { async: false, loose: false, raw: false, large: false };

/** Throws when a rule was broken, or when a second run differs from the first. */
async function mustHold(program: Program): Promise<Report> {
  const first = await runProgram(program);
  if (first.problems.length > 0) throw new Error(first.problems.join("\n"));
  const second = await runProgram(program);
  const at = first.trace.findIndex((line, i) => line !== second.trace[i]);
  if (at >= 0 || first.trace.length !== second.trace.length) {
    throw new Error(
      `The same seed gave another schedule: ${first.trace[at]}, then ${second.trace[at]}`,
    );
  }
  return first;
}

/** Runs `count` programs; each feature set has its own seed, so that a failure is found again alone. */
function testPrograms(name: string, count: number, features: Partial<Features>): void {
  test(`random programs: ${name}`, async () => {
    const seed = SEED + name.length;
    const watch = watchProcess();
    const total = { programs: 0, bodies: 0, thrown: 0 };
    const outcome = await fc.check(
      fc.asyncProperty(programs({ ...PLAIN, ...features }), async (program) => {
        const report = await mustHold(program);
        total.programs++;
        total.bodies += report.bodies;
        total.thrown += report.thrown;
      }),
      { seed, numRuns: count * FACTOR },
    );
    // Unhandled rejections are told in a later turn of the host.
    await hostDelay(0);
    watch.stop();
    if (outcome.failed) {
      const [program] = outcome.counterexample!;
      throw new Error(
        `VAIS_SEED=${SEED} (path ${outcome.counterexamplePath}), after ${outcome.numRuns} programs:\n\n` +
          `${render(program)}\n\n${(outcome.errorInstance as Error).message}`,
      );
    }
    assertEquals(watch.events, [], "unhandled rejections or uncaught exceptions");
    // The generator must not drift into programs in which nothing happens.
    assertEquals(total.programs, count * FACTOR);
    assertEquals(total.bodies > 2 * total.programs, true, JSON.stringify(total));
    assertEquals(total.thrown > total.programs / 20, true, JSON.stringify(total));
  });
}

testPrograms("generators, everything awaited", 3_000, {});
testPrograms("generators and async bodies, everything awaited", 3_000, { async: true });
testPrograms("operations, tasks and groups nobody waits for", 2_000, { loose: true });
testPrograms("async bodies, and what nobody waits for", 2_000, { async: true, loose: true });
testPrograms("large ones, of every kind", 2_000, { async: true, loose: true, large: true });
testPrograms("scopes inside the combinators of Future", 1_000, { async: true, raw: true });
