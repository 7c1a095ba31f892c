/**
 * Histogram: counts of durations.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLessOrEqual,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { Histogram } from "@vais/runtime";
import type { Any } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

const LONGEST_MS = (2 ** 47 - 1) / 1e6;
const durations = fc.array(fc.double({ min: 0, max: LONGEST_MS, noNaN: true }), {
  minLength: 1,
  maxLength: 200,
});

/** The exact answer: the smallest value that `percent` of all do not exceed. */
function exact(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(values.length * percent / 100)) - 1]!;
}

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test("a percentile is within 1.6 % (and a ns) of the exact one, for any values", () => {
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 100, noNaN: true }), (values, percent) => {
      const is = exact(values, percent);
      const told = filled(values).percentile(percent);
      assertLessOrEqual(Math.abs(told - is), is * 0.016 + 1e-6, `${told} for ${is}`);
    }),
    { numRuns: 500 },
  );
});

test("small values, powers of two and their neighbours lie in the right bucket", () => {
  for (let bits = 0; bits < 47; bits++) {
    for (const ns of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
      const histogram = filled([ns / 1e6, 1e9]); // two, so that the answer is not simply the longest
      assertAlmostEquals(histogram.percentile(50), ns / 1e6, ns / 1e6 * 0.016 + 1e-9);
    }
  }
});

test("count, min, max and mean are exact; percentiles grow with the percentage", () => {
  fc.assert(fc.property(durations, (values) => {
    const { count, min, max, mean, p50, p90, p99, p999 } = filled(values).summary();
    assertEquals([count, min, max], [values.length, Math.min(...values), Math.max(...values)]);
    assertAlmostEquals(mean, values.reduce((a, b) => a + b) / count, max * 1e-9);
    const order = [min, p50, p90, p99, p999, max];
    assertEquals(order, [...order].sort((a, b) => a - b));
  }));
});

test("a value beyond the range counts as the longest", () => {
  const histogram = filled([1, LONGEST_MS * 1_000]);
  assertEquals(histogram.summary().max, LONGEST_MS * 1_000);
  assertEquals(histogram.percentile(100), LONGEST_MS * 1_000);
  assertEquals(histogram.count, 2);
});

test("merging two is as recording all in one; reset forgets everything", () => {
  fc.assert(fc.property(durations, durations, (some, others) => {
    const merged = filled(some);
    const other = filled(others);
    merged.merge(other);
    const { mean, ...rest } = merged.summary();
    const { mean: meanOfAll, ...restOfAll } = filled([...some, ...others]).summary();
    assertEquals(rest, restOfAll);
    assertAlmostEquals(mean, meanOfAll, rest.max * 1e-9);
    assertEquals(other.count, others.length);
    merged.reset();
    assertEquals(merged.toJSON(), new Histogram().toJSON());
  }));
});

test("an empty one tells zeros", () => {
  const empty = new Histogram();
  assertEquals(
    empty.summary(),
    { count: 0, min: 0, max: 0, mean: 0, p50: 0, p90: 0, p99: 0, p999: 0 },
  );
  assertEquals(empty.percentile(99.9), 0);
});

test("bad input is refused, and changes nothing", () => {
  const histogram = new Histogram();
  for (const ms of ["1", undefined, null, {}] as Any[]) {
    assertThrows(() => histogram.record(ms), TypeError, "Cannot record duration");
  }
  for (const ms of [-1, NaN, Infinity, -Infinity]) {
    assertThrows(() => histogram.record(ms), RangeError, "Cannot record duration");
  }
  assertThrows(() => histogram.percentile("50" as Any), TypeError, "Cannot tell percentile");
  for (const percent of [-1, 100.1, NaN]) {
    assertThrows(() => histogram.percentile(percent), RangeError, "Cannot tell percentile");
  }
  assertThrows(() => histogram.merge({} as Any), TypeError, "Cannot merge");
  assertThrows(() => histogram.merge(undefined as Any), TypeError, "Cannot merge");
  assert(histogram.count === 0);
});
