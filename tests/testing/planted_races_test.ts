/**
 * `explore` and `sweepCancellation` find the races that are planted, and those only; and find them
 * again by their tokens.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancellationSweepError,
  explore,
  ScheduleError,
  type SimulatedRuntime,
  sweepCancellation,
} from "@vais/runtime/testing";
import { plantedCancels } from "../support/planted_cancels.ts";
import { plantedOrders } from "../support/planted_orders.ts";
import type { PlantedRace } from "../support/planted_race.ts";
import { test } from "../support/test.ts";

const SCHEDULES = 2_000;
const REPLAYS = 100;

async function find({ by, program, check }: PlantedRace, right: boolean, replay?: string) {
  const spawn = (runtime: SimulatedRuntime) => program(runtime, right);
  const token = replay === undefined ? {} : { replay };
  if (by === "cancel") {
    const options = { filter: ({ name }: { name: string }) => name.startsWith("task"), ...token };
    return (await sweepCancellation(spawn, check as () => void, options)).runs;
  }
  const options = { exhaustive: true, maxSchedules: SCHEDULES, ...token };
  return (await explore(spawn, { ...options, check: check as () => void })).schedules;
}

async function failure(race: PlantedRace, token?: string) {
  const run = () => find(race, false, token);
  return await (race.by === "order"
    ? assertRejects(run, ScheduleError)
    : assertRejects(run, CancellationSweepError));
}

const plantedRaces = [...plantedOrders, ...plantedCancels];
assert(plantedRaces.length >= 20);

for (const race of plantedRaces) {
  test(`planted, by ${race.by}: ${race.name}`, async () => {
    const tried = await find(race, true);
    assert(tried > 1, "there is something to explore");
    const error = await failure(race);
    for (let i = 0; i < REPLAYS; i++) {
      const again = await failure(race, error.token);
      assertEquals([again.token, String(again.cause)], [error.token, String(error.cause)]);
    }
    assertStrictEquals(await find(race, true), tried, "the same, whenever it is run");
  });
}
