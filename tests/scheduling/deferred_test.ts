/**
 * Deferred: a future settled by hand, from tasks and from host callbacks.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { Cancelled, Deferred, Future, Runtime, TimeoutError } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

type Settle = { by: "resolve" | "reject" | "cancel"; value: number };

function settle(deferred: Deferred<number>, { by, value }: Settle): boolean {
  return deferred[by](value);
}

const STATES = { resolve: "completed", reject: "failed", cancel: "cancelled" } as const;

test("the first settle wins: later ones answer false and change nothing", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(
      fc.record({ by: fc.constantFrom("resolve", "reject", "cancel"), value: fc.nat() }),
      { minLength: 1, maxLength: 4 },
    ),
    async (calls) => {
      const deferred = new Deferred<number>();
      assertEquals([deferred.state, deferred.isSettled], ["pending", false]);
      assertEquals(
        calls.map((call) => settle(deferred, call as Settle)),
        calls.map((_, i) => i === 0),
      );
      const { by, value } = calls[0] as Settle;
      assertEquals([deferred.state, deferred.isSettled], [STATES[by], true]);
      const end = await deferred.future.map((v) => ({ v })).catch((error) => ({ error }));
      if (by === "resolve") assertEquals(end, { v: value });
      if (by === "reject") assertEquals(end, { error: value });
      if (by === "cancel") {
        assert("error" in end && end.error instanceof Cancelled);
        assertEquals(end.error.reason, { kind: "requested", note: value });
      }
    },
  ));
});

test("every waiter gets the value: generators, async bodies, host code, and those who come later", async () => {
  await using runtime = new SimulatedRuntime();
  const deferred = new Deferred<string>();
  const waiting = [
    runtime.spawn(function* () {
      return yield* deferred;
    }),
    runtime.spawn(function* () {
      return yield* deferred.future;
    }),
    runtime.spawn(async () => await deferred),
    runtime.spawn(deferred.future),
    runtime.spawn(deferred),
  ];
  runtime.spawn(function* (task) {
    yield* task.sleep(5);
    deferred.resolve("v");
  });
  const host = [deferred.then((v) => v), Promise.resolve(deferred.future)];
  assertEquals(await Promise.all([...waiting, ...host]), Array(7).fill("v"));
  assertEquals(await deferred, "v");
  assertEquals(await deferred.future, "v");
});

test("reject throws the very error in every waiter", async () => {
  await using runtime = new SimulatedRuntime();
  const deferred = new Deferred<string>();
  const error = Object.freeze(new Error("broken"));
  const caught = [1, 2].map(() =>
    runtime.spawn(function* () {
      try {
        yield* deferred;
      } catch (error) {
        return error;
      }
    })
  );
  runtime.runUntilStalled();
  deferred.reject(error);
  for (const handle of caught) assertStrictEquals(await handle, error);
  for (const falsy of [undefined, null, 0]) {
    const rejected = new Deferred<void>();
    rejected.reject(falsy);
    assertStrictEquals(await rejected.then(() => "value", (error) => error), falsy);
  }
});

test("cancel throws one Cancelled in every waiter; a Cancelled given is thrown itself", async () => {
  const deferred = new Deferred<void>();
  assert(deferred.cancel({ kind: "shutdown" }));
  const error = await assertRejects(() => deferred, Cancelled);
  assertEquals(error.reason, { kind: "shutdown" });
  assertStrictEquals(await deferred.future.catch((error) => error), error);
  const given = new Cancelled("given");
  const other = new Deferred<void>();
  other.cancel(given);
  assertStrictEquals(await other.then(undefined, (error) => error), given);
});

test("a cancelled Deferred fails a task that was not cancelled itself, as a join would", async () => {
  await using runtime = new SimulatedRuntime();
  const deferred = new Deferred<void>();
  const handle = runtime.spawn(function* () {
    yield* deferred;
  });
  runtime.runUntilStalled();
  deferred.cancel();
  const outcome = await handle.settled();
  assert(outcome.status === "error");
  assertInstanceOf(outcome.error, Cancelled);
});

test("resolved from a host timer while the runtime is parked, run() goes on", async () => {
  await using runtime = new Runtime();
  const deferred = new Deferred<number>();
  const handle = runtime.spawn(function* () {
    return yield* deferred;
  });
  setTimeout(() => deferred.resolve(1), 5);
  await runtime.run();
  assertEquals(handle.outcome(), { status: "ok", value: 1 });
});

test("resolved from a host timer, an await of host code goes on", async () => {
  const deferred = new Deferred<number>();
  setTimeout(() => deferred.resolve(2), 5);
  assertEquals(await deferred, 2);
});

test("a settle runs no code of the waiter inside the call", async () => {
  await using runtime = new SimulatedRuntime();
  const deferred = new Deferred<void>();
  let went = false;
  runtime.spawn(function* () {
    yield* deferred;
    went = true;
  });
  runtime.runUntilStalled();
  deferred.resolve();
  assertFalse(went);
  runtime.runUntilStalled();
  assert(went);
});

test("a waiter that is cancelled or times out settles nothing, and the others wait on", async () => {
  await using runtime = new SimulatedRuntime();
  const deferred = new Deferred<number>();
  const wait = function* () {
    return yield* deferred;
  };
  const [a, b] = [runtime.spawn(wait), runtime.spawn(wait)];
  const asyncBody = runtime.spawn(async () => await deferred.future);
  const late = runtime.spawn(function* () {
    return yield* deferred.timeout(5);
  });
  runtime.runUntilStalled();
  assertEquals((await a.cancelAndJoin()).status, "cancelled");
  assertEquals((await asyncBody.cancelAndJoin()).status, "cancelled");
  await assertRejects(() => late, TimeoutError);
  assertEquals(deferred.state, "pending");
  deferred.resolve(7);
  assertEquals(await b, 7);
});

test("a race that it loses leaves it pending", async () => {
  const deferred = new Deferred<string>();
  assertEquals(await Future.race([deferred, deferred.future, Future.ready("other")]), "other");
  assertEquals(deferred.state, "pending");
  deferred.resolve("still");
  assertEquals(await deferred, "still");
});

test("abi A8, map and flatMap of a pending future never settled: map and andThen do", async () => {
  const deferred = new Deferred<number>();
  const mapped = Promise.resolve(
    deferred.map((n) => n + 1).andThen((n) => Future.ready(n * 2)),
  );
  setTimeout(() => deferred.resolve(20), 1);
  assertEquals(await mapped, 42);
});

test("abi A8, all and race of pending futures never settled: they wait", async () => {
  const [a, b] = [new Deferred<string>(), new Deferred<string>()];
  const both = Promise.resolve(Future.all([a, b]));
  const first = Promise.resolve(Future.race([a, b]));
  setTimeout(() => {
    b.resolve("b");
    setTimeout(() => a.resolve("a"), 1);
  }, 1);
  assertEquals(await first, "b");
  assertEquals(await both, ["a", "b"]);
});

test("a rejection that nobody awaits is not unhandled, and is there for who comes late", async () => {
  const deferred = new Deferred<void>();
  deferred.reject(new Error("quiet"));
  void deferred.future;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await assertRejects(() => deferred, Error, "quiet");
});

test("20 000 waiters of one Deferred are added and woken in linear time", async () => {
  await using runtime = new SimulatedRuntime();
  const deferred = new Deferred<number>();
  let sum = 0;
  for (let i = 0; i < 20_000; i++) {
    runtime.spawn(function* () {
      const value = yield* deferred;
      sum += value;
    });
  }
  runtime.runUntilStalled();
  deferred.resolve(1);
  await runtime.run();
  assertEquals(sum, 20_000);
});

test("a task that waits for a Deferred says so in a dump, and blockOn says why it cannot go on", () => {
  const runtime = new Runtime();
  const deferred = new Deferred<void>();
  runtime.spawn(function* waiter() {
    yield* deferred;
  });
  runtime.runUntilStalled();
  assert(runtime.dump().toString().includes("waits for deferred"));
  const error = assertThrows(() => runtime.blockOn(deferred.future), Error);
  assert(error.message.includes("host promises and callbacks cannot progress"));
  deferred.resolve();
  assertEquals(runtime.runUntilStalled(), 0);
});

test("the future of a Deferred is always the same, and cannot settle it", () => {
  const deferred = new Deferred<number>();
  const { future } = deferred;
  assertStrictEquals(deferred.future, future);
  assertFalse("resolve" in future || "reject" in future);
  future.cancel("nobody wants it");
  assertEquals(deferred.state, "pending");
});

test("resolve refuses a promise and a future, and stays pending", () => {
  const deferred = new Deferred<unknown>();
  for (const bad of [Promise.resolve(1), Future.ready(1), new Deferred<number>()]) {
    assertThrows(() => deferred.resolve(bad), TypeError, "Cannot resolve Deferred: value is a");
  }
  assertEquals(deferred.state, "pending");
  assert(deferred.resolve(undefined));
});
