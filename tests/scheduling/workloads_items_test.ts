/**
 * Work items: which table runs, in which order, and what is refused.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import {
  type ExecutionContext,
  GpuUnavailableError,
  runWorkItem,
  runWorkItems,
  type WorkItem,
} from "@vais/runtime/scheduling";
import { test } from "../support/test.ts";

const base: WorkItem<string, string, string> = {
  id: 5,
  user: "work",
  vtable: { execute: (_, user) => `processor ${user}` },
};
const gpuVtable = {
  execute: ({ gpu }: { gpu: string }, user: string) => Promise.resolve(`${gpu} ${user}`),
};
const context: ExecutionContext<string> = { workerIndex: 3, startedAtMs: 1 };

test("the GPU's table runs when it is wanted and there is a GPU, else the processor's", async () => {
  const both = { ...base, gpuVtable };
  const gpu = { ...context, gpu: "gpu" };
  assertEquals(await runWorkItem(base, gpu), "processor work");
  assertEquals(await runWorkItem(both, gpu), "processor work");
  assertEquals(await runWorkItem({ ...both, hints: { prefersGpu: true } }, gpu), "gpu work");
  assertEquals(await runWorkItem({ ...both, hints: { requiresGpu: true } }, gpu), "gpu work");
  assertEquals(
    await runWorkItem({ ...both, hints: { prefersGpu: true } }, context),
    "processor work",
  );
  assertEquals(await runWorkItem({ ...base, hints: { prefersGpu: true } }, gpu), "processor work");
});

test("an item that requires a GPU fails by a typed error that tells what is missing", async () => {
  const hints = { requiresGpu: true };
  const none = await assertRejects(
    () => runWorkItem({ ...base, gpuVtable, hints }, context),
    GpuUnavailableError,
    "work item 5 requires a GPU, and there is no GPU",
  );
  assertEquals(none.code, "ERR_GPU_UNAVAILABLE");
  await assertRejects(
    () => runWorkItem({ ...base, hints }, { ...context, gpu: "gpu" }),
    GpuUnavailableError,
    "it has no gpuVtable",
  );
});

test("the functions get the context and the value; what they throw comes through", async () => {
  const user = {}, thrown = new Error("broken");
  const got: unknown[] = [];
  const vtable = { execute: (...args: unknown[]) => void got.push(...args) };
  await runWorkItem({ id: 1, user, vtable }, context);
  assertStrictEquals(got[0], context);
  assertStrictEquals(got[1], user);
  await runWorkItem({ id: 1, user, vtable });
  assertEquals((got[2] as ExecutionContext).workerIndex, -1);
  const failing = { id: 1, user, vtable: { execute: () => Promise.reject(thrown) } };
  assertStrictEquals(await runWorkItem(failing).catch((error) => error), thrown);
});

test("items run by priority, those of one priority in their order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -2, max: 2 }), { maxLength: 20 }),
      async (priorities) => {
        const ran: number[] = [];
        const vtable = {
          execute: async (_: unknown, i: number) => {
            await null;
            ran.push(i);
            return 10 * i;
          },
        };
        const items = priorities.map((priority, i) => ({
          id: i,
          user: i,
          vtable,
          ...(priority === 0 ? {} : { priority }),
        }));
        assertEquals(await runWorkItems(items), priorities.map((_, i) => 10 * i));
        for (let n = 1; n < ran.length; n++) {
          const [x, y] = [ran[n - 1]!, ran[n]!];
          assert(
            priorities[x]! > priorities[y]! || (priorities[x] === priorities[y] && x < y),
            `${x} before ${y} of ${priorities}`,
          );
        }
        assertEquals(ran.length, priorities.length);
      },
    ),
    { seed: 21, numRuns: 100 },
  );
});

test("after a failure and after an abort nothing more runs", async () => {
  const ran: number[] = [];
  const item = (id: number, execute: () => void = () => void ran.push(id)) => ({
    id,
    user: 0,
    vtable: { execute },
  });
  const failing = item(2, () => {
    throw new Error("broken");
  });
  await assertRejects(() => runWorkItems([item(1), failing, item(3)]), Error, "broken");
  assertEquals(ran, [1]);
  const controller = new AbortController();
  const reason = new Error("enough");
  const aborting = item(5, () => controller.abort(reason));
  const { signal } = controller;
  const all = runWorkItems([item(4), aborting, item(6)], { ...context, signal });
  assertStrictEquals(await all.then(() => {}, (error) => error), reason);
  assertEquals(ran, [1, 4]);
});

test("what is no work item is refused", async () => {
  const wrong = (item: unknown) => item as WorkItem<string, string>;
  for (const item of [null, undefined, 3, {}, { vtable: {} }]) {
    await assertRejects(() => runWorkItem(wrong(item)), TypeError, "no vtable");
  }
  await assertRejects(() => runWorkItems([{ ...base, priority: 0.5 }]), RangeError, "priority");
  await assertRejects(
    () => runWorkItems([{ ...base, priority: "high" as unknown as number }]),
    TypeError,
    "priority",
  );
});
