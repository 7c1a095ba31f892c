/**
 * Groups that were dropped without run() or `await using`.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { type Runtime, TaskGroup } from "@vais/runtime";
import { collect, collector, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

const gc = collector();

/** What is reported when a group is used like this and then dropped. */
async function reportsAfter(
  use: (group: TaskGroup, runtime: Runtime) => unknown,
): Promise<unknown[]> {
  const { runtime, unobserved } = watched({ spawnSites: true });
  const drop = async () => {
    const group = new TaskGroup({ runtime, name: "forgotten", cancelOnError: false });
    await use(group, runtime);
  };
  await drop();
  for (let i = 0; i < 4 && unobserved.length === 0; i++) {
    await collect(gc, 2);
    runtime.runUntilStalled();
  }
  await runtime.close();
  return unobserved;
}

test("a group that was given children and dropped is reported once, with its name and site", async () => {
  const reports = await reportsAfter((group) => {
    group.spawn(() => 1);
    group.spawn(() => 2);
  });
  assertEquals(reports.length, 1);
  assertInstanceOf(reports[0], Error);
  assertStringIncludes(reports[0].message, "forgotten");
  assertStringIncludes(reports[0].message, "forgotten_test");
});

const FINE: Record<string, (group: TaskGroup) => unknown> = {
  "was run": (group) => {
    group.spawn(() => 1);
    return group.run();
  },
  "was never given a child": () => {},
  "was disposed of": async (group) => {
    group.spawn(() => 1);
    await group[Symbol.asyncDispose]();
  },
  "was cancelled and joined": async (group) => {
    group.spawn(() => 1);
    await group.cancelAndJoin();
  },
  "was mapped over": (group) => group.map([1, 2], (x) => x),
  "was iterated to its end": async (group) => {
    group.spawn(() => 1);
    for await (const _ of group);
  },
};

for (const [name, use] of Object.entries(FINE)) {
  test(`a group that ${name} is not reported when it is collected`, async () => {
    assertEquals(await reportsAfter(use), []);
  });
}

test("a forgotten group's failure is told as well", async () => {
  const error = new Error("child");
  const reports = await reportsAfter((group, runtime) => {
    group.spawn(() => {
      throw error;
    });
    runtime.runUntilStalled();
  });
  assert(reports.includes(error), `${reports}`);
});
