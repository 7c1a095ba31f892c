/**
 * The agenda with real threads: its lanes, what fails, what is obsolete, holding still, and the end.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  Agenda,
  EngineClosedError,
  EventLoop,
  sleep,
  Tasklet,
  type TaskletPriority,
  TimeoutError,
  WorkerLostError,
  WorkerStartError,
} from "@vais/runtime";
import { test } from "../support/test.ts";

const bad = (value: unknown): never => value as never;

const MODULE = "data:text/javascript," + encodeURIComponent(`
  export function log(words, value) {
    words[1 + Atomics.add(words, 0, 1)] = value;
  }
  export function fail(text) {
    throw new RangeError(text);
  }
  export function hold(words) {
    Atomics.add(words, 1, 1);
    Atomics.notify(words, 1);
    Atomics.wait(words, 0, 0);
    Atomics.sub(words, 1, 1);
  }
  export async function wait() {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  export function die() {
    const { process, close } = globalThis;
    if ("Deno" in globalThis) close();
    else process.exit(3);
  }
`);

const PRIORITIES: readonly TaskletPriority[] = ["high", "normal", "low"];

function words(count: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * count));
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(1);
}

/** Tasklets that hold their workers until `release`. */
class Holders {
  readonly #words = words(2);

  async hold(agenda: Agenda, count: number): Promise<void> {
    Atomics.store(this.#words, 0, 0);
    for (let i = 0; i < count; i++) {
      agenda.add({ closure: "hold", args: [this.#words], priority: "high" });
    }
    await until(() => Atomics.load(this.#words, 1) === count);
  }

  release(): void {
    Atomics.store(this.#words, 0, 1);
    Atomics.notify(this.#words, 0);
  }
}

test("one worker begins tasklets by lane, and in each lane in order, whenever they come", async () => {
  await using agenda = new Agenda({ jobs: 1, module: MODULE });
  const holders = new Holders();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(2), { minLength: 1, maxLength: 30 }),
      async (lanes) => {
        const log = words(lanes.length + 1);
        await holders.hold(agenda, 1);
        const made = lanes.map((lane, i) =>
          agenda.add({ closure: "log", args: [log, i], priority: PRIORITIES[lane]! })
        );
        const order = [0, 1, 2].flatMap((lane) => lanes.flatMap((at, i) => at === lane ? [i] : []));
        const waiting = agenda.tasklets().filter(({ closure }) => closure === "log");
        assertEquals(waiting, order.map((i) => made[i]!));
        holders.release();
        await agenda.whenIdle();
        assertEquals([...log.subarray(1)], order);
        assert(made.every(({ metadata }) => metadata.executions === 1));
      },
    ),
    { numRuns: 50 },
  );
});

test("more tasklets than the shared memory holds: a high one overtakes all that wait", async () => {
  await using agenda = new Agenda({ jobs: 1, module: MODULE });
  const holders = new Holders();
  await holders.hold(agenda, 1);
  const count = 5_000;
  const log = words(count + 4);
  for (let i = 0; i < count; i++) {
    agenda.add({ closure: "log", args: [log, i], priority: "low" });
  }
  for (let i = 0; i < 3; i++) {
    agenda.add({ closure: "log", args: [log, -1 - i], priority: PRIORITIES[i % 2]! });
  }
  assertEquals(agenda.stats().low, count);
  holders.release();
  await agenda.whenIdle();
  assertEquals([...log.subarray(1, 4)], [-1, -3, -2]);
  assertEquals([...log.subarray(4)], Array.from({ length: count }, (_, i) => i));
});

test("what a tasklet throws, or cannot be sent, is told, and the others go on", async () => {
  const errors: [string, string | undefined][] = [];
  await using agenda = new Agenda({
    jobs: 2,
    module: MODULE,
    onError: (error, tasklet) => {
      errors.push([String(error).split("\n")[0]!, tasklet.metadata.label as string]);
      throw new Error("printed on the console, and no more");
    },
  });
  await agenda.ready;
  const log = words(3);
  agenda.add({ closure: "fail", args: ["no luck"], metadata: { label: "first" } });
  agenda.add({ closure: "log", args: [log, 1] });
  agenda.add({ closure: "log", args: [() => {}], metadata: { label: "second" } });
  agenda.add({ closure: "log", args: [log, 2] });
  await agenda.whenIdle();
  assertEquals(errors.map(([text, label]) => [text.slice(0, 10), label]).sort(), [
    ["DataCloneE", "second"],
    ["RangeError", "first"],
  ]);
  const { done, failed, added, workers } = agenda.stats();
  assertEquals([done, failed, added, workers], [2, 2, 4, 2]);
});

test("a lost worker loses what it ran, and is replaced", async () => {
  const errors: unknown[] = [];
  await using agenda = new Agenda({
    jobs: 1,
    module: MODULE,
    onError: (error) => errors.push(error),
  });
  const log = words(4);
  agenda.add({ closure: "log", args: [log, 1] });
  const killer = agenda.add({ closure: "die", priority: "low" });
  await agenda.whenIdle();
  agenda.add({ closure: "log", args: [log, 2] });
  await agenda.whenIdle();
  assertEquals([...log.subarray(1, 3)], [1, 2]);
  assert(errors[0] instanceof WorkerLostError);
  assertEquals([errors.length, agenda.stats().lost, killer.metadata.executions], [1, 1, 0]);
});

test("an obsolete tasklet is dropped: when it is added, and when it would be begun", async () => {
  await using agenda = new Agenda({ jobs: 1, module: MODULE });
  const holders = new Holders();
  await holders.hold(agenda, 1);
  const log = words(3);
  agenda.add({ closure: "log", args: [log, 1], obsoleteAt: Date.now() - 1 });
  assertEquals(agenda.stats().obsolete, 1);
  agenda.add({ closure: "log", args: [log, 2], obsoleteAt: new Date(Date.now() + 20) });
  agenda.add({ closure: "log", args: [log, 3], obsoleteAt: Date.now() + 3_600_000 });
  await sleep(40);
  holders.release();
  await agenda.whenIdle();
  assertEquals([log[0], log[1], agenda.stats().obsolete], [1, 3, 2]);
});

test("aging: a tasklet that has waited goes up a lane", async () => {
  await using agenda = new Agenda({ jobs: 1, module: MODULE, agingMs: 10 });
  const holders = new Holders();
  await holders.hold(agenda, 1);
  const log = words(3);
  agenda.add({ closure: "log", args: [log, 1], priority: "low" });
  await until(() => agenda.stats().aged === 2);
  agenda.add({ closure: "log", args: [log, 2], priority: "normal" });
  holders.release();
  await agenda.whenIdle();
  assertEquals([...log.subarray(1)], [1, 2]);
});

test("quiesce: no tasklet runs while its callback does; it times out, and all goes on", async () => {
  await using agenda = new Agenda({ jobs: 2, module: MODULE });
  const holders = new Holders();
  await holders.hold(agenda, 2);
  assertEquals(agenda.workers().map(({ state, tasklet }) => [state, tasklet?.closure]), [
    ["running", "hold"],
    ["running", "hold"],
  ]);
  const log = words(2);
  agenda.add({ closure: "log", args: [log, 1] });
  for (const timeoutMs of [0, 5]) {
    await assertRejects(() => agenda.quiesce(() => {}, { timeoutMs }), TimeoutError);
    assertEquals(agenda.isPaused, false);
  }
  const quiet = agenda.quiesce(async () => {
    await sleep(5);
    return [log[0], ...agenda.workers().map(({ state }) => state)];
  });
  holders.release();
  assertEquals(await quiet, [0, "paused", "paused"]);
  await agenda.whenIdle();
  assertEquals(log[0], 1);
  await assertRejects(
    () =>
      agenda.quiesce(() => {
        throw new Error("callback failed");
      }),
    Error,
    "callback failed",
  );
  assertEquals(agenda.isPaused, false);
});

test("stop: drained, or what waits stays and is written as JSON, and read again", async () => {
  const agenda = new Agenda({ name: "first", jobs: 1, module: MODULE });
  const holders = new Holders();
  await holders.hold(agenda, 1);
  const log = words(8);
  const metadata = { label: "kept" };
  agenda.add({ closure: "fail", args: ["not permanent"] });
  agenda.add({ closure: "wait", priority: "low", permanent: true, metadata });
  agenda.add({ closure: "wait", priority: "high", permanent: true, obsoleteAt: 4e12 });
  agenda.add({ closure: "log", args: [log, 1] });
  const stopping = agenda.stop();
  holders.release(); // only now: it would take the next one
  assertStrictEquals(agenda.stop({ drain: true }), stopping);
  assertThrows(() => agenda.add({ closure: "wait" }), EngineClosedError, "first is stopped");
  await stopping;
  assertEquals([agenda.size, agenda.stats().workers], [4, 0]);
  const json = JSON.parse(JSON.stringify(agenda));
  assertEquals(json.name, "first");
  assertEquals(json.high_priority.map((t: { closure: string }) => t.closure), ["wait"]);
  assertEquals(json.normal_priority, []);
  const again = Agenda.fromJSON(json, { jobs: 1, module: MODULE });
  assertEquals(JSON.parse(JSON.stringify(again)), json);
  const [high, low] = again.tasklets();
  assertEquals([high!.obsoleteAt, low!.metadata.label, low!.permanent], [4e12, "kept", true]);
  await again.stop({ drain: true });
  assertEquals([again.name, again.size, again.stats().done], ["first", 0, 2]);
});

test("stopping again without drain cuts the draining short: what waits stays", async () => {
  const agenda = new Agenda({ jobs: 1, module: MODULE, onError: () => {} });
  const holders = new Holders();
  await holders.hold(agenda, 1);
  const log = words(2);
  agenda.add({ closure: "log", args: [log, 1] });
  const idle = agenda.whenIdle().catch((error) => error);
  const stopping = agenda.stop({ drain: true, graceMs: 0 });
  await sleep(1);
  assertEquals(agenda.size, 2);
  assertStrictEquals(agenda.stop({ drain: false, graceMs: 0 }), stopping);
  await stopping;
  assertEquals([agenda.size, agenda.stats().lost, agenda.stats().workers, log[0]], [1, 1, 0, 0]);
  assertInstanceOf(await idle, EngineClosedError);
  await assertRejects(() => agenda.whenIdle(), EngineClosedError, "was stopped with 1 left");
  holders.release();
});

test("a tasklet is in one agenda at most, once; when that is over it is free", async () => {
  const agenda = new Agenda({ jobs: 1, module: MODULE });
  const other = new Agenda({ jobs: 1, module: MODULE });
  agenda.pause();
  const tasklet = agenda.add({ closure: "wait" });
  for (const one of [agenda, other]) {
    assertThrows(() => one.add(tasklet), TypeError, "it is in an agenda and has not ended");
    assertEquals(one.stats().added, one === agenda ? 1 : 0);
  }
  await agenda.stop();
  assertEquals(agenda.tasklets(), [tasklet]);
  other.add(tasklet);
  await other.whenIdle();
  other.add(tasklet);
  await other.stop({ drain: true });
  assertEquals(tasklet.metadata.executions, 2);
});

test("an agenda stops by itself when its time is over", async () => {
  const agenda = new Agenda({ jobs: 1, module: MODULE, timeoutMs: 20 });
  agenda.pause();
  agenda.add({ closure: "wait" });
  await until(() => agenda.isStopped);
  await agenda.stop();
  assertEquals(agenda.size, 1);
  assertThrows(() => agenda.add({ closure: "wait" }), EngineClosedError);
});

test("commands of an event loop drive it", async () => {
  using loop = new EventLoop();
  const agenda = new Agenda({ jobs: 1, module: MODULE });
  const told: string[] = [];
  agenda.pause();
  agenda.add({ closure: "wait", permanent: true });
  const attached = agenda.attach(loop, {
    onGarbageCollect: () => told.push(`quiet ${agenda.isPaused}`),
    onDump: (json) => told.push(`dump ${json.normal_priority.length}`),
  });
  loop.postpone("dump");
  loop.postpone("garbage_collect");
  loop.postpone("process");
  loop.pollEvents(0);
  await agenda.whenIdle();
  await until(() => told.length === 2);
  assertEquals(told, ["dump 1", "quiet true"]);
  loop.postpone("quit");
  loop.pollEvents(0);
  await agenda.stop();
  attached[Symbol.dispose]();
  assertEquals(agenda.stats().done, 1);
});

test("workers that do not start: ready says why, and each tasklet is told", async () => {
  const errors: unknown[] = [];
  const agenda = new Agenda({
    jobs: 1,
    module: "data:text/javascript,throw new Error('not today')",
    onError: (error) => errors.push(error),
  });
  agenda.add({ closure: "anything" });
  await assertRejects(() => agenda.ready, WorkerStartError, "not today");
  await agenda.whenIdle();
  assert(errors[0] instanceof WorkerStartError);
  await agenda.stop();
});

test("bad input", async () => {
  await using agenda = new Agenda({ jobs: 1, module: MODULE });
  await agenda.ready;
  const types: Record<string, () => unknown> = {
    "options is null": () => new Agenda(bad(null)),
    "jobs is the string": () => new Agenda({ jobs: bad("2") }),
    "module is number": () => new Agenda({ module: bad(1) }),
    "name is number": () => new Agenda({ name: bad(1) }),
    "onError is number": () => new Agenda({ onError: bad(1) }),
    "Cannot make Tasklet: options": () => agenda.add(bad(1)),
    "closure is number": () => agenda.add({ closure: bad(1) }),
    "args is number": () => agenda.add({ closure: "log", args: bad(1) }),
    "permanent is number": () => new Tasklet({ closure: "log", permanent: bad(1) }),
    "metadata is number": () => new Tasklet({ closure: "log", metadata: bad(1) }),
    "obsoleteAt is the string": () => new Tasklet({ closure: "log", obsoleteAt: bad("1") }),
    "exports no such function": () => agenda.add({ closure: "missing" }),
    "closure is a function": () => new Tasklet({ closure: () => 1, permanent: true }),
    "args of a permanent tasklet": () =>
      new Tasklet({ closure: "log", args: [new Map()], permanent: true }),
    "metadata of a permanent tasklet": () =>
      new Tasklet({ closure: "log", metadata: { at: new Date() }, permanent: true }),
    "json is null": () => Agenda.fromJSON(bad(null)),
    "high_priority is undefined": () => Agenda.fromJSON(bad({})),
  };
  for (const [text, call] of Object.entries(types)) assertThrows(call, TypeError, text);
  const ranges: Record<string, () => unknown> = {
    "jobs is 0": () => new Agenda({ jobs: 0 }),
    "jobs is 65": () => new Agenda({ jobs: 65 }),
    "agingMs is -1": () => new Agenda({ agingMs: -1 }),
    'priority is "urgent"': () => new Tasklet({ closure: "log", priority: bad("urgent") }),
    "obsoleteAt is NaN": () => new Tasklet({ closure: "log", obsoleteAt: NaN }),
  };
  for (const [text, call] of Object.entries(ranges)) assertThrows(call, RangeError, text);
  await assertRejects(() => agenda.quiesce(bad(1)), TypeError, "fn is number");
  assertThrows(() => agenda.stop(bad(null)), TypeError, "options is null");
  assertThrows(() => agenda.stop({ drain: bad(1) }), TypeError, "drain is number");
  assertThrows(() => agenda.stop({ graceMs: -1 }), RangeError, "graceMs is -1");
});
