/**
 * Bad input to `./scheduling`: TypeError for the wrong kind, RangeError for out of range.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  abortable,
  all,
  allSettled,
  any,
  effectiveDeadline,
  joinWith,
  main,
  moveOnAfter,
  parallelForEach,
  quorum,
  race,
  type Scope,
  scope,
  scopedIterable,
  ScopedTask,
  scopedTask,
  shield,
  TaskGroup,
  taskGroup,
  taskGroupNamed,
  withDeadline,
  withTimeout,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { assertRefused, type Call, wrong } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

const runtime = new SimulatedRuntime();
const group = () => new TaskGroup({ runtime });
const one = () => 1;
const joiner = { onEnd: () => "continue" as const, result: () => 1 };
const bad = wrong(5);
const text = wrong("text");
const nil = wrong(null);
const nothing = wrong(undefined);

/** Options every maker of a group takes, and values of the wrong type for them. */
const WRONG_OPTIONS: [string, unknown][] = [
  ["name", 5],
  ["cancelOnError", "yes"],
  ["maxConcurrency", "2"],
  ["signal", {}],
  ["runtime", {}],
  ["graceMs", "10"],
  ["timeoutMs", "10"],
  ["trackTiming", 1],
];

const WRONG_TYPE: Record<string, Call> = {
  "new TaskGroup(5)": () => new TaskGroup(bad),
  "new TaskGroup(null)": () => new TaskGroup(nil),
  "taskGroup(5)": () => taskGroup(bad),
  "TaskGroup.named(5)": () => TaskGroup.named(bad),
  "taskGroupNamed(5)": () => taskGroupNamed(bad),
  "new ScopedTask(5)": () => new ScopedTask(bad),
  "scopedTask(5)": () => scopedTask(bad),
  "ScopedTask.spawn(5)": () => scopedTask({ runtime }).spawn(bad),
  "group.spawn(5)": () => group().spawn(bad),
  "group.spawn()": () => group().spawn(nothing),
  "group.spawn(body, 5)": () => group().spawn(one, bad),
  "group.spawn(body, { name: 5 })": () => group().spawn(one, { name: bad }),
  "group.spawn(body, { background: 5 })": () => group().spawn(one, { background: bad }),
  "group.start(5)": () => group().start(bad),
  "group.start(a future)": () => group().start(wrong(runtime.sleep(1))),
  "group.setCancelOnError(1)": () => group().setCancelOnError(bad),
  "group.setMaxConcurrency('text')": () => group().setMaxConcurrency(text),
  "group.result('text')": () => group().result(text),
  "group.cancel(reason, { graceMs: 'text' })": () => group().cancel(0, { graceMs: text }),
  "group.cancelAndJoin(reason, { graceMs: 'text' })": () =>
    group().cancelAndJoin(0, { graceMs: text }),
  "group.map(5, fn)": () => group().map(bad, one),
  "group.map(items)": () => group().map([1], nothing),
  "group.forEach(null, fn)": () => group().forEach(nil, one),
  "group.forEach(items, 5)": () => group().forEach([1], bad),
  "scope(5)": () => scope(bad),
  "scope()": () => scope(nothing),
  "scope(body, 5)": () => scope(one, bad),
  "scope(body, 'text')": () => scope(one, text),
  "scope.deadlineMs = 'text'": () =>
    scope((s: Scope) => {
      s.deadlineMs = text;
    }, { runtime }),
  "parallelForEach(5, fn)": () => parallelForEach(bad, one, { runtime }),
  "parallelForEach(items, 5)": () => parallelForEach([1], bad, { runtime }),
  "withTimeout('text', body)": () => withTimeout(text, one),
  "withTimeout(1, 5)": () => withTimeout(1, bad),
  "moveOnAfter('text', body)": () => moveOnAfter(text, one),
  "moveOnAfter(1, 5)": () => moveOnAfter(1, bad),
  "withDeadline('text', body)": () => withDeadline(text, one),
  "withDeadline(1, 5)": () => withDeadline(1, bad),
  "effectiveDeadline(5)": () => effectiveDeadline(bad),
  "effectiveDeadline({})": () => effectiveDeadline(wrong({})),
  "shield('text', body)": () => shield(text, one),
  "shield(1, 5)": () => shield(1, bad),
  "shield(1)": () => shield(1, nothing),
  "all(5)": () => all(bad),
  "all([5])": () => all([bad], { runtime }),
  "allSettled(null)": () => allSettled(nil),
  "race(5)": () => race(bad),
  "any(5)": () => any(bad),
  "any([5])": () => any([bad], { runtime }),
  "quorum('text', [])": () => quorum(text, []),
  "quorum(1, 5)": () => quorum(1, bad),
  "joinWith(5, [])": () => joinWith(bad, []),
  "joinWith(null, [])": () => joinWith(nil, []),
  "joinWith({}, [])": () => joinWith(wrong({}), []),
  "joinWith(joiner, 5)": () => joinWith(joiner, bad),
  "joinWith(joiner, [], 5)": () => joinWith(joiner, [], bad),
  "scopedIterable(5)": () => scopedIterable(bad),
  "abortable(5)": () => abortable(bad),
  "main(5)": () => main(bad),
  "main(body, { graceMs: 'text' })": () => main(one, { graceMs: text }),
};
for (const [option, value] of WRONG_OPTIONS) {
  const options = wrong({ runtime, [option]: value });
  WRONG_TYPE[`new TaskGroup({ ${option}: ${JSON.stringify(value)} })`] = () =>
    new TaskGroup(options);
  WRONG_TYPE[`scope(body, { ${option}: ${JSON.stringify(value)} })`] = () => scope(one, options);
  if (option !== "cancelOnError") {
    WRONG_TYPE[`all([], { ${option}: ${JSON.stringify(value)} })`] = () => all([], options);
  }
}

const OUT_OF_RANGE: Record<string, Call> = {
  "new TaskGroup({ failures: 'all' })": () => new TaskGroup({ failures: wrong("all") }),
  "new TaskGroup({ maxConcurrency: -1 })": () => new TaskGroup({ maxConcurrency: -1 }),
  "new TaskGroup({ maxConcurrency: 1.5 })": () => new TaskGroup({ maxConcurrency: 1.5 }),
  "new TaskGroup({ maxConcurrency: NaN })": () => new TaskGroup({ maxConcurrency: NaN }),
  "new TaskGroup({ graceMs: -1 })": () => new TaskGroup({ graceMs: -1 }),
  "new TaskGroup({ graceMs: NaN })": () => new TaskGroup({ graceMs: NaN }),
  "new TaskGroup({ timeoutMs: -1 })": () => new TaskGroup({ timeoutMs: -1 }),
  "new TaskGroup({ timeoutMs: NaN })": () => new TaskGroup({ timeoutMs: NaN }),
  "scope(body, { timeoutMs: -1 })": () => scope(one, { timeoutMs: -1 }),
  "group.setMaxConcurrency(-1)": () => group().setMaxConcurrency(-1),
  "group.setMaxConcurrency(NaN)": () => group().setMaxConcurrency(NaN),
  "group.cancel(reason, { graceMs: -1 })": () => group().cancel(0, { graceMs: -1 }),
  "group.result(0) of none": () => group().result(0),
  "group.hasError(-1)": () => group().hasError(-1),
  "group.taskStatus(0.5)": () => group().taskStatus(0.5),
  "scope.deadlineMs = NaN": () =>
    scope((s: Scope) => {
      s.deadlineMs = NaN;
    }, { runtime }),
  "withTimeout(-1, body)": () => withTimeout(-1, one),
  "withTimeout(NaN, body)": () => withTimeout(NaN, one),
  "moveOnAfter(-1, body)": () => moveOnAfter(-1, one),
  "withDeadline(NaN, body)": () => withDeadline(NaN, one),
  "withDeadline(an invalid Date, body)": () => withDeadline(new Date("x"), one),
  "shield(-1, body)": () => shield(-1, one),
  "shield(NaN, body)": () => shield(NaN, one),
  "race([])": () => race([]),
  "quorum(0, bodies)": () => quorum(0, [one]),
  "quorum(2, one body)": () => quorum(2, [one]),
  "quorum(1.5, bodies)": () => quorum(1.5, [one, one]),
  "all([], { timeoutMs: -1 })": () => all([], { timeoutMs: -1 }),
  "main(body, { signals: ['SIGNONE'] })": () => main(one, { signals: [wrong("SIGNONE")] }),
  "main(body, { graceMs: -1 })": () => main(one, { graceMs: -1 }),
};

for (const [name, call] of Object.entries(WRONG_TYPE)) {
  test(`${name} is a TypeError that says what was given`, () =>
    assertRefused(TypeError, name, call));
}
for (const [name, call] of Object.entries(OUT_OF_RANGE)) {
  test(`${name} is a RangeError that says what was given`, () =>
    assertRefused(RangeError, name, call));
}

test("bad input leaves nothing behind: no task, timer or listener", async () => {
  await runtime.run().catch(() => {});
  const { alive, timers } = runtime.metrics();
  assertEquals({ alive, timers }, { alive: 0, timers: 0 });
});

test("good input at the edges is taken: empty names, null timeouts, Infinity grace, strings as items", async () => {
  const edge = new TaskGroup({
    runtime,
    name: "",
    timeoutMs: null,
    graceMs: Infinity,
    maxConcurrency: 0,
  });
  assertEquals(await edge.map("ab", (letter) => letter), ["a", "b"]);
  assertEquals(await scope(one, { runtime, timeoutMs: Infinity }), 1);
  assertEquals(await all(wrong(new Set([one])), { runtime }), wrong([1]));
});
