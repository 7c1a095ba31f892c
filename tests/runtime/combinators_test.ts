/**
 * all, allSettled, any, race, join and select: answers, losers, order, cost.
 *
 * @module
 */
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { Future, join, PENDING, Runtime, select } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { CountingWaker, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

const boom = new Error("boom");

function failed(error: unknown = boom): Future<never> {
  return Future.fromPoll(0, (): never => {
    throw error;
  });
}

/** Polls until the answer is there; a stuck future fails instead of hanging. */
function drive<T>(future: Future<T>, waker = new CountingWaker()): T {
  for (let i = 0; i < 100; i++) {
    const value = future.poll(waker);
    if (value !== PENDING) return value as T;
  }
  throw new Error("still pending after 100 polls");
}

function probes(n: number): Probe<number>[] {
  return Array.from({ length: n }, () => new Probe<number>());
}

test("Future.all answers the values in order, whatever order they come in", () => {
  const list = probes(3);
  const all = Future.all(list);
  const waker = new CountingWaker();
  assertStrictEquals(all.poll(waker), PENDING);
  for (const i of [2, 0, 1]) {
    list[i]!.resolve(i);
    if (i !== 1) assertStrictEquals(all.poll(waker), PENDING);
  }
  assertEquals(all.poll(waker), [0, 1, 2]);
  assertEquals(list.map((p) => p.cancels), [0, 0, 0]);
});

test("Future.all throws the first error itself and cancels each other exactly once", () => {
  const list = probes(3);
  const all = Future.all(list);
  const waker = new CountingWaker();
  all.poll(waker);
  list[1]!.reject(boom);
  assertStrictEquals(assertThrows(() => all.poll(waker)), boom);
  list[0]!.reject(new Error("too late"));
  assertEquals(list.map((p) => p.cancels), [1, 0, 1]);
});

test("Future.allSettled tells how each ended in order, as Promise.allSettled does, and cancels none", () => {
  const ok = Future.ready(1);
  assertEquals(drive(Future.allSettled([ok, failed(), ok])) as unknown, [
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: boom },
    { status: "fulfilled", value: 1 },
  ]);
});

test("Future.any takes the first value, passes over errors, cancels the rest once", () => {
  const list = probes(3);
  const any = Future.any(list);
  const waker = new CountingWaker();
  any.poll(waker);
  list[0]!.reject(boom);
  assertStrictEquals(any.poll(waker), PENDING);
  list[2]!.resolve(2);
  assertEquals(any.poll(waker), 2);
  assertEquals(list.map((p) => p.cancels), [0, 1, 0]);
});

test("Future.any of failures only is an AggregateError with them in order", () => {
  const errors = [new Error("0"), new Error("1"), new Error("2")];
  const error = assertThrows(() => drive(Future.any(errors.map(failed))), AggregateError);
  assertEquals(error.errors, errors);
});

test("Future.race takes the first end, value or error, and cancels the rest once", () => {
  for (const fails of [false, true]) {
    const list = probes(4);
    const race = Future.race(list);
    const waker = new CountingWaker();
    race.poll(waker);
    if (fails) {
      list[3]!.reject(boom);
      assertStrictEquals(assertThrows(() => race.poll(waker)), boom);
    } else {
      list[3]!.resolve(3);
      assertEquals(race.poll(waker), 3);
    }
    assertEquals(list.map((p) => p.cancels), [1, 1, 1, 0]);
  }
});

test("combinators of nothing answer as Promise's do", () => {
  assertEquals(drive(Future.all([])), []);
  assertEquals(drive(Future.allSettled([])), []);
  assertEquals(drive(join()), []);
  assertThrows(() => drive(Future.any([])), AggregateError);
  const waker = new CountingWaker();
  assertStrictEquals(Future.race([]).poll(waker), PENDING);
  assertStrictEquals(select().poll(waker), PENDING);
});

test("combinators take pollables and promises beside futures", async () => {
  const runtime = new Runtime();
  const handle = runtime.spawn(function* () {
    return yield* Future.all([Future.ready(1), { poll: () => 2 }, Promise.resolve(3)]);
  });
  assertEquals(await handle as unknown, [1, 2, 3]);
});

test("a cancelled combinator cancels each open branch exactly once with the reason, ended ones never", () => {
  for (const make of [Future.all, Future.allSettled, Future.any, Future.race]) {
    const list = probes(3);
    const future = (make as (f: Probe<number>[]) => Future<unknown>).call(Future, list);
    const waker = new CountingWaker();
    future.poll(waker);
    if (make !== Future.race && make !== Future.any) {
      list[1]!.resolve(1);
      future.poll(waker);
    }
    future.abandon(waker, boom);
    future.abandon(waker, boom);
    const expected = make === Future.race || make === Future.any ? [1, 1, 1] : [1, 0, 1];
    assertEquals(list.map((p) => p.cancels), expected);
    assertStrictEquals(list[0]!.reason, boom);
  }
});

test("Future.cancel of a combinator, a chain or a sleep undoes what its poll registered", () => {
  // The documented way to compose by hand: poll the inner future, cancel it in cancel().
  const runtime = new SimulatedRuntime();
  class Mine extends Future<unknown> {
    constructor(readonly inner: Future<unknown>) {
      super();
    }
    poll(waker: Parameters<Future<unknown>["poll"]>[0]) {
      return this.inner.poll(waker);
    }
    override cancel(reason: unknown) {
      this.inner.cancel(reason);
    }
  }
  const probe = new Probe();
  const inners = {
    sleep: runtime.sleep(60_000),
    all: Future.all([probe]),
    map: probe.map(() => 0),
    timeout: probe.timeout(60_000),
  };
  for (const [name, inner] of Object.entries(inners)) {
    probe.cancels = 0;
    const handle = runtime.spawn(new Mine(inner));
    runtime.runUntilStalled();
    handle.cancel();
    assertEquals(runtime.metrics().timers, 0, `${name}: the timer is still armed`);
    if (name !== "sleep") assertEquals(probe.cancels, 1, `${name}: the branch was not cancelled`);
  }
});

test("a wake of one branch costs one poll of that branch, among 10 000", () => {
  const list = probes(10_000);
  const all = Future.all(list);
  const waker = new CountingWaker();
  all.poll(waker);
  const polls = () => list.reduce((sum, p) => sum + p.polls, 0);
  assertEquals(polls(), 10_000);
  for (const [i, probe] of list.entries()) {
    probe.resolve(i);
    all.poll(waker);
  }
  assertEquals(polls(), 20_000);
  assertEquals(waker.wakes, 10_000);
});

test("10 000 branches under one task: all, any, race and allSettled poll each branch O(1) times", () => {
  for (const make of [Future.all, Future.allSettled, Future.any, Future.race]) {
    const list = probes(10_000);
    const runtime = new Runtime();
    const handle = runtime.spawn((make as (f: unknown) => Future<unknown>).call(Future, list));
    runtime.runUntilStalled();
    for (const probe of list) probe.resolve(1);
    runtime.runUntilStalled();
    assertEquals(handle.outcome()?.status, "ok");
    assertEquals(Math.max(...list.map((p) => p.polls)) <= 2, true);
    assertEquals(runtime.metrics().polls, 2);
  }
});

test("join of two ends when the second ends strictly before the first (V14), and in every other order", () => {
  const runtime = new SimulatedRuntime();
  for (const [a, b] of [[3, 1], [1, 3], [2, 2], [0, 5], [5, 0]] as const) {
    const slept = (ms: number) => runtime.sleep(ms).map(() => ms);
    assertEquals(runtime.blockOn(join(slept(a), slept(b))), [a, b]);
  }
});

test("join throws the first error and cancels the others", async () => {
  const runtime = new SimulatedRuntime();
  const probe = new Probe();
  const caught = await assertRejects(() => Promise.resolve(runtime.spawn(join(probe, failed()))));
  assertStrictEquals(caught, boom);
  assertEquals(probe.cancels, 1);
});

test("select answers the index and value of the first, and cancels the others once", () => {
  const list = probes(3);
  const one = select(...list);
  const waker = new CountingWaker();
  one.poll(waker);
  list[1]!.resolve(5);
  assertEquals(one.poll(waker), { index: 1, value: 5 });
  assertEquals(list.map((p) => p.cancels), [1, 0, 1]);
});

test("select favours no position when all are ready (V19)", () => {
  const counts = [0, 0, 0];
  for (let i = 0; i < 300; i++) {
    counts[drive(select(Future.ready(0), Future.ready(1), Future.ready(2))).index]!++;
  }
  assertEquals(counts, [100, 100, 100]);
});

test("select favours no position when the program uses other combinators in between (V19)", () => {
  const counts = [0, 0];
  for (let i = 0; i < 400; i++) {
    drive(join(Future.ready(1)));
    counts[drive(select(Future.ready(0), Future.ready(1))).index]!++;
  }
  assertEquals(Math.min(...counts) >= 100, true, `wins by position: ${counts}`);
});

test("a branch that wakes itself while it is polled is polled again, once per wake", () => {
  let left = 3;
  const self = Future.fromPoll(0, (_, waker) => {
    if (left-- === 0) return "done";
    waker.wake();
    waker.wake();
    return PENDING;
  });
  const runtime = new Runtime();
  assertEquals(runtime.blockOn(Future.all([self])) as unknown, ["done"]);
  assertEquals(left, -1);
});

test("a late wake of a cancelled branch wakes nobody", () => {
  const list = probes(2);
  const race = Future.race(list);
  const waker = new CountingWaker();
  race.poll(waker);
  list[0]!.resolve(1);
  race.poll(waker);
  const before = waker.wakes;
  list[1]!.resolve(2);
  assertEquals(waker.wakes, before);
});

test("nested combinators: parking costs one look at each leaf, not two to the power of the depth", () => {
  let looks = 0;
  class Leaf extends Probe<string> {
    override get source(): 1 {
      looks++;
      return 1;
    }
  }
  const leaf = new Leaf();
  let future: Future<unknown> = leaf;
  for (let depth = 0; depth < 12; depth++) future = Future.race([future, Future.never()]);
  const runtime = new Runtime();
  const handle = runtime.spawn(future);
  runtime.runUntilStalled();
  assertEquals(looks < 100, true, `looked ${looks} times at one leaf, 12 combinators deep`);
  leaf.resolve("deep");
  runtime.runUntilStalled();
  assertEquals(handle.outcome(), { status: "ok", value: "deep" });
});
