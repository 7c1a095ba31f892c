/**
 * What a wrong body, or a wrong call inside a task, gets told.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Future, Runtime, TASK_FAILED, yieldNow } from "@vais/runtime";
import { test } from "../support/test.ts";

const boom = new Error("boom");

test("a thenable whose then throws fails its task only", async () => {
  const runtime = new Runtime();
  const broken = {
    then() {
      throw boom;
    },
  } as unknown as PromiseLike<void>;
  const other = runtime.spawn(() => "ran", { name: "other" });
  const spawned = runtime.spawn(broken);
  const called = runtime.spawn(() => broken);
  runtime.runUntilStalled();
  assertEquals([other.status, spawned.status, called.status], [3, TASK_FAILED, TASK_FAILED]);
  assertEquals([(await spawned.settled()).status, (await called.settled()).status], [
    "error",
    "error",
  ]);
});

test("turn, blockOn, runUntilStalled, run and close inside a task are a TypeError there", async () => {
  const runtime = new Runtime({ name: "mine" });
  const calls: Record<string, () => unknown> = {
    turn: () => runtime.turn(),
    blockOn: () => runtime.blockOn(() => 1),
    runUntilStalled: () => runtime.runUntilStalled(),
    run: () => runtime.run(),
    close: () => runtime.close(),
  };
  for (const [name, call] of Object.entries(calls)) {
    const body = () => assertThrows(call, TypeError, "mine").message.includes("sneaky");
    assert(runtime.blockOn(runtime.spawn(body, { name: "sneaky" })), name);
    assert(
      runtime.blockOn(runtime.spawn({ poll: body }, { name: "sneaky" })),
      name,
    );
    const resumed = runtime.spawn(async (task) => {
      await task.sleep(1);
      return body();
    }, { name: "sneaky" });
    assert(await resumed, `${name} in an async body that was resumed`);
  }
  assertEquals(runtime.taskCount, 0);
});

test("a yielded non-future is a TypeError inside the task, catchable there, and says what to write", () => {
  const runtime = new Runtime();
  for (const wrong of [5, undefined, null, "x", {}, Promise.resolve(1)]) {
    const message = runtime.blockOn(function* () {
      try {
        yield wrong;
      } catch (error) {
        assert(error instanceof TypeError);
        yield* yieldNow(); // and goes on
        return error.message;
      }
    });
    assert(message!.includes("yield* "), message);
    assertEquals(message!.includes("Future.from(promise)"), wrong instanceof Promise);
  }
});

test("a yielded non-future deep in a loop of ready awaits is told the same way", () => {
  const runtime = new Runtime();
  let told = 0;
  runtime.blockOn(function* () {
    for (let i = 0; i < 1_000; i++) {
      try {
        yield i % 3 === 0 ? i : Future.ready(i);
      } catch (error) {
        if (error instanceof TypeError) told++;
      }
    }
  });
  assertEquals(told, 334);
});

test("a plain pollable may be yielded", () => {
  const runtime = new Runtime();
  const value = runtime.blockOn(function* (): Generator<unknown, unknown, unknown> {
    return yield { poll: () => 5 };
  });
  assertEquals(value, 5);
});

test("an async generator body is a TypeError that says what to write", async () => {
  const runtime = new Runtime();
  const handle = runtime.spawn(
    (async function* () {
      yield await 1;
    }) as unknown as () => void,
  );
  await assertRejects(() => Promise.resolve(handle), TypeError, "function* or async function");
});
