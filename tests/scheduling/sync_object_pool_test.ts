/**
 * ObjectPool: every object is used by one at a time, and ended once.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  ClosedError,
  failuresOf,
  Future,
  type JoinHandle,
  ObjectPool,
  type PoolItem,
  Runtime,
  scope,
  sleep,
  TimeoutError,
  TooManyTasksError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, within } from "../support/probes.ts";
import { forPrograms, PROGRAMS } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

interface Program {
  readonly seed: number;
  readonly max: number;
  /** How long each making takes, and whether it fails; over again when there are more. */
  readonly makings: readonly {
    readonly forMs: number;
    readonly fails: boolean;
    readonly as: "generator" | "async" | "plain";
  }[];
  readonly users: readonly {
    readonly atMs: number;
    readonly forMs: number;
    readonly in: "generator" | "async" | "race" | "use";
    readonly cancelMs: number | null;
    readonly timeoutMs: number | null;
    readonly discards: boolean;
  }[];
  readonly closeMs: number | null;
}

const programs: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(),
  max: fc.integer({ min: 1, max: 3 }),
  makings: fc.array(
    fc.record({
      forMs: fc.nat(3),
      fails: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      as: fc.constantFrom("generator", "generator", "async", "plain"),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  users: fc.array(
    fc.record({
      atMs: fc.nat(6),
      forMs: fc.nat(4),
      in: fc.constantFrom("generator", "generator", "async", "race", "use"),
      cancelMs: fc.option(fc.nat(10), { freq: 2 }),
      timeoutMs: fc.option(fc.nat(6), { freq: 3 }),
      discards: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 6, size: "max" },
  ),
  closeMs: fc.option(fc.nat(12), { freq: 2 }),
});

interface Thing {
  users: number;
  ended: boolean;
}

/** Users of one pool; answers how they ended. */
async function usePool({ seed, max, makings, users, closeMs }: Program): Promise<string[]> {
  const runtime = new SimulatedRuntime({ seed });
  const things: Thing[] = [];
  let makingNo = 0;
  const alive = () => things.filter((thing) => !thing.ended).length;
  const pool: ObjectPool<Thing> = new ObjectPool<Thing>({
    max,
    create: () => {
      const { forMs, fails, as } = makings[makingNo++ % makings.length]!;
      const make = () => {
        if (fails) throw new Error("making failed");
        const thing = { users: 0, ended: false };
        things.push(thing);
        assert(alive() <= max);
        return thing;
      };
      if (as === "plain") return make();
      if (as === "async") return runtime.sleep(forMs).then(make);
      return (function* () {
        yield* runtime.sleep(forMs);
        return make();
      })();
    },
    destroy: (thing) => {
      assertEquals([thing.users, thing.ended], [0, false]);
      thing.ended = true;
    },
  });
  const begin = (thing: Thing) => {
    assertEquals([++thing.users, thing.ended], [1, false]);
    assert(pool.size <= max && pool.inUse >= 1);
  };
  const end = (thing: Thing) => void thing.users--;
  const handles: JoinHandle<unknown>[] = users.map((user) => {
    const { atMs, forMs, in: where, timeoutMs, discards } = user;
    const finish = (item: PoolItem<Thing>) => {
      end(item.value);
      assert(discards ? item.discard() : item.release());
      assertEquals([item.release(), item.discard(), item.isReleased], [false, false, true]);
    };
    if (where === "async") {
      return runtime.spawn(async (task) => {
        await task.sleep(atMs);
        const item = await pool.acquire({ timeoutMs });
        begin(item.value);
        try {
          await task.sleep(forMs);
        } finally {
          finish(item);
        }
      });
    }
    return runtime.spawn(function* (task) {
      yield* task.sleep(atMs);
      if (where === "use") {
        return yield* pool.use(function* (thing) {
          begin(thing);
          try {
            yield* task.sleep(forMs);
          } finally {
            end(thing);
          }
        }, { timeoutMs });
      }
      const item = where === "generator"
        ? yield* pool.acquire({ timeoutMs })
        : yield* Future.race<PoolItem<Thing> | void>([pool.acquire(), task.sleep(3)]);
      if (item === undefined) return;
      begin(item.value);
      try {
        yield* task.sleep(forMs);
      } finally {
        finish(item);
      }
    });
  });
  users.forEach(({ cancelMs }, i) => {
    if (cancelMs === null) return;
    runtime.spawn(function* (task) {
      yield* task.sleep(cancelMs);
      handles[i]!.cancel();
    });
  });
  if (closeMs !== null) {
    runtime.spawn(function* (task) {
      yield* task.sleep(closeMs);
      yield* pool.close();
      assertEquals([alive(), pool.size], [0, 0]);
    });
  }
  const outcomes = await Promise.all(handles.map((handle) => handle.settled()));
  await runtime.run();
  assertEquals([pool.inUse, pool.waiting, pool.idle], [0, 0, alive()]);
  for (const thing of things) assertEquals(thing.users, 0);
  await pool.close();
  assertEquals([alive(), pool.size], [0, 0]);
  assertEquals([runtime.metrics().alive, runtime.metrics().timers], [0, 0]);
  return outcomes.map((outcome) =>
    outcome.status === "error" ? (outcome.error as Error).name : outcome.status
  );
}

test("ObjectPool lends each object to one at a time and ends it once: 10 000 programs with failures, cancels, limits, races and closing", async () => {
  const seen = new Map<string, number>();
  await forPrograms(programs, async (program) => {
    for (const end of await usePool(program)) seen.set(end, (seen.get(end) ?? 0) + 1);
  });
  for (const end of ["ok", "cancelled", "Error", "TimeoutError", "ClosedError"]) {
    assert((seen.get(end) ?? 0) > PROGRAMS / 40, `${end}: ${seen.get(end)}`);
  }
});

// ---- single situations --------------------------------------------------------------------------

test("objects are made when needed, and what was used last is lent first", async () => {
  await using runtime = new SimulatedRuntime();
  let made = 0;
  const pool = new ObjectPool({ max: 3, create: () => ++made, name: "db" });
  assertEquals([pool.size, pool.tryAcquire()], [0, undefined]);
  await runtime.spawn(function* () {
    const a = yield* pool.acquire();
    const b = yield* pool.acquire();
    assertEquals([a.value, b.value, pool.size, pool.inUse, pool.idle], [1, 2, 2, 2, 0]);
    a.release();
    b.release();
    const again = yield* pool.acquire();
    assertEquals([again.value, made], [2, 2]);
    again.release();
  });
  const item = pool.tryAcquire()!;
  assertEquals([item.value, pool.trim(), pool.idle], [2, 1, 0]);
  item.release();
  assertEquals([pool.idle, pool.trim(1), pool.trim(0)], [1, 0, 1]);
  await pool.close();
});

test("a making that fails is told to who has waited longest; the others get theirs", async () => {
  await using runtime = new SimulatedRuntime();
  let makings = 0;
  const pool = new ObjectPool({
    max: 1,
    create: async (task) => {
      await task.sleep(1);
      if (++makings === 1) throw new Error("refused");
      return makings;
    },
  });
  const [a, b] = [runtime.spawn(pool.acquire()), runtime.spawn(pool.acquire())];
  await assertRejects(() => a, Error, "refused");
  assertEquals((await b).value, 2);
  (await b).release();
  await pool.close();
  await assertNothingLeft(runtime);
});

test("a waiter that is cancelled wastes nothing: what is made for it goes to the next, or is kept", async () => {
  await using runtime = new SimulatedRuntime();
  let made = 0;
  const pool = new ObjectPool({ max: 2, create: () => runtime.sleep(5).map(() => ++made) });
  const first = runtime.spawn(pool.acquire());
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    first.cancel();
  });
  await runtime.run();
  assertEquals([made, pool.idle, pool.inUse], [1, 1, 0]);
  await pool.close();
});

test("close waits for what is lent and what is being made, and destroys all of it, once", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  let made = 0;
  const pool = new ObjectPool({
    max: 3,
    name: "db",
    create: function* () {
      const n = ++made;
      try {
        yield* runtime.sleep(n === 3 ? 100 : 1);
      } finally {
        log.push(`making of ${n} ended`);
      }
      return n;
    },
    destroy: async (n) => {
      await runtime.sleep(2);
      log.push(`destroyed ${n}`);
    },
  });
  await runtime.spawn(function* () {
    const [a, b] = [yield* pool.acquire(), yield* pool.acquire()];
    a.release();
    b.release();
    const [c, d] = [yield* pool.acquire(), yield* pool.acquire()];
    const third = runtime.spawn(pool.acquire());
    yield* runtime.sleep(1);
    const closed = pool.close();
    assertEquals(closed, pool.close());
    log.push(`${(yield* third.settled()).status} for who waits`);
    yield* runtime.sleep(5);
    log.push("released");
    c.release();
    d.release();
    yield* closed;
    log.push("closed");
  });
  assertEquals(log, [
    "making of 1 ended",
    "making of 2 ended",
    "making of 3 ended",
    "error for who waits",
    "released",
    "destroyed 2",
    "destroyed 1",
    "closed",
  ]);
  await assertRejects(() => Promise.resolve(pool.acquire()), ClosedError);
  assertThrows(() => pool.tryAcquire(), ClosedError);
});

test("an object made in spite of a cancel is destroyed", async () => {
  await using runtime = new Runtime();
  const log: string[] = [];
  const pool = new ObjectPool({
    max: 1,
    create: async () => {
      await hostDelay(5); // knows nothing of the cancel
      return "made";
    },
    destroy: (value) => void log.push(`destroyed ${value}`),
  });
  const wait = runtime.spawn(pool.acquire());
  runtime.runUntilStalled();
  await within(Promise.resolve(pool.close()), "close");
  await assertRejects(() => wait, ClosedError);
  assertEquals(log, ["destroyed made"]);
});

test("what destroy throws is thrown by close, all of it in failuresOf; without close it is reported", async () => {
  const reported: unknown[] = [];
  const runtime = new SimulatedRuntime({
    observer: { onUnobserved: (error) => void reported.push(error) },
  });
  const make = () => {
    let n = 0;
    return new ObjectPool({
      max: 2,
      create: () => ++n,
      destroy: (value) => {
        if (value === 1) throw new Error("first");
        return Promise.reject(new Error("second"));
      },
    });
  };
  const pool = make();
  const error = await runtime.spawn(function* () {
    const [a, b] = [yield* pool.acquire(), yield* pool.acquire()];
    a.discard();
    b.release();
    return yield* pool.close().map(() => undefined).catch((error) => error);
  });
  assertEquals(error.message, "first");
  assertEquals(failuresOf(error).map((f) => (f.error as Error).message), ["first", "second"]);
  await runtime.run();
  const other = make();
  await assertRejects(
    async () => {
      runtime.spawn(function* () {
        (yield* other.acquire()).discard();
      });
      await runtime.run();
    },
    Error,
    "first",
  );
  await runtime.close();
});

test("limits, names and refused tasks", async () => {
  await using runtime = new SimulatedRuntime({ maxTasks: 2 });
  const pool = new ObjectPool({ max: 1, create: () => runtime.sleep(5).map(() => 1), name: "db" });
  const waiter = runtime.spawn(function* () {
    const error = yield* pool.acquire().map(() => undefined).catch((error) => error);
    assert(error instanceof TooManyTasksError, String(error));
    assertEquals([pool.size, pool.waiting], [0, 0]);
  });
  const other = runtime.spawn(Future.never());
  await waiter;
  other.cancel();
  await using roomy = new SimulatedRuntime();
  const late = roomy.spawn(function* () {
    const item = yield* pool.acquire();
    const error = yield* pool.acquire({ timeoutMs: 1 }).map(() => undefined).catch((e) => e);
    assert(error instanceof TimeoutError, String(error));
    assertStringIncludes(error.message, "object pool db (1 of 1 in use)");
    item.release();
    return yield* pool.use((value) => value + 1);
  });
  assertEquals(await late, 2);
  await pool.close();
});

// ---- destroying ---------------------------------------------------------------------------------

test("destroy runs outside the task that gives back: neither its cancel nor its end cuts it", async () => {
  for (const how of ["discard", "trim", "release after close"] as const) {
    for (const ends of ["cancelled", "ok"] as const) {
      for (const as of ["async", "scope", "generator", "future"] as const) {
        await using runtime = new SimulatedRuntime();
        const log: string[] = [];
        const pool = new ObjectPool({
          max: 1,
          create: () => ({}),
          destroy: {
            async: async () => {
              await sleep(10);
              log.push("destroyed");
            },
            scope: () => scope((s) => s.sleep(10).map(() => void log.push("destroyed"))),
            *generator() {
              yield* sleep(10);
              log.push("destroyed");
            },
            future: () => sleep(10).map(() => void log.push("destroyed")),
          }[as],
        });
        const user = runtime.spawn(async (task) => {
          const item = await pool.acquire();
          if (how === "discard") item.discard();
          else if (how === "trim") {
            item.release();
            pool.trim();
          } else {
            runtime.spawn(pool.close());
            await task.sleep(1);
            item.release();
          }
          if (ends === "cancelled") await task.sleep(100);
        });
        runtime.spawn(function* (task) {
          yield* task.sleep(5);
          user.cancel();
        });
        assertEquals((await user.settled()).status, ends);
        await runtime.spawn(pool.close());
        assertEquals(log, ["destroyed"], `${how}, ${as}`);
        assert(runtime.clock.now() >= 10);
        await assertNothingLeft(runtime);
      }
    }
  }
});

test("what destroy throws is reported when nobody awaits close, or who did gave up", async () => {
  for (const closing of ["dropped", "given up", "awaited"] as const) {
    const runtime = new SimulatedRuntime();
    const pool = new ObjectPool({
      max: 2,
      create: () => 1,
      destroy: async () => {
        await sleep(5);
        throw new Error("destroy");
      },
    });
    runtime.spawn(function* () {
      const [a, b] = [yield* pool.acquire(), yield* pool.acquire()];
      a.discard();
      yield* runtime.sleep(2);
      b.discard();
      const closed = pool.close();
      if (closing === "given up") yield* closed.timeout(4).catch(() => {});
      if (closing === "awaited") {
        assertEquals(yield* closed.catch((error) => error.message), "destroy");
      }
    });
    if (closing === "awaited") await runtime.run();
    else assertEquals(failuresOf(await assertRejects(() => runtime.run())).length, 2);
    await runtime.close();
  }
});

test("a runtime that closes, or has no room for a task, destroys all the same", async () => {
  const log: string[] = [];
  const make = () => new ObjectPool({ max: 1, create: () => 1, destroy: () => void log.push("-") });
  const closed = new SimulatedRuntime();
  const pool = make();
  const item = await closed.spawn(pool.acquire());
  pool.tryAcquire();
  const other = make();
  const last = await closed.spawn(other.acquire());
  last.discard(); // its task does not come to run
  await closed.close();
  assertEquals(log, ["-"]);
  item.discard();
  assertEquals(log, ["-", "-"]);
  await pool.close();
  await other.close();
  await using full = new SimulatedRuntime({ maxTasks: 3 });
  const third = make();
  await full.spawn(function* () {
    const item = yield* third.acquire();
    const others = [full.spawn(Future.never()), full.spawn(Future.never())];
    item.discard();
    assertEquals(log.length, 3);
    for (const other of others) other.cancel();
  });
  await full.spawn(third.close());
});

test("code outside tasks destroys at once; a generator in the runtime where objects are made", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  for (
    const destroy of [
      (n: number) => void log.push(`plain ${n}`),
      function* (n: number) {
        yield* sleep(3_600_000);
        log.push(`generator ${n}`);
      },
    ]
  ) {
    const pool = new ObjectPool({ max: 1, create: () => 1, destroy });
    (await runtime.spawn(pool.acquire())).release();
    assertEquals(pool.trim(), 1);
    log.push("trimmed");
    await pool.close();
  }
  assertEquals(log, ["plain 1", "trimmed", "trimmed", "generator 1"]);
  assertEquals(runtime.clock.now(), 3_600_000);
});
