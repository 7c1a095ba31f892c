/**
 * Bad input is told at the door: TypeError for the wrong kind, RangeError for out of range.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  blockOn,
  Cancelled,
  describeReason,
  Future,
  join,
  type Pollable,
  rootReason,
  Runtime,
  select,
  sleep,
  spawn,
} from "@vais/runtime";
import { forEachSchedule, SimulatedRuntime, VirtualClock } from "@vais/runtime/testing";
import { assertRefused, type Call, errorOf, wrong } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

/** Each call must throw the class, or reject with it. */
function refuses(
  kind: typeof TypeError | typeof RangeError,
  calls: Record<string, Call>,
): void {
  for (const [name, call] of Object.entries(calls)) {
    test(`${name} is a ${kind.name} that says what was given and what is needed`, () =>
      assertRefused(kind, name, call));
  }
}

const rt = () => new Runtime();
const ready = () => Future.ready(1);
const bad = wrong(5);
const text = wrong("text");
const nothing = wrong(undefined);
const nil = wrong(null);
const empty = wrong({});

refuses(TypeError, {
  "Future.from(5)": () => Future.from(bad),
  "Future.from(undefined)": () => Future.from(nothing),
  "Future.from({})": () => Future.from(empty),
  "Future.fromPoll without a function": () => Future.fromPoll(0, nothing),
  "Future.all(5)": () => Future.all(bad),
  "Future.all(undefined)": () => Future.all(nothing),
  "Future.all of a number": () => Future.all([bad]),
  "Future.allSettled(null)": () => Future.allSettled(nil),
  "Future.any({})": () => Future.any(empty),
  "Future.race of undefined": () => Future.race([nothing]),
  "Future.map(5)": () => ready().map(bad),
  "Future.andThen(undefined)": () => ready().andThen(nothing),
  "Future.catch(5)": () => ready().catch(bad),
  "Future.finally(5)": () => ready().finally(bad),
  "Future.timeout('text')": () => ready().timeout(text),
  "andThen that answers no future": () => rt().blockOn(ready().andThen(wrong(() => 5))),
  "join(5)": () => join(bad),
  "select(undefined)": () => select(nothing),
  "sleep('text')": () => sleep(text),
  "sleep(undefined)": () => sleep(nothing),
  "spawn(5)": () => spawn(bad),
  "spawn(undefined)": () => spawn(nothing),
  "blockOn({})": () => blockOn(empty),
  "Runtime.spawn({})": () => rt().spawn(empty),
  "Runtime.spawn(function, 5)": () => rt().spawn(() => 1, bad),
  "Runtime.spawn(function, null)": () => rt().spawn(() => 1, nil),
  "Runtime.spawn with name 5": () => rt().spawn(() => 1, { name: bad }),
  "Runtime.blockOn(5)": () => rt().blockOn(bad),
  "Runtime.sleep(null)": () => rt().sleep(nil),
  "Runtime.interval('text')": () => rt().interval(text),
  "new Runtime(5)": () => new Runtime(bad),
  "new Runtime(null)": () => new Runtime(nil),
  "new Runtime with name 5": () => new Runtime({ name: bad }),
  "new Runtime with maxTasks 'text'": () => new Runtime({ maxTasks: text }),
  "new Runtime with seed 'text'": () => new Runtime({ seed: text }),
  "new Runtime with clock {}": () => new Runtime({ clock: empty }),
  "new Runtime with clock 5": () => new Runtime({ clock: bad }),
  "new Runtime with parker {}": () => new Runtime({ parker: empty }),
  "new Runtime with observer 5": () => new Runtime({ observer: bad }),
  "new Runtime with observer null": () => new Runtime({ observer: nil }),
  "new Runtime with a hook that is no function": () => new Runtime({ observer: { onSpawn: bad } }),
  "TaskScope.sleep('text')": () => rt().blockOn((task) => task.sleep(text)),
  "TaskScope.wait(5)": () => rt().blockOn((task) => task.wait(bad)),
  "JoinHandle.cancel with graceMs 'text'": () =>
    rt().spawn(Future.never()).cancel("x", { graceMs: text }),
  "new VirtualClock('text')": () => new VirtualClock(text),
  "VirtualClock.advance(undefined)": () => new VirtualClock().advance(nothing),
  "new SimulatedRuntime(null)": () => new SimulatedRuntime(nil),
  "new SimulatedRuntime(5)": () => new SimulatedRuntime(bad),
  "new SimulatedRuntime with startMs 'text'": () => new SimulatedRuntime({ startMs: text }),
  "forEachSchedule(5)": () => forEachSchedule(bad),
  "forEachSchedule with count 'text'": () => forEachSchedule(() => {}, { count: text }),
  "forEachSchedule with seed 'text'": () => forEachSchedule(() => {}, { seed: text }),
  "forEachSchedule with options null": () => forEachSchedule(() => {}, nil),
  "describeReason(undefined)": () => describeReason(nothing),
  "rootReason(5)": () => rootReason(bad),
});

refuses(RangeError, {
  "Future.timeout(-1)": () => ready().timeout(-1),
  "Future.timeout(NaN)": () => ready().timeout(NaN),
  "sleep(-1)": () => sleep(-1),
  "sleep(NaN)": () => sleep(NaN),
  "sleep(Infinity)": () => sleep(Infinity),
  "Runtime.sleep(-0.001)": () => rt().sleep(-0.001),
  "Runtime.interval(0)": () => rt().interval(0),
  "Runtime.interval(NaN)": () => rt().interval(NaN),
  "new Runtime with maxTasks 0": () => new Runtime({ maxTasks: 0 }),
  "new Runtime with maxTasks 1.5": () => new Runtime({ maxTasks: 1.5 }),
  "new Runtime with maxTasks NaN": () => new Runtime({ maxTasks: NaN }),
  "new Runtime with seed -1": () => new Runtime({ seed: -1 }),
  "new Runtime with seed 0.5": () => new Runtime({ seed: 0.5 }),
  "TaskScope.sleep(NaN)": () => rt().blockOn((task) => task.sleep(NaN)),
  "JoinHandle.cancel with graceMs -1": () =>
    rt().spawn(Future.never()).cancel("x", { graceMs: -1 }),
  "JoinHandle.cancelAndJoin with graceMs NaN": () =>
    rt().spawn(Future.never()).cancelAndJoin("x", { graceMs: NaN }),
  "new VirtualClock(-1)": () => new VirtualClock(-1),
  "VirtualClock.advance(-1)": () => new VirtualClock().advance(-1),
  "VirtualClock.advance(Infinity)": () => new VirtualClock().advance(Infinity),
  "new SimulatedRuntime with startMs NaN": () => new SimulatedRuntime({ startMs: NaN }),
  "new SimulatedRuntime with seed -1": () => new SimulatedRuntime({ seed: -1 }),
  "forEachSchedule with count NaN": () => forEachSchedule(() => {}, { count: NaN }),
  "forEachSchedule with count -1": () => forEachSchedule(() => {}, { count: -1 }),
  "forEachSchedule with seed NaN": () => forEachSchedule(() => {}, { seed: NaN }),
  "forEachSchedule with seed 1.5": () => forEachSchedule(() => {}, { seed: 1.5 }),
});

test("what is refused leaves nothing behind: no task, no timer", () => {
  const runtime = rt();
  const calls: Call[] = [
    () => runtime.spawn(empty),
    () => runtime.spawn(() => 1, { name: bad }),
    () => runtime.sleep(NaN),
    () => runtime.blockOn(bad as Pollable<unknown>),
  ];
  for (const call of calls) {
    try {
      call();
    } catch { /* refused */ }
  }
  const { spawned, alive, timers } = runtime.metrics();
  assertEquals([spawned, alive, timers], [0, 0, 0]);
});

test("any value is a cancel reason: what is no CancelReason becomes the note of a request", () => {
  for (
    const reason of [5, "text", null, {}, [], Symbol("s"), new Error("e"), () => 1, { kind: "?" }]
  ) {
    const error = new Cancelled(reason);
    assertEquals(error.reason, { kind: "requested", note: reason });
    assert(error.message.startsWith("Cancelled: requested ("), error.message);
  }
  const hostile = {
    toString() {
      throw new Error("no");
    },
  };
  assertEquals(new Cancelled(hostile).message, "Cancelled: requested ([object Object])");
  assertEquals(new Cancelled().message, "Cancelled: requested");
});

test("a message names the value that was given", async () => {
  const cases: [Call, string][] = [
    [() => sleep(-5), "ms is -5"],
    [() => sleep(text), 'the string "text"'],
    [() => Future.from(bad), "number 5"],
    [() => Future.from(nil), "null"],
    [() => Future.all([Future.ready(1), wrong([])]), "an array"],
    [() => spawn(wrong(new Map())), "a Map"],
    [() => new Runtime({ maxTasks: 0 }), "maxTasks is 0"],
  ];
  for (const [call, part] of cases) {
    const { message } = await errorOf(part, call);
    assert(message.includes(part), `"${message}" does not include "${part}"`);
  }
});
