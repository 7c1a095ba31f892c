/**
 * Order, fairness and bounds of the lanes, with workers moved by hand.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FULL } from "@vais/runtime/memory";
import { DispatchCore } from "../../scheduling/threads/dispatch_core.ts";
import { DispatchRegion, EVENTS_TAIL } from "../../scheduling/threads/dispatch_region.ts";
import type { DispatcherOptions, Lane } from "../../scheduling/threads/dispatch_types.ts";
import { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { RandomVictims } from "../../scheduling/threads/random_victims.ts";
import { TaskTable } from "../../scheduling/threads/task_table.ts";
import { WorkerSteps } from "../../scheduling/threads/worker_steps.ts";
import { Ends, WorkerByHand } from "../support/threads_dispatch_by_hand.ts";
import { test } from "../support/test.ts";

function withWorkers(options: DispatcherOptions) {
  const dispatcher = Dispatcher.create({ keepAlive: () => {}, ...options });
  const workers = Array.from(
    { length: options.workers },
    () => new WorkerByHand(dispatcher, dispatcher.openWorker() as number),
  );
  return { dispatcher, workers };
}

/** Runs all there is on one worker: tags, in order. */
function runAll(worker: WorkerByHand): number[] {
  const order: number[] = [];
  for (let task = worker.begin(); task !== undefined; task = worker.begin()) {
    order.push(task.args[0] as number);
    worker.end(task, 0);
  }
  return order;
}

test("strict lanes: high before normal before low, first in, first out in each", () => {
  const { dispatcher, workers } = withWorkers({ workers: 1, claim: "one", strictLanes: true });
  const lanes: Lane[] = [2, 1, 0, 1, 2, 0, 0, 1];
  lanes.forEach((lane, tag) => dispatcher.submit(0, [tag], new Ends(), tag, lane));
  dispatcher.flush();
  assertEquals(runAll(workers[0]!), [2, 5, 6, 1, 3, 7, 0, 4]);
});

test("else the low lane gets one claim in 16", () => {
  const { dispatcher, workers } = withWorkers({ workers: 1, claim: "one" });
  for (let tag = 0; tag < 100; tag++) {
    dispatcher.submit(0, [tag], new Ends(), tag, tag < 95 ? 0 : 2);
  }
  dispatcher.flush();
  const order = runAll(workers[0]!);
  const low = order.filter((tag) => tag >= 95);
  assertEquals(low, [95, 96, 97, 98, 99]);
  assertEquals(low.map((tag) => order.indexOf(tag)), [15, 31, 47, 63, 79]);
});

test("who claims many leaves others their share; half of a batch can be stolen", () => {
  const { dispatcher, workers: [first, second] } = withWorkers({ workers: 2 });
  for (let tag = 0; tag < 64; tag++) dispatcher.submit(0, [tag], new Ends(), tag);
  dispatcher.flush();
  const long = first!.begin()!;
  assertEquals(long.args, [0]); // of 16
  const rest = runAll(second!);
  assertEquals(rest.length, 63);
  assertEquals(new Set(rest).size, 63);
  assert(first!.end(long, 0));
  assertEquals(first!.begin(), undefined);
});

test("cancelled tasks do not fill a lane, whether workers come or not", () => {
  const { dispatcher, workers } = withWorkers({ workers: 1, capacity: 4, claim: "one" });
  const kept = [0, 1].map((tag) => dispatcher.submit(0, [tag], new Ends(), tag));
  for (let i = 0; i < 1000; i++) {
    const ref = dispatcher.submit(0, [9], new Ends());
    assertEquals(dispatcher.cancel(ref as number), "removed");
    assertEquals(dispatcher.cancel(ref as number), "too-late");
  }
  assertEquals(dispatcher.inFlight, 2);
  dispatcher.flush();
  assertEquals(runAll(workers[0]!), [0, 1]);
  dispatcher.drain();
  assertEquals(kept.map((ref) => dispatcher.isLive(ref as number)), [false, false]);
});

test("a full dispatcher refuses, and tells when there is room", async () => {
  const { dispatcher, workers } = withWorkers({ workers: 1, capacity: 4 });
  for (let tag = 0; tag < 4; tag++) dispatcher.submit(0, [tag], new Ends(), tag);
  assertEquals(dispatcher.submit(0, [4], new Ends(), 4), FULL);
  assert(!dispatcher.hasRoom);
  const told: number[] = [];
  const waits = [1, 2].map((i) => dispatcher.room().then(() => told.push(i)));
  dispatcher.flush();
  workers[0]!.end(workers[0]!.begin()!, 0);
  dispatcher.drain();
  await waits[0];
  assertEquals(told, [1]);
  runAll(workers[0]!);
  dispatcher.drain();
  await Promise.all(waits);
  await dispatcher.whenIdle();
  assertEquals(told, [1, 2]);
});

/** Turns of the host's loop, until it is so. */
async function turnsUntil(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    assert(turn < 1000, "it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

test("what a worker had claimed when it left is found, though nobody was asleep to be rung", async () => {
  const { dispatcher, workers } = withWorkers({ workers: 1 });
  for (let tag = 0; tag < 4; tag++) dispatcher.submit(0, [tag], new Ends(), tag);
  dispatcher.flush();
  const [worker] = workers;
  const task = worker!.begin()!; // of a batch of 2
  dispatcher.stopWorker(0);
  worker!.end(task, 0);
  assertEquals(worker!.begin(), undefined);
  assert(worker!.obey());
  await turnsUntil(() => dispatcher.activity(0) === "absent");
  dispatcher.workerLost(0, true);
  assertEquals(dispatcher.openWorker(), 0);
  assertEquals(runAll(new WorkerByHand(dispatcher, 0)), [1, 2, 3]);
  dispatcher.drain();
});

test("a pause is told of, though nobody was asleep to be rung", async () => {
  const { dispatcher, workers } = withWorkers({ workers: 1 });
  for (let tag = 0; tag < 2; tag++) dispatcher.submit(0, [tag], new Ends(), tag);
  dispatcher.flush();
  const task = workers[0]!.begin()!;
  dispatcher.pause();
  let isQuiet = false;
  void dispatcher.whenQuiet().then(() => isQuiet = true);
  assertEquals(workers[0]!.begin(), undefined);
  workers[0]!.end(task, 0);
  await turnsUntil(() => isQuiet);
  dispatcher.resume();
  assertEquals(runAll(workers[0]!), [1]);
  dispatcher.drain();
});

test("what a sink throws is reported, and the others are told all the same", () => {
  const reported: unknown[] = [];
  const { dispatcher, workers } = withWorkers({
    workers: 1,
    onError: (error) => reported.push(error),
  });
  const ends = new Ends();
  const bad = {
    taskDone: () => {
      throw new Error("sink");
    },
    taskFailed: () => {},
  };
  dispatcher.submit(0, [0], bad);
  dispatcher.submit(0, [1], ends, 1);
  dispatcher.flush();
  runAll(workers[0]!);
  assertEquals(dispatcher.drain(), 2);
  assertEquals([...ends.done.keys()], [1]);
  assertEquals(reported.map(String), ["Error: sink"]);
});

test("the program is kept alive while tasks are in flight, and let go once when they are not", async () => {
  const kept: boolean[] = [];
  const { dispatcher, workers } = withWorkers({
    workers: 1,
    keepAlive: (busy) => kept.push(busy),
  });
  const again = {
    taskDone: (left: unknown) => {
      if (left as number > 0) dispatcher.submit(0, [left as number - 1], again);
    },
    taskFailed: () => {},
  };
  dispatcher.submit(0, [3], again);
  assertEquals(kept, [true]);
  for (let i = 0; i < 4; i++) {
    dispatcher.flush();
    const task = workers[0]!.begin()!;
    workers[0]!.end(task, task.args[0]);
    dispatcher.drain();
    await Promise.resolve();
  }
  await Promise.resolve();
  assertEquals(kept, [true, false]);
  assertEquals(dispatcher.cancel(dispatcher.submit(0, [], again) as number), "removed");
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(kept, [true, false, true, false]);
});

test("counters that wrap: positions beyond 2 ** 31, and a slot's millionth ticket", () => {
  const params = { capacity: 2, workers: 1, inlineBytes: 0, claim: 2, strict: false, steal: true };
  const region = DispatchRegion.create(params);
  const start = 2 ** 31 - 5;
  for (let lane = 0; lane < 3; lane++) {
    region.words[region.laneAt(lane)] = start;
    region.words[region.laneAt(lane) + 32] = start;
  }
  region.words[region.placeAt(0) + EVENTS_TAIL] = start;
  const table = new TaskTable(2, region.format);
  const core = new DispatchCore(region, table, {
    finished: () => {},
    isUntouched: () => false,
    lost: () => {},
    released: () => {},
    gone: () => {},
  });
  const steps = new WorkerSteps(region, core.open(), new RandomVictims(1, 1));
  const sink = new Ends();
  for (let i = 0; i < 2_200_000; i++) {
    const slot = table.next;
    table.begin(sink, i, 1);
    core.queue(slot, 1);
    core.publish();
    if (steps.next() !== slot) throw new Error(`round ${i}: another slot`);
    steps.done(slot);
    if (core.nextEvent(0) !== slot) throw new Error(`round ${i}: no event`);
    table.end(slot);
    table.give(slot);
  }
  assertEquals(core.nextEvent(0), -1);
});

test("bad input is refused at the door", () => {
  const bad = (options: unknown) => () => Dispatcher.create(options as DispatcherOptions);
  assertThrows(bad(undefined), TypeError, "workers is undefined");
  assertThrows(bad({ workers: 0 }), RangeError, "workers is 0");
  assertThrows(bad({ workers: 1, capacity: 2 ** 17 }), RangeError, "capacity is 131072");
  assertThrows(bad({ workers: 1, claim: "all" }), RangeError, 'claim is "all"');
  assertThrows(bad({ workers: 1, latency: 1 }), TypeError, "latency is 1");
  assertThrows(bad({ workers: 1, steal: "yes" }), TypeError, 'steal is "yes"');
  const { dispatcher } = withWorkers({ workers: 1 });
  assertThrows(() => dispatcher.submit(-1, [], new Ends()), RangeError, "number is -1");
  assertThrows(() => dispatcher.submit(1.5, [], new Ends()), RangeError, "number is 1.5");
  assertThrows(() => dispatcher.submitMessage(0, [], [], new Ends()), TypeError, "pass post");
  assertThrows(() => dispatcher.stopWorker(1), RangeError, "worker is 1");
  assertThrows(() => dispatcher.waitSync(-1), RangeError, "time is -1");
  assertEquals(dispatcher.openWorker(), FULL);
});
