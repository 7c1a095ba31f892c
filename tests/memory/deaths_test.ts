/**
 * Real workers end in the middle of calls; what is left is what the docs say, and the others go on.
 *
 * A victim pushes 0, 1, 2 … and pops at random; it ends before an access to shared memory that a seed
 * chooses, or, where the host can, is terminated from outside while it runs. It logs what it is about to do and what
 * it has done, so that afterwards each value must be there once, but for the one it had in hand.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  BlockingMpmcQueue,
  ByteRing,
  ChaseLevDeque,
  DeadlineQueue,
  EMPTY,
  EpochReclamation,
  FULL,
  type Handle,
  LockFreeQueue,
  LockFreeStack,
  LockFreeStackEBR,
  LockHeldError,
  MpmcQueue,
  MultilevelQueue,
  ParkWord,
  PriorityQueue,
  RecordQueue,
  ShardedMap,
  SlotSlab,
  StatsBlock,
  WorkStealingQueue,
  WorkStealingScheduler,
} from "@vais/runtime/memory";
import { inThreads, newTally } from "../support/memory_threads.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";
import { CAN_TERMINATE, endsItself, isTerminated } from "../support/victims.ts";

const DEAD = 7;
const VALUES = 2 ** 18;
const ENDS = 4;

/** What a victim does. `push` and `pop` are given by the structure; pop answers a number, or something else. */
const WORK = `
const next = random(job.seed);
begin();
for (let i = 0; i < ${VALUES};) {
  Atomics.store(job.log, 0, i + 1);
  if (push(i) === true) Atomics.store(job.log, 1, ++i);
  if (next() % 5 < 2) continue;
  Atomics.store(job.log, 2, 1);
  const value = pop();
  if (typeof value === "number") Atomics.add(job.tally, value, 1);
  Atomics.store(job.log, 2, 0);
}
for (;;) Atomics.wait(job.log, 3, 0);
`;

interface Case<S> {
  /** What is posted, and what is looked at afterwards. */
  readonly make: () => S;
  readonly handleOf: (structure: S) => unknown;
  /** In the victim: defines push and pop. */
  readonly victim: string;
  /** What the docs say is to be done after a death. */
  readonly mend: (structure: S) => unknown;
  /** Takes one: a number, or EMPTY. */
  readonly take: (structure: S) => unknown;
  /** Whether a push may move another value, and so have that one in hand. */
  readonly moves?: boolean;
  /** Adds one, which must be possible when it is empty. */
  readonly add: (structure: S, value: number) => unknown;
}

function dies<S>(name: string, one: Case<S>): void {
  const check = async (kill: (job: Record<string, unknown>, seed: number) => Promise<void>) => {
    for (let seed = 1; seed <= ENDS; seed++) {
      const structure = one.make();
      const [log, tally] = [newTally(4), newTally(VALUES)];
      await kill({ handle: one.handleOf(structure), log, tally, seed }, seed);
      one.mend(structure);
      for (let value = one.take(structure); value !== EMPTY; value = one.take(structure)) {
        assert(typeof value === "number", String(value));
        tally[value]!++;
      }
      const [tried, pushed, popping] = log as unknown as [number, number, number];
      const wrong = tally.subarray(0, pushed).filter((count) => count !== 1);
      const inHand = one.moves === true && tried > pushed ? 1 : popping;
      assert(wrong.length <= inHand && wrong.every((count) => count === 0), `${wrong}`);
      assert(tally[pushed]! <= tried - pushed && tally[pushed]! <= 1, "the one in hand");
      assert(tally.subarray(pushed + 1).every((count) => count === 0), "what was never pushed");
      for (let i = 0; i < 50; i++) {
        assertEquals([one.add(structure, i), one.take(structure)], [true, i]);
      }
      assertEquals(one.take(structure), EMPTY);
    }
  };
  test(`${name}: a worker that ends by itself in the middle of a call`, async () => {
    await check((job, seed) =>
      endsItself(one.victim + WORK, { ...job, access: (seed * 7919) % 397 })
    );
  });
  if (CAN_TERMINATE) {
    test(`${name}: a worker that is terminated while it runs`, async () => {
      await check((job, seed) => isTerminated(one.victim + WORK, job, seed % 3));
    });
  }
}

const handleOf = ({ handle }: { handle: Handle }) => handle;
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

const locked = (name: string) => `
const queue = m.${name}.attach(job.handle, { worker: ${DEAD} });
const push = (value) => queue.push(value, ${
  {
    PriorityQueue: "m.PRIORITIES[value % 5]",
    DeadlineQueue: "-value",
    MultilevelQueue: "value % 5",
  }[
    name
  ]
});
const pop = () => {
  const taken = queue.pop();
  return taken.value ?? taken;
};
`;

dies("PriorityQueue", {
  make: () => PriorityQueue.create(8),
  handleOf,
  victim: locked("PriorityQueue"),
  mend: (queue) => queue.recover(DEAD),
  take: (queue) => queue.pop(),
  add: (queue, value) => queue.push(value),
});

dies("DeadlineQueue", {
  make: () => DeadlineQueue.create(8),
  handleOf,
  victim: locked("DeadlineQueue"),
  mend: (queue) => queue.recover(DEAD),
  take: (queue) => queue.pop(),
  add: (queue, value) => queue.push(value, value),
});

dies("MultilevelQueue", {
  make: () => MultilevelQueue.create(8),
  handleOf,
  victim: locked("MultilevelQueue"),
  mend: (queue) => queue.recover(DEAD),
  take: (queue) => {
    const turn = queue.pop();
    return turn === EMPTY ? turn : turn.value;
  },
  add: (queue, value) => queue.push(value),
});

dies("ShardedMap", {
  make: () => ShardedMap.create(8, { shards: 1 }),
  handleOf,
  victim: `
const map = m.ShardedMap.attach(job.handle, { worker: ${DEAD} });
const [mine, pick] = [[], random(3)];
const push = (value) => {
  if (mine.length > 5) return false;
  map.put(value, ~value);
  return mine.push(value) > 0;
};
const pop = () => {
  const [key] = mine.splice(pick() % mine.length, 1);
  return key === undefined ? key : ~map.fetchRemove(key);
};
`,
  mend: (map) => map.recover(DEAD),
  take: (map) => {
    const [first] = map.entries();
    if (first === undefined) return EMPTY;
    assertEquals([map.get(first[0]), first[1], map.remove(first[0])], [~first[0], ~first[0], true]);
    return first[0];
  },
  add: (map, value) => map.put(value, ~value),
});

/** A victim that ends while it holds the lock. */
const HOLDS = (name: string, args: string) => `
const queue = m.${name}.attach(job.handle, { worker: ${DEAD} });
mortal.arm(3); // after the lock's own access it has two more
queue.${args};
`;

const LOCKED = {
  PriorityQueue: [() => PriorityQueue.create(8), "push(1)"],
  DeadlineQueue: [() => DeadlineQueue.create(8), "push(1, 1)"],
  MultilevelQueue: [() => MultilevelQueue.create(8), "push(1)"],
} as const;
for (const [name, [make, push]] of Object.entries(LOCKED)) {
  test(`${name}: others wait for a lock that a dead worker holds, and go on when it is recovered`, async () => {
    const queue = make();
    await endsItself(HOLDS(name, push), { handle: queue.handle });
    assertEquals(queue.holder, DEAD);
    const words = new Int32Array(queue.handle.buffer);
    const waiting = inThreads(
      Array(2).fill(
        `const queue = m.${name}.attach(job.handle); return queue.${push} && queue.size;`,
      ),
      { handle: queue.handle },
    );
    // The lock is awaited: bit 0 of the first word after the header.
    while ((Atomics.load(words, 32) & 1) === 0) await new Promise((go) => setTimeout(go));
    assertEquals([queue.recover(DEAD + 1), queue.holder], [false, DEAD]);
    assertEquals(queue.recover(DEAD), true);
    assertEquals((await waiting as number[]).map((size) => size > 0), [true, true]);
    assertEquals(queue.size, 2);
  });
}

test("a view that has patience says who holds the lock, and can go on after recover", async () => {
  const queue = PriorityQueue.create(8, { patienceMs: 1 });
  await endsItself(HOLDS("PriorityQueue", "push(1)"), { handle: queue.handle });
  let error: unknown;
  try {
    queue.push(2);
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof LockHeldError);
  assertEquals([error.code, error.worker], ["ERR_LOCK_HELD", DEAD]);
  assertEquals(
    error.message,
    "Cannot lock a PriorityQueue: worker 7 has held it for 1 ms (call recover(7) if that worker has ended)",
  );
  assertEquals([queue.recover(error.worker), queue.push(2), queue.pop()], [true, true, 2]);
  const map = ShardedMap.create(8, { patienceMs: 1, shards: 2 });
  map.put(1, 1);
  await endsItself(
    `const map = m.ShardedMap.attach(job.handle, { worker: ${DEAD} }); mortal.arm(9); map.entries();`,
    { handle: map.handle },
  );
  assertEquals(map.holders, [DEAD]);
  const errors = [() => map.put(1, 2), () => map.clear()].map((call) => {
    try {
      return call();
    } catch (thrown) {
      return (thrown as LockHeldError).code;
    }
  });
  assertEquals([errors, map.get(1), map.holders], [["ERR_LOCK_HELD", "ERR_LOCK_HELD"], 1, [DEAD]]);
  assertEquals([map.recover(DEAD), map.holders, map.put(1, 2), map.get(1)], [true, [], true, 2]);
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
