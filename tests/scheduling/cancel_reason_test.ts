/**
 * Cancellation of trees: reasons, grace, refusers, foreign signals.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  Cancelled,
  type CancelReason,
  describeReason,
  race,
  rootReason,
  type Scope,
  scope,
  shield,
  TaskGroup,
  type TaskScope,
  withTimeout,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { after, caught, countedSignal, failing, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** A body that notes why it was cancelled. */
function witness(seen: CancelReason[]): (task: TaskScope) => Generator<unknown, void> {
  return function* (task) {
    try {
      yield* task.sleep(100_000);
    } catch (error) {
      assertInstanceOf(error, Cancelled);
      assertEquals(error.name, "AbortError");
      seen.push(error.reason);
      throw error;
    }
  };
}

const ROOTS: Record<string, (seen: CancelReason[], runtime: SimulatedRuntime) => unknown> = {
  requested: (seen, runtime) => {
    const group = new TaskGroup({ runtime });
    group.spawn(witness(seen));
    runtime.runUntilStalled();
    return group.cancelAndJoin("why");
  },
  deadline: (seen, runtime) => withTimeout(10, witness(seen), { runtime, name: "limit" }),
  "sibling-failed": (seen, runtime) =>
    scope((s) => {
      s.spawn(witness(seen));
      s.spawn(failing(1, new Error("bad")), { name: "failer" });
    }, { runtime }),
  signal: (seen, runtime) => {
    const controller = new AbortController();
    const run = scope(witness(seen), { runtime, signal: controller.signal });
    runtime.runUntilStalled();
    controller.abort("left");
    return run;
  },
  shutdown: (seen, runtime) => {
    runtime.spawn(witness(seen));
    runtime.runUntilStalled();
    return runtime.close();
  },
};

for (const [kind, make] of Object.entries(ROOTS)) {
  test(`Cancelled of kind ${kind} says so to the body, and can be printed`, async () => {
    const seen: CancelReason[] = [];
    await caught(async () => {
      await make(seen, new SimulatedRuntime());
      throw 0;
    });
    assertEquals(seen.map((reason) => rootReason(reason).kind), [kind as CancelReason["kind"]]);
    assert(describeReason(seen[0]!).length > 0);
  });
}

test("Cancelled of kind parent: each level names the one above it, down from the root", async () => {
  const runtime = new SimulatedRuntime();
  const seen: CancelReason[] = [];
  const root = runtime.spawn(function* () {
    yield* scope(function* () {
      yield* scope(witness(seen), { name: "low" });
    }, { name: "mid" });
  }, { name: "root" });
  runtime.runUntilStalled();
  await root.cancelAndJoin("stop");
  assertEquals(seen, [{
    kind: "parent",
    by: "mid",
    cause: { kind: "parent", by: "root", cause: { kind: "requested", note: "stop" } },
  }]);
  assertEquals(
    new Cancelled(seen[0]).message,
    'Cancelled: mid was cancelled <- root was cancelled <- requested ("stop")',
  );
});

test("Cancelled: a race's losers are told who decided", async () => {
  const seen: CancelReason[] = [];
  await race<unknown>([witness(seen), after(1, 0)], { runtime: new SimulatedRuntime() });
  assertEquals(seen.map((reason) => [reason.kind, describeReason(reason).includes("decided")]), [
    ["requested", true],
  ]);
});

test("cancel: the cleanup has its grace to the ms, then every await throws again", async () => {
  for (const kind of ["generator", "async"] as const) {
    const runtime = new SimulatedRuntime();
    const times: number[] = [];
    const group = new TaskGroup({ runtime });
    if (kind === "generator") {
      group.spawn(function* (task) {
        try {
          yield* task.sleep(100_000);
        } finally {
          try {
            yield* task.sleep(100_000);
          } finally {
            times.push(runtime.clock.now());
            yield* task.sleep(100_000);
          }
        }
      });
    } else {
      group.spawn(async (task) => {
        try {
          await task.sleep(100_000);
        } finally {
          try {
            await task.sleep(100_000);
          } finally {
            times.push(runtime.clock.now());
            await task.sleep(100_000);
          }
        }
      });
    }
    runtime.runUntilStalled();
    group.cancel("soft", { graceMs: 250 });
    await caught(group.run());
    assertEquals([times, runtime.clock.now()], [[250], 250], kind);
  }
});

/** Cleans up for `cleanupMs`, `depth` scopes below. */
function nest(depth: number, cleanupMs: number, log: unknown[], graceMs?: number) {
  return function* (s: Scope | TaskScope): Generator<unknown, void> {
    if (depth > 0) {
      yield* scope(nest(depth - 1, cleanupMs, log), graceMs === undefined ? {} : { graceMs });
      return;
    }
    try {
      yield* s.sleep(100_000);
    } finally {
      yield* s.sleep(cleanupMs);
      log.push("cleaned up");
    }
  };
}

test("cancel: children inherit the smaller of the two graces", async () => {
  for (const [outer, inner] of [[100, 1_000], [1_000, 100]] as const) {
    const runtime = new SimulatedRuntime();
    const log: unknown[] = [];
    const task = runtime.spawn(nest(1, 500, log, inner));
    runtime.runUntilStalled();
    task.cancel("stop", { graceMs: outer });
    assertEquals((await task.settled()).status, "cancelled");
    assertEquals([log, runtime.clock.now()], [[], 100]);
  }
});

test("cancel: a second cancel with a shorter grace cuts the whole tree, at any depth", async () => {
  for (const depth of [0, 1, 3]) {
    const runtime = new SimulatedRuntime();
    const log: unknown[] = [];
    const task = runtime.spawn(nest(depth, 3_000, log));
    runtime.spawn(function* (timer) {
      yield* timer.sleep(10);
      task.cancel("soft");
      yield* timer.sleep(10);
      task.cancel("hard", { graceMs: 0 });
    });
    await task.settled();
    assertEquals(log, [], `depth ${depth}`);
    assert(runtime.clock.now() <= 22, `depth ${depth}: cut at ${runtime.clock.now()} ms`);
  }
});

test("cancel of an async body at a foreign await is thrown at its next await, once; then its cleanup may await", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  let go!: () => void;
  const foreign = new Promise<void>((resolve) => go = resolve);
  const task = runtime.spawn(async (task) => {
    try {
      await foreign;
      log.push("foreign done");
      await task.sleep(1_000);
      log.push("never");
    } finally {
      await task.sleep(10);
      log.push("cleaned up");
    }
  });
  runtime.runUntilStalled();
  task.cancel();
  go();
  assertEquals((await task.settled()).status, "cancelled");
  assertEquals(log, ["foreign done", "cleaned up"]);
});

test("cancel of an async body that awaits a scope: the scope ends first, then its cleanup may await", async () => {
  const runtime = new SimulatedRuntime();
  const log: string[] = [];
  const task = runtime.spawn(async (task) => {
    try {
      await scope(async (s) => {
        await s.sleep(1_000);
      });
    } finally {
      await task.sleep(10);
      log.push("cleaned up");
    }
  });
  runtime.runUntilStalled();
  assertEquals((await task.cancelAndJoin()).status, "cancelled");
  assertEquals(log, ["cleaned up"]);
});

test("cancel swallowed by an async body: it ends cancelled and is told to the observer", async () => {
  const { runtime, swallowed } = watched();
  let go!: () => void;
  const foreign = new Promise<void>((resolve) => go = resolve);
  const task = runtime.spawn(async function stubborn(task) {
    try {
      await foreign;
      await task.sleep(1_000);
    } catch {
      // swallowed
    }
    return "as if nothing had happened";
  });
  runtime.runUntilStalled();
  task.cancel();
  go();
  assertEquals([(await task.settled()).status, swallowed], ["cancelled", ["stubborn"]]);
});

test("a task that ignores a hard cancel is reported once, with its name and its spawn site", async () => {
  const { runtime, refusals } = watched({ spawnSites: true });
  let stop = false;
  const group = new TaskGroup({ runtime });
  group.spawn(function* refuser(task) {
    while (!stop) {
      try {
        yield* task.sleep(60_000);
      } catch {
        // refuses
      }
    }
  });
  runtime.runUntilStalled();
  group.cancel("end", { graceMs: 10 });
  const polls = runtime.metrics().polls;
  runtime.blockOn(after(5_000, 0));
  assertEquals(refusals.map(({ task }) => task.name), ["refuser"]);
  assertStringIncludes(refusals[0]!.spawnSite, "cancel_reason_test");
  assertStringIncludes(describeReason(refusals[0]!.reason), "end");
  assert(runtime.metrics().polls - polls < 60, "a refuser must not keep the loop busy");
  stop = true;
  await caught(group.run());
});

test("an async body that waits for a foreign promise and ignores a hard cancel is reported too", () => {
  const { runtime, refusals } = watched();
  const deaf = runtime.spawn(async () => {
    await new Promise(() => {});
  }, { name: "deaf" });
  runtime.runUntilStalled();
  deaf.cancel("end", { graceMs: 10 });
  for (let i = 0; i < 100; i++) {
    runtime.clock.advance(100);
    runtime.runUntilStalled();
  }
  assertEquals(refusals.map(({ task }) => task.name), ["deaf"]);
});

test("one listener on a foreign signal for a whole tree, none after it, and none left by any end", async () => {
  const runtime = new SimulatedRuntime();
  const { signal, now, most } = countedSignal();
  const nested = (depth: number) =>
    function* (s: Scope): Generator<unknown, void> {
      for (let i = 0; i < 50; i++) s.spawn(after(1, 0));
      if (depth > 0) yield* scope(nested(depth - 1), { signal });
    };
  await scope(nested(20), { runtime, signal });
  assertEquals([most(), now()], [1, 0]);
  await caught(scope(failing(1, new Error("x")), { runtime, signal }));
  await caught(withTimeout(1, after(100, 0), { runtime, signal }));
  await race([after(1, 0), after(2, 0)], { runtime, signal });
  assertEquals(now(), 0);
});

test("TaskGroup with a signal and a time limit: after run() no listener and no timer is left", async () => {
  const runtime = new SimulatedRuntime();
  const { signal, now } = countedSignal();
  const group = new TaskGroup({ runtime, signal, timeoutMs: 60_000 });
  group.spawn(() => 1);
  await group.run();
  assertEquals([now(), runtime.metrics().timers], [0, 0]);
});

test("a scope that cannot start (maxTasks) leaves no listener and no timer", () => {
  const runtime = new SimulatedRuntime({ maxTasks: 1 });
  runtime.spawn(after(1, 0));
  const { signal, now } = countedSignal();
  let thrown = "";
  try {
    scope(() => 1, { runtime, signal, timeoutMs: 60_000 });
  } catch (error) {
    thrown = (error as Error).name;
  }
  assertEquals([thrown, now(), runtime.metrics().timers], ["TooManyTasksError", 0, 0]);
});

test("signal objects are made only when they are read", async () => {
  const host = globalThis as { AbortController: typeof AbortController };
  const Real = host.AbortController;
  const foreign = new Real();
  let made = 0;
  host.AbortController = class extends Real {
    constructor() {
      super();
      made++;
    }
  };
  try {
    const runtime = new SimulatedRuntime();
    let signal: AbortSignal | undefined;
    await caught(scope(function* (s) {
      for (let i = 0; i < 100; i++) s.spawn(after(i, i));
      s.spawn(async (task) => {
        await task.sleep(1);
      });
      yield* shield(1, after(1, 0));
      yield* s.sleep(1);
      assertEquals(made, 0);
      signal = s.signal;
      assertEquals([made, signal === s.signal], [1, true]);
      s.cancel("both ways");
    }, { runtime, signal: foreign.signal, timeoutMs: 1_000 }));
    assertEquals([made, signal?.aborted], [1, true]);
    assertInstanceOf(signal?.reason, Cancelled);
    assertEquals((signal!.reason as Cancelled).reason, { kind: "requested", note: "both ways" });
  } finally {
    host.AbortController = Real;
  }
});
