/**
 * Condition: no notification is lost, and the lock is held where it should be.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import {
  Cancelled,
  ClosedError,
  Condition,
  Future,
  type JoinHandle,
  Mutex,
  type Permit,
  TimeoutError,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { countedSignal } from "../support/groups.ts";
import { assertNothingLeft } from "../support/probes.ts";
import { forPrograms, PROGRAMS } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

// ---- a bounded buffer ---------------------------------------------------------------------------

interface Program {
  readonly seed: number;
  readonly capacity: number;
  readonly producers: readonly number[];
  readonly consumers: readonly ("until" | "loop" | "race" | "timeout")[];
  /** Which task is cancelled, and when. */
  readonly cancels: readonly { readonly which: number; readonly atMs: number }[];
}

const programs: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(),
  capacity: fc.integer({ min: 1, max: 3 }),
  producers: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  consumers: fc.array(fc.constantFrom("until", "loop", "race", "timeout"), {
    minLength: 1,
    maxLength: 4,
  }),
  cancels: fc.array(
    fc.record({ which: fc.nat(3), atMs: fc.nat(8) }),
    { maxLength: 3, size: "max" },
  ),
});

/** Producers and consumers of a buffer; whatever is cancelled, what is left must not get stuck. */
async function buffer({ seed, capacity, producers, consumers, cancels }: Program): Promise<number> {
  const runtime = new SimulatedRuntime({ seed });
  const mutex = new Mutex({ name: "buffer" });
  const notEmpty = new Condition(mutex, { name: "not empty" });
  const notFull = new Condition(mutex, { name: "not full" });
  const items: number[] = [];
  const taken: number[] = [];
  let inside = 0;
  let produced = 0;
  let isOver = false;
  /** What must be alone: more than one step long. */
  function* alone(): Generator<unknown, void> {
    assertEquals(++inside, 1);
    yield* yieldNow();
    inside--;
  }
  const left = new Set<JoinHandle<void>>();
  const producing = producers.map((count) =>
    runtime.spawn(function* (task) {
      for (let i = 0; i < count; i++) {
        const lock = yield* mutex.lock();
        try {
          yield* notFull.waitUntil(() => items.length < capacity, lock);
          yield* alone();
          items.push(produced++);
          notEmpty.notifyOne();
        } finally {
          lock.release();
        }
        yield* task.sleep(1);
      }
    }, { name: "producer" })
  );
  const hasWork = () => items.length > 0 || isOver;
  function* take(how: string, lock: Permit): Generator<unknown, void> {
    if (how === "until") yield* notEmpty.waitUntil(hasWork, lock);
    else if (how === "loop") { while (!hasWork()) yield* notEmpty.wait(lock); }
    else if (how === "timeout") {
      try {
        yield* notEmpty.waitUntil(hasWork, lock, { timeoutMs: 2 });
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        assertEquals(lock.isReleased, false);
        return;
      }
    } else {
      while (!hasWork()) {
        yield* Future.race<unknown>([notEmpty.wait(lock), runtime.sleep(2)]);
        if (lock.isReleased) return;
      }
    }
    yield* alone();
    const item = items.shift();
    if (item === undefined) return;
    taken.push(item);
    notFull.notifyOne();
  }
  const consuming = consumers.map((how, i) => {
    const handle: JoinHandle<void> = runtime.spawn(function* () {
      try {
        while (!isOver || items.length > 0) {
          const lock = yield* mutex.lock();
          try {
            yield* take(how, lock);
          } catch (error) {
            assertInstanceOf(error, Cancelled);
            // Its cleanup runs under the lock, but for losers of a race.
            if (how !== "race") {
              assertEquals([lock.isReleased, inside], [false, 0]);
            }
            throw error;
          } finally {
            lock.release();
          }
        }
      } finally {
        left.delete(handle);
      }
    }, { name: `consumer ${i}` });
    left.add(handle);
    return handle;
  });
  // A task in the middle of `alone` is not cancelled: only waits are.
  for (const { which, atMs } of cancels) {
    runtime.spawn(function* (task) {
      yield* task.sleep(atMs);
      const handle = consuming[which % consuming.length]!;
      if (left.size > 1 && !handle.isFinished && inside === 0) {
        left.delete(handle);
        handle.cancel();
      }
    });
  }
  runtime.spawn(function* () {
    for (const handle of producing) yield* handle;
    const lock = yield* mutex.lock();
    isOver = true;
    notEmpty.notifyAll();
    lock.release();
  });
  await runtime.run();
  const total = producers.reduce((a, b) => a + b, 0);
  assertEquals(produced, total);
  assertEquals(taken, Array.from({ length: total }, (_, i) => i));
  assertEquals([mutex.isLocked, mutex.waiting, notEmpty.waiting, notFull.waiting], [
    false,
    0,
    0,
    0,
  ]);
  return consuming.filter((handle) => handle.status === 4).length;
}

test("Condition loses no notification: 10 000 schedules of a bounded buffer with cancels, time limits and races", async () => {
  let cancelled = 0;
  await forPrograms(programs, async (program) => {
    cancelled += await buffer(program);
  });
  assert(cancelled > PROGRAMS / 10, `${cancelled}`);
});

// ---- single situations --------------------------------------------------------------------------

/** A mutex with a condition, and a task that waits for it. */
function waiting(runtime: SimulatedRuntime, log: string[] = []) {
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const handle = runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    try {
      yield* condition.wait(lock);
      log.push("notified");
    } catch (error) {
      log.push(`${(error as Error).name}, ${lock.isReleased ? "not " : ""}locked`);
      throw error;
    } finally {
      lock.release();
    }
  });
  runtime.runUntilStalled();
  return { mutex, condition, handle };
}

test("wait gives the lock up, and holds the same one again when it is ready", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const handle = runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    const again = yield* condition.wait(lock);
    assertEquals([again === lock, lock.isReleased, mutex.isLocked], [true, false, true]);
    assert(lock.release());
    assertEquals(mutex.isLocked, false);
  });
  runtime.runUntilStalled();
  assertEquals([mutex.isLocked, condition.waiting], [false, 1]);
  assertEquals(condition.notifyOne(), true);
  assertEquals([mutex.isLocked, condition.waiting], [true, 0]);
  await handle;
  await assertNothingLeft(runtime);
});

test("a cancelled wait takes the lock again before it throws, as long as that takes", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  const { mutex, handle } = waiting(runtime, log);
  const other = mutex.tryLock()!;
  handle.cancel();
  runtime.runUntilStalled();
  assertEquals([log, handle.isFinished], [[], false]);
  other.release();
  runtime.runUntilStalled();
  assertEquals([log, handle.status, mutex.isLocked], [["AbortError, locked"], 4, false]);
  await assertNothingLeft(runtime);
});

test("a second, hard cancel waits for the lock too", async () => {
  await using runtime = new SimulatedRuntime({ observer: { onRefusal: () => {} } });
  const log: string[] = [];
  const { mutex, handle } = waiting(runtime, log);
  const other = mutex.tryLock()!;
  handle.cancel("soft");
  handle.cancel("hard", { graceMs: 0 });
  runtime.runUntilStalled();
  assertEquals(log, []);
  other.release();
  runtime.runUntilStalled();
  assertEquals([log, handle.status, mutex.isLocked], [["AbortError, locked"], 4, false]);
});

test("an async body that is cancelled in its wait has the lock in its cleanup", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const log: unknown[] = [];
  const handle = runtime.spawn(async () => {
    const lock = await mutex.lock();
    try {
      await condition.wait(lock);
    } finally {
      log.push(lock.isReleased, mutex.isLocked);
      lock.release();
    }
  });
  const canceller = runtime.spawn(function* (task) {
    yield* task.sleep(1);
    handle.cancel();
  });
  assertEquals((await handle.settled()).status, "cancelled");
  await canceller;
  assertEquals([log, mutex.isLocked], [[false, true], false]);
});

for (const [name, limit] of [["timeoutMs", 0], [".timeout()", 1]] as const) {
  test(`${name}: a wait whose time is over has the lock when it throws, also while another holds it`, async () => {
    await using runtime = new SimulatedRuntime();
    const mutex = new Mutex();
    const condition = new Condition(mutex);
    const handle = runtime.spawn(function* () {
      const lock = yield* mutex.lock();
      try {
        yield* limit === 0
          ? condition.wait(lock, { timeoutMs: 5 })
          : condition.wait(lock).timeout(5);
      } catch (error) {
        assertInstanceOf(error, TimeoutError);
        return [lock.isReleased, runtime.clock.now()];
      } finally {
        lock.release();
      }
    });
    runtime.spawn(function* (task) {
      yield* mutex.withLock(function* () {
        yield* task.sleep(8);
      });
    });
    assertEquals(await handle, [false, 8]);
    assertEquals(mutex.isLocked, false);
    await assertNothingLeft(runtime);
  });
}

test("timeoutMs 0 looks once; waitUntil that is true at once does not give the lock up", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  await runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    let looks = 0;
    yield* condition.waitUntil(() => ++looks > 0, lock, { timeoutMs: 0 });
    assertEquals([looks, lock.isReleased], [1, false]);
    try {
      yield* condition.waitUntil(() => ++looks > 5, lock, { timeoutMs: 0 });
      throw new Error("did not time out");
    } catch (error) {
      assertInstanceOf(error, TimeoutError);
      assertEquals([looks, lock.isReleased], [2, false]);
    }
    lock.release();
  });
  await assertNothingLeft(runtime);
});

test("waitUntil looks once per notification, under the lock; what it throws is thrown, with the lock held", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  let looks = 0;
  const handle = runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    try {
      yield* condition.waitUntil(() => {
        assert(mutex.isLocked);
        if (++looks === 4) throw new Error("broken");
        return false;
      }, lock);
    } finally {
      assertEquals(lock.isReleased, false);
      lock.release();
    }
  });
  runtime.runUntilStalled();
  for (let i = 2; i <= 4; i++) {
    assertEquals(looks, i - 1);
    condition.notifyAll();
    runtime.runUntilStalled();
  }
  await assertRejects(() => handle, Error, "broken");
  assertEquals([looks, mutex.isLocked, condition.waiting], [4, false, 0]);
});

test("the loser of a race does not take the lock again, and its notification goes to the next", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const log: string[] = [];
  runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    yield* Future.race<unknown>([condition.wait(lock), runtime.sleep(5)]);
    log.push(`raced, released: ${lock.isReleased}`);
  });
  runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    yield* condition.wait(lock);
    log.push("second notified");
    lock.release();
  });
  runtime.runUntilStalled();
  const lock = mutex.tryLock()!;
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    assertEquals(condition.notifyOne(), true);
    yield* task.sleep(9);
    lock.release();
  });
  await runtime.run();
  assertEquals(log, ["raced, released: true", "second notified"]);
  assertEquals(mutex.isLocked, false);
  await assertNothingLeft(runtime);
});

test("a notified waiter that is cancelled before it has the lock passes the notification on", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const log: string[] = [];
  const handles = ["a", "b"].map((name) =>
    runtime.spawn(function* () {
      const lock = yield* mutex.lock();
      try {
        yield* condition.wait(lock);
        log.push(name);
      } finally {
        lock.release();
      }
    })
  );
  runtime.runUntilStalled();
  condition.notifyOne();
  handles[0]!.cancel();
  await runtime.run();
  assertEquals([log, condition.waiting, mutex.isLocked], [["b"], 0, false]);
});

test("a permit released while the condition has it is not taken again", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  let lock: Permit | undefined;
  const handle = runtime.spawn(function* () {
    lock = yield* mutex.lock();
    yield* condition.wait(lock);
    return [lock.isReleased, mutex.isLocked];
  });
  runtime.runUntilStalled();
  assertEquals(lock!.release(), false);
  condition.notifyOne();
  assertEquals(await handle, [true, false]);
});

test("notify notifies as many as it is asked for, longest wait first; nobody there keeps nothing", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  assertEquals([condition.notifyOne(), condition.notify(3), condition.notifyAll()], [false, 0, 0]);
  const log: number[] = [];
  for (let i = 0; i < 5; i++) {
    runtime.spawn(function* () {
      const lock = yield* mutex.lock();
      yield* condition.wait(lock);
      log.push(i);
      lock.release();
    });
  }
  runtime.runUntilStalled();
  assertEquals([condition.waiting, condition.notify(0), condition.notify(2)], [5, 0, 2]);
  runtime.runUntilStalled();
  assertEquals([log, condition.notifyAll()], [[0, 1], 3]);
  runtime.runUntilStalled();
  assertEquals(log, [0, 1, 2, 3, 4]);
});

test("closing the condition, or the mutex, ends every wait by ClosedError, wherever it stands", async () => {
  for (const which of ["condition", "mutex"] as const) {
    await using runtime = new SimulatedRuntime();
    const log: string[] = [];
    const { mutex, condition, handle } = waiting(runtime, log);
    const notified = waiting(runtime);
    const held = notified.mutex.tryLock()!;
    notified.condition.notifyOne();
    ({ mutex, condition })[which].close();
    (which === "mutex" ? notified.mutex : notified.condition).close();
    await assertRejects(() => handle, ClosedError);
    assertEquals(log, ["ClosedError, not locked"]);
    if (which === "mutex") await assertRejects(() => notified.handle, ClosedError);
    else {
      held.release();
      await notified.handle;
    }
    assertEquals(condition.waiting, 0);
    await assertNothingLeft(runtime);
  }
});

test("an aborted signal ends the wait with the lock held; one listener, gone afterwards", async () => {
  await using runtime = new SimulatedRuntime();
  const { controller, signal, now, most } = countedSignal();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const handles = [1, 2, 3].map(() =>
    runtime.spawn(function* () {
      const lock = yield* mutex.lock();
      try {
        yield* condition.wait(lock, { signal });
      } catch (error) {
        return [error, lock.isReleased];
      } finally {
        lock.release();
      }
    })
  );
  runtime.runUntilStalled();
  assertEquals([now(), most()], [1, 1]);
  const reason = new Error("enough");
  controller.abort(reason);
  for (const handle of handles) assertEquals(await handle, [reason, false]);
  assertEquals([now(), condition.waiting, mutex.isLocked], [0, 0, false]);
});

test("in virtual time a wait that nobody can notify is a deadlock, told with the condition's name", async () => {
  const runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex, { name: "not empty" });
  const handle = runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    yield* condition.wait(lock);
  }, { name: "lonely" });
  const error = await assertRejects(() => runtime.run(), Error);
  assertStringIncludes(error.message, "lonely #0 pending, waits for condition not empty");
  handle.cancel();
  await runtime.run();
});

test("a wait that ended in a combinator which cannot give it on keeps the caller's lock", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  await runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    const isTrue = () => true;
    // Never given up.
    yield* Future.all([condition.waitUntil(isTrue, lock), Future.never()]).timeout(1).catch(
      () => {},
    );
    assertEquals([lock.isReleased, mutex.isLocked], [false, true]);
    yield* Future.all([
      condition.waitUntil(isTrue, lock, { timeoutMs: 5 }),
      Future.fromPoll(0, (): never => {
        throw new Error("planned");
      }),
    ]).catch(() => {});
    assertEquals([lock.isReleased, mutex.isLocked], [false, true]);
    // Given up, and taken again.
    const notified = runtime.sleep(1).map(() => condition.notifyAll());
    yield* Future.all([condition.wait(lock), notified, Future.never()]).timeout(5).catch(() => {});
    assertEquals([lock.isReleased, mutex.isLocked], [false, true]);
    // Given up, and not taken again.
    yield* Future.all([condition.wait(lock), Future.never()]).timeout(5).catch(() => {});
    assertEquals([lock.isReleased, mutex.isLocked], [true, false]);
  });
  await assertNothingLeft(runtime);
});

test("the notification of a wait that ended in such a combinator goes to the next", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const log: string[] = [];
  runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    yield* Future.all([condition.wait(lock), Future.never()]).timeout(5).catch(() => {});
    log.push("gave up");
    lock.release();
  });
  runtime.spawn(function* () {
    const lock = yield* mutex.lock();
    yield* condition.wait(lock);
    log.push("notified");
    lock.release();
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    condition.notifyOne();
  });
  await runtime.run();
  assertEquals(log, ["gave up", "notified"]);
});
