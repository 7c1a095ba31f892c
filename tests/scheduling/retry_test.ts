/**
 * retry and delay.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  CancellationSource,
  Cancelled,
  delay,
  failuresOf,
  Future,
  retry,
  type RetryOptions,
  Runtime,
  scope,
  select,
  TimeoutError,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { countedSignal } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** Fails with the errors one after the other, then answers the number of attempts. */
function failing(...errors: unknown[]): (task: unknown, attempt: number) => number {
  return (_task, attempt) => {
    if (attempt <= errors.length) throw errors[attempt - 1];
    return attempt;
  };
}

// ---- retry --------------------------------------------------------------------------------------

test("a body that succeeds is run once, without a pause, whatever its kind", async () => {
  await using runtime = new SimulatedRuntime();
  const values = [
    await retry(() => 1, { runtime }),
    await retry(async () => await Promise.resolve(2), { runtime }),
    await retry(function* () {
      yield* Future.ready(0);
      return 3;
    }, { runtime }),
  ];
  const typed: number[] = values;
  assertEquals(typed, [1, 2, 3]);
  assertEquals(runtime.clock.now(), 0);
});

test("a body that fails is run again, up to attempts times, counted from 1", async () => {
  await using runtime = new SimulatedRuntime();
  assertEquals(await retry(failing("a", "b"), { runtime }), 3);
  const seen: number[] = [];
  await assertRejects(
    () =>
      retry((_task, attempt) => {
        seen.push(attempt);
        throw new Error(`${attempt}`);
      }, { runtime, attempts: 5 }),
    Error,
    "5",
  );
  assertEquals(seen, [1, 2, 3, 4, 5]);
});

test("generator and async bodies that fail are run again", async () => {
  await using runtime = new SimulatedRuntime();
  const generator = retry(function* (task, attempt) {
    yield* task.sleep(1);
    if (attempt < 3) throw new Error("again");
    return attempt;
  }, { runtime, baseMs: 0 });
  const asyncBody = retry(async (task, attempt) => {
    await task.sleep(1);
    if (attempt < 3) throw new Error("again");
    return attempt;
  }, { runtime, baseMs: 0 });
  assertEquals(await Promise.all([generator, asyncBody]), [3, 3]);
});

test("used up, it rejects with the last error itself; failuresOf has the earlier ones too", async () => {
  await using runtime = new SimulatedRuntime();
  const errors = ["first", "second", "third"].map((m) => Object.freeze(new Error(m)));
  const thrown = await retry(failing(...errors), { runtime, name: "fetch it" })
    .catch((error) => error);
  assertStrictEquals(thrown, errors[2]);
  assertEquals(failuresOf(thrown).map((f) => [f.error, f.task.name]), [
    [errors[2], "fetch it attempt 3"],
    [errors[0], "fetch it attempt 1"],
    [errors[1], "fetch it attempt 2"],
  ]);
});

test("primitives are retried and rethrown too", async () => {
  await using runtime = new SimulatedRuntime();
  assertEquals(await retry(failing("a", undefined, "c"), { runtime }).catch((e) => e), "c");
});

test("one error thrown by every attempt is one failure", async () => {
  await using runtime = new SimulatedRuntime();
  const error = new Error("the same");
  const thrown = await retry(failing(error, error, error), { runtime }).catch((error) => error);
  assertStrictEquals(thrown, error);
  assertEquals(new Set(failuresOf(thrown).map((f) => f.error)), new Set([error]));
});

test("without jitter the pauses are base times factor to the power, up to the maximum", async () => {
  await using runtime = new SimulatedRuntime();
  const at: number[] = [];
  await retry(() => {
    at.push(runtime.clock.now());
    throw new Error();
  }, { runtime, attempts: 6, baseMs: 100, factor: 3, maxMs: 1_000, jitter: "none" })
    .catch(() => {});
  assertEquals(at, [0, 100, 400, 1_300, 2_300, 3_300]);
});

test("the pauses are within their limits for any options, and as the jitter says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        baseMs: fc.integer({ min: 0, max: 1_000 }),
        factor: fc.double({ min: 1, max: 1_000, noNaN: true }),
        maxMs: fc.integer({ min: 0, max: 100_000 }),
        jitter: fc.constantFrom("full" as const, "none" as const, "equal" as const),
        attempts: fc.integer({ min: 1, max: 6 }),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      async ({ part, ...options }) => {
        await using runtime = new SimulatedRuntime();
        const at: number[] = [];
        await retry(() => {
          at.push(runtime.clock.now());
          throw new Error();
        }, { runtime, random: () => part, ...options }).catch(() => {});
        assertEquals(at.length, options.attempts);
        for (let i = 1; i < at.length; i++) {
          const limit = Math.min(options.maxMs, options.baseMs * options.factor ** (i - 1));
          const share = { full: part, none: 1, equal: 0.5 + part / 2 }[options.jitter];
          // Timers round up to a whole ms.
          assertAlmostEquals(at[i]! - at[i - 1]!, limit * share, 1.01);
          assert(at[i]! - at[i - 1]! >= limit * share - 1e-6);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("the default is full jitter over Math.random, 3 attempts, from 100 ms", async () => {
  await using runtime = new SimulatedRuntime();
  let attempts = 0;
  await retry(() => {
    attempts++;
    throw new Error();
  }, { runtime }).catch(() => {});
  assertEquals(attempts, 3);
  assert(runtime.clock.now() <= 302);
});

test("huge exponents and a base of 0 stay numbers", async () => {
  await using runtime = new SimulatedRuntime();
  const options = { runtime, attempts: 4, factor: 1e300, jitter: "none" } as const;
  await retry(failing(1, 2, 3, 4), { ...options, maxMs: 5 }).catch(() => {});
  assertEquals(runtime.clock.now(), 15);
  await retry(failing(1, 2, 3, 4), { ...options, baseMs: 0 }).catch(() => {});
  assertEquals(runtime.clock.now(), 15);
});

test("attempts may be unlimited; of the failures the latest are kept", async () => {
  await using runtime = new SimulatedRuntime();
  const thrown = await retry((_task, attempt) => {
    throw new Error(`${attempt}`);
  }, {
    runtime,
    attempts: Infinity,
    baseMs: 0,
    when: (_error, attempt) => attempt < 200,
  }).catch((error) => error);
  assertEquals(thrown.message, "200");
  assertEquals(failuresOf(thrown).length, 65);
});

test("when decides, by error and attempt, and is not asked after the last attempt", async () => {
  await using runtime = new SimulatedRuntime();
  const asked: unknown[] = [];
  const errors = [new RangeError("retry me"), new TypeError("not me")];
  const options: RetryOptions = {
    runtime,
    when: (error, attempt) => {
      asked.push([error, attempt]);
      return error instanceof RangeError;
    },
  };
  assertStrictEquals(await retry(failing(...errors), options).catch((e) => e), errors[1]);
  assertEquals(asked, [[errors[0], 1], [errors[1], 2]]);
  asked.length = 0;
  await retry(failing(errors[0], errors[0]), { ...options, attempts: 2 }).catch(() => {});
  assertEquals(asked.length, 1);
});

test("what when throws is thrown, and the error it was asked about is behind it", async () => {
  await using runtime = new SimulatedRuntime();
  const error = new Error("attempt");
  const fault = new Error("when is broken");
  const thrown = await retry(failing(error), {
    runtime,
    when: () => {
      throw fault;
    },
  }).catch((error) => error);
  assertStrictEquals(thrown, fault);
  assertEquals(failuresOf(thrown).map((f) => f.error), [fault, error]);
});

test("a when that answers a promise, or a random out of range, is told rather than believed", async () => {
  await using runtime = new SimulatedRuntime();
  await assertRejects(
    () => retry(failing(1), { runtime, when: (async () => await false) as never }),
    TypeError,
    "when() answered a Promise",
  );
  for (const bad of [NaN, -0.1, 1.1, "x"]) {
    await assertRejects(
      () => retry(failing(1), { runtime, random: () => bad as number }),
      RangeError,
      "random() answered",
    );
  }
});

test("each attempt has a scope: its children are cancelled and awaited before the next one", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  await retry(function* (task, attempt) {
    task.spawn(function* (child) {
      try {
        yield* child.sleep(1_000);
      } finally {
        yield* runtime.sleep(5);
        log.push(`child of ${attempt} cleaned up`);
      }
    });
    yield* task.sleep(1);
    log.push(`attempt ${attempt}`);
    if (attempt < 2) throw new Error();
    task.cancelRemaining();
  }, { runtime });
  assertEquals(log, [
    "attempt 1",
    "child of 1 cleaned up",
    "attempt 2",
    "child of 2 cleaned up",
  ]);
});

test("timeoutMs limits each attempt; the TimeoutError is retried, and thrown at last", async () => {
  await using runtime = new SimulatedRuntime();
  const options = { runtime, timeoutMs: 10, baseMs: 5, jitter: "none" } as const;
  assertEquals(
    await retry(function* (task, attempt) {
      yield* task.sleep(attempt === 1 ? 1_000 : 1);
      return attempt;
    }, options),
    2,
  );
  assertEquals(runtime.clock.now(), 16);
  await assertRejects(() => retry((task) => task.sleep(1_000), options), TimeoutError);
});

test("a cancelled task is out of its retry at once, whether in an attempt or in a pause", async () => {
  for (const failsFirst of [false, true]) {
    await using runtime = new SimulatedRuntime();
    let attempts = 0;
    let asked = 0;
    const handle = runtime.spawn(function* () {
      yield* retry(function* (task) {
        attempts++;
        if (failsFirst) throw new Error();
        yield* task.sleep(1_000);
      }, {
        attempts: 10,
        baseMs: 1_000,
        when: () => {
          asked++;
          return true;
        },
      });
    });
    runtime.runUntilStalled();
    assertEquals((await handle.cancelAndJoin()).status, "cancelled");
    assertEquals([attempts, asked], [1, failsFirst ? 1 : 0]);
    assertEquals(runtime.taskCount, 0);
  }
});

test("an error in the cleanup of a cancelled attempt is not retried, and not lost", async () => {
  await using runtime = new SimulatedRuntime();
  const fault = new Error("cleanup");
  let attempts = 0;
  const handle = runtime.spawn(() =>
    scope(function* () {
      yield* retry(function* (task) {
        attempts++;
        try {
          yield* task.sleep(1_000);
        } catch {
          throw fault;
        }
      });
    })
  );
  runtime.runUntilStalled();
  const outcome = await handle.cancelAndJoin();
  assertEquals(attempts, 1);
  assert(outcome.status === "error");
  assertStrictEquals(outcome.error, fault);
});

test("the signal ends it, and leaves no listener", async () => {
  await using runtime = new SimulatedRuntime();
  const { controller, signal, now: count } = countedSignal();
  const work = retry((task) => task.sleep(1_000), { runtime, signal });
  runtime.runUntilStalled();
  assertEquals(count(), 1);
  controller.abort("enough");
  const error = await assertRejects(() => work, Cancelled, "enough");
  assertEquals(error.reason, { kind: "signal", reason: "enough" });
  assertEquals(count(), 0);
  let called = false;
  await assertRejects(() => retry(() => called = true, { runtime, signal }), Cancelled);
  assertFalse(called);
});

test("a cancellation that is not the surrounding's is not retried by default, but when may say so", async () => {
  await using runtime = new SimulatedRuntime();
  for (const stop of [new Cancelled("stop"), new DOMException("stop", "AbortError")]) {
    let attempts = 0;
    const body = () => {
      attempts++;
      throw stop;
    };
    assertStrictEquals(await retry(body, { runtime }).catch((error) => error), stop);
    assertEquals(attempts, 1);
    await retry(body, { runtime, when: () => true }).catch(() => {});
    assertEquals(attempts, 4);
  }
});

test("retry of host code drives the runtime by itself, and its name is in the dump", async () => {
  await using runtime = new SimulatedRuntime();
  const work = retry(function* fetchIt(task) {
    yield* task.sleep(5);
    return "done";
  }, { runtime });
  runtime.runUntilStalled();
  assert(runtime.dump().toString().includes("fetchIt attempt 1"));
  assertEquals(await work, "done");
});

test("retry refuses bad input before it runs anything", () => {
  const cases: [unknown, new () => Error, string][] = [
    [null, TypeError, "options is null"],
    [{ attempts: "3" }, TypeError, "attempts is the string"],
    [{ attempts: 0 }, RangeError, "attempts is 0"],
    [{ attempts: 1.5 }, RangeError, "attempts is 1.5"],
    [{ attempts: NaN }, RangeError, "attempts is NaN"],
    [{ baseMs: -1 }, RangeError, "baseMs is -1"],
    [{ baseMs: "1" }, TypeError, "baseMs is"],
    [{ maxMs: Infinity }, RangeError, "maxMs is Infinity"],
    [{ maxMs: NaN }, RangeError, "maxMs is NaN"],
    [{ factor: 0.5 }, RangeError, "factor is 0.5"],
    [{ factor: NaN }, RangeError, "factor is NaN"],
    [{ factor: Infinity }, RangeError, "factor is Infinity"],
    [{ factor: "2" }, TypeError, "factor is"],
    [{ jitter: "some" }, RangeError, 'jitter is "some"'],
    [{ jitter: 1 }, TypeError, "jitter is number 1"],
    [{ random: 0.5 }, TypeError, "random is number 0.5"],
    [{ when: true }, TypeError, "when is boolean true"],
    [{ timeoutMs: -1 }, RangeError, "timeoutMs is -1"],
    [{ timeoutMs: "1" }, TypeError, "timeoutMs is"],
    [{ name: 1 }, TypeError, "name is number 1"],
    [{ signal: {} }, TypeError, "signal is a Object"],
    [{ runtime: {} }, TypeError, "runtime is a Object"],
  ];
  let called = false;
  for (const [options, type, text] of cases) {
    assertThrows(() => retry(() => called = true, options as never), type, text);
  }
  for (const bad of [undefined, null, 1, Promise.resolve(), {}]) {
    assertThrows(() => retry(bad as never), TypeError, "Cannot retry: body is");
  }
  assertFalse(called);
});

// ---- delay --------------------------------------------------------------------------------------

test("abi A8, delay resolved at once: it takes its time, and no real time under virtual time", async () => {
  await using runtime = new SimulatedRuntime();
  const handle = runtime.spawn(function* () {
    yield* delay(3_600_000);
    return runtime.clock.now();
  });
  assertEquals(await handle, 3_600_000);
});

test("delay takes real time on the default runtime", async () => {
  const start = performance.now();
  await delay(5);
  assert(performance.now() - start >= 5);
});

test("delay counts from the call, not from the first wait; after its time it is ready at once", async () => {
  await using runtime = new SimulatedRuntime();
  await runtime.spawn(function* (task) {
    const pause = delay(10);
    const short = delay(3);
    yield* task.sleep(6);
    yield* short;
    assertEquals(runtime.clock.now(), 6);
    yield* pause;
    assertEquals(runtime.clock.now(), 10);
    yield* pause;
    assertEquals(runtime.clock.now(), 10);
  });
});

test("delay(0) is ready in the next turn, not at once", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  runtime.spawn(function* () {
    yield* delay(0);
    log.push("delayed");
  });
  runtime.spawn(() => log.push("other"));
  await runtime.run();
  assertEquals(log, ["other", "delayed"]);
  assertEquals(runtime.clock.now(), 0);
});

test("many may wait for one delay; those who give up leave the others waiting", async () => {
  await using runtime = new SimulatedRuntime();
  await runtime.spawn(function* () {
    const pause = delay(10);
    const wait = function* () {
      yield* pause;
      return runtime.clock.now();
    };
    const [a, b, c] = [
      runtime.spawn(wait),
      runtime.spawn(wait),
      runtime.spawn(async () => {
        await pause;
        return runtime.clock.now();
      }),
    ];
    const short = pause.timeout(5).catch((error) => error);
    assertInstanceOf(yield* short, TimeoutError);
    a.cancel();
    assertEquals([yield* b, yield* c], [10, 10]);
  });
});

test("a delay may lose a race and be waited for again: it still counts from its call", async () => {
  await using runtime = new SimulatedRuntime();
  const { signal, now: count } = countedSignal();
  await runtime.spawn(function* (task) {
    const pause = delay(10, { signal });
    for (let i = 0; i < 3; i++) {
      assertEquals((yield* select(pause, task.sleep(3))).index, 1);
      assertEquals([runtime.metrics().timers, count()], [0, 0]);
    }
    assertEquals((yield* select(pause, task.sleep(3))).index, 0);
    assertEquals(runtime.clock.now(), 10);
  });
  assertEquals(count(), 0);
});

test("delay throws the signal's reason itself when it aborts, and leaves no timer and no listener", async () => {
  await using runtime = new SimulatedRuntime();
  const { controller, signal, now: count } = countedSignal();
  const reason = new Error("get up");
  const handle = runtime.spawn(function* () {
    yield* delay(1_000, { signal });
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    assertEquals([count(), runtime.metrics().timers], [1, 1]);
    controller.abort(reason);
    assertEquals([count(), runtime.metrics().timers], [0, 0]);
  });
  assertStrictEquals(await handle.then(undefined, (error) => error), reason);
  assertEquals(runtime.clock.now(), 1);
});

test("a signal aborted before the call ends the delay at its first wait, also one of 0 ms", async () => {
  for (const ms of [0, 5]) {
    const { controller, signal, now: count } = countedSignal();
    controller.abort("too late");
    const error = await delay(ms, { signal }).then(() => "ready", (error) => error);
    assertEquals([error, count()], ["too late", 0]);
  }
});

test("delay ends with a CancellationSource, from a host callback", async () => {
  const source = new CancellationSource();
  setTimeout(() => source.cancelWithReason("shutdown", "SIGTERM"), 1);
  await assertRejects(
    async () => await delay(60_000, { signal: source.signal }),
    Cancelled,
    "SIGTERM",
  );
});

test("a delay that is over, cancelled, or never waited for leaves no listener and no timer", async () => {
  const { signal, now: count } = countedSignal();
  const runtime = new Runtime();
  await runtime.spawn(function* () {
    yield* delay(1, { signal });
    yield* delay(0, { signal });
    delay(60_000, { signal });
    const handle = runtime.spawn(function* () {
      yield* delay(60_000, { signal });
    });
    yield* runtime.sleep(1);
    assertEquals(count(), 1);
    handle.cancel();
    yield* handle.catch(() => {});
  });
  assertEquals([count(), runtime.metrics().timers], [0, 0]);
});

test("delay refuses bad input", () => {
  assertThrows(() => delay("5" as never), TypeError, "Cannot delay: ms is the string");
  for (const bad of [-1, NaN, Infinity]) assertThrows(() => delay(bad), RangeError, "Cannot delay");
  assertThrows(() => delay(1, null as never), TypeError, "options is null");
  assertThrows(() => delay(1, { signal: {} as never }), TypeError, "must be an AbortSignal");
});
