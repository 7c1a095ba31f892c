/**
 * What every poller must do, as tests over one kernel.
 *
 * @module
 */
import { LIFE_CASES, moreThanMaxEvents, REAL_LIFE_CASES } from "./poller_life_cases.ts";
import { READY_CASES } from "./poller_ready_cases.ts";
import { REAL_WAIT_CASES, WAIT_CASES } from "./poller_wait_cases.ts";
import { type Backend, Bench, type Case } from "./pollers.ts";
import { test } from "./test.ts";

/** How often a case is tried in which another thread of the process may be faster. */
const ATTEMPTS = 50;

/** Registers the cases. */
export function testPoller(backend: Backend): void {
  const all: Record<string, Case> = {
    ...READY_CASES,
    ...LIFE_CASES,
    ...WAIT_CASES,
    ...(backend.isReal ? { ...REAL_LIFE_CASES, ...REAL_WAIT_CASES } : {}),
  };
  for (const [name, run] of Object.entries(all)) {
    test(`poller (${backend.name}): ${name}`, () => runCase(backend, run));
  }
  test(
    `poller (${backend.name}): more ready than one wait answers, none is lost`,
    () => runCase(backend, moreThanMaxEvents, 4),
  );
}

async function runCase(backend: Backend, run: Case, maxEvents?: number): Promise<void> {
  for (let i = 0; i < ATTEMPTS; i++) {
    const bench = new Bench(backend, maxEvents);
    try {
      if (await run(bench) !== "again") return;
    } finally {
      bench[Symbol.dispose]();
    }
  }
  throw new Error(`the number of a closed descriptor was never the next one (${ATTEMPTS} times)`);
}
