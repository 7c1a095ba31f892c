/**
 * Every entry point loads under its public name and gives something.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as root from "@vais/runtime";
import * as runtime from "@vais/runtime/runtime";
import * as memory from "@vais/runtime/memory";
import * as reactor from "@vais/runtime/reactor";
import * as scheduling from "@vais/runtime/scheduling";
import * as testing from "@vais/runtime/testing";
import { test } from "../support/test.ts";

for (
  const [name, module] of Object.entries({ root, memory, runtime, reactor, scheduling, testing })
) {
  test(`entry point ${name} has exports`, () => {
    assert(Object.keys(module).length > 0);
  });
}

test("the root gives the same values as the entry points it gathers", () => {
  const all: Record<string, unknown> = root;
  for (
    const [name, value] of Object.entries({ ...memory, ...runtime, ...reactor, ...scheduling })
  ) {
    assert(
      all[name] === value,
      `${name} differs between the root and its entry point`,
    );
  }
});
