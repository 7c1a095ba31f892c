/**
 * Random programs: the simulated kernel answers and tells what that of Linux does.
 *
 * A failure prints the seed and the shrunk program. `VAIS_SEED=… deno test …` tries other programs,
 * `VAIS_PROGRAMS=20` twenty times as many.
 *
 * @module
 */
import { assertGreater } from "@std/assert";
import fc from "fast-check";
import { ReactorUnavailableError } from "../../reactor/errors.ts";
import type { Kernel } from "../../reactor/kernel.ts";
import { openLibc } from "../../reactor/libc.ts";
import { SimulatedKernel } from "../../testing/simulated_kernel.ts";
import { programs, render, runBoth } from "../support/poller_programs.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";

const env = (globalThis as unknown as { process: { env: Record<string, string | undefined> } })
  .process.env;
const SEED = Number(env.VAIS_SEED ?? 20_260_101);
const RUNS = 3_000 * Number(env.VAIS_PROGRAMS ?? 1);
const NAME = "random programs: the simulated kernel does what the system's does";

/** The system's kernel; or why it is not compared. */
function systemKernel(): Kernel | string {
  try {
    const kernel = openLibc();
    return kernel.platform.os === "linux" ? kernel : `${kernel.platform.os} is not simulated`;
  } catch (error) {
    if (error instanceof ReactorUnavailableError && error.reason === "koffi") return error.message;
    throw error;
  }
}

const kernel = systemKernel();
if (typeof kernel === "string") await skip(NAME, kernel);
else {
  test(NAME, () => {
    const real = { name: "real", kernel, isReal: true };
    const total = { waits: 0, events: 0, extra: 0 };
    const outcome = fc.check(
      fc.property(programs, (program) => {
        // What Linux gives a pipe; a socket only needs enough.
        const simulated = new SimulatedKernel({ pipeBytes: 65_536, socketBytes: 65_536 });
        const tally = runBoth(
          real,
          { name: "simulated", kernel: simulated, isReal: false },
          program,
        );
        total.waits += tally.waits;
        total.events += tally.events;
        total.extra += tally.extra;
      }),
      { seed: SEED, numRuns: RUNS },
    );
    if (outcome.failed) {
      const [program] = outcome.counterexample!;
      throw new Error(
        `VAIS_SEED=${SEED}, after ${outcome.numRuns} programs:\n\n${render(program)}\n\n${
          (outcome.errorInstance as Error).message
        }`,
      );
    }
    // The generator must not drift into programs in which nothing happens.
    assertGreater(total.events, 2 * RUNS);
    assertGreater(total.extra, RUNS / 20);
  });
}
