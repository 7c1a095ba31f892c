/**
 * Waits for permits, in single situations: what is taken, given back, woken, and left behind.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  ClosedError,
  DeadlockError,
  Future,
  moveOnAfter,
  Mutex,
  PENDING,
  type Permit,
  Runtime,
  scope,
  Semaphore,
  TimeoutError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { countedSignal } from "../support/groups.ts";
import { assertNothingLeft, CountingWaker, hostDelay, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("a generator, an async body, a spawned future and plain host code acquire alike", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const log: string[] = [];
  const use = (name: string, permit: Permit) => {
    log.push(name);
    assertEquals(semaphore.available, 0);
    permit.release();
  };
  const first = semaphore.tryAcquire()!;
  runtime.spawn(function* () {
    use("generator", yield* semaphore.acquire());
  });
  runtime.spawn(async () => use("async", await semaphore.acquire()));
  const handle = runtime.spawn(semaphore.acquire());
  runtime.runUntilStalled();
  await hostDelay(0); // the async body comes to its await
  runtime.runUntilStalled();
  const host = semaphore.acquire().then((permit) => use("host", permit));
  first.release();
  await runtime.spawn(function* () {
    use("handle", yield* handle);
  });
  await host;
  await runtime.run();
  assertEquals(log, ["generator", "handle", "async", "host"]);
  assertEquals(semaphore.available, 1);
});

test("host code that waits is woken by host code, and by tasks", async () => {
  await using runtime = new Runtime();
  const semaphore = new Semaphore(1);
  const a = await semaphore.acquire();
  const b = semaphore.acquire().then((permit) => permit);
  setTimeout(() => a.release(), 1);
  const held = await within(b, "the second permit");
  const c = semaphore.acquire().then((permit) => permit.release());
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    held.release();
  });
  await runtime.run();
  assert(await within(c, "the third permit"));
});

test("acquire is lazy: its place in the line is that of its first poll", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const log: string[] = [];
  const early = semaphore.acquire();
  assertEquals(semaphore.available, 1);
  const late = semaphore.acquire();
  for (const [name, future] of [["late", late], ["early", early]] as const) {
    runtime.spawn(function* () {
      using _permit = yield* future;
      log.push(name);
      yield* runtime.sleep(1);
    });
  }
  await runtime.run();
  assertEquals(log, ["late", "early"]);
});

test("a grant wakes once, runs no code of the waiter, and spurious polls change nothing", () => {
  const semaphore = new Semaphore(1);
  const first = semaphore.tryAcquire()!;
  const wait = semaphore.acquire();
  const waker = new CountingWaker();
  for (let i = 0; i < 3; i++) assertEquals(wait.poll(waker), PENDING);
  assertEquals([semaphore.waiting, waker.wakes], [1, 0]);
  first.release();
  assertEquals([semaphore.waiting, waker.wakes, semaphore.available], [0, 1, 0]);
  const permit = wait.poll(waker) as Permit;
  assertEquals([permit.isReleased, waker.wakes], [false, 1]);
  assertThrows(() => wait.poll(waker), TypeError, "its value was taken");
  wait.cancel("late");
  assertEquals(permit.isReleased, false);
  permit.release();
  assertEquals(semaphore.available, 1);
});

test("granted and not polled yet, a wait that is given up passes the permit on to the next", () => {
  const semaphore = new Semaphore(1);
  const first = semaphore.tryAcquire()!;
  const [a, b] = [semaphore.acquire(), semaphore.acquire()];
  const [wakerA, wakerB] = [new CountingWaker(), new CountingWaker()];
  a.poll(wakerA);
  b.poll(wakerB);
  first.release();
  assertEquals([wakerA.wakes, wakerB.wakes], [1, 0]);
  assert(a.abandon(wakerA, "gone"));
  assertEquals([wakerA.wakes, wakerB.wakes], [1, 1]);
  a.cancel("twice");
  const permit = b.poll(wakerB) as Permit;
  permit.release();
  assertEquals(semaphore.available, 1);
});

test("a wait that was given up may be awaited again, and stands at the end of the line", () => {
  const semaphore = new Semaphore(1);
  const first = semaphore.tryAcquire()!;
  const [a, b] = [semaphore.acquire(), semaphore.acquire()];
  const waker = new CountingWaker();
  a.poll(waker);
  b.poll(waker);
  a.abandon(waker, "for now");
  assertEquals(a.poll(waker), PENDING);
  first.release();
  assertEquals(a.poll(waker), PENDING);
  (b.poll(waker) as Permit).release();
  (a.poll(waker) as Permit).release();
});

test("polled by another waker, the wait is its own: the first one cannot give it up", () => {
  const semaphore = new Semaphore(1);
  const first = semaphore.tryAcquire()!;
  const wait = semaphore.acquire();
  const [one, two] = [new CountingWaker(), new CountingWaker()];
  wait.poll(one);
  wait.poll(two);
  assert(wait.abandon(one, "replaced"));
  first.release();
  assertEquals([one.wakes, two.wakes], [1, 1], "the first one once, to hear of the second");
  (wait.poll(two) as Permit).release();
});

test("the losers of races, at any moment, have taken nothing", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(3);
  await runtime.spawn(function* () {
    // All three could be had at once: one is, the others are given back.
    const permit = yield* Future.race([1, 2, 3].map((n) => semaphore.acquire(n)));
    permit.release();
    assertEquals(semaphore.available, 3);
    const held = yield* semaphore.acquire(3);
    const race = runtime.spawn(function* () {
      return yield* Future.race([semaphore.acquire(2), semaphore.acquire(1)]);
    });
    yield* runtime.sleep(1);
    held.release();
    // Both were granted; the one that lost has given its part back.
    const winner = yield* race;
    const { available } = semaphore;
    assert(available === 1 || available === 2, `${available}`);
    winner.release();
  });
  assertEquals([semaphore.available, semaphore.waiting], [3, 0]);
  await assertNothingLeft(runtime);
});

test("timeoutMs: 0 looks once, null and Infinity wait for ever; a permit that is there in time wins", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1, { name: "db" });
  await runtime.spawn(function* () {
    const held = yield* semaphore.acquire(1, { timeoutMs: 0 });
    for (const wait of [semaphore.acquire(1, { timeoutMs: 0 }), semaphore.acquire().timeout(0)]) {
      try {
        yield* wait;
        throw new Error("no timeout");
      } catch (error) {
        assertInstanceOf(error, TimeoutError);
        assertStringIncludes(error.message, "semaphore db (0 of 1 free; held by ");
        assertEquals(error.timeoutMs, 0);
      }
    }
    const waits = [null, Infinity, 10].map((timeoutMs) =>
      runtime.spawn(semaphore.acquire(1, { timeoutMs }).map((permit) => permit.release()))
    );
    yield* runtime.sleep(10);
    held.release();
    // The limit of 10 ms has passed in this very turn, or has not: then the permit is there.
    for (const wait of waits.slice(0, 2)) yield* wait;
    yield* waits[2]!.settled();
  });
  assertEquals([semaphore.available, semaphore.waiting], [1, 0]);
  await assertNothingLeft(runtime);
});

test("an aborted signal ends the wait by its reason; thousands of waits put one listener on it", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const held = semaphore.tryAcquire()!;
  const { controller, signal, now, most } = countedSignal();
  const handles = Array.from({ length: 2_000 }, () =>
    runtime.spawn(function* () {
      try {
        yield* semaphore.acquire(1, { signal });
      } catch (error) {
        return error;
      }
    }));
  runtime.runUntilStalled();
  assertEquals([now(), most(), semaphore.waiting], [1, 1, 2_000]);
  const reason = new Error("shut down");
  controller.abort(reason);
  for (const handle of handles) assertEquals(await handle, reason);
  assertEquals([now(), semaphore.waiting], [0, 0]);
  // Aborted before it begins: it does not even look.
  held.release();
  await assertRejects(() => runtime.spawn(semaphore.acquire(1, { signal })), Error, "shut down");
  assertEquals(semaphore.available, 1);
  await assertNothingLeft(runtime);
});

test("a signal's listener is gone when the permit was got, timed out, cancelled, or refused", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const { signal, now } = countedSignal();
  const held = semaphore.tryAcquire()!;
  const wait = (timeoutMs?: number) =>
    runtime.spawn(semaphore.acquire(1, { signal, timeoutMs: timeoutMs ?? null }));
  const [got, late, cancelled, closed] = [wait(), wait(5), wait(), wait()];
  runtime.runUntilStalled();
  assertEquals(now(), 1);
  await assertRejects(() => late, TimeoutError);
  cancelled.cancel();
  held.release();
  const permit = await got;
  semaphore.close();
  await assertRejects(() => closed, ClosedError);
  assertEquals(now(), 0);
  permit.release();
  await assertNothingLeft(runtime);
});

test("fair by weight: who wants many is not overtaken by those who want few", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(3);
  const log: number[] = [];
  const held = semaphore.tryAcquire(2)!;
  for (const weight of [3, 1, 1]) {
    runtime.spawn(function* () {
      using _permit = yield* semaphore.acquire(weight);
      log.push(weight);
      yield* runtime.sleep(1);
    });
  }
  runtime.runUntilStalled();
  assertEquals([log, semaphore.available, semaphore.tryAcquire(), semaphore.waiting], [
    [],
    1,
    undefined,
    3,
  ]);
  held.release();
  await runtime.run();
  assertEquals(log, [3, 1, 1]);
});

test("when the first in the line gives up, those behind it for whom there is room come in", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(3);
  const held = semaphore.tryAcquire(1)!;
  const big = runtime.spawn(semaphore.acquire(3));
  const small = [1, 1].map(() => runtime.spawn(semaphore.acquire(1)));
  runtime.runUntilStalled();
  assertEquals(semaphore.waiting, 3);
  big.cancel();
  for (const handle of small) (await handle).release();
  held.release();
  assertEquals(semaphore.available, 3);
});

test("resize: more let those who wait in; fewer take no permit away; 0 is a pause", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(2);
  const held = [semaphore.tryAcquire()!, semaphore.tryAcquire()!];
  const waits = [1, 2, 3].map(() => runtime.spawn(semaphore.acquire()));
  runtime.runUntilStalled();
  semaphore.resize(4);
  runtime.runUntilStalled();
  assertEquals([semaphore.capacity, semaphore.available, semaphore.waiting], [4, 0, 1]);
  semaphore.resize(0);
  for (const permit of held) permit.release();
  assertEquals([semaphore.available, semaphore.waiting], [0, 1]);
  (await waits[0]!).release();
  (await waits[1]!).release();
  assertEquals([semaphore.available, semaphore.waiting, semaphore.tryAcquire()], [0, 1, undefined]);
  // Heavier than there are now, but there were as many: it waits until there are again.
  const heavy = runtime.spawn(semaphore.acquire(4));
  semaphore.resize(1);
  (await waits[2]!).release();
  runtime.runUntilStalled();
  assertEquals([semaphore.available, semaphore.waiting], [1, 1]);
  semaphore.resize(4);
  (await heavy).release();
  assertEquals(semaphore.available, 4);
});

test("a closed semaphore refuses everybody; permits that are out are released as ever", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1, { name: "db" });
  const held = semaphore.tryAcquire()!;
  const waits = [1, 2].map(() => runtime.spawn(semaphore.acquire()));
  runtime.runUntilStalled();
  {
    using _closed = semaphore;
  }
  semaphore.close();
  for (const wait of waits) {
    const error = await assertRejects(() => wait, ClosedError);
    assertEquals([error.code, error.message], [
      "ERR_CLOSED",
      "Cannot wait for semaphore db: it is closed",
    ]);
  }
  assertThrows(() => semaphore.tryAcquire(), ClosedError);
  await assertRejects(() => runtime.spawn(semaphore.acquire()), ClosedError);
  assertEquals([held.release(), held.release(), semaphore.available], [true, false, 1]);
});

test("closed after the grant, a waiter still gets its permit", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const held = semaphore.tryAcquire()!;
  const wait = runtime.spawn(semaphore.acquire());
  runtime.runUntilStalled();
  held.release();
  semaphore.close();
  assertEquals((await wait).release(), true);
});

test("an acquire inside moveOnAfter and a cancelled scope takes nothing", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const held = semaphore.tryAcquire()!;
  await runtime.spawn(function* () {
    const moved = yield* moveOnAfter(5, function* () {
      return yield* semaphore.acquire();
    });
    assertEquals(moved, { timedOut: true });
  });
  const inScope = scope(async (s) => {
    s.spawn(async () => {
      using _permit = await semaphore.acquire();
      throw new Error("never has it");
    });
    await s.sleep(1);
    s.cancel();
  }, { runtime });
  await inScope.catch(() => {});
  assertEquals([semaphore.waiting, held.release(), semaphore.available], [0, true, 1]);
  await assertNothingLeft(runtime);
});

test("100 000 waits are queued, half of them cancelled, and the rest served, in linear time", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1);
  const held = semaphore.tryAcquire()!;
  let got = 0;
  const handles = Array.from({ length: 100_000 }, () =>
    runtime.spawn(function* () {
      const permit = yield* semaphore.acquire();
      got++;
      permit.release();
    }));
  runtime.runUntilStalled();
  for (let i = 0; i < handles.length; i += 2) handles[i]!.cancel();
  assertEquals(semaphore.waiting, 50_000);
  held.release();
  await runtime.run();
  assertEquals([got, semaphore.available, semaphore.waiting], [50_000, 1, 0]);
});

test("a dump tells what a task waits for, and who has it", async () => {
  const runtime = new Runtime();
  const semaphore = new Semaphore(5, { name: "db" });
  const mutex = new Mutex({ name: "account" });
  for (const name of ["a", "b", "c", "d", "e"]) {
    runtime.spawn(function* () {
      yield* semaphore.acquire();
      if (name === "a") yield* mutex.lock();
      yield* Future.fromPoll(0, () => PENDING);
    }, { name });
  }
  runtime.spawn(function* () {
    yield* semaphore.acquire(2);
  }, { name: "f" });
  runtime.spawn(mutex.lock(), { name: "g" });
  runtime.runUntilStalled();
  const dump = runtime.dump().toString();
  assertStringIncludes(
    dump,
    "f #5 pending, waits for semaphore db (2 wanted, 0 of 5 free; held by a #0, b #1, c #2 and 2 more)",
  );
  assertStringIncludes(dump, "g #6 pending, waits for mutex account (held by a #0)");
  await runtime.close();
});

test("in virtual time a semaphore nobody will release is a deadlock; one that host code holds is not", async () => {
  const runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(1, { name: "lost" });
  const stuck = runtime.spawn(function* () {
    yield* semaphore.acquire();
    yield* semaphore.acquire();
  }, { name: "greedy" });
  const error = await assertRejects(() => runtime.run(), DeadlockError);
  assertStringIncludes(error.message, "waits for semaphore lost (0 of 1 free; held by greedy #0)");
  stuck.cancel();
  await runtime.run();
  const other = new Semaphore(1);
  const held = other.tryAcquire()!;
  const waiter = runtime.spawn(other.acquire());
  setTimeout(() => held.release(), 3);
  (await within(waiter, "the permit")).release();
});

test("in real time no deadlock is told of a semaphore: its permits may be anywhere", async () => {
  await using runtime = new Runtime();
  const semaphore = new Semaphore(1);
  runtime.spawn(function* () {
    const permit = yield* semaphore.acquire();
    void hostDelay(5).then(() => permit.release());
    (yield* semaphore.acquire()).release();
  });
  await within(runtime.run(), "the second permit");
  assertEquals(semaphore.available, 1);
});

test("a wait that times out looks at as many holders as it names, however many there are", () => {
  let looked = 0;
  const runtime = new Runtime();
  const semaphore = new Semaphore(1_000, { name: "db" });
  const permits: Permit[] = [];
  for (let i = 0; i < 1_000; i++) {
    const name = `holder-${i}`;
    runtime.blockOn(function* () {
      permits.push(yield* semaphore.acquire());
    });
    Object.defineProperty(permits[i], "holderName", {
      get: () => {
        looked++;
        return name;
      },
    });
  }
  const told = () => {
    looked = 0;
    return semaphore.acquire().describe();
  };
  const facts = "semaphore db (0 of 1000 free; held by";
  assertEquals(told(), `${facts} holder-0, holder-1, holder-2 and 997 more)`);
  assertEquals(looked, 3);
  for (const i of [0, 2, 999, 500]) permits[i]!.release();
  assertEquals(
    told(),
    "semaphore db (4 of 1000 free; held by holder-1, holder-3, holder-4 and 993 more)",
  );
  assertEquals(looked, 3);
  for (const permit of permits.splice(5)) permit.release();
  assertEquals(
    told(),
    "semaphore db (998 of 1000 free; held by holder-1, holder-3, holder-4)"
      .replace("998", "997"),
  );
  for (const permit of permits) permit.release();
  assertEquals(told(), "semaphore db (1000 of 1000 free)");
});
