/**
 * scopedIterable: producers with a scope, and consumers that leave.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  ClosedError,
  effectiveDeadline,
  type Emit,
  Future,
  scope,
  scopedIterable,
  type ScopedIterator,
  withTimeout,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, failing, logged } from "../support/groups.ts";
import { test as register } from "../support/test.ts";

let made: SimulatedRuntime[] = [];

function runtimeOf(): SimulatedRuntime {
  const runtime = new SimulatedRuntime();
  made.push(runtime);
  return runtime;
}

/** A test after which every runtime is closed: a producer left behind would keep the process alive. */
function test(name: string, body: () => Promise<void>): void {
  register(name, async () => {
    try {
      await body();
    } finally {
      const runtimes = made;
      made = [];
      for (const runtime of runtimes) await runtime.close();
    }
  });
}

/** A test whose body is an async task of a simulated runtime. */
function taskTest(name: string, body: (runtime: SimulatedRuntime) => Promise<void>): void {
  test(name, async () => {
    const runtime = runtimeOf();
    await runtime.spawn(() => body(runtime));
    assertEquals([runtime.taskCount, runtime.metrics().timers], [0, 0]);
  });
}

/** Counts up, one value a ms; logs when its cleanup of 5 ms is done. */
function ticks(runtime: SimulatedRuntime, log: string[]) {
  return scopedIterable<number>(function* (emit, s) {
    log.push("begun");
    try {
      for (let n = 1;; n++) {
        yield* s.sleep(1);
        yield* emit(n);
      }
    } finally {
      yield* s.sleep(5);
      log.push("cleaned up");
    }
  }, { runtime });
}

function iteratorOf<T>(iterable: AsyncIterable<T>): ScopedIterator<T> {
  return iterable[Symbol.asyncIterator]() as ScopedIterator<T>;
}

test("left after a next() that nobody has driven yet: the producer never runs, and nothing hangs", async () => {
  let began = 0;
  const numbers = scopedIterable<number>(function* (emit) {
    began++;
    yield* emit(1);
  });
  await scope(async () => {
    const iterator = numbers[Symbol.asyncIterator]();
    const first = iterator.next();
    assertEquals(await iterator.return(), { done: true, value: undefined });
    assertEquals([await first, began], [{ done: true, value: undefined }, 0]);
  });
});

test("scopedIterable iterated by host code drives the runtime of its options", async () => {
  const runtime = runtimeOf();
  const log: string[] = [];
  const seen: number[] = [];
  for await (const n of ticks(runtime, log)) {
    seen.push(n);
    if (n === 2) break;
  }
  assertEquals([seen, log, runtime.taskCount], [[1, 2], ["begun", "cleaned up"], 0]);
});

taskTest(
  "scopedIterable: break cancels the producer and waits for its cleanup",
  async (runtime) => {
    const log: string[] = [];
    const seen: number[] = [];
    for await (const n of ticks(runtime, log)) {
      seen.push(n);
      if (n === 3) break;
    }
    assertEquals([seen, log], [[1, 2, 3], ["begun", "cleaned up"]]);
  },
);

test("scopedIterable: return() settles a pending next() as done, with a producer that is stuck", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = runtimeOf();
    let cleaned = false;
    const iterator = iteratorOf(scopedIterable<number>(
      kind === "generator"
        ? function* (_emit, s) {
          try {
            yield* s.sleep(1e9);
          } finally {
            cleaned = true;
          }
        }
        : async (_emit, s) => {
          try {
            await s.sleep(1e9);
          } finally {
            cleaned = true;
          }
        },
      { runtime },
    ));
    const pending = Promise.resolve(iterator.next());
    runtime.runUntilStalled();
    assertEquals(await iterator.return(), { done: true, value: undefined });
    assertEquals(await pending, { done: true, value: undefined });
    assertEquals([cleaned, runtime.clock.now(), runtime.taskCount], [true, 0, 0], kind);
    assertEquals(await iterator.next(), { done: true, value: undefined });
  }
});

taskTest(
  "scopedIterable: return() twice, before the start, after the end, and dispose are all harmless",
  async (runtime) => {
    const log: string[] = [];
    const done = { done: true, value: undefined } as const;
    const unstarted = iteratorOf(ticks(runtime, log));
    assertEquals([await unstarted.return(), await unstarted.return()], [done, done]);
    assertEquals([await unstarted.next(), log], [done, []]);
    const iterator = iteratorOf(ticks(runtime, log));
    await iterator.next();
    assertEquals(await Promise.all([iterator.return(), iterator.return()]), [done, done]);
    await iterator[Symbol.asyncDispose]();
    assertEquals(log, ["begun", "cleaned up"]);
    {
      await using disposed = iteratorOf(ticks(runtime, log));
      await disposed.next();
    }
    assertEquals(log.length, 4);
  },
);

taskTest(
  "scopedIterable ends when the producer returns and its children have ended",
  async (runtime) => {
    const seen: string[] = [];
    const iterable = scopedIterable<string>((emit, s) => {
      for (const [name, ms] of [["b", 20], ["a", 10]] as const) {
        s.spawn(function* (task) {
          yield* task.sleep(ms);
          yield* emit(name);
        });
      }
    }, { runtime });
    for await (const name of iterable) seen.push(name);
    assertEquals([seen, runtime.clock.now()], [["a", "b"], 20]);
  },
);

test("scopedIterable: what the producer or a child throws is thrown by next(), once, after the cleanup", async () => {
  for (const who of ["producer", "child"] as const) {
    const runtime = runtimeOf();
    const log: string[] = [];
    const error = new Error(who);
    await runtime.spawn(async () => {
      const iterator = iteratorOf(scopedIterable<number>(function* (emit, s) {
        s.spawn(logged(log, "child", 1_000, 5));
        yield* emit(1);
        if (who === "child") s.spawn(failing(1, error));
        else throw error;
        yield* s.sleep(1_000);
      }, { runtime }));
      assertEquals(await iterator.next(), { done: false, value: 1 });
      assertStrictEquals(await caught(iterator.next()), error);
      assertEquals(log, ["child cancelled"]);
      assertEquals(await iterator.next(), { done: true, value: undefined });
    });
  }
});

taskTest(
  "scopedIterable: a cleanup that fails after break is thrown by the loop",
  async (runtime) => {
    const iterable = scopedIterable<number>(function* (emit) {
      try {
        yield* emit(1);
        yield* Future.never();
      } finally {
        // deno-lint-ignore no-unsafe-finally -- failing in the cleanup is what is tested
        throw new Error("cleanup");
      }
    }, { runtime });
    await assertRejects(
      async () => {
        for await (const _ of iterable) break;
      },
      Error,
      "cleanup",
    );
  },
);

taskTest(
  "scopedIterable: a cleanup that fails with an AbortError of its own is thrown too",
  async (runtime) => {
    const own = new DOMException("the platform's", "AbortError");
    const iterable = scopedIterable<number>(async (emit, s) => {
      s.spawn(function* (task) {
        yield* task.sleep(1);
        throw own;
      });
      await emit(1);
      await s.sleep(1_000);
    }, { runtime });
    const iterator = iteratorOf(iterable);
    await iterator.next();
    assertStrictEquals(await caught(iterator.next()), own);
  },
);

test("scopedIterable: emit waits until its value is taken: the producer is at most one value ahead", async () => {
  const runtime = runtimeOf();
  let made = 0;
  const iterator = iteratorOf(scopedIterable<number>(function* (emit) {
    for (;;) yield* emit(++made);
  }, { runtime }));
  for (let i = 1; i <= 3; i++) {
    assertEquals((await iterator.next()).value, i);
    runtime.blockOn(after(100, 0));
    assert(made <= i + 1, `${made} made when ${i} were taken`);
  }
  await iterator.return();
});

taskTest("scopedIterable: each iteration runs the producer anew", async (runtime) => {
  const log: string[] = [];
  const iterable = ticks(runtime, log);
  for (let i = 0; i < 2; i++) {
    for await (const n of iterable) {
      assertEquals(n, 1);
      break;
    }
  }
  assertEquals(log, ["begun", "cleaned up", "begun", "cleaned up"]);
});

test("scopedIterable: a generator task may yield* next() and return()", async () => {
  const runtime = runtimeOf();
  const log: string[] = [];
  const seen = await runtime.spawn(function* () {
    const iterator = iteratorOf(ticks(runtime, log));
    const seen: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const step = yield* Future.from(iterator.next());
      seen.push(step.value);
    }
    yield* Future.from(iterator.return());
    return seen;
  });
  assertEquals([seen, log], [[1, 2, 3], ["begun", "cleaned up"]]);
});

test("scopedIterable in a task that is cancelled: the producer has cleaned up before the task ends", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = runtimeOf();
    const log: string[] = [];
    const task = kind === "generator"
      ? runtime.spawn(function* () {
        const iterator = iteratorOf(ticks(runtime, log));
        for (;;) yield* Future.from(iterator.next());
      })
      : runtime.spawn(async () => {
        for await (const _ of ticks(runtime, log));
      });
    runtime.spawn(function* (timer) {
      yield* timer.sleep(3);
      task.cancel();
    });
    assertEquals((await task.settled()).status, "cancelled", kind);
    assertEquals([log, runtime.taskCount <= 1], [["begun", "cleaned up"], true], kind);
    await runtime.run();
  }
});

test("scopedIterable: several next() at once get the values in order", async () => {
  const runtime = runtimeOf();
  const iterator = iteratorOf(scopedIterable<number>(function* (emit) {
    for (let n = 1; n <= 3; n++) yield* emit(n);
  }, { runtime }));
  const steps = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
  assertEquals(steps.map((step) => step.value), [1, 2, 3]);
  assertEquals((await iterator.next()).done, true);
});

taskTest(
  "scopedIterable left with break in an async body: the body's task is still known after the loop",
  async (runtime) => {
    const iterable = ticks(runtime, []);
    const deadline = await withTimeout(100, async () => {
      for await (const _ of iterable) break;
      return effectiveDeadline();
    });
    assertEquals(deadline, 100);
  },
);

taskTest("scopedIterable: an emit that timed out may be awaited again", async (runtime) => {
  const iterator = iteratorOf(scopedIterable<string>(function* (emit) {
    yield* emit("first");
    const second = emit("second");
    yield* second.timeout(5).catch(() => {});
    yield* second;
    yield* emit("third");
  }, { runtime }));
  assertEquals((await iterator.next()).value, "first");
  await runtime.sleep(10);
  for (const value of ["second", "third"]) assertEquals((await iterator.next()).value, value);
  assertEquals((await iterator.next()).done, true);
});

taskTest(
  "scopedIterable: emit after the end throws ClosedError, and what was offered before may be taken",
  async (runtime) => {
    for (const way of ["ended", "left", "taken"] as const) {
      let leaked: Emit<number> | undefined;
      const iterator = iteratorOf(scopedIterable<number>(function* (emit, s) {
        leaked = emit;
        yield* emit(1);
        yield* s.sleep(5);
      }, { runtime }));
      await iterator.next();
      // By a task that the producer does not wait for.
      const waiting = way === "ended" ? undefined : runtime.spawn(() => leaked!(2)).settled();
      await runtime.sleep(way === "left" ? 0 : 10);
      if (way === "taken") {
        assertEquals((await iterator.next()).value, 2);
        assertEquals((await waiting!).status, "ok");
      }
      if (way === "left") {
        await iterator.return();
        assertEquals((await waiting!).status, "error");
      }
      const text = "Cannot emit: the iteration is over";
      await assertRejects(async () => await leaked!(3), ClosedError, text);
      assertEquals((await iterator.next()).done, true);
    }
  },
);

test("scopedIterable refuses options that are no object", async () => {
  for (const options of [5, "x", true, null]) {
    assertThrows(() => scopedIterable(() => {}, options as never), TypeError, "options is");
  }
  await scopedIterable(() => {}, undefined)[Symbol.asyncIterator]().return();
});
