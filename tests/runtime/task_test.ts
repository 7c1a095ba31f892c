/**
 * Tasks: kinds of bodies, statuses at each moment, what a wrong body gets told.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  blockOn,
  Future,
  type JoinHandle,
  MAX_TASKS,
  PENDING,
  Runtime,
  sleep,
  TASK_CANCELLED,
  TASK_COMPLETED,
  TASK_FAILED,
  TASK_PENDING,
  TASK_READY,
  TASK_RUNNING,
  type TaskBody,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

const boom = new Error("boom");

test("task statuses and MAX_TASKS keep the Vais numbers", () => {
  assertEquals(
    [TASK_PENDING, TASK_RUNNING, TASK_READY, TASK_COMPLETED, TASK_CANCELLED, TASK_FAILED],
    [0, 1, 2, 3, 4, 5],
  );
  assertEquals(MAX_TASKS, 256);
});

const bodies: Record<string, () => TaskBody<string>> = {
  "a pollable": () => ({ poll: () => "value" }),
  "a future": () => Future.ready("value"),
  "another task's handle": () => new Runtime().spawn(() => "value"),
  "a promise": () => Promise.resolve("value"),
  "a thenable": () => ({ then: (ok: (v: string) => void) => ok("value") }) as PromiseLike<string>,
  "a function": () => () => "value",
  "an async function": () => async () => await Promise.resolve("value"),
  "an async function that sleeps": () => async (task) => {
    await task.sleep(5);
    return "value";
  },
  "a generator function": () =>
    function* (task) {
      yield* task.sleep(5);
      return "value";
    },
  "a function that answers a future": () => () => Future.ready("value"),
  "a function that answers a generator": () => () =>
    (function* () {
      yield* yieldNow();
      return "value";
    })(),
};

for (const [name, make] of Object.entries(bodies)) {
  if (name === "another task's handle") continue; // two runtimes: see two_runtimes_test.ts
  test(`spawn runs ${name} to its value, and leaves nothing behind`, async () => {
    const runtime = new SimulatedRuntime();
    const handle = runtime.spawn(make());
    assertEquals(handle.status, TASK_PENDING);
    assertEquals(await handle, "value");
    assertEquals([handle.status, handle.isFinished], [TASK_COMPLETED, true]);
    await assertNothingLeft(runtime);
  });
}

test("spawn of a state and a poll function is the Vais form: the same state each time", () => {
  const runtime = new Runtime();
  const state = { polls: 0 };
  const handle = runtime.spawn(state, (s, waker) => {
    assertStrictEquals(s, state);
    if (++s.polls === 3) return "done";
    waker.wake();
    return PENDING;
  });
  assertEquals([runtime.blockOn(handle), state.polls], ["done", 3]);
});

test("a negative number is a value like any other, never an error (V2)", () => {
  const runtime = new Runtime();
  assertEquals(runtime.spawn(() => -1).status, TASK_PENDING);
  assertEquals(runtime.blockOn({ poll: () => -1 }), -1);
  assertEquals(runtime.blockOn(() => undefined), undefined);
});

const failing: Record<string, () => TaskBody<unknown>> = {
  "a pollable": () => ({
    poll() {
      throw boom;
    },
  }),
  "a function": () => () => {
    throw boom;
  },
  "an async function": () => async () => {
    await Promise.resolve();
    throw boom;
  },
  "a promise": () => Promise.reject(boom),
  "a generator": () =>
    function* () {
      yield* yieldNow();
      throw boom;
    },
};

for (const [name, make] of Object.entries(failing)) {
  test(`a throw in ${name} fails its task only, with the very error`, async () => {
    const runtime = new Runtime();
    const others = [runtime.spawn(() => 1), runtime.spawn(() => 2)];
    const handle = runtime.spawn(make());
    others.push(runtime.spawn(() => 3));
    assertStrictEquals(await Promise.resolve(handle).catch((error) => error), boom);
    assertEquals([handle.status, handle.outcome()], [TASK_FAILED, {
      status: "error",
      error: boom,
    }]);
    await runtime.run();
    assertEquals(others.map((h) => h.status), [3, 3, 3]);
    await assertNothingLeft(runtime);
  });
}

test("status at each moment of a generator task", () => {
  const runtime = new Runtime();
  const probe = new Probe<void>();
  const seen: number[] = [];
  const handle: JoinHandle<void> = runtime.spawn(function* () {
    seen.push(handle.status);
    yield* probe;
    yield* yieldNow();
    seen.push(handle.status);
  });
  const now = () => [handle.status, handle.isFinished, handle.outcome()?.status];
  assertEquals(now(), [TASK_PENDING, false, undefined]);
  runtime.turn();
  assertEquals(now(), [TASK_PENDING, false, undefined]); // parked
  probe.resolve();
  assertEquals(now(), [TASK_READY, false, undefined]);
  runtime.turn();
  assertEquals(now(), [TASK_READY, false, undefined]); // yielded
  runtime.turn();
  assertEquals(now(), [TASK_COMPLETED, true, "ok"]);
  assertEquals(seen, [TASK_RUNNING, TASK_RUNNING]);
});

test("status of an async task: running inside its first poll, pending while it awaits", async () => {
  const runtime = new Runtime();
  const seen: number[] = [];
  const handle: JoinHandle<void> = runtime.spawn(async () => {
    seen.push(handle.status);
    await hostDelay(1);
  });
  runtime.runUntilStalled();
  assertEquals([seen, handle.status], [[TASK_RUNNING], TASK_PENDING]);
  await handle;
  assertEquals(handle.status, TASK_COMPLETED);
});

test("ids count from 0, are never reused, and name a task that has no name", () => {
  const runtime = new Runtime();
  const first = runtime.spawn(Future.ready(1));
  runtime.runUntilStalled();
  const second = runtime.spawn(function worker() {});
  const third = runtime.spawn(() => {}, { name: "given" });
  assertEquals([first.id, second.id, third.id], [0, 1, 2]);
  assertEquals([first.name, second.name, third.name], ["task 0", "worker", "given"]);
});

test("a body gets its scope: id, name, runtime, signal, sleep", async () => {
  const runtime = new SimulatedRuntime();
  const handle: JoinHandle<unknown[]> = runtime.spawn(function* (task) {
    yield* task.sleep(1);
    assertStrictEquals(runtime.currentTask, handle);
    return [task.id, task.name, task.runtime.taskCount, task.signal.aborted];
  }, { name: "me" });
  assertEquals(await handle, [0, "me", 1, false]);
  assertEquals(runtime.currentTask, undefined);
});

test("a body is called at its first poll, never inside spawn", () => {
  const runtime = new Runtime();
  const log: string[] = [];
  runtime.spawn(() => void log.push("function"));
  runtime.spawn({ poll: () => log.push("pollable") });
  runtime.spawn(0, () => log.push("poll"));
  assertEquals(log, []);
  runtime.turn();
  assertEquals(log, ["function", "pollable", "poll"]);
});

test("settled answers how a task ends and never throws, before and after the end", async () => {
  const runtime = new Runtime();
  const ok = runtime.spawn(() => 1);
  const bad = runtime.spawn(() => {
    throw boom;
  });
  const before = [ok.settled(), bad.settled()];
  assertEquals(await Promise.all(before), [
    { status: "ok", value: 1 },
    { status: "error", error: boom },
  ]);
  assertEquals(await bad.settled(), { status: "error", error: boom });
  await runtime.run(); // observed: nothing to reject with
});

test("a handle can be joined by many, each time with the same outcome", async () => {
  const runtime = new Runtime();
  const handle = runtime.spawn(function* () {
    yield* yieldNow();
    return { one: 1 };
  });
  const join = function* () {
    return yield* handle;
  };
  const joiners = Array.from({ length: 100 }, () => runtime.spawn(join));
  await runtime.run();
  const value = await handle;
  for (const joiner of joiners) assertStrictEquals(await joiner, value);
});

test("yield* sleep outside any task's scope belongs to the runtime that polls it", () => {
  const runtime = new SimulatedRuntime();
  assertEquals(
    runtime.blockOn(function* () {
      yield* sleep(250);
      return runtime.clock.now();
    }),
    250,
  );
  assertEquals(typeof blockOn, "function");
});
