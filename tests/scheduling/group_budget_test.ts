/**
 * The budget of a group: what lives at once never costs more, and who makes work waits for room.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Cancelled,
  GroupClosedError,
  GroupFullError,
  type JoinHandle,
  moveOnAfter,
  scope,
  sleep,
  TaskGroup,
  TimeoutError,
} from "@vais/runtime";
import { SimulatedRuntime, sweepCancellation } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

test("spawn above the budget throws and starts nothing; admit parks the spawner until there is room", async () => {
  await using runtime = new SimulatedRuntime();
  const log: string[] = [];
  await runtime.spawn(() =>
    scope(function* (s) {
      const child = (name: string, ms: number) =>
        function* () {
          log.push(`${name} in`);
          yield* sleep(ms);
          log.push(`${name} out`);
        };
      s.spawn(child("a", 10));
      s.spawn(child("b", 20));
      const error = assertThrows(() => s.spawn(child("c", 1)), GroupFullError, "2 of 2 in use");
      assertEquals(error.code, "ERR_GROUP_FULL");
      assertEquals([s.total, s.stats().used, s.stats().waiting], [2, 2, 0]);
      const { handle } = yield* s.admit(child("d", 1));
      log.push(`d at ${runtime.clock.now()}`);
      yield* handle;
    }, { budget: 2, name: "pair" })
  );
  assertEquals(log, ["a in", "b in", "a out", "d at 10", "d in", "d out", "b out"]);
});

test("admit in an async body answers the handle, not the child's end", async () => {
  await using runtime = new SimulatedRuntime();
  await runtime.spawn(() =>
    scope(async (s) => {
      const { handle } = await s.admit((task) => task.sleep(1_000));
      assertEquals([handle.isFinished, runtime.clock.now()], [false, 0]);
    }, { budget: 1 })
  );
  assertEquals(runtime.clock.now(), 1_000);
});

test("costs: many small ones do not overtake a large one that waits", async () => {
  await using runtime = new SimulatedRuntime();
  const order: string[] = [];
  await runtime.spawn(() =>
    scope((s) => {
      const enter = (name: string, cost: number, ms: number) =>
        s.spawn(function* () {
          yield* s.admit(function* () {
            order.push(name);
            yield* sleep(ms);
          }, { cost });
        }, { cost: 0, name });
      enter("half", 50, 10);
      enter("all", 100, 10);
      enter("small", 1, 10);
    }, { budget: 100 })
  );
  assertEquals(order, ["half", "all", "small"]);
});

test("a child that fails, is cancelled, or ends gives its room back; so does a background child", async () => {
  await using runtime = new SimulatedRuntime();
  const group = new TaskGroup({ budget: 2, cancelOnError: false, runtime });
  const failing = group.spawn(() => {
    throw new RangeError("planned");
  });
  const stuck = group.spawn((task) => task.sleep(1e6));
  assertThrows(() => group.spawn(() => {}), GroupFullError);
  await assertRejects(() => failing, RangeError);
  const service = group.spawn((task) => task.sleep(1e6), { background: true });
  assertThrows(() => group.spawn(() => {}), GroupFullError);
  stuck.cancel();
  await assertRejects(() => stuck, Cancelled);
  group.spawn(() => {});
  service.cancel();
  await assertRejects(() => group.run(), RangeError, "planned");
  assertEquals(group.stats().used, 0);
});

test("a wait for room ends when the group is closed or cancelled, by a limit, and when it is cancelled", async () => {
  await using runtime = new SimulatedRuntime();
  for (const end of ["close", "cancel"] as const) {
    const group = new TaskGroup({ budget: 1, runtime, name: "g" });
    group.spawn((task) => task.sleep(5));
    const waiting = runtime.spawn(function* () {
      yield* group.admit(() => {});
    });
    runtime.runUntilStalled();
    assertEquals(group.stats().waiting, 1);
    group[end]();
    await assertRejects(() => waiting, GroupClosedError);
    assertEquals(group.stats().waiting, 0);
    await group.run().catch((error) => assertInstanceOf(error, Cancelled));
  }
  const group = new TaskGroup({ budget: 1, runtime });
  group.spawn((task) => task.sleep(50));
  await runtime.spawn(async () => {
    await assertRejects(async () => void await group.admit(() => {}).timeout(5), TimeoutError);
    assertEquals(
      (await moveOnAfter(5, async () => void await group.admit(() => {}))).timedOut,
      true,
    );
  });
  assertEquals([group.total, group.stats().waiting], [1, 0]);
  await group.run();
});

test("without a budget admit starts the child at once", async () => {
  await using runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime });
  const handles: JoinHandle<number>[] = [];
  await runtime.spawn(function* () {
    for (let i = 0; i < 100; i++) handles.push((yield* group.admit(() => i)).handle);
  });
  await group.run();
  assertEquals(await handles[99], 99);
});

test("map and forEach take items only when the budget has room", async () => {
  await using runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, budget: 3 });
  let taken = 0, running = 0, most = 0;
  function* items() {
    for (; taken < 20; taken++) yield taken;
  }
  const other = group.spawn((task) => task.sleep(100)); // takes room, and is none of the items
  const results = await group.map(items(), async (n, _i, task) => {
    most = Math.max(most, ++running);
    await task.sleep(n % 3);
    running--;
    return n * 2;
  });
  assertEquals([results.length, results[19], most], [20, 38, 2]);
  await other;
  await group.run();
});

test("the items of map stand in the line, like those who admit", async () => {
  await using runtime = new SimulatedRuntime();
  const group = new TaskGroup({ runtime, budget: 1 });
  const order: string[] = [];
  const nap = (name: string) =>
    function* () {
      order.push(name);
      yield* sleep(1);
    };
  const mapped = group.map([0, 1, 2], (n) => nap(`item ${n}`)());
  for (const name of ["a", "b"]) {
    runtime.spawn(function* () {
      for (let i = 0; i < 3; i++) yield* group.admit(nap(`${name}${i}`));
    });
  }
  await mapped;
  assertEquals(order.slice(0, 7), ["item 0", "item 1", "a0", "b0", "item 2", "a1", "b1"]);
  await runtime.run();
  assertEquals([order.length, group.stats().used], [9, 0]);
});

test("a map that waits for room ends with its group, and with its items", async () => {
  await using runtime = new SimulatedRuntime();
  for (const end of ["cancel", "close"] as const) {
    let closed = 0;
    const items = function* () {
      try {
        for (let n = 0;; n++) yield n;
      } finally {
        closed++;
      }
    };
    const group = new TaskGroup({ runtime, budget: 1 });
    const mapped = group.map(items(), (_n, _i, task) => task.sleep(5)).catch((error) => error);
    runtime.runUntilStalled();
    assertEquals(group.stats().waiting, 1);
    group[end]();
    const error = await runtime.spawn(() => mapped);
    assertEquals(error instanceof (end === "cancel" ? Cancelled : GroupClosedError), true);
    assertEquals([closed, group.stats().waiting], [1, 0]);
    await group.run().catch(() => {});
  }
});

test("bad input", () => {
  assertThrows(() => new TaskGroup({ budget: -1 }), RangeError, "budget");
  assertThrows(() => new TaskGroup({ budget: 1.5 }), RangeError, "budget");
  assertThrows(() => new TaskGroup({ budget: "1" as never }), TypeError, "budget");
  assertThrows(() => new TaskGroup().spawn(() => {}, { cost: -1 }), RangeError, "cost");
  assertThrows(() => new TaskGroup().spawn(() => {}, { cost: "1" as never }), TypeError, "cost");
  const group = new TaskGroup({ budget: 10, name: "ten" });
  for (const cost of [-1, 0.5, NaN]) {
    assertThrows(() => group.spawn(() => {}, { cost }), RangeError, "cost");
    assertThrows(() => group.admit(() => {}, { cost }), RangeError, "cost");
  }
  assertThrows(() => group.spawn(() => {}, { cost: "1" as never }), TypeError, "cost");
  assertThrows(() => group.admit(() => {}, { cost: 11 }), RangeError, "the budget of ten is 10");
  assertThrows(() => group.admit(() => {}, 1 as never), TypeError, "options");
  assertEquals(group.total, 0);
});

test("random costs and ends: never above the budget, everybody gets in, nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ cost: fc.nat(8), ms: fc.nat(5), gap: fc.nat(3), fails: fc.boolean() }), {
        maxLength: 30,
      }),
      fc.integer({ min: 8, max: 20 }),
      async (children, budget) => {
        await using runtime = new SimulatedRuntime();
        const group = new TaskGroup({ runtime, budget, cancelOnError: false });
        let used = 0, most = 0, begun = 0;
        const order: number[] = [];
        await runtime.spawn(function* () {
          for (const [i, { cost, ms, gap, fails }] of children.entries()) {
            yield* group.admit(function* () {
              order.push(i);
              most = Math.max(most, used += cost);
              begun++;
              try {
                yield* sleep(ms);
                if (fails) throw new RangeError("planned");
              } finally {
                used -= cost;
              }
            }, { cost });
            yield* sleep(gap);
          }
        });
        await group.run().catch((error) => assertInstanceOf(error, RangeError));
        assertEquals([begun, used, group.stats().used], [children.length, 0, 0]);
        assertEquals(most <= budget, true);
        assertEquals(order, children.map((_, i) => i));
      },
    ),
    { numRuns: 300 },
  );
});

test("a cancel anywhere: no room is lost, and everybody else gets in", async () => {
  const { runs } = await sweepCancellation((runtime) => {
    const group = new TaskGroup({ runtime, budget: 2 });
    for (const cost of [1, 2, 1]) {
      runtime.spawn(function* () {
        const { handle } = yield* group.admit(function* () {
          yield* sleep(1);
        }, { cost });
        yield* handle;
      });
    }
    return group;
  }, async (group, cancelled) => {
    const { used, waiting, completed } = group.stats();
    assertEquals([used, waiting], [0, 0]);
    assertEquals(completed >= (cancelled === undefined ? 3 : 2), true);
    assertEquals(group.spawn(() => "room", { cost: 2 }).isFinished, false);
    await group.run();
  });
  assertEquals(runs > 20, true);
});
