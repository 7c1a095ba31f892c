/**
 * The wake protocol by counting probes: every counter is asserted after every move.
 *
 * @module
 */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { Future, PENDING, Runtime, type Waker, yieldNow } from "@vais/runtime";
import { Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** A poll-style task with its counters. */
function counting(runtime: Runtime, poll: (waker: Waker, n: number) => unknown = () => PENDING) {
  const probe = { polls: 0, cancels: 0, waker: undefined as Waker | undefined };
  const handle = runtime.spawn({
    poll(waker: Waker) {
      probe.polls++;
      probe.waker = waker;
      return poll(waker, probe.polls);
    },
    cancel() {
      probe.cancels++;
    },
  });
  const counters = () => {
    const { polls, alive, runnable, completed, failed, cancelled } = runtime.metrics();
    return {
      own: [probe.polls, probe.cancels, handle.status],
      all: [polls, alive, runnable, completed, failed, cancelled],
    };
  };
  return { probe, handle, counters };
}

test("a task parked without a wake is polled once and never again (V1)", () => {
  const runtime = new Runtime();
  const { counters } = counting(runtime);
  assertEquals(counters(), { own: [0, 0, 0], all: [0, 1, 1, 0, 0, 0] });
  for (let i = 0; i < 5; i++) runtime.turn();
  assertEquals(counters(), { own: [1, 0, 0], all: [1, 1, 0, 0, 0, 0] });
});

test("a woken task is ready, and polled exactly once, however often it was woken (V5)", () => {
  const runtime = new Runtime();
  const { probe, counters } = counting(runtime);
  runtime.turn();
  for (let i = 0; i < 100; i++) probe.waker!.wake();
  assertEquals(counters(), { own: [1, 0, 2], all: [1, 1, 1, 0, 0, 0] });
  runtime.turn();
  runtime.turn();
  assertEquals(counters(), { own: [2, 0, 0], all: [2, 1, 0, 0, 0, 0] });
});

test("wakes while it runs requeue it once (V6)", () => {
  const runtime = new Runtime();
  const { counters } = counting(runtime, (waker, n) => {
    if (n === 1) { for (let i = 0; i < 10; i++) waker.wake(); }
    return PENDING;
  });
  runtime.turn();
  assertEquals(counters(), { own: [1, 0, 2], all: [1, 1, 1, 0, 0, 0] });
  runtime.turn();
  assertEquals(counters(), { own: [2, 0, 0], all: [2, 1, 0, 0, 0, 0] });
});

test("a wake while it runs, of a task that ends in that poll, does nothing", () => {
  const runtime = new Runtime();
  const { counters } = counting(runtime, (waker) => {
    waker.wake();
    return "done";
  });
  runtime.turn();
  assertEquals(counters(), { own: [1, 0, 3], all: [1, 0, 0, 1, 0, 0] });
});

test("wakes after completion, failure and cancellation do nothing (Liten killed a worker)", () => {
  for (const end of ["ok", "error", "cancelled"]) {
    const runtime = new Runtime();
    const { probe, handle, counters } = counting(runtime, (_, n) => {
      if (n === 1) return PENDING;
      if (end === "error") throw new Error("end");
      return "value";
    });
    runtime.turn();
    const { waker } = probe;
    if (end === "cancelled") handle.cancel();
    else waker!.wake();
    runtime.turn();
    const before = counters();
    assertEquals(handle.outcome()?.status, end);
    for (let i = 0; i < 5; i++) waker!.wake();
    runtime.turn();
    assertEquals(counters(), before);
    assertEquals(probe.cancels, end === "cancelled" ? 1 : 0);
  }
});

test("a stale waker of a generator's earlier await polls the current one once more, without harm", () => {
  const runtime = new Runtime();
  const [first, second] = [new Probe<number>(), new Probe<number>()];
  const handle = runtime.spawn(function* () {
    return [yield* first, yield* second];
  });
  runtime.runUntilStalled();
  const stale = first.waker!;
  first.resolve(1);
  runtime.runUntilStalled();
  assertEquals([first.polls, second.polls], [2, 1]);
  stale.wake();
  runtime.runUntilStalled();
  assertEquals([first.polls, second.polls, handle.status], [2, 2, 0]);
  second.resolve(2);
  runtime.runUntilStalled();
  assertEquals(handle.outcome(), { status: "ok", value: [1, 2] });
});

test("a wake only enqueues: nothing of the waiter runs inside it", () => {
  const runtime = new Runtime();
  const log: string[] = [];
  const { probe } = counting(runtime, () => {
    log.push("poll");
    return PENDING;
  });
  runtime.turn();
  log.push("before");
  probe.waker!.wake();
  log.push("after");
  runtime.turn();
  assertEquals(log, ["poll", "before", "after", "poll"]);
});

test("yieldNow is pending exactly once", () => {
  const runtime = new Runtime();
  let turns = 0;
  const handle = runtime.spawn(function* () {
    yield* yieldNow();
  });
  while (!handle.isFinished) {
    runtime.turn();
    turns++;
  }
  assertEquals([turns, runtime.metrics().polls], [2, 2]);
  const future = yieldNow();
  const waker = { wakes: 0, wake: () => void waker.wakes++ };
  assertStrictEquals(future.poll(waker), PENDING);
  assertStrictEquals(future.poll(waker), undefined);
  assertEquals(waker.wakes, 1);
});

test("yieldNow works as a task body, through map, and inside combinators", () => {
  const runtime = new Runtime();
  assertEquals(runtime.blockOn(yieldNow().map(() => "mapped")), "mapped");
  assertEquals(runtime.blockOn(Future.all([yieldNow(), yieldNow()])) as unknown, [
    undefined,
    undefined,
  ]);
  const handle = runtime.spawn(yieldNow());
  runtime.turn();
  assertEquals(handle.status, 2);
  runtime.turn();
  assertEquals(handle.status, 3);
});

test("a poll that spawns, wakes another, cancels another: all counted exactly", () => {
  const runtime = new Runtime();
  const woken = counting(runtime);
  const victim = counting(runtime);
  runtime.turn();
  let spawned: { status: number } | undefined;
  const actor = runtime.spawn(() => {
    woken.probe.waker!.wake();
    victim.handle.cancel();
    spawned = runtime.spawn(() => {});
    return "acted";
  });
  runtime.turn();
  assertEquals([actor.status, woken.handle.status, victim.handle.status, spawned!.status], [
    3,
    2,
    4,
    0,
  ]);
  assertEquals([woken.probe.polls, victim.probe.polls, victim.probe.cancels], [1, 1, 1]);
  runtime.turn();
  assertEquals([woken.probe.polls, spawned!.status, runtime.metrics().polls], [2, 3, 5]);
});

test("a poll that cancels its own task: it is over at once, its hook was called once", () => {
  const runtime = new Runtime();
  const self = counting(runtime, (): unknown => {
    self.handle.cancel();
    return PENDING;
  });
  runtime.turn();
  assertEquals(self.counters(), { own: [1, 1, 4], all: [1, 0, 0, 0, 0, 1] });
});

test("a generator passes 127 ready awaits in one poll, then lets others run", () => {
  const runtime = new Runtime();
  let steps = 0;
  const greedy = runtime.spawn(function* () {
    for (; steps < 10_000; steps++) yield* Future.ready(0);
  });
  const other = runtime.spawn(() => steps);
  runtime.turn();
  assertEquals(greedy.status, 2);
  const seen = other.outcome();
  assertEquals(seen?.status === "ok" && seen.value > 0 && seen.value <= 128, true);
  runtime.runUntilStalled();
  assertEquals([greedy.status, steps], [3, 10_000]);
});
