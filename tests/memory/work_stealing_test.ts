/**
 * The queue with an inbox and the scheduler: order, overflow, draws by seed, and every item once.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  EMPTY,
  FULL,
  MpmcQueue,
  WorkStealingQueue,
  WorkStealingScheduler,
} from "@vais/runtime/memory";
import { assertOnceEach, inThreads, newTally } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";

test("WorkStealingQueue: nothing is lost or refused while there is room, whoever adds and takes", () => {
  const act = fc.constantFrom("push", "push", "push", "inject", "pop", "steal", "stealHalf");
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(act, { maxLength: 120 }),
      (capacity, list) => {
        const queue = WorkStealingQueue.create(capacity, { start: -5 });
        const other = WorkStealingQueue.attach(queue.handle);
        const loot = WorkStealingQueue.create(16);
        const inside = new Set<number>();
        const took = (value: unknown) => {
          if (value === EMPTY) assertEquals(inside.size, 0);
          else assertEquals(inside.delete(value as number), true);
        };
        let next = 0;
        for (const act of list) {
          if (act === "push" || act === "inject") {
            const answer = act === "push" ? queue.push(next) : other.inject(next);
            if (answer === true) inside.add(next++);
            else assertEquals([answer, inside.size >= queue.capacity], [FULL, true]);
            if (act === "push" && inside.size < queue.capacity) assertEquals(answer, true);
          } else if (act === "pop") took(queue.pop());
          else if (act === "steal") took(other.steal());
          else {
            const moved = other.stealHalf(loot);
            if (typeof moved === "number") { for (let i = 0; i < moved; i++) took(loot.pop()); }
          }
          assertEquals(other.size, inside.size);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("WorkStealingQueue: what is in the inbox gets its turn though the owner feeds itself", () => {
  const queue = WorkStealingQueue.create(16);
  queue.inject(-1);
  let turns = 0;
  for (;; turns++) {
    queue.push(turns);
    queue.push(turns);
    if (queue.pop() === -1) break;
    queue.pop();
  }
  assertEquals(turns <= 61, true);
});

test("spillTo moves the older half, and puts back what the target does not take", () => {
  const queue = WorkStealingQueue.create(8);
  for (let i = 0; i < 8; i++) queue.push(i);
  const target = MpmcQueue.create(2);
  assertEquals([queue.spillTo(target), queue.size, queue.spillTo(target)], [2, 6, 0]);
  assertEquals([target.pop(), target.pop(), queue.steal(), queue.pop()], [0, 1, 2, 7]);
});

test("the scheduler: own work newest first, then the common queue, then others, never itself", () => {
  const work = WorkStealingScheduler.create(3, { seed: 5 });
  const [a, b] = [work.worker(0), work.worker(1)];
  a.push(1);
  a.push(2);
  work.submit(3);
  assertEquals([work.totalPending, a.next(), b.next(), b.next(), b.stolen], [3, 2, 3, 1, 1]);
  assertEquals([a.next(), b.steal(), work.totalPending], [EMPTY, EMPTY, 0]);
  const alone = WorkStealingScheduler.create(1);
  const only = alone.worker(0);
  only.push(1);
  assertEquals([only.steal(), only.next(), only.next()], [EMPTY, 1, EMPTY]);
});

test("the scheduler: an overfull deque moves half to the common queue; all is refused only when both are full", () => {
  const work = WorkStealingScheduler.create(2, { capacity: 4, common: 4 });
  const [a, b] = [work.worker(0), work.worker(1)];
  let pushed = 0;
  while (a.push(pushed) === true) pushed++;
  assertEquals(work.totalPending, pushed);
  assertEquals(pushed >= 8, true);
  const got = new Set<unknown>();
  for (let value = b.next(); value !== EMPTY; value = b.next()) got.add(value);
  assertEquals(got.size, pushed);
});

test("the scheduler: the same seed draws the same victims, another one others", () => {
  const victims = (seed: number): unknown[] => {
    const work = WorkStealingScheduler.create(9, { seed });
    const workers = Array.from({ length: 9 }, (_, id) => work.worker(id));
    workers.forEach((worker, id) => {
      for (let i = 0; i < 40; i++) worker.push(id);
    });
    return Array.from({ length: 30 }, () => workers[0]!.steal());
  };
  assertEquals(victims(7), victims(7));
  assertEquals(victims(7).join() === victims(8).join(), false);
  assertEquals(new Set(victims(7)).size > 4, true);
  assertEquals(victims(7).includes(0), false);
});

test("the scheduler stress: work that makes work, every item once, by all workers", async () => {
  const COUNT = 8_191;
  const work = WorkStealingScheduler.create(3, { capacity: 8, common: 8_192 });
  const tally = newTally(COUNT);
  const body = `
    const worker = m.WorkStealingScheduler.attach(job.work).worker(me);
    if (me === 0) worker.push(0);
    while (Atomics.load(job.done, 0) < job.count) {
      const item = worker.next();
      if (typeof item !== "number") { notForEver(); continue; }
      Atomics.add(job.tally, item, 1);
      for (const child of [2 * item + 1, 2 * item + 2]) {
        if (child < job.count) insist(() => worker.push(child), m.FULL);
      }
      Atomics.add(job.done, 0, 1);
    }`;
  const job = { work: work.handle, count: COUNT, tally, done: newTally(1) };
  await inThreads([body, body, body], job);
  assertOnceEach(tally);
  assertEquals(work.totalPending, 0);
});
