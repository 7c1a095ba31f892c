/**
 * Real workers end while they may hold a lock; it is recovered, and the others, who may be waiting, go on.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  DeadlineQueue,
  EMPTY,
  LockHeldError,
  MultilevelQueue,
  PriorityQueue,
  ShardedMap,
} from "@vais/runtime/memory";
import { dies, handleOf } from "../support/deaths.ts";
import { inThreads } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";
import { endsItself } from "../support/victims.ts";

const DEAD = 7;

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
