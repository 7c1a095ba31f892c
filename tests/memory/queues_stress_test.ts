/**
 * The queues between workers: nothing lost, nothing twice, first in first out, nobody starves.
 *
 * The names are those of crossbeam's tests.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { BlockingMpmcQueue, CLOSED, LockFreeQueue, MpmcQueue } from "@vais/runtime/memory";
import { assertOnceEach, inThreads, newTally } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";

const NEAR_WRAP = [0, 2 ** 31 - 9, -9] as const;

/** Pushes `each` values of its own, in order: me * each, me * each + 1 … */
const PRODUCE = `
const queue = m.MpmcQueue.attach(job.queue);
for (let i = 0; i < job.each; i++) {
  const answer = insist(() => queue.push(me * job.each + i), m.FULL, m.RETRY);
  if (answer !== true) throw new Error("push answered " + String(answer));
}
if (Atomics.sub(job.left, 0, 1) === 1) queue.close();
return 0;`;

/** Pops until it is closed; of each producer the values must come in order. */
const CONSUME = `
const queue = m.MpmcQueue.attach(job.queue);
const last = [];
for (let taken = 0;; taken++) {
  const value = insist(() => queue.pop(), m.EMPTY, m.RETRY);
  if (value === m.CLOSED) return taken;
  const from = Math.floor(value / job.each);
  if (last[from] >= value) throw new Error(value + " after " + last[from]);
  last[from] = value;
  Atomics.add(job.tally, value, 1);
}`;

async function mpmc(
  producers: number,
  consumers: number,
  each: number,
  options: { capacity: number; start?: number; padded?: boolean },
): Promise<number[]> {
  const queue = MpmcQueue.create(options.capacity, options);
  const tally = newTally(producers * each);
  const left = newTally(1).fill(producers);
  const bodies = [
    ...Array.from({ length: producers }, () => PRODUCE),
    ...Array.from({ length: consumers }, () => CONSUME),
  ];
  const taken = await inThreads(bodies, { queue: queue.handle, each, tally, left });
  assertOnceEach(tally);
  assertEquals(queue.pop(), CLOSED);
  return taken.slice(producers) as number[];
}

test("MpmcQueue smoke: one in, one out, between two workers", async () => {
  await mpmc(1, 1, 1, { capacity: 2 });
});

test("MpmcQueue spsc: order is kept, also where the counters wrap", async () => {
  for (const start of NEAR_WRAP) await mpmc(1, 1, 10_000, { capacity: 4, start });
});

test("MpmcQueue stress: two producers, two consumers, a queue for two", async () => {
  for (const start of NEAR_WRAP) await mpmc(2, 2, 5_000, { capacity: 2, start });
  await mpmc(2, 2, 20_000, { capacity: 64, padded: true });
});

test("MpmcQueue no_starvation: every consumer gets some", async () => {
  const queue = MpmcQueue.create(4);
  const enough = `
    const queue = m.MpmcQueue.attach(job.queue);
    let taken = 0;
    while (Atomics.load(job.left, 0) > 0) {
      if (me === 0) {
        insist(() => Atomics.load(job.left, 0) === 0 ? true : queue.push(1), m.FULL, m.RETRY);
        continue;
      }
      if (insist(() => Atomics.load(job.left, 0) === 0 ? 0 : queue.pop(), m.EMPTY, m.RETRY) === 0) break;
      if (++taken === 100) Atomics.sub(job.left, 0, 1);
    }
    return taken;`;
  const left = newTally(1).fill(3);
  const taken = await inThreads(Array(4).fill(enough), { queue: queue.handle, left });
  assert(taken.slice(1).every((count) => count as number >= 100), `${taken}`);
});

test("MpmcQueue stampede: all push at once, then all pop at once, round after round", async () => {
  const queue = MpmcQueue.create(4);
  const THREADS = 4;
  const ROUNDS = 100;
  const tally = newTally(THREADS * ROUNDS);
  await inThreads(
    Array(THREADS).fill(`
      const queue = m.MpmcQueue.attach(job.queue);
      for (let round = 0; round < ${ROUNDS}; round++) {
        meet(job.rounds.subarray(2 * round), threads);
        if (insist(() => queue.push(round * threads + me), m.RETRY) !== true) throw new Error("full");
        meet(job.rounds.subarray(2 * round + 1), threads);
        Atomics.add(job.tally, insist(() => queue.pop(), m.RETRY), 1);
      }`),
    { queue: queue.handle, tally, rounds: newTally(2 * ROUNDS) },
  );
  assertOnceEach(tally);
});

test("LockFreeQueue spsc and stress: single values and batches in order, where the counters wrap", async () => {
  for (const start of NEAR_WRAP) {
    const queue = LockFreeQueue.create(8, { start });
    const counts = await inThreads([
      `const queue = m.LockFreeQueue.attach(job.queue);
       const next = random(1);
       const batch = new Int32Array(11);
       for (let sent = 0; sent < job.count;) {
         if (next() % 2 === 0) {
           insist(() => queue.push(sent), m.FULL);
           sent++;
         } else {
           const length = Math.min(next() % 12, job.count - sent);
           for (let i = 0; i < length; i++) batch[i] = sent + i;
           const from = batch.subarray(0, length);
           if (length > 0) sent += insist(() => queue.pushMany(from), 0);
         }
       }
       return 0;`,
      `const queue = m.LockFreeQueue.attach(job.queue);
       const next = random(2);
       const batch = new Int32Array(11);
       let got = 0;
       while (got < job.count) {
         if (next() % 2 === 0) {
           const value = insist(() => queue.pop(), m.EMPTY);
           if (value !== got++) throw new Error(value + " came " + got);
         } else {
           const count = insist(() => queue.popMany(batch), 0);
           for (let i = 0; i < count; i++, got++) {
             if (batch[i] !== got) throw new Error(batch[i] + " came " + got);
           }
         }
       }
       return [got, String(queue.pop())];`,
    ], { queue: queue.handle, count: 50_000 });
    assertEquals(counts[1], [50_000, "Symbol(EMPTY)"]);
  }
});

test("BlockingMpmcQueue stress: all sleep and wake, nothing is lost, close lets everybody go", async () => {
  for (const [spins, each] of [[0, 1_000], [64, 10_000]] as const) {
    const queue = BlockingMpmcQueue.create(2, { spins, start: -5 });
    const tally = newTally(2 * each);
    const produce = `
      const queue = m.BlockingMpmcQueue.attach(job.queue);
      for (let i = 0; i < job.each; i++) {
        const answer = queue.push(me * job.each + i, 20_000);
        if (answer !== true) throw new Error("push answered " + String(answer));
      }
      if (Atomics.sub(job.left, 0, 1) === 1) queue.close();
      return 0;`;
    const consume = `
      const queue = m.BlockingMpmcQueue.attach(job.queue);
      for (let taken = 0;; taken++) {
        const value = queue.pop(20_000);
        if (value === m.CLOSED) return taken;
        if (value === m.TIMED_OUT) throw new Error("lost wake-up");
        Atomics.add(job.tally, value, 1);
      }`;
    const job = { queue: queue.handle, each, tally, left: newTally(1).fill(2) };
    const [, , a, b] = await inThreads([produce, produce, consume, consume], job);
    assertOnceEach(tally);
    assertEquals(Number(a) + Number(b), 2 * each);
  }
});

test("BlockingMpmcQueue: the main thread takes without blocking what a worker adds", async () => {
  const queue = BlockingMpmcQueue.create(4);
  const worker = inThreads([`
    const queue = m.BlockingMpmcQueue.attach(job.queue);
    for (let i = 0; i < 2_000; i++) if (queue.push(i, 20_000) !== true) throw new Error("stuck");
    queue.close();
  `], { queue: queue.handle });
  let next = 0;
  for (;;) {
    const value = await queue.popAsync(20_000);
    if (value === CLOSED) break;
    assertEquals(value, next++);
  }
  assertEquals(next, 2_000);
  await worker;
});
