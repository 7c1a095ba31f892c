/**
 * Future: how one is made, and what its methods make of it.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Future, PENDING, Runtime, type Waker } from "@vais/runtime";
import { CountingWaker, hostDelay, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** Runs a future to its end in a fresh runtime. */
function block<T>(future: Future<T>): T {
  return new Runtime().blockOn(future);
}

test("Future.ready is ready at its first poll and at every later one", () => {
  const future = Future.ready({ a: 1 });
  const waker = new CountingWaker();
  assertStrictEquals(future.poll(waker), future.poll(waker));
  assertEquals(waker.wakes, 0);
});

test("Future.never stays pending and wakes nobody", () => {
  const waker = new CountingWaker();
  const future = Future.never();
  for (let i = 0; i < 3; i++) assertStrictEquals(future.poll(waker), PENDING);
  assertEquals(waker.wakes, 0);
});

test("Future.from answers a future as it is", () => {
  const future = Future.ready(1);
  assertStrictEquals(Future.from(future), future);
});

test("Future.from wraps a pollable: polled with the waker given, cancelled with the reason", () => {
  const wakers: Waker[] = [];
  const reasons: unknown[] = [];
  const pollable = {
    poll(waker: Waker): number | typeof PENDING {
      assertStrictEquals(this, pollable);
      wakers.push(waker);
      return wakers.length < 3 ? PENDING : 7;
    },
    cancel(reason: unknown) {
      assertStrictEquals(this, pollable);
      reasons.push(reason);
    },
  };
  const future = Future.from(pollable);
  assertEquals(wakers, []);
  const waker = new CountingWaker();
  assertEquals([future.poll(waker), future.poll(waker), future.poll(waker)], [PENDING, PENDING, 7]);
  assertStrictEquals(wakers[0], waker);
  future.cancel("why");
  assertEquals(reasons, ["why"]);
});

test("Future.from of a promise: its value or its very error, in a task", async () => {
  const runtime = new Runtime();
  const boom = new Error("boom");
  const value = runtime.spawn(function* () {
    return yield* Future.from(hostDelay(1).then(() => "late value"));
  });
  const error = runtime.spawn(function* () {
    try {
      yield* Future.from(Promise.reject(boom));
    } catch (error) {
      return error;
    }
  });
  assertEquals(await value, "late value");
  assertStrictEquals(await error, boom);
});

test("Future.from of a promise: the late rejection of one that was abandoned is not unhandled", async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);
  const { default: process } = await import("node:process");
  process.on("unhandledRejection", onUnhandled);
  try {
    const runtime = new Runtime();
    const rejects: ((error: Error) => void)[] = [];
    const make = () => Future.from(new Promise<never>((_, reject) => void rejects.push(reject)));
    const parked = runtime.spawn(function* () {
      yield* make();
    });
    runtime.runUntilStalled();
    parked.cancel();
    await parked.settled();
    const never = make(); // cancelled before it was ever polled
    never.cancel("unused");
    block(Future.race([Future.ready(1), make(), make()]));
    for (const reject of rejects) reject(new Error("late"));
    await hostDelay(5);
    assertEquals(unhandled, []);
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
});

test("Future.fromPoll is the Vais form: state and waker are handed to the function", () => {
  const state = { left: 2 };
  const value = block(Future.fromPoll(state, (s, waker) => {
    assertStrictEquals(s, state);
    if (s.left-- === 0) return "done";
    waker.wake();
    return PENDING;
  }));
  assertEquals(value, "done");
});

test("Future is lazy: describing what to do polls nothing and calls nothing", () => {
  const probe = new Probe<number>();
  let called = 0;
  const call = () => called++;
  probe.map(call).andThen(() => Future.ready(called++)).catch(call).finally(call).timeout(5);
  Future.all([probe, probe]);
  Future.race([probe]);
  Future.any([probe]);
  Future.allSettled([probe]);
  assertEquals([probe.polls, called], [0, 0]);
});

test("Future map applies the function once; its throw is the error", () => {
  const boom = new Error("boom");
  assertEquals(block(Future.ready(20).map((n) => n + 1)), 21);
  assertStrictEquals(
    assertThrows(() =>
      block(
        Future.ready(1).map(() => {
          throw boom;
        }),
      )
    ),
    boom,
  );
});

test("Future andThen goes on with a future, a pollable or a promise", async () => {
  assertEquals(block(Future.ready(2).andThen((n) => Future.ready(n * 3))), 6);
  assertEquals(block(Future.ready(2).andThen((n) => ({ poll: () => n * 4 }))), 8);
  const runtime = new Runtime();
  const handle = runtime.spawn(Future.ready(2).andThen((n) => Promise.resolve(n * 5)));
  assertEquals(await handle, 10);
});

test("Future andThen cancels the half that is waited for", () => {
  const first = new Probe<number>();
  const second = new Probe<number>();
  const chain = first.andThen(() => second);
  const waker = new CountingWaker();
  chain.poll(waker);
  first.resolve(1);
  assertStrictEquals(chain.poll(waker), PENDING);
  chain.abandon(waker, "why");
  assertEquals([first.cancels, second.cancels, second.reason], [0, 1, "why"]);
});

test("Future catch recovers from the very error, and leaves values alone", () => {
  const boom = new Error("boom");
  const failing = Future.fromPoll(0, (): number => {
    throw boom;
  });
  assertEquals(block(failing.catch((error) => [error === boom])), [true]);
  assertEquals(block(Future.ready(1).catch(() => 2)), 1);
  assertEquals(block(Future.ready(1).catch(null)), 1);
  const again = new Error("again");
  assertStrictEquals(
    assertThrows(() =>
      block(failing.catch(() => {
        throw again;
      }))
    ),
    again,
  );
});

test("Future finally runs once after value or error, which pass through; its throw replaces them", () => {
  let ran = 0;
  assertEquals(block(Future.ready(1).finally(() => void ran++)), 1);
  const boom = new Error("boom");
  const failing = Future.fromPoll(0, (): number => {
    throw boom;
  });
  assertStrictEquals(assertThrows(() => block(failing.finally(() => void ran++))), boom);
  assertEquals(ran, 2);
  const own = new Error("own");
  assertStrictEquals(
    assertThrows(() =>
      block(failing.finally(() => {
        throw own;
      }))
    ),
    own,
  );
});

test("Future tolerates extra polls while pending: methods and combinators poll on without harm", () => {
  const waker = new CountingWaker();
  const make: ((p: Probe<number>) => Future<unknown>)[] = [
    (p) => p.map((n) => n),
    (p) => p.andThen((n) => Future.ready(n)),
    (p) => p.catch(() => 0),
    (p) => p.finally(() => {}),
    (p) => p.timeout(1_000),
    (p) => Future.all([p]).map(([n]) => n),
    (p) => Future.race([p]),
    (p) => Future.any([p]),
  ];
  for (const wrap of make) {
    const probe = new Probe<number>();
    const future = wrap(probe);
    for (let i = 0; i < 5; i++) assertStrictEquals(future.poll(waker), PENDING);
    probe.resolve(9);
    assertEquals(future.poll(waker), 9);
  }
});

test("Future wakes the last waker it was polled with", async () => {
  const [old, last] = [new CountingWaker(), new CountingWaker()];
  const future = Future.from(hostDelay(1));
  future.poll(old);
  future.poll(last);
  await hostDelay(5);
  assertEquals([old.wakes, last.wakes], [0, 1]);
});

test("Future is awaitable in host code, and assignable to Promise", async () => {
  const promise: Promise<number> = Future.ready(1).map((n) => n + 1);
  assertEquals(await promise, 2);
  assertEquals(await Promise.all([Future.ready(1), Future.ready(2)]), [1, 2]);
  assertEquals(await Future.ready(1).then(), 1);
  assertEquals(await Future.ready(1).then((n) => Promise.resolve(n + 1)).then((n) => n + 1), 3);
  const log: unknown[] = [];
  assertEquals(
    await Future.ready(1).then(() => {
      throw "thrown";
    }).catch((error) => error).finally(() => void log.push("finally")),
    "thrown",
  );
  assertEquals(log, ["finally"]);
  const boom = new Error("boom");
  const failing = Future.fromPoll(0, (): number => {
    throw boom;
  });
  assertStrictEquals(await failing.then(() => "no", (error) => error), boom);
  assertEquals(String(failing), "[object Future]");
});

test("Future of a runtime's task is awaitable after map, catch, timeout, all and race too", async () => {
  const runtime = new Runtime(); // not the default one: the await must drive this runtime
  const spawn = (n: number) => runtime.spawn(() => n);
  assertEquals(await spawn(1).map((n) => n + 1), 2);
  assertEquals(await spawn(1).andThen((n) => spawn(n + 4)), 5);
  assertEquals(await spawn(3).timeout(1_000), 3);
  assertEquals(await Future.all([spawn(1), spawn(2)]), [1, 2]);
  assertEquals(await Future.race([spawn(8)]), 8);
  assertEquals(await runtime.sleep(1).map(() => "slept"), "slept");
});

test("a promise returned from poll is a TypeError that says what to write instead", async () => {
  const wrong = () => Promise.resolve(1) as unknown as number;
  const runtime = new Runtime();
  for (
    const future of [
      Future.from({ poll: wrong }),
      Future.fromPoll(0, wrong),
      Future.all([{ poll: wrong }]) as unknown as Future<number>,
    ]
  ) {
    const caught = await runtime.spawn(function* () {
      try {
        yield* future;
      } catch (error) {
        return error as Error;
      }
    });
    assertInstanceOf(caught, TypeError);
    assert(caught.message.includes("Future.from(promise)"), caught.message);
    await assertRejects(() => Promise.resolve(runtime.spawn({ poll: wrong })), TypeError);
    await assertRejects(() => Promise.resolve(runtime.spawn(0, wrong)), TypeError);
  }
});

test("a promise returned from the poll of a Future subclass is a TypeError too", async () => {
  class Wrong extends Future<number> {
    poll(): number {
      return Promise.resolve(1) as unknown as number;
    }
  }
  const runtime = new Runtime();
  await assertRejects(() =>
    Promise.resolve(runtime.spawn(function* () {
      return yield* new Wrong();
    })), TypeError);
  await assertRejects(() => Promise.resolve(runtime.spawn(() => new Wrong())), TypeError);
  await assertRejects(
    () => Promise.resolve(runtime.spawn(async (task) => await task.wait(new Wrong()))),
    TypeError,
  );
  await assertRejects(
    () => Promise.resolve(runtime.spawn(async () => await new Wrong())),
    TypeError,
  );
});
