/**
 * RateLimiter: never more than its rate and its burst, and never later than it could.
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
import { ClosedError, Future, RateLimiter, Runtime, TimeoutError } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { countedSignal } from "../support/groups.ts";
import { assertNothingLeft, within } from "../support/probes.ts";
import { forPrograms, PROGRAMS } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

interface Program {
  readonly tokens: number;
  readonly perMs: number;
  readonly burst: number;
  readonly users: readonly {
    readonly atMs: number;
    readonly count: number;
    /** So long after it came it gives up, by a cancel or a limit. */
    readonly patienceMs: number | null;
    readonly by: "cancel" | "timeout";
  }[];
}

const programs: fc.Arbitrary<Program> = fc.record({
  tokens: fc.integer({ min: 1, max: 7 }),
  perMs: fc.integer({ min: 1, max: 50 }),
  burst: fc.integer({ min: 1, max: 5 }),
  users: fc.array(
    fc.record({
      atMs: fc.nat(60),
      count: fc.integer({ min: 1, max: 5 }),
      patienceMs: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 3 }),
      by: fc.constantFrom("cancel", "timeout"),
    }),
    { minLength: 1, maxLength: 12, size: "max" },
  ),
});

/**
 * When each gets its tokens, by whole ms and in units of 1/perMs token; `undefined` if it gave up.
 * Nothing for a program in which two things happen at one ms whose order matters: somebody is
 * cancelled when its tokens come, or two give up.
 */
function expected({ tokens, perMs, burst, users }: Program): (number | undefined)[] | undefined {
  const got: (number | undefined)[] = users.map(() => undefined);
  const order = users.map((user, i) => ({ ...user, i, count: Math.min(user.count, burst) }))
    .sort((a, b) => a.atMs - b.atMs);
  let level = burst * perMs;
  let queue: typeof order = [];
  let isTied = false;
  for (let ms = 0; order.length > 0 || queue.length > 0; ms++) {
    if (ms > 0) level = Math.min(burst * perMs, level + tokens);
    while (order[0]?.atMs === ms) queue.push(order.shift()!);
    const serve = () => {
      while (queue.length > 0 && level >= queue[0]!.count * perMs) {
        const { count, i, atMs, patienceMs, by } = queue.shift()!;
        if (by === "cancel" && patienceMs !== null && atMs + patienceMs === ms) isTied = true;
        level -= count * perMs;
        got[i] = ms;
      }
    };
    serve();
    const before = queue.length;
    queue = queue.filter(({ patienceMs, atMs }) => patienceMs === null || atMs + patienceMs > ms);
    if (before - queue.length > 1) isTied = true;
    serve();
  }
  return isTied ? undefined : got;
}

test("RateLimiter gives tokens exactly when its model does: 10 000 programs with cancels and limits", async () => {
  const seen = { got: 0, waited: 0, gaveUp: 0 };
  let programsRun = 0;
  await forPrograms(programs, async (program) => {
    const { tokens, perMs, burst, users } = program;
    const want = expected(program);
    if (want === undefined) return;
    programsRun++;
    const runtime = new SimulatedRuntime();
    const limiter = new RateLimiter({ tokens, perMs, burst, runtime });
    const got: (number | undefined)[] = users.map(() => undefined);
    const inOrder = users.map((user, i) => ({ ...user, i })).sort((a, b) => a.atMs - b.atMs);
    const handles = inOrder.map(({ atMs, count, patienceMs, by, i }) =>
      runtime.spawn(function* (task) {
        yield* task.sleep(atMs);
        const timeoutMs = by === "timeout" ? patienceMs : null;
        yield* limiter.acquire(Math.min(count, burst), { timeoutMs });
        got[i] = runtime.clock.now();
      })
    );
    inOrder.forEach(({ atMs, patienceMs, by }, at) => {
      if (patienceMs === null || by === "timeout") return;
      runtime.spawn(function* (task) {
        yield* task.sleep(atMs + patienceMs);
        handles[at]!.cancel();
      });
    });
    const outcomes = await Promise.all(handles.map((handle) => handle.settled()));
    inOrder.forEach(({ i, by }, at) => {
      const { status } = outcomes[at]!;
      if (want[i] === undefined) assert(status === (by === "cancel" ? "cancelled" : "error"));
    });
    assertEquals(got, want);
    for (const [i, at] of got.entries()) {
      if (at === undefined) seen.gaveUp++;
      else if (at > users[i]!.atMs) seen.waited++;
      else seen.got++;
    }
    await runtime.run();
    assertEquals([limiter.waiting, runtime.metrics().timers], [0, 0]);
  });
  assert(programsRun > PROGRAMS * 0.7, `${programsRun}`);
  for (const count of Object.values(seen)) assert(count > PROGRAMS / 5, JSON.stringify(seen));
});

// ---- single situations --------------------------------------------------------------------------

test("a full bucket may be taken at once; then tokens come evenly, and never early", async () => {
  await using runtime = new SimulatedRuntime({ startMs: 12_345.678 });
  const limiter = new RateLimiter({ tokens: 3, perMs: 100, burst: 2, runtime });
  const passedMs: number[] = [];
  await runtime.spawn(function* () {
    for (let i = 0; i < 8; i++) {
      yield* limiter.acquire();
      passedMs.push(runtime.clock.now() - 12_345.678);
    }
  });
  assertEquals(passedMs.slice(0, 2), [0, 0]);
  passedMs.slice(2).forEach((ms, i) => {
    const due = (i + 1) * 100 / 3;
    assert(ms >= due - 1e-6 && ms < due + 2, `token ${i}: ${ms}, due ${due}`);
  });
});

test("over a year of virtual time no token is lost or made up by rounding", async () => {
  await using runtime = new SimulatedRuntime();
  const limiter = new RateLimiter({ tokens: 7, perMs: 1_000, burst: 1, runtime });
  assert(limiter.tryAcquire());
  const year = 365 * 24 * 60 * 60 * 1_000;
  let waited = 0;
  for (const ms of [1, 142, 1_000 / 7, 999, 7_777, year]) {
    waited += ms;
    runtime.clock.advance(ms);
    await runtime.spawn(limiter.acquire());
  }
  assert(runtime.clock.now() >= waited);
  assertEquals(limiter.available, 0);
  runtime.clock.advance(142);
  assertEquals(limiter.tryAcquire(), false);
  runtime.clock.advance(1);
  assertEquals(limiter.tryAcquire(), true);
});

test("a wait that is given up has taken nothing, also when its tokens had come", async () => {
  await using runtime = new SimulatedRuntime();
  const limiter = new RateLimiter({ tokens: 1, perMs: 10, burst: 3, runtime });
  assert(limiter.tryAcquire(3));
  // Its timer comes first: it cancels what has its tokens and has not seen them.
  runtime.spawn(function* (task) {
    yield* task.sleep(30);
    assertEquals([limiter.waiting, limiter.available], [1, 0]);
    first.cancel();
    assertEquals([limiter.waiting, limiter.available], [0, 2]);
  });
  runtime.runUntilStalled();
  const first = runtime.spawn(limiter.acquire(3));
  const second = runtime.spawn(limiter.acquire(1));
  await second;
  assertEquals([first.status, limiter.available], [4, 2]);
  await assertNothingLeft(runtime);
});

test("tryAcquire overtakes nobody; close refuses all; limits and signals leave nothing behind", async () => {
  await using runtime = new SimulatedRuntime();
  const { signal, now } = countedSignal();
  const limiter = new RateLimiter({ tokens: 1, perMs: 10, burst: 2, runtime, name: "api" });
  assert(limiter.tryAcquire());
  const waits = [
    runtime.spawn(limiter.acquire(2, { signal }), { name: "first" }),
    runtime.spawn(limiter.acquire(1, { signal, timeoutMs: 5 })),
  ];
  runtime.runUntilStalled();
  assertEquals([limiter.available, limiter.tryAcquire(), now()], [1, false, 1]);
  assertStringIncludes(runtime.dump().toString(), "waits for rate limiter api (2 in the line)");
  await assertRejects(() => waits[1]!, TimeoutError);
  limiter.close();
  await assertRejects(() => waits[0]!, ClosedError);
  assertEquals([now(), limiter.isClosed, runtime.metrics().timers], [0, true, 0]);
  assertThrows(() => limiter.tryAcquire(), ClosedError);
  await assertNothingLeft(runtime);
});

test("in real time, from host code", async () => {
  const limiter = new RateLimiter({ tokens: 1, perMs: 5 });
  const begun = performance.now();
  for (let i = 0; i < 4; i++) await within(Promise.resolve(limiter.acquire()), "a token");
  assert(performance.now() - begun >= 14.9, `${performance.now() - begun}`);
});

test("tasks of two runtimes wait at one limiter", async () => {
  await using one = new Runtime();
  await using two = new Runtime();
  const limiter = new RateLimiter({ tokens: 1, perMs: 2, runtime: one });
  const waits = [one, two, two, one].map((runtime) => runtime.spawn(limiter.acquire()));
  await within(Promise.all(waits), "all of them");
  assertEquals(limiter.waiting, 0);
});

// ---- tokens that are given back late ------------------------------------------------------------

test("tokens given back late are not added to those that came meanwhile", async () => {
  await using runtime = new SimulatedRuntime();
  const limiter = new RateLimiter({ tokens: 10, perMs: 1_000, runtime });
  const passedMs: number[] = [];
  runtime.spawn(function* () {
    yield* Future.all([limiter.acquire(10), Future.never()]).timeout(1_001).catch(() => {});
  });
  runtime.spawn(function* (task) {
    yield* task.sleep(1_000);
    for (let i = 0; i < 15; i++) {
      yield* limiter.acquire();
      passedMs.push(runtime.clock.now());
    }
  });
  await runtime.run();
  assertEquals(passedMs.slice(0, 10), new Array(10).fill(1_000));
  assertEquals(passedMs.slice(10), [1_100, 1_200, 1_300, 1_400, 1_500]);
});

test("of tokens given back, those are there again that the bucket did not make up for", async () => {
  await using runtime = new SimulatedRuntime();
  const limiter = new RateLimiter({ tokens: 1, perMs: 10, burst: 8, runtime });
  await runtime.spawn(function* () {
    yield* Future.all([limiter.acquire(8), Future.never()]).timeout(0).catch(() => {});
    assertEquals(limiter.available, 8);
    yield* Future.all([limiter.acquire(4), Future.never()]).timeout(25).catch(() => {});
    assertEquals(limiter.available, 8); // 4 left, 2.5 came, and 1.5 come back
    assert(limiter.tryAcquire(8));
    yield* runtime.sleep(10);
    assertEquals(limiter.available, 1);
  });
});

test("whatever is given back when, no span of time lets more through than its rate and one burst", async () => {
  const one = fc.record({
    atMs: fc.nat(60),
    count: fc.integer({ min: 1, max: 5 }),
    /** So long it holds what it got, and gives it back; `null`: it uses it. */
    heldMs: fc.option(fc.nat(40), { freq: 2 }),
  });
  const some = fc.record({
    tokens: fc.integer({ min: 1, max: 7 }),
    perMs: fc.integer({ min: 1, max: 50 }),
    burst: fc.integer({ min: 1, max: 8 }),
    users: fc.array(one, { minLength: 2, maxLength: 12, size: "max" }),
  });
  let givenBack = 0;
  await forPrograms(some, async ({ tokens, perMs, burst, users }) => {
    const runtime = new SimulatedRuntime();
    const limiter = new RateLimiter({ tokens, perMs, burst, runtime });
    const used: { readonly ms: number; readonly count: number }[] = [];
    for (const { atMs, heldMs, ...user } of users) {
      const count = Math.min(user.count, burst);
      runtime.spawn(function* (task) {
        yield* task.sleep(atMs);
        if (heldMs === null) {
          yield* limiter.acquire(count);
          used.push({ ms: runtime.clock.now(), count });
        } else {
          const held = Future.all([limiter.acquire(count), Future.never()]);
          yield* held.timeout(heldMs).catch(() => {});
          givenBack++;
        }
      });
    }
    await runtime.run();
    used.forEach(({ ms: from }, i) => {
      let sum = 0;
      for (const { ms, count } of used.slice(i)) {
        sum += count;
        const most = burst + (ms - from) * tokens / perMs;
        assert(sum <= most + 1e-6, `${sum} from ${from} to ${ms} ms, ${most} allowed`);
      }
    });
    assertEquals([limiter.waiting, runtime.metrics().timers], [0, 0]);
  });
  assert(givenBack > PROGRAMS, `${givenBack}`);
});

// ---- whose clock --------------------------------------------------------------------------------

test("a limiter goes by one clock: a wait under another one is refused", async () => {
  const limiter = new RateLimiter({ tokens: 1, perMs: 200, name: "api" });
  assert(limiter.tryAcquire()); // by the clock of the default runtime from now on
  await using simulated = new SimulatedRuntime();
  for (const timeoutMs of [null, 5]) {
    await assertRejects(
      () => simulated.spawn(limiter.acquire(1, { timeoutMs })),
      TypeError,
      "Cannot acquire: rate limiter api goes by the clock of",
    );
  }
  assertEquals([limiter.waiting, simulated.clock.now()], [0, 0]);
  limiter.close();
});

test("host code that waits at a limiter of a runtime drives that runtime", async () => {
  await using simulated = new SimulatedRuntime();
  const limiter = new RateLimiter({ tokens: 1, perMs: 3_600_000, runtime: simulated });
  await limiter.acquire();
  await within(Promise.resolve(limiter.acquire()), "a token");
  await within(Promise.resolve(limiter.acquire(1, { timeoutMs: null })), "a token");
  assertEquals(simulated.clock.now(), 7_200_000);
});
