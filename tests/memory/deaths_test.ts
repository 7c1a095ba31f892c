/**
 * Real workers end in the middle of calls; what is left is what the docs say, and the others go on.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  BlockingMpmcQueue,
  ByteRing,
  ChaseLevDeque,
  EMPTY,
  EpochReclamation,
  FULL,
  LockFreeQueue,
  LockFreeStack,
  LockFreeStackEBR,
  MpmcQueue,
  ParkWord,
  RecordQueue,
  SlotSlab,
  StatsBlock,
  WorkStealingQueue,
  WorkStealingScheduler,
} from "@vais/runtime/memory";
import { dies, ENDS, handleOf } from "../support/deaths.ts";
import { inThreads } from "../support/memory_threads.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";
import { CAN_TERMINATE, endsItself, isTerminated } from "../support/victims.ts";

const queue = (name: string) => `
const queue = m.${name}.attach(job.handle);
const push = (value) => queue.push(value), pop = () => queue.pop();
`;

dies("MpmcQueue", {
  make: () => MpmcQueue.create(8, { start: -40 }),
  handleOf,
  victim: queue("MpmcQueue"),
  mend: (queue) => assert(queue.repair() <= 1),
  take: (queue) => queue.pop(),
  add: (queue, value) => queue.push(value),
});

dies("BlockingMpmcQueue", {
  make: () => BlockingMpmcQueue.create(8),
  handleOf,
  victim: queue("BlockingMpmcQueue").replaceAll("queue.p", "queue.tryP"),
  mend: (queue) => assert(queue.repair() <= 1),
  take: (queue) => queue.tryPop(),
  add: (queue, value) => queue.push(value),
});

dies("RecordQueue", {
  make: () => RecordQueue.create(8, 2),
  handleOf,
  victim: `
const queue = m.RecordQueue.attach(job.handle);
const record = [0, 0];
const push = (value) => queue.push([value, -value]);
const pop = () => queue.pop(record) === true ? record[0] : undefined;
`,
  mend: (queue) => assert(queue.repair() <= 1),
  take: (queue) => {
    const record = [0, 0];
    const answer = queue.pop(record);
    if (answer !== true) return answer;
    assertEquals(record[1]! + record[0]!, 0);
    return record[0]!;
  },
  add: (queue, value) => queue.push([value, -value]),
});

dies("LockFreeQueue", {
  make: () => LockFreeQueue.create(8, { start: -9 }),
  handleOf,
  victim: queue("LockFreeQueue"),
  mend: () => {},
  take: (queue) => queue.pop(),
  add: (queue, value) => queue.push(value),
});

dies("ByteRing", {
  make: () => ByteRing.create(256),
  handleOf,
  victim: `
const ring = m.ByteRing.attach(job.handle);
const view = new DataView(new ArrayBuffer(40)), bytes = new Uint8Array(view.buffer);
const push = (value) => (view.setInt32(0, value), ring.push(bytes.subarray(0, 4 + value % 36)));
const pop = () => ring.popInto(bytes) === m.EMPTY ? undefined : view.getInt32(0);
`,
  mend: () => {},
  take: (ring) => {
    const bytes = ring.pop();
    if (bytes === EMPTY) return bytes;
    const value = new DataView(bytes.buffer).getInt32(0);
    assertEquals(bytes.length, 4 + value % 36);
    return value;
  },
  add: (ring, value) => {
    const bytes = new Uint8Array(4 + value % 36);
    new DataView(bytes.buffer).setInt32(0, value);
    return ring.push(bytes);
  },
});

dies("ChaseLevDeque", {
  make: () => ChaseLevDeque.create(8, { start: -9 }),
  handleOf,
  victim: queue("ChaseLevDeque"),
  mend: (deque) => void deque.recover(),
  take: (deque) => deque.steal(),
  add: (deque, value) => deque.push(value),
});

dies("WorkStealingQueue", {
  make: () => WorkStealingQueue.create(4),
  handleOf,
  victim: queue("WorkStealingQueue"),
  moves: true,
  mend: (queue) => void (queue.recover(), queue.repair()),
  take: (queue) => queue.steal(),
  add: (queue, value) => queue.push(value),
});

dies("WorkStealingScheduler", {
  make: () => {
    const scheduler = WorkStealingScheduler.create(2, { capacity: 4, common: 4 });
    return { scheduler, other: scheduler.worker(1) };
  },
  handleOf: ({ scheduler }) => scheduler.handle,
  victim: `
const worker = m.WorkStealingScheduler.attach(job.handle).worker(0);
const push = (value) => worker.push(value), pop = () => worker.next();
`,
  moves: true,
  mend: ({ scheduler }) => void (scheduler.repair(), scheduler.worker(0)),
  take: ({ other }) => other.next(),
  add: ({ scheduler }, value) => scheduler.submit(value),
});

dies("LockFreeStack", {
  make: () => LockFreeStack.create(8, { tag: -9 }),
  handleOf,
  victim: queue("LockFreeStack"),
  mend: (stack) => assert(stack.repair() <= 1),
  take: (stack) => stack.pop(),
  add: (stack, value) => stack.push(value),
});

dies("LockFreeStackEBR", {
  make: () => {
    const epochs = EpochReclamation.create({ slots: 2, threshold: 2 });
    const me = epochs.join();
    assert(me !== FULL);
    return { epochs, stack: LockFreeStackEBR.create(16, me) };
  },
  handleOf: ({ epochs, stack }) => ({ epochs: epochs.handle, stack: stack.handle }),
  victim: `
const me = m.EpochReclamation.attach(job.handle.epochs).join();
const stack = m.LockFreeStackEBR.attach(job.handle.stack, me);
const push = (value) => stack.push(value), pop = () => stack.pop();
`,
  mend: ({ epochs, stack }) => {
    assertEquals(epochs.clear(1), true);
    stack.repair();
    assertEquals(stack.repair(), 0);
  },
  take: ({ stack }) => stack.pop(),
  add: ({ stack }, value) => stack.push(value),
});

test("SlotSlab: the slots of a worker that ends stay taken; rebuild finds the one it had in hand", async () => {
  for (let seed = 1; seed <= ENDS; seed++) {
    const slab = SlotSlab.create(6);
    await endsItself(
      `const slab = m.SlotSlab.attach(job.handle);
       begin();
       for (const refs = [];;) {
         const ref = slab.allocate();
         if (ref !== m.FULL) refs.push(ref);
         if (refs.length > 4) slab.free(refs.shift());
       }`,
      { handle: slab.handle, access: (seed * 7919) % 97 },
    );
    slab.rebuild();
    const room = 6 - slab.size;
    assert(room >= 1);
    const refs = new Set(Array.from({ length: room }, () => slab.allocate()));
    assertEquals([refs.size, refs.has(FULL), slab.allocate()], [room, false, FULL]);
  }
});

test("EpochReclamation: clearing the slot of a worker that ended pinned lets garbage go", async () => {
  const epochs = EpochReclamation.create({ slots: 2, threshold: 1 });
  const me = epochs.join();
  assert(me !== FULL);
  await endsItself(
    "const me = m.EpochReclamation.attach(job.handle).join(); me.pin(); mortal.arm(0); me.unpin();",
    { handle: epochs.handle },
  );
  const freed: number[] = [];
  for (let i = 0; i < 5; i++) me.retire(i, (value) => freed.push(value));
  assertEquals([freed, epochs.participants()], [[], [
    { slot: 0, pinned: false },
    { slot: 1, pinned: true },
  ]]);
  assertEquals(epochs.clear(1), true);
  for (let i = 0; i < 3; i++) me.collect();
  assertEquals(freed.length, 5);
});

test("ParkWord and StatsBlock: what a worker that ended has left can be reset, and is kept", async () => {
  const word = ParkWord.create();
  const stats = StatsBlock.create(["done"], { workers: 2 });
  await endsItself(
    `const word = m.ParkWord.attach(job.word), stats = m.StatsBlock.attach(job.stats);
     stats.add(1, "done", 3);
     mortal.arm(1); // after the access that says that it is parked
     word.park();`,
    { word: word.handle, stats: stats.handle },
  );
  assertEquals([word.isParked, stats.totals()], [true, { done: 3 }]);
  word.reset();
  assertEquals([word.isParked, word.park(0)], [false, false]);
  word.unpark();
  assertEquals(word.park(), true);
});

if (CAN_TERMINATE) {
  test("BlockingMpmcQueue: a worker terminated in its sleep takes nobody's item with it", async () => {
    const queue = BlockingMpmcQueue.create(4, { spins: 0 });
    const words = new Int32Array(queue.handle.buffer);
    const job = { handle: queue.handle };
    await isTerminated(
      "const queue = m.BlockingMpmcQueue.attach(job.handle); begin(); queue.pop();",
      job,
      5,
    );
    const alive = inThreads(["return m.BlockingMpmcQueue.attach(job.handle).pop();"], job);
    // How many wait for items: the second word of the first line after the header.
    while (Atomics.load(words, 33) < 2) await new Promise((go) => setTimeout(go));
    assertEquals(queue.push(5), true);
    assertEquals(await alive, [5]);
  });
} else skip("workers that are terminated while they run, or sleep", "this host lets them go on");
