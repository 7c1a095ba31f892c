/**
 * A worker dies at each of its accesses to shared memory, one after the other: what it was running is lost,
 * everything else is done once.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { Ends, WorkerByHand } from "../support/threads_dispatch_by_hand.ts";
import { test } from "../support/test.ts";

class Death extends Error {}

/** Runs `body` with `Atomics` that throw at the access after `accesses`; whether it came to that. */
function dyingAfter(accesses: number, body: () => void): boolean {
  const real = globalThis.Atomics;
  let left = accesses;
  const mortal: Record<string, unknown> = {};
  for (const name of Object.getOwnPropertyNames(real)) {
    const method = (real as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!;
    mortal[name] = (...args: unknown[]) => {
      if (left-- === 0) throw new Death();
      return method(...args);
    };
  }
  globalThis.Atomics = mortal as unknown as typeof Atomics;
  try {
    body();
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  } finally {
    globalThis.Atomics = real;
  }
}

const TASKS = 12;

/** Worker 0 dies, worker 1 does the rest. Answers whether it died, and how many tasks were lost. */
function die(accesses: number, claim: "batch" | "one", stealing: boolean) {
  const dispatcher = Dispatcher.create({ workers: 2, capacity: 16, claim, keepAlive: () => {} });
  const [first, second] = [0, 1].map(() => dispatcher.openWorker() as number);
  const [mortal, other] = [first!, second!].map((one) => new WorkerByHand(dispatcher, one));
  const ends = new Ends();
  const runs = new Map<number, number>();
  const run = (worker: WorkerByHand) => {
    const task = worker.begin();
    if (task === undefined) return false;
    const tag = task.args[0] as number;
    runs.set(tag, (runs.get(tag) ?? 0) + 1);
    worker.end(task, tag + 100);
    return true;
  };
  for (let tag = 0; tag < TASKS; tag++) dispatcher.submit(0, [tag], ends, tag);
  dispatcher.flush();
  if (stealing) run(other!); // it has a batch, of which the rest waits
  const died = dyingAfter(accesses, () => {
    while (run(mortal!));
    mortal!.sleep();
  });
  const lost = dispatcher.workerLost(first!, true);
  while (run(other!));
  dispatcher.drain();
  assert(lost.length <= 1, `lost ${lost.length} tasks after ${accesses} accesses`);
  assertEquals(ends.done.size + lost.length, TASKS, `after ${accesses} accesses`);
  for (const [tag, value] of ends.done) {
    assertEquals(value, tag + 100);
    assertEquals(runs.get(tag), 1, `runs of task ${tag}, after ${accesses} accesses`);
  }
  assert(lost.every(({ tag }) => !ends.done.has(tag)));
  assertEquals(dispatcher.inFlight, 0);
  // Nothing leaked: all slots can be used, and the place too.
  assertEquals(dispatcher.openWorker(), first);
  for (let tag = 0; tag < 16; tag++) {
    assertEquals(typeof dispatcher.submit(0, [tag], new Ends(), tag), "number");
  }
  return { died, lost: lost.length };
}

for (const claim of ["batch", "one"] as const) {
  for (const stealing of [false, true]) {
    const how = `claiming ${claim}${stealing ? ", with another's batch to steal" : ""}`;
    test(`a worker dies at each access, ${how}: only what it was running is lost`, () => {
      let lost = 0;
      let accesses = 0;
      for (; accesses < 5000; accesses++) {
        const end = die(accesses, claim, stealing);
        lost += end.lost;
        if (!end.died) break;
      }
      assert(accesses > 50, `only ${accesses} accesses`);
      assert(lost > 0 && lost < accesses, `${lost} lost in ${accesses} deaths`);
      console.log(`${accesses} deaths, ${lost} of them with a task`);
    });
  }
}
