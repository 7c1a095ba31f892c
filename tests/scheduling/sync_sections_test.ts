/**
 * Bodies that run under a permit or a lock: held for exactly as long as they run.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type Cancelled,
  ClosedError,
  Future,
  Mutex,
  Runtime,
  RwLock,
  Semaphore,
  TimeoutError,
  withTimeout,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, within } from "../support/probes.ts";
import { forPrograms, PROGRAMS } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

// ---- programs -----------------------------------------------------------------------------------

type Body = "generator" | "async" | "plain" | "throws" | "nested generator";

interface Program {
  readonly seed: number;
  readonly permits: number;
  readonly users: readonly {
    readonly body: Body;
    readonly in: "generator" | "async" | "handle" | "race";
    readonly atMs: number;
    readonly forMs: number;
    readonly cancelMs: number | null;
    readonly timeoutMs: number | null;
  }[];
}

const programs: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(),
  permits: fc.integer({ min: 1, max: 2 }),
  users: fc.array(
    fc.record({
      body: fc.constantFrom(
        "generator",
        "generator",
        "async",
        "plain",
        "throws",
        "nested generator",
      ),
      in: fc.constantFrom("generator", "generator", "async", "handle", "race"),
      atMs: fc.nat(4),
      forMs: fc.nat(4),
      cancelMs: fc.option(fc.nat(8), { freq: 3 }),
      timeoutMs: fc.option(fc.nat(6), { freq: 3 }),
    }),
    { minLength: 1, maxLength: 5, size: "max" },
  ),
});

/** Runs users of a semaphore's sections; answers how they ended. */
async function sections({ seed, permits, users }: Program): Promise<string[]> {
  const runtime = new SimulatedRuntime({ seed });
  const semaphore = new Semaphore(permits);
  let inside = 0;
  const enter = () => assert(++inside <= permits, `${inside} are inside`);
  const leave = () => void inside--;
  const bodyOf = (
    kind: Body,
    ms: number,
  ): () => Generator<unknown, string> | Promise<string> | string => {
    function* work(): Generator<unknown, string> {
      enter();
      try {
        yield* runtime.sleep(ms);
        return kind;
      } finally {
        try {
          yield* yieldNow();
        } finally {
          leave();
        }
      }
    }
    switch (kind) {
      case "generator":
        return work;
      case "nested generator":
        return () => work();
      case "async":
        return async () => {
          enter();
          try {
            await runtime.sleep(ms);
            return kind;
          } finally {
            await undefined; // one step, which no cancel ends
            leave();
          }
        };
      case "plain":
        return () => kind;
      case "throws":
        return function* () {
          yield* work();
          throw new Error("thrown");
        };
    }
  };
  const handles = users.map(({ body, in: where, atMs, forMs, timeoutMs }) => {
    const section = () => semaphore.withPermit(bodyOf(body, forMs), { timeoutMs });
    if (where === "async") {
      return runtime.spawn(async (task) => {
        await task.sleep(atMs);
        return await section();
      });
    }
    if (where === "handle") {
      return runtime.spawn(runtime.sleep(atMs).andThen(section));
    }
    return runtime.spawn(function* (task) {
      yield* task.sleep(atMs);
      return yield* where === "generator"
        ? section()
        : Future.race([section(), runtime.sleep(3).map(() => "raced")]);
    });
  });
  users.forEach(({ cancelMs }, i) => {
    if (cancelMs === null) return;
    runtime.spawn(function* (task) {
      yield* task.sleep(cancelMs);
      handles[i]!.cancel();
    });
  });
  const outcomes = await Promise.all(handles.map((handle) => handle.settled()));
  await runtime.run();
  assertEquals([semaphore.available, semaphore.waiting, inside], [permits, 0, 0]);
  const { alive, timers } = runtime.metrics();
  assertEquals([alive, timers], [0, 0]);
  return outcomes.map((outcome) =>
    outcome.status === "error" ? (outcome.error as Error).name : outcome.status
  );
}

test("withPermit holds its permit for exactly as long as the body runs: 10 000 programs of every kind of body, with cancels, limits and races", async () => {
  const seen = new Map<string, number>();
  await forPrograms(programs, async (program) => {
    for (const end of await sections(program)) seen.set(end, (seen.get(end) ?? 0) + 1);
  });
  for (const end of ["ok", "cancelled", "Error", "TimeoutError"]) {
    assert((seen.get(end) ?? 0) > PROGRAMS / 40, `${end}: ${seen.get(end)}`);
  }
});

// ---- single situations --------------------------------------------------------------------------

for (
  const [name, make] of [
    ["Semaphore.withPermit", () => {
      const semaphore = new Semaphore(1);
      return { run: semaphore.withPermit.bind(semaphore), isFree: () => semaphore.available === 1 };
    }],
    ["Mutex.withLock", () => {
      const mutex = new Mutex();
      return { run: mutex.withLock.bind(mutex), isFree: () => !mutex.isLocked };
    }],
    ["RwLock.withRead", () => {
      const lock = new RwLock();
      return { run: lock.withRead.bind(lock), isFree: () => lock.readers === 0 };
    }],
    ["RwLock.withWrite", () => {
      const lock = new RwLock();
      return { run: lock.withWrite.bind(lock), isFree: () => !lock.isWriteLocked };
    }],
  ] as const
) {
  test(`${name}: answers the body's value, throws its error, and is lazy`, async () => {
    const { run, isFree } = make();
    const bodies = {
      plain: () => "v",
      async: async () => (await hostDelay(0), "v"),
      generator: function* () {
        yield* yieldNow();
        return "v";
      },
      future: () => Future.ready("v"),
    };
    for (const [kind, body] of Object.entries(bodies)) {
      const section = run<string>((permit) => {
        assertEquals([isFree(), permit.isReleased], [false, false]);
        return body() as string;
      });
      assert(isFree(), `${kind} is not lazy`);
      assertEquals(await section, "v", kind);
      assert(isFree(), `${kind} in host code`);
      const runtime = new Runtime();
      const handle = runtime.spawn(function* () {
        return yield* run<string>(body as () => string);
      });
      assertEquals(await handle, "v", kind);
      assert(isFree(), `${kind} in a task`);
    }
    for (
      const fail of [() => {
        throw new Error("broken");
      }, () => Promise.reject(new Error("broken"))]
    ) {
      await assertRejects(() => Promise.resolve(run<never>(fail)), Error, "broken");
      assert(isFree());
    }
  });
}

test("cancelled inside, the lock is held until the cleanup is over, whatever kind of body and task", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  const clean = () => void log.push(`cleaned at ${runtime.clock.now()}`);
  const bodies = [
    function* () {
      try {
        yield* runtime.sleep(60_000);
      } finally {
        yield* runtime.sleep(5);
        clean();
      }
    },
    async () => {
      try {
        await runtime.sleep(60_000);
      } finally {
        await runtime.sleep(5);
        clean();
      }
    },
  ];
  const tasks = [
    (section: Future<void>) =>
      runtime.spawn(function* () {
        yield* section;
      }),
    (section: Future<void>) => runtime.spawn(async () => await section),
    (section: Future<void>) => runtime.spawn(section),
  ];
  for (const body of bodies) {
    for (const spawn of tasks) {
      const mutex = new Mutex();
      log.length = 0;
      const begun = runtime.clock.now();
      const handle = spawn(mutex.withLock(body));
      await runtime.spawn(function* (task) {
        yield* task.sleep(1);
        handle.cancel();
        yield* mutex.lock();
        log.push(`locked at ${runtime.clock.now()}`);
      });
      assertEquals(log, [`cleaned at ${begun + 6}`, `locked at ${begun + 6}`]);
      assertEquals((await handle.settled()).status, "cancelled");
    }
  }
});

test("a section whose waiter lost interest releases when its body has cleaned up", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const log: string[] = [];
  const body = async () => {
    try {
      await runtime.sleep(60_000);
    } finally {
      await runtime.sleep(5);
      log.push(`cleaned at ${runtime.clock.now()}`);
    }
  };
  await runtime.spawn(function* () {
    yield* Future.race([mutex.withLock(body), runtime.sleep(1)]);
    log.push(`raced at ${runtime.clock.now()}`);
    yield* mutex.lock();
    log.push(`locked at ${runtime.clock.now()}`);
  });
  assertEquals(log, ["raced at 1", "cleaned at 6", "locked at 6"]);
});

test("what the body of an abandoned section throws is reported, not lost", async () => {
  const reported: unknown[] = [];
  const runtime = new SimulatedRuntime({
    observer: { onUnobserved: (error) => void reported.push(error) },
  });
  const mutex = new Mutex();
  runtime.spawn(function* () {
    yield* Future.race([
      mutex.withLock(async () => {
        try {
          await runtime.sleep(60_000);
        } finally {
          // deno-lint-ignore no-unsafe-finally -- failing in the cleanup is what is tested
          throw new Error("cleanup");
        }
      }),
      runtime.sleep(1),
    ]);
  });
  await assertRejects(() => runtime.run(), Error, "cleanup");
  await runtime.close();
  assertEquals(mutex.isLocked, false);
});

test("limits are for the wait, not for the body", async () => {
  await using runtime = new SimulatedRuntime();
  const semaphore = new Semaphore(2);
  await runtime.spawn(function* () {
    const slow = () => runtime.sleep(50).map(() => "done");
    assertEquals(yield* semaphore.withPermit(slow, { timeoutMs: 5, weight: 2 }), "done");
    const held = yield* semaphore.acquire();
    let ran = false;
    try {
      yield* semaphore.withPermit(() => void (ran = true), { timeoutMs: 5, weight: 2 });
      throw new Error("no timeout");
    } catch (error) {
      assert(error instanceof TimeoutError, String(error));
    }
    held.release();
    assertEquals(ran, false);
  });
  assertEquals(semaphore.available, 2);
  await assertNothingLeft(runtime);
});

test("a closed mutex refuses sections; the body does not run", async () => {
  const mutex = new Mutex();
  mutex.close();
  let ran = false;
  await assertRejects(() => Promise.resolve(mutex.withLock(() => void (ran = true))), ClosedError);
  assertEquals(ran, false);
});

test("a section runs once, however often it is awaited", async () => {
  const mutex = new Mutex();
  let runs = 0;
  const section = mutex.withLock(() => ++runs);
  assertEquals(await section, 1);
  assertEquals([await section, runs], [1, 1]);
});

test("a deadline around a section cancels it and waits for its cleanup", async () => {
  await using runtime = new SimulatedRuntime();
  const mutex = new Mutex();
  const log: string[] = [];
  const limited = withTimeout(5, function* () {
    yield* mutex.withLock(function* () {
      try {
        yield* runtime.sleep(60_000);
      } catch (error) {
        log.push((error as Cancelled).reason.kind);
        throw error;
      }
    });
  }, { runtime });
  await within(assertRejects(() => limited, TimeoutError), "the deadline");
  assertEquals([log, mutex.isLocked], [["deadline"], false]);
  assertThrows(() => mutex.withLock(5 as never), TypeError, "body is number 5");
});
