/**
 * Mutex and RwLock: who holds them, who waits for himself, and who waits for whom.
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
import fc from "fast-check";
import {
  DeadlockError,
  Future,
  type JoinHandle,
  Mutex,
  type Permit,
  Runtime,
  RwLock,
  scope,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, within } from "../support/probes.ts";
import { test } from "../support/test.ts";

test("Mutex names its holder, and lends one lock at a time", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  assertEquals([mutex.isLocked, mutex.holder, mutex.waiting], [false, undefined, 0]);
  let lock: Permit | undefined;
  const handle = runtime.spawn(function* () {
    lock = yield* mutex.lock();
    yield* runtime.sleep(1);
  }, { name: "worker" });
  runtime.runUntilStalled();
  assertEquals([mutex.isLocked, mutex.holder, mutex.tryLock()], [true, "worker #0", undefined]);
  await handle;
  assertEquals(mutex.holder, "worker #0, which has ended");
  lock!.release();
  const other = mutex.tryLock()!;
  assertEquals(mutex.holder, "code outside tasks");
  assert(other.release());
});

// ---- waiting for oneself ------------------------------------------------------------------------

test("a generator task that locks what it holds gets a DeadlockError with its name, at once", async () => {
  await using runtime = new Runtime();
  const mutex = new Mutex({ name: "m" });
  const handle = runtime.spawn(function* () {
    using _lock = yield* mutex.lock();
    yield* mutex.lock({ timeoutMs: 60_000 });
  }, { name: "worker" });
  const error = await assertRejects(() => within(handle, "the error"), DeadlockError);
  assertEquals(
    error.message,
    "Cannot wait for mutex m: worker #0 holds it already (locks are not re-entrant)",
  );
  assertEquals([mutex.isLocked, mutex.waiting], [false, 0]);
});

test("branches of an async body share a mutex in virtual time: long chains of promises are no deadlock", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  let turns = 0;
  const branch = async () => {
    using _permit = await mutex.lock();
    for (let i = 0; i < 40; i++) await Promise.resolve();
    turns++;
  };
  const task = runtime.spawn(async () => {
    await Promise.all([branch(), branch(), branch()]);
  });
  await runtime.run();
  await task;
  assertEquals(turns, 3);
});

test("two branches of one async body lock the same mutex in turn: that is no deadlock", async () => {
  await using runtime = new Runtime();
  const mutex = new Mutex();
  const log: string[] = [];
  const handle = runtime.spawn(async (task) => {
    const branch = async (name: string) => {
      using _lock = await mutex.lock();
      log.push(`${name} in`);
      await task.sleep(1);
      log.push(`${name} out`);
    };
    await Promise.all([branch("a"), branch("b")]);
  });
  await within(handle, "both branches");
  assertEquals(log, ["a in", "a out", "b in", "b out"]);
});

test("an async body that locks what it holds is a deadlock of run() in virtual time", async () => {
  const runtime = new SimulatedRuntime();
  const mutex = new Mutex({ name: "m" });
  const handle = runtime.spawn(async () => {
    using _lock = await mutex.lock();
    await mutex.lock();
  }, { name: "worker" });
  const error = await assertRejects(() => within(runtime.run(), "the error"), DeadlockError);
  assertStringIncludes(error.message, "worker #0 pending, waits for mutex m (held by worker #0)");
  handle.cancel();
  await runtime.run();
  assertEquals([mutex.isLocked, mutex.waiting], [false, 0]);
});

test("RwLock: reading twice is fine, until a writer waits; read then write is a deadlock", async () => {
  await using runtime = new SimulatedRuntime();
  const lock = new RwLock({ name: "rw" });
  await runtime.spawn(function* () {
    using _a = yield* lock.read();
    using _b = yield* lock.read();
    assertEquals(lock.readers, 2);
    try {
      yield* lock.write();
      throw new Error("no deadlock");
    } catch (error) {
      assertInstanceOf(error, DeadlockError);
    }
    const writer = runtime.spawn(lock.write());
    yield* yieldNow();
    assertEquals(lock.waiting, 1);
    try {
      yield* lock.read();
      throw new Error("no deadlock");
    } catch (error) {
      assertInstanceOf(error, DeadlockError);
    }
    writer.cancel();
  }, { name: "reader" });
  assertEquals([lock.readers, lock.waiting], [0, 0]);
  await assertNothingLeft(runtime);
});

// ---- waiting for each other ---------------------------------------------------------------------

/** Tasks that each take their mutexes in order, and then join some tasks. */
function spawnLockers(
  runtime: Runtime,
  mutexes: readonly Mutex[],
  plans: readonly { locks: readonly number[]; joins?: readonly number[] }[],
): JoinHandle<string>[] {
  const handles: JoinHandle<string>[] = [];
  plans.forEach(({ locks, joins = [] }, i) => {
    handles.push(runtime.spawn(function* () {
      const held: Permit[] = [];
      try {
        for (const which of locks) {
          held.push(yield* mutexes[which]!.lock());
          yield* yieldNow();
        }
        for (const which of joins) yield* handles[which]!;
      } finally {
        for (const permit of held) permit.release();
      }
      return `t${i}`;
    }, { name: `t${i}` }));
  });
  return handles;
}

const mutexes = (count: number) =>
  Array.from({ length: count }, (_, i) => new Mutex({ name: `m${i}` }));

for (const size of [2, 3, 10]) {
  test(`a cycle of ${size} locks: a DeadlockError with all names in the youngest, the others go on`, async () => {
    await using runtime = new Runtime();
    const locks = mutexes(size);
    const handles = spawnLockers(
      runtime,
      locks,
      locks.map((_, i) => ({ locks: [i, (i + 1) % size] })),
    );
    const outcomes = await within(
      Promise.all(handles.map((handle) => handle.settled())),
      "the end of the cycle",
    );
    const failed = outcomes.filter((outcome) => outcome.status === "error");
    assertEquals(failed.length, 1);
    const last = outcomes.at(-1)!;
    assert(last.status === "error");
    assertInstanceOf(last.error, DeadlockError);
    for (let i = 0; i < size; i++) {
      assertStringIncludes(last.error.message, `t${i} #${i} (waits for mutex m`);
    }
    for (const lock of locks) assertEquals([lock.isLocked, lock.waiting], [false, 0]);
  });
}

test("a cycle of locks is found although unrelated tasks run on", async () => {
  await using runtime = new Runtime();
  let stop = false;
  runtime.spawn(function* () {
    while (!stop) yield* yieldNow();
  });
  const handles = spawnLockers(runtime, mutexes(2), [{ locks: [0, 1] }, { locks: [1, 0] }]);
  const outcomes = await within(Promise.all(handles.map((h) => h.settled())), "the cycle");
  stop = true;
  assertEquals(outcomes.map((outcome) => outcome.status), ["ok", "error"]);
});

for (const [name, delayed] of [["the join", 0], ["the lock", 1]] as const) {
  test(`a cycle of a join and a lock is found when ${name} closes it`, async () => {
    await using runtime = new Runtime();
    const mutex = new Mutex({ name: "m" });
    const child: { handle?: JoinHandle<void> } = {};
    const holder = runtime.spawn(function* () {
      const lock = yield* mutex.lock();
      try {
        for (let i = 0; i < 5 * (1 - delayed); i++) yield* yieldNow();
        yield* child.handle!;
      } finally {
        lock.release();
      }
    }, { name: "holder" });
    child.handle = runtime.spawn(function* () {
      for (let i = 0; i < 1 + 5 * delayed; i++) yield* yieldNow();
      (yield* mutex.lock()).release();
    }, { name: "child" });
    const outcomes = await within(
      Promise.all([holder.settled(), child.handle.settled()]),
      "the cycle",
    );
    const errors = outcomes.flatMap((o) => o.status === "error" ? [o.error as Error] : []);
    assert(errors.length >= 1);
    for (const error of errors) {
      assertInstanceOf(error, DeadlockError);
      assertStringIncludes(error.message, "holder #0");
      assertStringIncludes(error.message, "child #1");
    }
    assertEquals([mutex.isLocked, mutex.waiting], [false, 0]);
  });
}

test("a child that wants the lock under which its scope is waited for is a deadlock", async () => {
  await using runtime = new Runtime();
  const mutex = new Mutex({ name: "m" });
  const handle = runtime.spawn(function* () {
    yield* mutex.withLock(function* () {
      yield* scope(function* (s) {
        s.spawn(function* () {
          yield* mutex.lock();
        }, { name: "child" });
      }, { name: "inner" });
    });
  }, { name: "parent" });
  const error = await assertRejects(() => within(handle, "the cycle"), DeadlockError);
  assertStringIncludes(error.message, "parent #0");
  assertStringIncludes(error.message, "child #");
  assertEquals(mutex.isLocked, false);
});

test("a cycle that a time limit will break is not told", async () => {
  await using runtime = new SimulatedRuntime();
  const [a, b] = mutexes(2) as [Mutex, Mutex];
  const log: string[] = [];
  const take = (first: Mutex, second: Mutex, timeoutMs: number | null) =>
    runtime.spawn(function* () {
      using _first = yield* first.lock();
      yield* yieldNow();
      try {
        using _second = yield* second.lock({ timeoutMs });
        log.push("both");
      } catch (error) {
        log.push((error as Error).name);
      }
    });
  take(a, b, 5);
  take(b, a, null);
  await runtime.run();
  assertEquals(log, ["TimeoutError", "both"]);
});

test("500 random lock orders: always from low to high is never flagged, whoever joins whom", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uniqueArray(fc.nat(5), { maxLength: 4 }), { minLength: 2, maxLength: 8 }),
      fc.nat(),
      (sets, seed) => {
        const runtime = new SimulatedRuntime({ seed });
        const plans = sets.map((set, i) => ({
          locks: set.toSorted((a, b) => a - b),
          // A task that holds no lock may join any that came before it.
          joins: set.length === 0 && i > 0 ? [i - 1] : [],
        }));
        const handles = spawnLockers(runtime, mutexes(6), plans);
        assertEquals(runtime.runUntilStalled(), 0, runtime.dump().toString());
        for (const handle of handles) assertEquals(handle.outcome()?.status, "ok");
      },
    ),
    { numRuns: 500 },
  );
});

test("500 random lock orders: those that get stuck are told, each in a task of the cycle, and all end", () => {
  let told = 0;
  fc.assert(
    fc.property(
      fc.array(fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 4 }), {
        minLength: 2,
        maxLength: 7,
      }),
      fc.nat(),
      (sets, seed) => {
        const runtime = new SimulatedRuntime({ seed, observer: { onUnobserved: () => {} } });
        const locks = mutexes(5);
        const handles = spawnLockers(runtime, locks, sets.map((locks) => ({ locks })));
        assertEquals(runtime.runUntilStalled(), 0, runtime.dump().toString());
        for (const handle of handles) {
          const outcome = handle.outcome()!;
          if (outcome.status === "ok") continue;
          assert(outcome.status === "error");
          assertInstanceOf(outcome.error, DeadlockError);
          assertStringIncludes(outcome.error.message, `${handle.name} #${handle.id} (waits for`);
          told++;
        }
        for (const lock of locks) assertEquals([lock.isLocked, lock.waiting], [false, 0]);
      },
    ),
    { numRuns: 500 },
  );
  assert(told > 50, `${told}`);
});

test("in real time a lock that an async body or host code holds is no deadlock for a generator", async () => {
  await using runtime = new Runtime();
  const mutex = new Mutex();
  const held = mutex.tryLock()!;
  const wait = () =>
    runtime.spawn(function* () {
      (yield* mutex.lock()).release();
    });
  const [a, b] = [wait(), wait()];
  setTimeout(() => held.release(), 3);
  await within(Promise.all([a, b]), "the lock of host code");
  runtime.spawn(async () => {
    const lock = await mutex.lock();
    setTimeout(() => lock.release(), 10);
    await hostDelay(1);
  });
  await hostDelay(2);
  await within(Promise.resolve(wait()), "the lock of an async body");
});

test("behind host code in the line, a generator's wait is not a deadlock either", async () => {
  await using runtime = new Runtime();
  const mutex = new Mutex();
  const first = runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    yield* runtime.sleep(2);
    lock.release();
  });
  runtime.runUntilStalled();
  const host = mutex.lock().then(async (lock) => {
    await hostDelay(5);
    lock.release();
  });
  await hostDelay(0);
  const last = runtime.spawn(function* () {
    (yield* mutex.lock()).release();
  });
  await within(Promise.all([first, host, last]), "the lock after host code");
});

test("in real time a lock whose holder waits for ever is a deadlock of run(), told with both names", async () => {
  const runtime = new Runtime();
  const mutex = new Mutex({ name: "m" });
  const holder = runtime.spawn(function* () {
    yield* mutex.lock();
    yield* Future.never();
  }, { name: "holder" });
  const waiter = runtime.spawn(function* () {
    yield* mutex.lock();
  }, { name: "waiter" });
  const error = await assertRejects(() => within(runtime.run(), "the deadlock"), DeadlockError);
  assertStringIncludes(error.message, "waiter #1 pending, waits for mutex m (held by holder #0)");
  holder.cancel();
  waiter.cancel();
  await runtime.run();
});

test("a mutex shared by two runtimes: nobody is told of a deadlock that is none", async () => {
  await using one = new SimulatedRuntime({ name: "one" });
  await using two = new SimulatedRuntime({ name: "two" });
  const mutex = new Mutex();
  const log: string[] = [];
  const use = (runtime: SimulatedRuntime) =>
    runtime.spawn(function* () {
      const lock = yield* mutex.lock();
      log.push(runtime.name);
      yield* Future.from(hostDelay(3));
      lock.release();
    });
  const [a, b] = [use(one), use(two)];
  await within(Promise.all([a, b]), "both");
  assertEquals(log.toSorted(), ["one", "two"]);
});

// ---- readers and writers ------------------------------------------------------------------------

test("RwLock: readers together, writers alone, nobody overtakes", async () => {
  await using runtime = new SimulatedRuntime();
  const lock = new RwLock();
  const log: string[] = [];
  const use = (name: string, wait: () => Future<Permit>) =>
    runtime.spawn(function* () {
      using _permit = yield* wait();
      log.push(`${name} in`);
      yield* runtime.sleep(1);
      log.push(`${name} out`);
    });
  use("r1", () => lock.read());
  use("r2", () => lock.read());
  use("w1", () => lock.write());
  use("r3", () => lock.read());
  use("r4", () => lock.read());
  use("w2", () => lock.write());
  await runtime.run();
  assertEquals(log, [
    ...["r1 in", "r2 in", "r1 out", "r2 out", "w1 in", "w1 out"],
    ...["r3 in", "r4 in", "r3 out", "r4 out", "w2 in", "w2 out"],
  ]);
});

test("upgrade goes before all who wait, keeps what was read, and the second one is refused", async () => {
  await using runtime = new SimulatedRuntime();
  const lock = new RwLock({ name: "rw" });
  const log: string[] = [];
  runtime.spawn(function* () {
    using permit = yield* lock.read();
    yield* runtime.sleep(1);
    assertEquals(yield* lock.upgrade(permit), permit);
    assert(lock.isWriteLocked);
    log.push("upgraded");
  }, { name: "a" });
  runtime.spawn(function* () {
    using permit = yield* lock.read();
    yield* runtime.sleep(2);
    const error = yield* lock.upgrade(permit).map(() => undefined).catch((error) => error);
    assertInstanceOf(error, DeadlockError);
    assertStringIncludes(error.message, "a #0 waits to upgrade it too");
    assertEquals([permit.isReleased, lock.tryUpgrade(permit), lock.readers], [false, false, 2]);
    yield* runtime.sleep(1);
    log.push("other reader leaves");
  });
  runtime.spawn(function* () {
    yield* runtime.sleep(0);
    using _permit = yield* lock.write();
    log.push("writer");
  });
  runtime.spawn(function* () {
    yield* runtime.sleep(2);
    using _permit = yield* lock.read();
    log.push("late reader");
  });
  await runtime.run();
  assertEquals(log, ["other reader leaves", "upgraded", "writer", "late reader"]);
  await assertNothingLeft(runtime);
});

test("an upgrade that is given up is still a lock for reading; downgrade lets no writer in between", async () => {
  await using runtime = new SimulatedRuntime();
  const lock = new RwLock();
  const other = lock.tryRead()!;
  const permit = lock.tryRead()!;
  const upgrade = runtime.spawn(lock.upgrade(permit));
  runtime.runUntilStalled();
  assertEquals([lock.tryRead(), lock.waiting], [undefined, 1]);
  upgrade.cancel();
  assertEquals([lock.readers, permit.isReleased], [2, false]);
  // Granted, and given up before it was seen.
  const again = runtime.spawn(lock.upgrade(permit));
  runtime.runUntilStalled();
  other.release();
  assert(lock.isWriteLocked);
  again.cancel();
  assertEquals([lock.isWriteLocked, lock.readers], [false, 1]);
  assert(lock.tryUpgrade(permit));
  const writer = runtime.spawn(lock.write());
  const reader = runtime.spawn(lock.read());
  runtime.runUntilStalled();
  lock.downgrade(permit);
  runtime.runUntilStalled();
  assertEquals([lock.readers, lock.waiting], [1, 2]);
  permit.release();
  (await writer).release();
  (await reader).release();
  assertEquals([lock.readers, lock.isWriteLocked, lock.waiting], [0, false, 0]);
});

test("a reader that releases while its upgrade waits gets a TypeError, and nobody is stuck", async () => {
  await using runtime = new SimulatedRuntime();
  const lock = new RwLock();
  const [permit, other] = [lock.tryRead()!, lock.tryRead()!];
  const upgrade = runtime.spawn(lock.upgrade(permit));
  const writer = runtime.spawn(lock.write());
  runtime.runUntilStalled();
  permit.release();
  await assertRejects(() => upgrade, TypeError, "permit was released");
  other.release();
  (await writer).release();
  assertEquals([lock.readers, lock.isWriteLocked, lock.waiting], [0, false, 0]);
});

test("RwLock refuses permits that are not its own, or of the wrong kind", () => {
  const [lock, other, mutex] = [new RwLock(), new RwLock({ name: "o" }), new Mutex()];
  const read = lock.tryRead()!;
  const foreign = other.tryWrite()!;
  for (
    const [call, message] of [
      [() => lock.downgrade(read), "permit is of the other kind"],
      [() => lock.downgrade(foreign), "permit is one of rwlock o"],
      [() => lock.upgrade(foreign), "permit is one of rwlock o"],
      [() => lock.tryUpgrade(mutex.tryLock()!), "permit is one of mutex"],
    ] as const
  ) assertThrows(call, TypeError, message);
  read.release();
  assertThrows(() => lock.upgrade(read), TypeError, "permit was released");
});
