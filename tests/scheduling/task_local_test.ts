/**
 * Values inherited down the tree, and where they are found.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Future,
  Runtime,
  scope,
  sleep,
  TaskGroup,
  TaskLocal,
  withTimeout,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

test("host code, and tasks outside, have the default", async () => {
  const local = new TaskLocal<number, string>({ name: "n", defaultValue: "none" });
  assertEquals([local.name, local.get()], ["n", "none"]);
  assertEquals(await scope(() => local.get()), "none");
  assertEquals(await local.run(1, () => local.get()), 1);
  assertEquals(local.get(), "none");
  assertEquals(new TaskLocal().get(), undefined);
});

test("undefined is a value too", async () => {
  const local = new TaskLocal<undefined, number>({ defaultValue: 7 });
  assertEquals(await local.run(undefined, () => local.get()), undefined);
});

test("any nesting of scopes: the innermost value wins, for each local alone", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ which: fc.nat(2), value: fc.nat(), deep: fc.boolean() }), {
      maxLength: 8,
    }),
    async (levels) => {
      await using runtime = new SimulatedRuntime();
      const locals = [0, 1, 2].map((n) => new TaskLocal<number, number>({ defaultValue: -n }));
      const model = [0, -1, -2];
      const look = () => assertEquals(locals.map((local) => local.get()), model);
      const go = function* (at: number): Generator<unknown, void> {
        look();
        const level = levels[at];
        if (level === undefined) return;
        const before = model[level.which]!;
        yield* locals[level.which]!.run(level.value, function* (s) {
          model[level.which] = level.value;
          yield* yieldNow();
          if (level.deep) yield* s.spawn(() => go(at + 1));
          else yield* go(at + 1);
        });
        model[level.which] = before;
        look();
      };
      await runtime.spawn(() => go(0));
    },
  ));
});

test("found behind foreign awaits, in timers and other callbacks of async bodies", async () => {
  const local = new TaskLocal<string>();
  const seen: unknown[] = [];
  await local.run("mine", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    seen.push(local.get());
    await new Promise<void>((resolve) =>
      setTimeout(() => {
        seen.push(local.get());
        resolve();
      }, 1)
    );
    await Promise.all([1, 2].map(async () => {
      await null;
      seen.push(local.get());
    }));
    await withTimeout(1_000, () => seen.push(local.get()));
  });
  assertEquals(seen, ["mine", "mine", "mine", "mine", "mine"]);
});

test("found in timers and other callbacks that generators and polled bodies make", async () => {
  const local = new TaskLocal<string>();
  const seen: unknown[] = [];
  const fromTimer = () =>
    Future.from(
      new Promise<unknown>((resolve) => setTimeout(() => resolve(local.get()), 1)),
    );
  await local.run("outer", function* (s) {
    yield* sleep(0);
    seen.push(yield* fromTimer());
    const child = s.spawn(function* () {
      yield* sleep(1); // polled again
      return yield* fromTimer();
    });
    seen.push(yield* child);
    let inner: Future<unknown> | undefined;
    seen.push(yield* s.spawn({}, (_state, waker) => (inner ??= fromTimer()).poll(waker)));
    seen.push(
      yield* local.run("inner", function* (s) {
        return yield* s.spawn(() => scope(() => fromTimer()));
      }),
    );
    queueMicrotask(() => seen.push(local.get()));
    yield* sleep(1);
  });
  assertEquals(seen, ["outer", "outer", "outer", "inner", "outer"]);
  assertEquals(await fromTimer(), undefined);
});

test("bind gives a callback the values, also after the task has ended", async () => {
  const local = new TaskLocal<string>();
  const get = await local.run("mine", function* () {
    yield* sleep(0);
    return { bound: local.bind((prefix: string) => prefix + local.get()) };
  });
  assertEquals(get.bound("is "), "is mine");
  assertEquals(local.get(), undefined);
  assertEquals(local.bind(() => local.get())(), undefined);
});

test("a task that is spawned into an outer group has the values of that group", async () => {
  const local = new TaskLocal<string>();
  const group = new TaskGroup();
  await local.run("inner", async () => {
    const handle = group.spawn(() => local.get());
    assertEquals(await handle, undefined);
  });
  await group.run();
});

test("another runtime begins without values", async () => {
  const local = new TaskLocal<number>();
  await using other = new Runtime();
  await local.run(1, async () => {
    assertEquals(await other.spawn(() => local.get()), undefined);
  });
});

test("bad input", () => {
  const bad = (value: unknown): never => value as never;
  assertThrows(() => new TaskLocal(bad(null)), TypeError, "options is null");
  assertThrows(() => new TaskLocal({ name: bad(5) }), TypeError, "name is number");
  assertThrows(() => new TaskLocal().run(1, bad(5)), TypeError, "body is number");
  assertThrows(() => new TaskLocal().bind(bad(5)), TypeError, "callback is number");
});
