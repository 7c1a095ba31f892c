/**
 * Who is running: async bodies know their task after each await of ours, and nobody else's ever.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Future, Runtime, sleep, type TaskScope, yieldNow } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { hostDelay, Probe, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** Awaits of ours: the body must be known behind each. */
const ours: Record<string, (task: TaskScope) => PromiseLike<unknown>> = {
  "ready": () => Future.ready(1),
  "yieldNow": () => yieldNow(),
  "sleep 0": (task) => task.sleep(0),
  "sleep": (task) => task.sleep(1),
  "bare sleep": () => sleep(1),
  "child": (task) => task.runtime.spawn(() => 1),
  "async child": (task) => task.runtime.spawn(async () => await Promise.resolve(1)),
  "settled": (task) =>
    task.runtime.spawn(() => {
      throw new Error("expected");
    }).settled(),
  "caught failure": (task) =>
    task.runtime.spawn(() => {
      throw new Error("expected");
    }).catch(() => 0),
  "combinator": (task) => Future.all([task.sleep(1), Future.ready(1)]),
  "race": (task) => Future.race([task.sleep(1), Future.never()]),
  "mapped": (task) => task.sleep(1).map(() => 1),
  "wait": (task) => task.wait(Promise.resolve(1)),
  "timeout": (task) => task.wait(new Probe<number>()).timeout(1).catch(() => 0),
  "plain pollable": (task) => task.wait({ poll: () => 1 }),
};

/** Those that know their task by themselves. */
const BOUND = ["sleep 0", "sleep", "wait", "plain pollable"];

/** Awaits of others: behind them the body may be unknown, but must not be somebody else. */
const foreign: Record<string, (task: TaskScope) => PromiseLike<unknown>> = {
  "promise": () => Promise.resolve(),
  "long promise": () => Promise.resolve().then(() => {}).then(() => {}).then(() => {}),
  "both": (task) => Promise.all([task.sleep(1), Promise.resolve()]),
  "chained": (task) => task.sleep(1).then(() => {}).then(() => {}),
};

const steps = fc.array(fc.constantFrom(...Object.keys(ours), ...Object.keys(foreign)), {
  minLength: 1,
  maxLength: 8,
});

test("async bodies in random programs know their own task behind each of our awaits, never another's", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      async (list, seed) => {
        const runtime = new SimulatedRuntime({ seed });
        const current = () => runtime.currentTask?.id;
        const wrong: string[] = [];
        const handles = list.map((names) =>
          runtime.spawn(async (task) => {
            if (current() !== task.id) wrong.push("at the start");
            let known = true;
            for (const name of names) {
              await (ours[name] ?? foreign[name]!)(task);
              // A bare foreign await makes the body unknown; one through its scope, known again.
              known = known ? name in ours : BOUND.includes(name);
              const id = current();
              if (known ? id !== task.id : id !== undefined && id !== task.id) {
                wrong.push(`task ${task.id} is ${id} behind ${name}`);
              }
            }
          })
        );
        let over = false;
        const host = (async () => {
          while (!over) {
            if (current() !== undefined) wrong.push(`host code is task ${current()}`);
            await Promise.resolve();
            if (current() !== undefined) wrong.push(`host code is task ${current()}`);
            await hostDelay(0);
          }
        })();
        await within(Promise.all(handles), `the end of ${JSON.stringify(list)}`, 1_000);
        if (current() !== undefined) wrong.push("host code behind an awaited handle");
        over = true;
        await host;
        assertEquals(wrong, []);
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});

test("host code that awaits futures beside running tasks is never taken for one of them", async () => {
  const runtime = new Runtime();
  for (let i = 0; i < 5; i++) {
    runtime.spawn(async (task) => {
      for (let n = 0; n < 20; n++) await (n % 2 === 0 ? yieldNow() : task.sleep(0));
    });
  }
  for (let i = 0; i < 20; i++) {
    await runtime.sleep(0);
    assertEquals(runtime.currentTask, undefined);
    await runtime.spawn(() => 1);
    assertEquals(runtime.currentTask, undefined);
  }
  await runtime.run();
});

test("then calls its callbacks later, never before it returns: as a promise does", async () => {
  const runtime = new Runtime();
  const finished = runtime.spawn(() => 1);
  await finished;
  for (const future of [Future.ready(1), finished, finished.settled()] as Future<unknown>[]) {
    let returned = false;
    const ended = future.then(() => returned);
    returned = true;
    assertEquals(await ended, true, "the callback ran inside then()");
  }
});

test("a callback of host code is never taken for the task that was polled before it", async () => {
  const runtime = new Runtime();
  runtime.spawn(function* (task) {
    yield* task.sleep(5);
  }, { name: "innocent" });
  const seen = runtime.sleep(0).then(() => runtime.currentTask?.name);
  await runtime.run();
  assertEquals(await seen, undefined);
});

test("a cancel is delivered to the body that is meant, in random programs", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { minLength: 2, maxLength: 5 }),
      fc.nat(),
      fc.nat(10),
      async (list, seed, turns) => {
        const runtime = new SimulatedRuntime({ seed });
        const handles = list.map((names) =>
          runtime.spawn(async (task) => {
            for (const name of names) await (ours[name] ?? foreign[name]!)(task);
            return "ok";
          })
        );
        for (let i = 0; i < turns; i++) {
          runtime.turn();
          await Promise.resolve();
        }
        const victim = handles[seed % handles.length]!;
        victim.cancel();
        for (const handle of handles) {
          const outcome = await within(Promise.resolve(handle.settled()), "its end", 1_000);
          if (handle !== victim) assertEquals(outcome, { status: "ok", value: "ok" });
        }
        await runtime.run().catch(() => {}); // the victim's children may have failed unseen
        assertEquals([runtime.taskCount, runtime.metrics().timers], [0, 0]);
      },
    ),
    { numRuns: 60, endOnFailure: true },
  );
});
