/**
 * SimulatedRuntime and forEachSchedule: virtual time that is honest, schedules that come again.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { connect, createServer, type Socket } from "node:net";
import { Future, type Runtime, yieldNow } from "@vais/runtime";
import { forEachSchedule, SimulatedRuntime, VirtualClock } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay } from "../support/probes.ts";
import { test } from "../support/test.ts";

const DAY = 24 * 60 * 60 * 1_000;

test("SimulatedRuntime jumps when every task is parked: 24 h of sleeps take no time", async () => {
  const runtime = new SimulatedRuntime();
  const begun = performance.now();
  const handles = Array.from({ length: 24 }, (_, i) =>
    runtime.spawn(function* (task) {
      for (let h = 0; h < 24; h++) yield* task.sleep(3_600_000 - i);
      return runtime.clock.now();
    }));
  assertEquals(await handles[0], DAY);
  assertEquals(await handles[23], DAY - 23 * 24);
  assert(performance.now() - begun < 60_000); // 24 h otherwise
  await assertNothingLeft(runtime);
});

test("SimulatedRuntime: a sleep in the test body itself jumps too, and so does an async body's", async () => {
  const runtime = new SimulatedRuntime();
  await runtime.sleep(DAY);
  await runtime.spawn(async (task) => {
    await task.sleep(DAY);
    await runtime.sleep(DAY);
  });
  assertEquals(runtime.clock.now(), 3 * DAY);
});

test("SimulatedRuntime jumps exactly to each deadline, in order", async () => {
  const runtime = new SimulatedRuntime({ startMs: 1_000 });
  const log: number[] = [];
  for (const ms of [5, 70_000, 33, 2 ** 31 + 1]) {
    runtime.spawn(function* (task) {
      yield* task.sleep(ms);
      log.push(runtime.clock.now());
    });
  }
  await runtime.run();
  assertEquals(log, [1_005, 1_033, 71_000, 2 ** 31 + 1_001]);
});

test("SimulatedRuntime blockOn jumps as well", () => {
  const runtime = new SimulatedRuntime();
  runtime.blockOn(runtime.sleep(DAY));
  assertEquals(runtime.clock.now(), DAY);
});

test("SimulatedRuntime ends every sleep, at whatever fractional time it starts or is advanced to", async () => {
  for (let i = 0; i < 100; i++) {
    const runtime = new SimulatedRuntime();
    const nap = runtime.spawn(function* (task) {
      yield* task.sleep(1 + i * 7.3);
    });
    runtime.runUntilStalled();
    runtime.clock.advance((i * 0.37) % 1);
    let turns = 0;
    while (!nap.isFinished && turns++ < 100) {
      const ms = runtime.turn();
      if (ms !== 0 && ms !== Infinity) runtime.clock.advance(ms);
    }
    assert(nap.isFinished, `never ends: ${i}`);
    await assertNothingLeft(runtime);
  }
});

test("SimulatedRuntime never jumps while a promise is in flight (G33)", async () => {
  const waits: Record<string, (runtime: SimulatedRuntime) => Future<unknown>> = {
    "a spawned promise": (r) => r.spawn(hostDelay(5)),
    "a bare await in an async body": (r) => r.spawn(async () => await hostDelay(5)),
    "task.wait in an async body": (r) => r.spawn(async (task) => await task.wait(hostDelay(5))),
    "Future.from in a generator": (r) =>
      r.spawn(function* () {
        yield* Future.from(hostDelay(5));
      }),
    "Future.from with a timeout": (r) =>
      r.spawn(function* () {
        yield* Future.from(hostDelay(5)).timeout(1_000);
      }),
    "a race with a sleep": (r) => r.spawn(Future.race([Future.from(hostDelay(5)), r.sleep(1_000)])),
    "a join of its handle": (r) => {
      const inner = r.spawn(hostDelay(5));
      return r.spawn(function* () {
        yield* inner;
      });
    },
    "host code that awaits it": () => Future.from(hostDelay(5)),
  };
  for (const [name, wait] of Object.entries(waits)) {
    const runtime = new SimulatedRuntime();
    const bystander = runtime.spawn(function* (task) {
      yield* task.sleep(60_000);
    });
    await wait(runtime);
    assertEquals([name, runtime.clock.now()], [name, 0]);
    await bystander;
    assertEquals(runtime.clock.now(), 60_000);
  }
});

/** A loopback server that echoes, and a client's round trip through it. */
async function withEcho(
  body: (echo: (text: string) => Promise<string>) => Promise<void>,
): Promise<void> {
  const server = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const sockets: Socket[] = [];
  try {
    await body((text) =>
      new Promise((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(text));
        sockets.push(socket);
        socket.once("error", reject);
        socket.once("data", (data) => {
          resolve(String(data));
          socket.destroy();
        });
      })
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("a real TCP echo with a virtual timeout beside it never times out, 50 times (G33)", async () => {
  await withEcho(async (echo) => {
    for (let i = 0; i < 50; i++) {
      const runtime = new SimulatedRuntime();
      const bodies = [
        runtime.spawn(function* () {
          return yield* Future.race([
            Future.from(echo(`a${i}`)),
            runtime.sleep(1).map(() => "late"),
          ]);
        }),
        runtime.spawn(function* () {
          return yield* Future.from(echo(`b${i}`)).timeout(1);
        }),
        runtime.spawn(async () => await echo(`c${i}`)),
      ];
      runtime.spawn(runtime.sleep(1));
      assertEquals(await Promise.all(bodies), [`a${i}`, `b${i}`, `c${i}`]);
      await runtime.run();
      await assertNothingLeft(runtime);
    }
  });
});

test("a wait through many microtasks is not jumped over", async () => {
  const runtime = new SimulatedRuntime();
  const handle = runtime.spawn(async (task) => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    await task.sleep(1);
    for (let i = 0; i < 50; i++) await Promise.resolve();
    return runtime.clock.now();
  });
  runtime.spawn(runtime.sleep(60_000));
  assertEquals(await handle, 1);
});

/** The order in which eight tasks of three steps each run. */
function orderOf(seed: number | undefined): string {
  const runtime = new SimulatedRuntime(seed === undefined ? {} : { seed });
  assertStrictEquals(runtime.seed, seed);
  const log: number[] = [];
  for (let i = 0; i < 8; i++) {
    runtime.spawn(function* () {
      for (let step = 0; step < 3; step++) {
        log.push(i);
        yield* yieldNow();
      }
    });
  }
  runtime.runUntilStalled();
  return log.join("");
}

test("a seed gives the same order each time; different seeds give different orders; none is FIFO", () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    assertEquals(orderOf(seed), orderOf(seed));
    orders.add(orderOf(seed));
  }
  assert(orders.size > 95, `${orders.size} different orders of 100 seeds`);
  assertEquals(orderOf(undefined), "01234567".repeat(3));
  assertNotEquals(orderOf(1), orderOf(undefined));
});

test("each task is as likely to be first: the shuffle favours no position", () => {
  const firsts = new Array(8).fill(0);
  for (let seed = 0; seed < 800; seed++) firsts[Number(orderOf(seed)[0])]++;
  for (const count of firsts) assert(count > 50 && count < 160, `firsts: ${firsts}`);
});

/** Loses an update in some schedules only. */
async function racy(runtime: Runtime): Promise<void> {
  let balance = 0;
  let done = false;
  runtime.spawn(function* () {
    balance = 1;
    yield* yieldNow();
    done = true;
  });
  runtime.spawn(function* () {
    yield* yieldNow();
    if (!done) balance = 2;
  });
  await runtime.run();
  assertEquals(balance, 1);
}

test("forEachSchedule finds a race, tells the seed, and that seed reproduces it 100 times of 100", async () => {
  const error = await assertRejects(() => forEachSchedule(racy, { seed: 7, count: 100 }), Error);
  const seed = Number(/seed (\d+)/.exec(error.message)?.[1]);
  assert(seed >= 7, error.message);
  assert(error.cause instanceof Error);
  for (let i = 0; i < 100; i++) {
    const again = await assertRejects(() => forEachSchedule(racy, { seed, count: 1 }), Error);
    assertEquals(again.message, error.message);
  }
});

test("forEachSchedule tries count seeds from the first one, each on a fresh runtime, and closes them", async () => {
  const seeds: unknown[] = [];
  const runtimes = new Set<Runtime>();
  await forEachSchedule((runtime) => {
    seeds.push(runtime.seed);
    runtimes.add(runtime);
    runtime.spawn(Future.never());
  }, { seed: 40, count: 5 });
  assertEquals([seeds, runtimes.size], [[40, 41, 42, 43, 44], 5]);
  for (const runtime of runtimes) assertEquals(runtime.taskCount, 0);
});

test("forEachSchedule fails when a task failed and nobody looked", async () => {
  await assertRejects(
    () =>
      forEachSchedule((runtime) => {
        runtime.spawn(() => {
          throw new Error("nobody looked");
        });
        runtime.runUntilStalled();
      }, { seed: 1, count: 1 }),
    Error,
    "nobody looked",
  );
});

test("VirtualClock stands still until it is advanced", () => {
  const clock = new VirtualClock(10);
  assertEquals([clock.now(), clock.now()], [10, 10]);
  clock.advance(0);
  clock.advance(2.5);
  assertEquals(clock.now(), 12.5);
});
