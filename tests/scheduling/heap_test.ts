/**
 * Heap: ended children and ended groups leave nothing behind.
 *
 * @module
 */
import { assert } from "@std/assert";
import { Future, moveOnAfter, race, TaskGroup } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, collect, collector, heapUsed } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** How 200 000 children end in one living group; each answers what to run for a batch of 1 000. */
const ENDS: Record<string, (group: TaskGroup, runtime: SimulatedRuntime) => PromiseLike<unknown>> =
  {
    "return": (group) => {
      for (let i = 0; i < 1_000; i++) group.spawn(() => i);
      return group.run();
    },
    "throw": (group) => {
      for (let i = 0; i < 1_000; i++) group.start(() => Promise.reject("x")).catch(() => {});
      return group.run();
    },
    "cancel": (group, runtime) => {
      const handles = Array.from({ length: 1_000 }, () => group.spawn(() => Future.never()));
      runtime.runUntilStalled();
      for (const handle of handles) handle.cancel();
      return group.run();
    },
    "cancel before the start": (group, runtime) => {
      for (let i = 0; i < 1_000; i++) group.spawn(() => i).cancel();
      runtime.runUntilStalled();
      return group.run();
    },
    "timeout": (group) => {
      for (let i = 0; i < 1_000; i++) {
        group.spawn(function* () {
          yield* moveOnAfter(1, () => Future.never() as never);
        });
      }
      return group.run();
    },
    "race loss": (group) => {
      for (let i = 0; i < 500; i++) {
        group.spawn(function* () {
          yield* race<unknown>([() => 1, after(1_000, 0)]);
        });
      }
      return group.run();
    },
  };

for (const [name, batch] of Object.entries(ENDS)) {
  test(`a living group whose children end by ${name} keeps the heap flat`, async () => {
    const gc = collector();
    const runtime = new SimulatedRuntime();
    const group = new TaskGroup({ runtime });
    for (let i = 0; i < 5; i++) await batch(group, runtime);
    await collect(gc, 1);
    const before = heapUsed(gc);
    const rounds = name === "timeout" || name === "race loss" || name === "throw" ? 20 : 100;
    for (let i = 0; i < rounds; i++) await batch(group, runtime);
    await collect(gc, 1);
    const each = (heapUsed(gc) - before) / (rounds * 1_000);
    // A task that is kept costs 300 bytes and more; the rest is the engine's own coming and going.
    assert(each < 100, `${each.toFixed(1)} bytes a child`);
  });
}

test("children cancelled while they wait for a slot leave nothing behind", async () => {
  const gc = collector();
  const runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, maxConcurrency: 1 });
  const holder = group.spawn(() => Future.never());
  for (let i = 0; i < 5_000; i++) group.spawn(() => i).cancel();
  await collect(gc, 1);
  const before = heapUsed(gc);
  for (let i = 0; i < 20_000; i++) group.spawn(() => i).cancel();
  await collect(gc, 1);
  const each = (heapUsed(gc) - before) / 20_000;
  holder.cancel();
  await group.run();
  assert(each < 100, `${each.toFixed(1)} bytes a child`);
});

const USES: Record<string, (group: TaskGroup) => PromiseLike<unknown>> = {
  "spawn and run": (group) => {
    group.spawn(() => 1);
    return group.run();
  },
  "spawn, map and run": async (group) => {
    group.spawn(() => 1);
    await group.map([1, 2], (x) => x);
    await group.run();
  },
  "waitAny once, then run": async (group) => {
    group.spawn(() => 1);
    group.spawn(() => 2);
    await group.waitAny();
    await group.run();
  },
  "iterate and leave the loop, then run": async (group) => {
    group.spawn(() => 1);
    group.spawn(() => 2);
    for await (const _ of group) break;
    await group.run();
  },
};

for (const [name, use] of Object.entries(USES)) {
  test(`a TaskGroup that is over is garbage: ${name}`, async () => {
    const gc = collector();
    const runtime = new SimulatedRuntime();
    const refs: WeakRef<TaskGroup>[] = [];
    const one = async () => {
      const group = new TaskGroup({ runtime });
      refs.push(new WeakRef(group));
      await use(group);
    };
    for (let i = 0; i < 20; i++) await one();
    await collect(gc);
    const alive = refs.filter((ref) => ref.deref() !== undefined).length;
    assert(alive <= 2, `${alive} of 20 groups are alive`);
  });
}
