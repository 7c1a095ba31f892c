/**
 * No failure of a stream vanishes: what a producer, a mapper or the closing of a source throws is rethrown,
 * in `failuresOf`, or reported.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  closing,
  debounce,
  failuresOf,
  fromReadable,
  Future,
  mapConcurrent,
  merge,
  moveOnAfter,
  scope,
  scopedIterable,
  type ScopedIterator,
  select,
  sleep,
  throttle,
  withTimeout,
  zip,
} from "@vais/runtime";
import { caught, type Watched, watched } from "../support/groups.ts";
import { test } from "../support/test.ts";

/** Runs it as a task of a simulated runtime that is closed then; everything that was told. */
async function toldBy(
  body: (seen: Watched) => unknown,
): Promise<{ thrown: unknown; behind: unknown[]; unobserved: unknown[] }> {
  const seen = watched();
  let thrown: unknown;
  try {
    await seen.runtime.spawn(() => scope(async () => void await body(seen)));
  } catch (error) {
    thrown = error;
  }
  await seen.runtime.close();
  const behind = failuresOf(thrown).map(({ error }) => error);
  return { thrown, behind, unobserved: seen.unobserved };
}

/** A producer that waits for ever, and whose cleanup throws. */
function dirtyProducer(lost: Error): AsyncIterable<number> {
  return scopedIterable<number>(function* (_emit, s) {
    try {
      yield* s.sleep(1_000);
    } finally {
      // deno-lint-ignore no-unsafe-finally -- failing in the cleanup is what is tested
      throw lost;
    }
  });
}

/** A source without end, whose `return()` throws, at once or later. */
function dirtySource(lost: Error, isAsync: boolean): AsyncIterable<number> {
  const step = { done: false, value: 1 };
  const make = () => ({
    next: isAsync ? async () => await step : () => step,
    return() {
      if (isAsync) return Promise.reject(lost);
      throw lost;
    },
  });
  return { [isAsync ? Symbol.asyncIterator : Symbol.iterator]: make } as never;
}

const iteratorOf = <T>(iterable: AsyncIterable<T>) =>
  iterable[Symbol.asyncIterator]() as ScopedIterator<T>;

async function drain(iterable: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of iterable);
}

const CONSUMERS: Record<
  string,
  (lost: Error) => () => Generator<unknown, unknown> | Promise<void>
> = {
  "an async body": (lost) => () => drain(dirtyProducer(lost)),
  "a generator": (lost) =>
    function* () {
      yield* iteratorOf(dirtyProducer(lost)).next();
    },
  "a stream over it": (lost) => () => drain(merge(dirtyProducer(lost))),
  "a select": (lost) =>
    function* () {
      yield* select(iteratorOf(dirtyProducer(lost)).next(), sleep(500));
    },
};

type Body = () => Generator<unknown, unknown> | Promise<void>;

const CANCELS: Record<string, (consume: Body) => PromiseLike<unknown>> = {
  "its task": (consume) =>
    scope(async (s) => {
      const task = s.spawn(consume);
      await sleep(3);
      await task.cancelAndJoin();
    }),
  moveOnAfter: (consume) => moveOnAfter(3, consume),
  withTimeout: (consume) => withTimeout(3, consume),
  "a failing sibling": (consume) =>
    scope(async (s) => {
      s.spawn(consume);
      await sleep(3);
      throw new Error("sibling");
    }),
};

for (const [by, cancel] of Object.entries(CANCELS)) {
  for (const [consumer, make] of Object.entries(CONSUMERS)) {
    test(`a producer's cleanup fails when ${consumer} is cancelled by ${by}: it is told once`, async () => {
      const lost = new Error("cleanup");
      const { thrown, behind, unobserved } = await toldBy(() => cancel(make(lost)));
      const told = [...new Set([thrown, ...behind]), ...unobserved];
      assertEquals(told.filter((error) => error === lost).length, 1);
    });
  }
}

test("a producer that fails when nobody asks: it is reported, unless somebody asks later", async () => {
  const lost = new Error("producer");
  const make = () =>
    iteratorOf(scopedIterable<number>(function* (emit, s) {
      yield* emit(1);
      yield* s.sleep(10);
      throw lost;
    }));
  const dropped = await toldBy(async () => {
    await make().next();
    await sleep(30);
  });
  assertEquals([dropped.thrown, dropped.unobserved], [undefined, [lost]]);
  const lostSelect = await toldBy(async () => {
    const iterator = make();
    await iterator.next();
    await select(iterator.next(), sleep(2));
    await sleep(30);
  });
  assertEquals([lostSelect.thrown, lostSelect.unobserved], [undefined, [lost]]);
  for (const ask of ["next", "return"] as const) {
    const asked = await toldBy(async ({ runtime }) => {
      const iterator = make();
      await iterator.next();
      await select(iterator.next(), sleep(2));
      await sleep(30);
      assertStrictEquals(await caught(iterator[ask]()), lost);
      await runtime.sleep(1);
    });
    assertEquals([asked.thrown, asked.unobserved], [undefined, []], ask);
  }
});

test("a next() that loses a select does not stop the producer, and the next one gets the value", async () => {
  const { thrown, unobserved } = await toldBy(async () => {
    const iterator = iteratorOf(scopedIterable<number>(function* (emit, s) {
      for (let n = 1; n <= 2; n++) {
        yield* s.sleep(10);
        yield* emit(n);
      }
    }));
    assertEquals((await select(iterator.next(), sleep(2))).index, 1);
    assertEquals(await iterator.next(), { done: false, value: 1 });
    assertEquals((await select(iterator.next(), sleep(2))).index, 1);
    assertEquals(await iterator.next(), { done: false, value: 2 });
    assertEquals((await iterator.next()).done, true);
  });
  assertEquals([thrown, unobserved], [undefined, []]);
});

test("a mapper that fails when nobody asks is reported", async () => {
  const lost = new Error("mapper");
  for (const ordered of [true, false]) {
    const { thrown, unobserved } = await toldBy(async () => {
      const iterator = mapConcurrent([1, 2], { limit: 2, ordered }, function* (n, task) {
        yield* task.sleep(n * 5);
        if (n === 2) throw lost;
        return n;
      });
      await iterator.next();
      await sleep(30);
    });
    assertEquals([thrown, unobserved], [undefined, [lost]]);
  }
});

const OVER: Record<string, (source: AsyncIterable<number>) => AsyncIterable<unknown>> = {
  merge: (source) => merge(source),
  zip: (source) => zip(source, [1, 2, 3]),
  mapConcurrent: (source) => mapConcurrent(source, { limit: 1 }, (n) => n),
  "mapConcurrent, as ready": (source) =>
    mapConcurrent(source, { limit: 1, ordered: false }, (n) => n),
  throttle: (source) => throttle(source, 1),
};

/** One value, then a wait, so that it is left in the middle of `next()`. */
function stuckSource(lost: Error): AsyncIterable<number> {
  return (async function* () {
    try {
      yield 1;
      await sleep(20);
      yield 2;
    } finally {
      // deno-lint-ignore no-unsafe-finally -- failing in the cleanup is what is tested
      throw lost;
    }
  })();
}

for (const [name, over] of Object.entries(OVER)) {
  test(`${name}: the error of closing a source is thrown by break`, async () => {
    for (const isAsync of [true, false]) {
      const lost = new Error("closing");
      const { thrown, unobserved } = await toldBy(async () => {
        for await (const _ of over(dirtySource(lost, isAsync))) break;
      });
      assertStrictEquals(thrown, lost);
      assertEquals(unobserved, []);
      // In host code too, without an unhandled rejection.
      const leave = async () => {
        for await (const _ of over(dirtySource(lost, isAsync))) break;
      };
      assertStrictEquals(await caught(leave), lost);
    }
  });
}

test("an async generator that is not stuck is closed before the loop is left", async () => {
  for (const [name, over] of Object.entries(OVER)) {
    const log: string[] = [];
    const { thrown } = await toldBy(async () => {
      const source = (async function* () {
        try {
          for (let n = 0;; n++) yield n;
        } finally {
          await sleep(5);
          log.push("closed");
        }
      })();
      for await (const _ of over(source)) break;
      log.push("left");
    });
    assertEquals([thrown, log], [undefined, ["closed", "left"]], name);
  }
});

/** Debounced, a source without end has no value. */
const STUCK: typeof OVER = { ...OVER, debounce: (source) => debounce(source, 1) };

for (const [name, over] of Object.entries(STUCK)) {
  test(`${name}: what a source throws that is closed in the middle of next() is reported`, async () => {
    const lost = new Error("closing");
    const { thrown, unobserved } = await toldBy(async () => {
      for await (const _ of over(stuckSource(lost))) break;
      await sleep(50);
    });
    assertEquals(thrown === undefined ? unobserved : [thrown, ...unobserved], [lost]);
  });
}

test("the error of closing a source is behind the error that closed it", async () => {
  const ret = new Error("closing"), first = new Error("first");
  const programs: Record<string, () => AsyncIterable<unknown>> = {
    mapper: () =>
      mapConcurrent(dirtySource(ret, true), { limit: 1 }, () => {
        throw first;
      }),
    "mapper, as ready": () =>
      mapConcurrent(dirtySource(ret, true), { limit: 1, ordered: false }, () => {
        throw first;
      }),
    "another source": () =>
      merge(
        dirtySource(ret, true),
        { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(first) }) },
      ),
  };
  for (const [name, make] of Object.entries(programs)) {
    const { thrown, behind } = await toldBy(() => drain(make()));
    assertStrictEquals(thrown, first, name);
    assert(behind.includes(ret), name);
  }
});

test("a cancel while a source is closed: the loop is left when it is, with the error or the cancel", async () => {
  for (const lost of [new Error("closing"), undefined]) {
    let closedAt = 0;
    const { thrown, unobserved } = await toldBy(async ({ runtime }) => {
      const slow = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false, value: 1 }),
          async return() {
            await sleep(10);
            closedAt = runtime.clock.now();
            if (lost !== undefined) throw lost;
            return { done: true, value: undefined };
          },
        }),
      };
      await withTimeout(3, () => drain(zip(slow as AsyncIterable<number>, [1])));
    });
    assertEquals(closedAt, 10);
    assertEquals((thrown as Error).name, "TimeoutError");
    assertEquals(unobserved, lost === undefined ? [] : [lost]);
  }
});

test("a source that throws primitives, and again when it is closed: both are told", async () => {
  const { thrown, unobserved } = await toldBy(() =>
    drain(merge(
      {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: Promise.reject("value") }),
          return() {
            throw "closing";
          },
        }),
      } as unknown as Iterable<number>,
    ))
  );
  assertEquals([thrown, ...unobserved], ["value", "closing"]);
});

test("closing: what close() throws is thrown, or behind the error of the source", async () => {
  const ret = new Error("close"), first = new Error("first");
  const closable = (next: () => Promise<IteratorResult<number>>) => ({
    [Symbol.asyncIterator]: () => ({ next }),
    close() {
      throw ret;
    },
  });
  const never = () => Future.never();
  const stuck = await toldBy(() => moveOnAfter(3, () => drain(closing(closable(never)))));
  assertEquals([stuck.thrown, stuck.unobserved], [undefined, [ret]]);
  const left = await toldBy(async () => {
    for await (const _ of closing(closable(() => Promise.resolve({ done: false, value: 1 })))) {
      break;
    }
  });
  assertStrictEquals(left.thrown, ret);
  const failed = await toldBy(() => drain(closing(closable(() => Promise.reject(first)))));
  assertStrictEquals(failed.thrown, first);
  assert(failed.behind.includes(ret));
});

test("fromReadable gives up its lock when the stream's cancel() rejects", async () => {
  const lost = new Error("cancel");
  const stream = new ReadableStream<number>({
    pull: (controller) => controller.enqueue(1),
    cancel: () => Promise.reject(lost),
  });
  const { thrown } = await toldBy(async () => {
    for await (const _ of fromReadable(stream)) break;
  });
  assertStrictEquals(thrown, lost);
  assertEquals(stream.locked, false);
});

test("an iterator whose next() answers no object is refused, and not closed", async () => {
  let closed = 0;
  const broken = (kind: symbol, step: unknown) => ({
    [kind]: () => ({ next: () => step, return: () => ({ closed: ++closed }) }),
  } as never);
  const sources = [
    broken(Symbol.iterator, 5),
    broken(Symbol.asyncIterator, undefined),
    broken(Symbol.asyncIterator, Promise.resolve("x")),
  ];
  for (const source of sources) {
    await assertRejects(() => drain(merge(source)), TypeError, "must be an object");
  }
  assertEquals(closed, 0);
});
