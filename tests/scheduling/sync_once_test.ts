/**
 * Once and OnceCell: one at a time, once with success, handed over when it fails or is cancelled.
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
import { DeadlockError, Future, Once, OnceCell, Runtime, TimeoutError } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertNothingLeft, hostDelay, within } from "../support/probes.ts";
import { forPrograms, PROGRAMS } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

interface Program {
  readonly seed: number;
  readonly callers: readonly {
    readonly atMs: number;
    readonly forMs: number;
    readonly body: "generator" | "async" | "plain" | "future";
    readonly fails: boolean;
    readonly in: "generator" | "async" | "handle" | "race";
    readonly cancelMs: number | null;
    readonly timeoutMs: number | null;
  }[];
}

const programs: fc.Arbitrary<Program> = fc.record({
  seed: fc.nat(),
  callers: fc.array(
    fc.record({
      atMs: fc.nat(5),
      forMs: fc.nat(4),
      body: fc.constantFrom("generator", "generator", "async", "plain", "future"),
      fails: fc.boolean(),
      in: fc.constantFrom("generator", "generator", "async", "handle", "race"),
      cancelMs: fc.option(fc.nat(8), { freq: 2 }),
      timeoutMs: fc.option(fc.nat(6), { freq: 4 }),
    }),
    { minLength: 1, maxLength: 6, size: "max" },
  ),
});

/** Callers of one cell; answers how they ended. */
async function callers({ seed, callers }: Program): Promise<string[]> {
  const runtime = new SimulatedRuntime({ seed, observer: { onUnobserved: () => {} } });
  const cell = new OnceCell<number>();
  let running = 0;
  let made: number | undefined;
  const handles = callers.map(({ atMs, forMs, body, fails, in: where, timeoutMs }, i) => {
    const begin = () => {
      assertEquals([running++, made], [0, undefined], `initializer ${i}`);
    };
    const end = () => {
      if (fails) throw new Error(`failed ${i}`);
      assertEquals(made, undefined);
      return made = i;
    };
    const init = (): Generator<unknown, number> | Promise<number> | number => {
      begin();
      try {
        return end();
      } finally {
        running--;
      }
    };
    const inits = {
      plain: init,
      generator: function* () {
        begin();
        try {
          yield* runtime.sleep(forMs);
          return end();
        } finally {
          running--;
        }
      },
      async: async () => {
        begin();
        try {
          await runtime.sleep(forMs);
          return end();
        } finally {
          running--;
        }
      },
      future: () => {
        begin();
        let ended = false;
        const stop = () => {
          if (!ended) running--;
          ended = true;
        };
        const nap = runtime.sleep(forMs).map(() => {
          stop();
          return end();
        });
        // A future has no cleanup: that it was given up is seen here.
        const { abandon } = nap;
        nap.abandon = function (...args) {
          stop();
          return abandon.apply(this, args);
        };
        return nap;
      },
    };
    const get = () => cell.getOrInit(inits[body], { timeoutMs });
    const settled = (value: number | string) => {
      if (value !== "raced") assertEquals(value, made);
      return value;
    };
    if (where === "async") {
      return runtime.spawn(async (task) => {
        await task.sleep(atMs);
        return settled(await get());
      });
    }
    if (where === "handle") return runtime.spawn(runtime.sleep(atMs).andThen(get).map(settled));
    return runtime.spawn(function* (task) {
      yield* task.sleep(atMs);
      return settled(
        yield* where === "generator"
          ? get()
          : Future.race<number | string>([get(), runtime.sleep(3).map(() => "raced")]),
      );
    });
  });
  callers.forEach(({ cancelMs }, i) => {
    if (cancelMs === null) return;
    runtime.spawn(function* (task) {
      yield* task.sleep(cancelMs);
      handles[i]!.cancel();
    });
  });
  const outcomes = await Promise.all(handles.map((handle) => handle.settled()));
  // What the initializer of a lost race throws is not lost.
  await runtime.run().catch((error) => {
    const [, i] = /^failed (\d+)$/.exec(error.message) ?? [];
    assertEquals(callers[Number(i)]?.in, "race", String(error));
  });
  await runtime.run();
  assertEquals([cell.get(), cell.isSet, cell.waiting, running], [made, made !== undefined, 0, 0]);
  assertEquals([runtime.metrics().alive, runtime.metrics().timers], [0, 0]);
  return outcomes.map((outcome, i) => {
    if (outcome.status !== "error") return outcome.status;
    const error = outcome.error as Error;
    if (error instanceof TimeoutError) return "timeout";
    // Nobody gets the error of another's initializer.
    assertEquals(error.message, `failed ${i}`);
    return "failed";
  });
}

test("OnceCell runs one initializer at a time, until one succeeds: 10 000 programs with failures, cancels, limits and races", async () => {
  const seen = new Map<string, number>();
  await forPrograms(programs, async (program) => {
    for (const end of await callers(program)) seen.set(end, (seen.get(end) ?? 0) + 1);
  });
  for (const end of ["ok", "cancelled", "failed", "timeout"]) {
    assert((seen.get(end) ?? 0) > PROGRAMS / 40, `${end}: ${seen.get(end)}`);
  }
});

test("a cancelled initializer hands over to the next who waits, when its cleanup is over", async () => {
  await using runtime = new SimulatedRuntime();
  const cell = new OnceCell<string>();
  const log: string[] = [];
  const first = runtime.spawn(function* () {
    yield* cell.getOrInit(function* () {
      try {
        yield* runtime.sleep(60_000);
        return "never";
      } finally {
        yield* runtime.sleep(5);
        log.push(`cleaned at ${runtime.clock.now()}`);
      }
    });
  });
  const second = runtime.spawn(function* () {
    return yield* cell.getOrInit(() => {
      log.push(`begun at ${runtime.clock.now()}`);
      return "second";
    });
  });
  const third = runtime.spawn(async () => await cell.getOrInit(() => "third"));
  runtime.spawn(function* (task) {
    yield* task.sleep(1);
    first.cancel();
  });
  assertEquals([await second, await third], ["second", "second"]);
  assertEquals(log, ["cleaned at 6", "begun at 6"]);
});

test("set and get: a value is set once, and not while one is made", async () => {
  await using runtime = new SimulatedRuntime();
  const cell = new OnceCell<number | undefined>({ name: "config" });
  assertEquals([cell.get(), cell.isSet], [undefined, false]);
  const making = runtime.spawn(cell.getOrInit(() => runtime.sleep(5).map(() => undefined)));
  runtime.runUntilStalled();
  assertEquals(cell.set(1), false);
  const waiter = runtime.spawn(cell.getOrInit(() => 2), { name: "waiter" });
  runtime.runUntilStalled();
  assertStringIncludes(runtime.dump().toString(), "waits for once cell config (being made)");
  assertEquals([await making, await waiter, cell.isSet, cell.set(3)], [
    undefined,
    undefined,
    true,
    false,
  ]);
  const other = new OnceCell<number>();
  assertEquals([other.set(7), other.set(8), other.get()], [true, false, 7]);
  assertEquals(await other.getOrInit(() => 9), 7);
});

test("an initializer that asks for its own cell gets a DeadlockError, and the cell is free again", async () => {
  await using runtime = new Runtime();
  const cell = new OnceCell<number>({ name: "self" });
  const handle = runtime.spawn(function* () {
    return yield* cell.getOrInit(function* (): Generator<unknown, number> {
      return yield* cell.getOrInit(() => 1);
    });
  }, { name: "worker" });
  const error = await assertRejects(() => within(handle, "the error"), DeadlockError);
  assertStringIncludes(error.message, "once cell self: its initializer, in worker #0");
  assertEquals(await cell.getOrInit(() => 2), 2);
});

test("host code gets and makes values too", async () => {
  const cell = new OnceCell<number>();
  let made = 0;
  const get = () => cell.getOrInit(async () => (await hostDelay(1), ++made));
  assertEquals(await within(Promise.all([get(), get(), get()]), "the value"), [1, 1, 1]);
});

test("Once runs a body once with success; those who come meanwhile wait for its end", async () => {
  await using runtime = new SimulatedRuntime();
  const once = new Once({ name: "setup" });
  const log: string[] = [];
  const run = (name: string, fails: boolean) =>
    runtime.spawn(function* () {
      const nothing = yield* once.run(function* () {
        log.push(`${name} begins`);
        yield* runtime.sleep(1);
        if (fails) throw new Error(name);
        log.push(`${name} ends`);
        return name;
      });
      assertEquals(nothing, undefined);
      log.push(`${name} goes on`);
    });
  const [a, b, c] = [run("a", true), run("b", false), run("c", true)];
  runtime.runUntilStalled();
  assertEquals([once.isDone, once.waiting], [false, 2]);
  await assertRejects(() => a, Error, "a");
  await Promise.all([b, c]);
  assertEquals(log, ["a begins", "b begins", "b ends", "b goes on", "c goes on"]);
  let again = false;
  await once.run(async () => {
    again = true;
    await Promise.resolve();
  });
  assertEquals([once.isDone, again], [true, false]);
  await assertNothingLeft(runtime);
});

test("Once takes any kind of body", async () => {
  const bodies = [
    () => 1,
    async () => await Promise.resolve(2),
    function* () {
      yield* Future.ready(3);
    },
    () => Future.ready(4),
  ];
  for (const body of bodies) {
    const once = new Once();
    assertEquals(await once.run(body), undefined);
    assert(once.isDone);
  }
  const failing = new Once();
  const error = await Promise.resolve(failing.run(() => Promise.reject(new TypeError("x")))).catch(
    (error) => error,
  );
  assertInstanceOf(error, TypeError);
  assertEquals(failing.isDone, false);
});
