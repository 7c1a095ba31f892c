/**
 * Planted bugs are found with as few preemptions as they take, and replayed; without the bug the same
 * programs pass.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { exploreInterleavings, InterleavingError } from "@vais/runtime/testing";
import { PLANTED } from "../support/planted/mod.ts";
import { test } from "../support/test.ts";

const LIMITS = { preemptions: 3, maxSteps: 500 };

for (const { name, reason, says, preemptions, text } of PLANTED) {
  test(`planted: ${name}`, async () => {
    const found = await assertRejects(
      () => exploreInterleavings(text(true), LIMITS),
      InterleavingError,
    );
    assertEquals(found.reason, reason);
    assertMatch(found.message, says);
    assertEquals(found.preemptions, preemptions, found.message);

    const again = await assertRejects(
      () => exploreInterleavings(text(true), { ...LIMITS, replay: found.schedule }),
      InterleavingError,
    );
    assertEquals(again.reason, reason);
    assertEquals(again.schedule, found.schedule);
    assertEquals(again.trace, found.trace);
    assertEquals(again.schedules, 1);

    const right = await exploreInterleavings(text(false), LIMITS);
    assert(right.complete);
    console.log(`${name}: found in ${found.schedules}, right in ${right.schedules} schedules`);
  });
}
