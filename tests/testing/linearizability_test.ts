/**
 * The linearizability check: known histories, random ones, and histories of real workers.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  checkLinearizable,
  dequeModel,
  mapModel,
  queueModel,
  type RecordedCall,
  type SequentialModel,
  showHistory,
  stackModel,
} from "@vais/runtime/testing";
import { test } from "../support/test.ts";

/** `name input output invoked returned`, by thread. */
function history(...threads: [string, unknown, unknown, number, number][][]): RecordedCall[] {
  return threads.flatMap((calls, thread) =>
    calls.map(([name, input, output, invoked, returned]) => //
    ({ thread, name, input, output, invoked, returned }))
  );
}

function holds<S>(calls: RecordedCall[], model: SequentialModel<S>): boolean {
  return checkLinearizable(calls, model).linearizable;
}

const EMPTY = Symbol("EMPTY");

test("a queue: overlapping calls may take either order, others may not", () => {
  const pushes = [["push", 1, true, 0, 3]] as [string, unknown, unknown, number, number][];
  const late = history(pushes, [["push", 2, true, 1, 2], ["pop", undefined, 1, 4, 5]]);
  const early = history(pushes, [["push", 2, true, 1, 2], ["pop", undefined, 2, 4, 5]]);
  assert(holds(late, queueModel()));
  assert(holds(early, queueModel()));
  const ordered = history(
    [["push", 1, true, 0, 1], ["push", 2, true, 2, 3]],
    [["pop", undefined, 2, 4, 5]],
  );
  assert(!holds(ordered, queueModel()));
});

test("EMPTY, FULL and RETRY, as symbols or as their names", () => {
  const empty = (output: unknown, invoked: number) =>
    history([["push", 1, true, 0, 1]], [["pop", undefined, output, invoked, 5]]);
  assert(holds(empty(EMPTY, 0), queueModel()));
  assert(!holds(empty(EMPTY, 2), queueModel()));
  assert(!holds(empty("EMPTY", 2), queueModel()));
  assert(holds(empty("RETRY", 2), queueModel()));
  const full = (at: number) => history([["push", 1, true, 0, 1]], [["push", 2, "FULL", at, 3]]);
  assert(holds(full(2), queueModel({ capacity: 1 })));
  assert(!holds(full(2), queueModel({ capacity: 2 })));
});

test("a stack and a deque: which end", () => {
  const calls = (name: string, output: unknown) =>
    history([["push", 1, true, 0, 1], ["push", 2, true, 2, 3], [name, undefined, output, 4, 5]]);
  assert(holds(calls("pop", 2), stackModel()));
  assert(!holds(calls("pop", 1), stackModel()));
  assert(holds(calls("pop", 2), dequeModel()));
  assert(holds(calls("steal", 1), dequeModel()));
  assert(!holds(calls("steal", 2), dequeModel()));
});

test("a map, key by key", () => {
  const stale = history(
    [["set", ["a", 1], undefined, 0, 1], ["set", ["b", 2], undefined, 2, 3]],
    [["get", "b", undefined, 0, 4], ["get", "a", undefined, 5, 6]],
  );
  assert(!holds(stale, mapModel()));
  const fresh = history(
    [["set", ["a", 1], undefined, 0, 1], ["delete", "a", true, 2, 9]],
    [["get", "a", 1, 3, 4], ["has", "a", false, 5, 6]],
  );
  assert(holds(fresh, mapModel()));
});

test("the order found is one the model answers; else the longest beginning is told", () => {
  const calls = history(
    [["push", 1, true, 0, 9], ["pop", undefined, 2, 10, 11]],
    [["push", 2, true, 1, 2]],
  );
  const { linearizable, order } = checkLinearizable(calls, queueModel());
  assert(linearizable);
  assertEquals(order.map((call) => call.input), [2, 1, undefined]);
  const wrong = checkLinearizable(
    history([["push", 1, true, 0, 1], ["pop", undefined, 7, 2, 3]]), //
    queueModel(),
  );
  assertEquals([wrong.linearizable, wrong.order.length], [false, 1]);
});

/** A history of a sequential queue whose calls are stretched until they overlap. */
function stretched(length: number, threads: number, seed: number): RecordedCall[] {
  let state = seed;
  const random = () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) / 2 ** 32;
  const items: number[] = [];
  const calls: RecordedCall[] = [];
  const free = new Array(threads).fill(0);
  for (let i = 0; i < length; i++) {
    const at = i * 10 + 5;
    const idle = free.flatMap((until, thread) => until < at ? [thread] : []);
    const thread = idle[Math.floor(random() * idle.length)];
    if (thread === undefined) continue;
    const isPush = items.length < 3 && random() < 0.5;
    if (isPush) items.push(i);
    const output = isPush ? true : items.length > 0 ? items.shift() : "EMPTY";
    const invoked = Math.max(free[thread] + 0.01, at - random() * 40);
    const returned = free[thread] = at + random() * 40;
    calls.push({
      thread,
      name: isPush ? "push" : "pop",
      input: isPush ? i : undefined,
      output,
      invoked,
      returned,
    });
  }
  return calls;
}

test("thousands of overlapping calls are checked, and one wrong answer among them is found", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const calls = stretched(3000, 4, seed);
    const right = checkLinearizable(calls, queueModel());
    assert(right.linearizable);
    assertEquals(right.order.length, calls.length);
    const pops = calls.filter((call) => call.name === "pop" && typeof call.output === "number");
    const [a, b] = [pops.at(-20)!, pops.at(-1)!]; // swapped, far apart
    const wrong = calls.map((call) =>
      call === a ? { ...a, output: b.output } : call === b ? { ...b, output: a.output } : call
    );
    assert(!checkLinearizable(wrong, queueModel()).linearizable);
  }
});

test("histories are shown line by line", () => {
  assertEquals(
    showHistory(history([["push", 1, true, 2, 3]], [["pop", undefined, EMPTY, 0, 1]])),
    "  thread 1: pop() -> Symbol(EMPTY)  [0, 1]\n  thread 0: push(1) -> true  [2, 3]",
  );
});

test("bad histories, calls and capacities", () => {
  const backwards = history([["pop", undefined, 1, 3, 2]]);
  assertThrows(() => checkLinearizable(backwards, queueModel()), TypeError, "returned at 2");
  const twoAtOnce = history([["pop", undefined, 1, 0, 5], ["pop", undefined, 1, 3, 6]]);
  assertThrows(() => checkLinearizable(twoAtOnce, queueModel()), TypeError, "two calls at 3");
  const peek = history([["peek", undefined, 1, 0, 5]]);
  assertThrows(() => checkLinearizable(peek, queueModel()), TypeError, "has no peek");
  assertThrows(() => checkLinearizable(peek, mapModel()), TypeError, "has no peek");
  for (const capacity of [0, -1, NaN]) assertThrows(() => queueModel({ capacity }), RangeError);
});
