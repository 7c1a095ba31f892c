/**
 * Several runtimes in one process, and the default one with its functions.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  blockOn,
  Future,
  getRuntime,
  join,
  PENDING,
  runAll,
  Runtime,
  runtimeInit,
  select,
  sleep,
  spawn,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { hostDelay, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("runtimeInit is idempotent and getRuntime answers the same runtime", () => {
  assertStrictEquals(runtimeInit(), runtimeInit());
  assertStrictEquals(getRuntime(), runtimeInit());
});

test("spawn, blockOn and runAll use the default runtime (in Vais they did nothing)", async () => {
  const handle = spawn(() => 5, { name: "global" });
  const vais = spawn({ left: 2 }, (state, waker) => {
    if (state.left-- === 0) return "vais";
    waker.wake();
    return PENDING;
  });
  assertEquals([handle.name, blockOn(handle), blockOn(vais)], ["global", 5, "vais"]);
  const other = spawn(() => 6);
  await runAll();
  assertEquals([other.outcome(), getRuntime().taskCount], [{ status: "ok", value: 6 }, 0]);
});

test("spawn inside a task spawns on that task's runtime, in async bodies also after an await", async () => {
  const runtime = new Runtime();
  const before = getRuntime().metrics().spawned;
  runtime.blockOn(() => void spawn(() => 1));
  await runtime.spawn(async (task) => {
    await task.sleep(1);
    await spawn(() => 2);
    await sleep(1);
    await spawn(() => 3);
  });
  await runtime.run();
  assertEquals([runtime.metrics().spawned, getRuntime().metrics().spawned], [5, before]);
});

test("sleep, join, select and yieldNow belong to the runtime that polls them", () => {
  const runtime = new SimulatedRuntime();
  const value = runtime.blockOn(function* () {
    yield* yieldNow();
    const [a] = yield* join(sleep(10).map(() => "a"), sleep(20));
    const { index } = yield* select(sleep(1_000), sleep(5));
    return [a, index, runtime.clock.now()];
  });
  assertEquals(value, ["a", 1, 25]);
});

test("two runtimes with different clocks do not mix, nested blockOn included", () => {
  const outer = new SimulatedRuntime({ name: "outer" });
  const inner = new SimulatedRuntime({ name: "inner" });
  const result = outer.blockOn(function* (task) {
    yield* task.sleep(100);
    const value = inner.blockOn(function* () {
      yield* sleep(7);
      assertEquals([outer.currentTask, inner.currentTask?.id], [undefined, 0]);
      return "inner done";
    });
    assertEquals([outer.currentTask?.id, inner.currentTask], [0, undefined]);
    yield* sleep(100);
    return value;
  });
  assertEquals([result, outer.clock.now(), inner.clock.now()], ["inner done", 200, 7]);
  assertEquals([outer.taskCount, inner.taskCount], [0, 0]);
});

test("nested blockOn 20 runtimes deep works; into one that is polling it is a TypeError", () => {
  const runtimes = Array.from({ length: 20 }, () => new SimulatedRuntime());
  const nest = (depth: number): number =>
    depth === 20 ? 20 : runtimes[depth]!.blockOn(function* () {
      yield* sleep(1);
      return nest(depth + 1);
    });
  assertEquals(nest(0), 20);
  const [a, b] = runtimes;
  assertThrows(() => a!.blockOn(() => b!.blockOn(() => a!.blockOn(() => 1))), TypeError);
});

test("a task may await a handle of another runtime: the await drives that runtime", async () => {
  for (const kind of ["async function", "generator"]) {
    const near = new Runtime({ name: "near" });
    const far = new Runtime({ name: "far" });
    const target = far.spawn(function* (task) {
      yield* task.sleep(2);
      return "from afar";
    });
    const handle = kind === "generator"
      ? near.spawn(function* () {
        return yield* target;
      })
      : near.spawn(async () => await target);
    assertEquals(await within(Promise.resolve(handle), kind), "from afar");
  }
});

test("a task that waits for a handle of another runtime which is driven elsewhere is no deadlock", async () => {
  const near = new Runtime({ name: "near" });
  const far = new Runtime({ name: "far" });
  const target = far.spawn(function* (task) {
    yield* task.sleep(5);
    return "in time";
  });
  const handle = near.spawn(function* () {
    return yield* target;
  });
  const [, value] = await Promise.all([far.run(), handle, near.run()]);
  assertEquals(value, "in time");
});

test("closing one runtime leaves the others alone (Liten's second shutdown panicked)", async () => {
  const runtimes = Array.from({ length: 3 }, () => new Runtime());
  const handles = runtimes.map((r) => r.spawn(r.sleep(2)));
  await runtimes[0]!.close();
  await runtimes[0]!.close();
  await Promise.all(runtimes.slice(1).map((r) => r.run()));
  assertEquals(handles.map((h) => h.status), [4, 3, 3]);
});

test("a task of one runtime may run() another", async () => {
  const [near, far] = [new Runtime(), new Runtime()];
  far.spawn(far.sleep(2));
  const handle = near.spawn(async (task) => {
    await task.wait(far.run());
    return far.taskCount;
  });
  assertEquals(await handle, 0);
});

test("run inside a task of the same runtime is a TypeError that says what to do", async () => {
  const runtime = new Runtime({ name: "mine" });
  await assertRejects(
    () => Promise.resolve(runtime.spawn(() => runtime.run())),
    TypeError,
    "join handles instead",
  );
});

test("awaits in host code of futures without a runtime use the default one", async () => {
  assertEquals(await Future.ready(1), 1);
  assertEquals(await join(sleep(1).map(() => "slept"), hostDelay(1).then(() => "host")), [
    "slept",
    "host",
  ]);
  assertEquals(getRuntime().metrics().timers, 0);
});
