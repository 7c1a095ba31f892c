/**
 * The stand-ins for `@std/*` behave like the originals where we rely on them.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { deadline, delay } from "@std/async";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { assertSpyCalls, spy } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";

Deno.test("FakeTime drives the host's timers", async () => {
  using time = new FakeTime(0);
  let done = false;
  const waiting = delay(10_000).then(() => (done = true));
  await time.tickAsync(9_999);
  assertEquals(done, false);
  await time.tickAsync(1);
  await waiting;
  assertEquals(time.now, 10_000);
  assertThrows(() => new FakeTime(), TypeError, "already faked");
});

Deno.test("assert and assertStrictEquals narrow types", () => {
  const values: (number | undefined)[] = [1];
  const first = values[0];
  assert(first !== undefined);
  assertEquals(first.toFixed(1), "1.0");
  const unknown: unknown = "x";
  assertStrictEquals(unknown, "x");
  assertEquals(unknown.length, 1);
});

Deno.test("assertRejects gives the typed error", async () => {
  const error = await assertRejects(
    () => deadline(new Promise(() => {}), 1),
    DOMException,
  );
  assertEquals(error.name, "TimeoutError");
});

Deno.test("fast-check is there", () => {
  fc.assert(fc.property(fc.integer(), (n) => n === n));
});

describe("bdd", () => {
  let count = 0;
  beforeEach(() => {
    count++;
  });
  afterEach(() => {
    count--;
  });
  it("runs its hooks, and spy records", () => {
    const double = spy((n: number) => n * 2);
    assertEquals(double(count), 2);
    assertSpyCalls(double, 1);
    assertEquals(double.calls[0]?.args, [1]);
  });
});
