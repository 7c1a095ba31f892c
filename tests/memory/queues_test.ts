/**
 * The queues on one thread, against an array; where their counters wrap; what a dead worker leaves.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  BlockingMpmcQueue,
  CLOSED,
  EMPTY,
  FULL,
  Layout,
  LockFreeQueue,
  MpmcQueue,
  RETRY,
  TIMED_OUT,
} from "@vais/runtime/memory";
import { MpmcRing, NO_CELL } from "../../memory/mpmc_ring.ts";
import { openRegion } from "../../memory/layout.ts";
import { test } from "../support/test.ts";

const int32 = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, -1));
/** Also right before a counter wraps, as int32 and as uint32. */
const start = fc.oneof(
  fc.constantFrom(0, 2 ** 31 - 2, 2 ** 31 - 1, -(2 ** 31), -1, -2, -3),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
);
const capacity = fc.integer({ min: 1, max: 9 });

type Command = { push: number } | { pop: true } | { close: true };
const commands = (withClose: boolean): fc.Arbitrary<Command[]> =>
  fc.array(
    fc.oneof(
      { weight: 20, arbitrary: int32.map((push): Command => ({ push })) },
      { weight: 18, arbitrary: fc.constant<Command>({ pop: true }) },
      { weight: withClose ? 1 : 0, arbitrary: fc.constant<Command>({ close: true }) },
    ),
    { maxLength: 60 },
  );

interface Queue {
  readonly capacity: number;
  readonly size: number;
  readonly isEmpty: boolean;
  push(value: number): unknown;
  pop(): unknown;
  close?(): boolean;
}

/** Runs `list` on `ends` in turn, two views of one queue, and on an array. */
function behavesLikeAnArray(ends: readonly [Queue, Queue], list: readonly Command[]): void {
  const model: number[] = [];
  let closed = false;
  list.forEach((command, i) => {
    const queue = ends[i % 2]!;
    if ("push" in command) {
      const room = model.length < queue.capacity;
      assertEquals(queue.push(command.push), closed ? CLOSED : room || FULL);
      if (room && !closed) model.push(command.push);
    } else if ("pop" in command) {
      assertEquals(queue.pop(), model.shift() ?? (closed ? CLOSED : EMPTY));
    } else {
      assertEquals(queue.close!(), !closed);
      closed = true;
    }
    assertEquals(queue.size, model.length);
    assertEquals(queue.isEmpty, model.length === 0);
  });
}

test("MpmcQueue is an array with a bound, from any start of its counters", () => {
  fc.assert(
    fc.property(capacity, start, fc.boolean(), commands(true), (n, start, padded, list) => {
      const queue = MpmcQueue.create(n, { start, padded });
      behavesLikeAnArray([queue, MpmcQueue.attach(queue.handle)], list);
    }),
    { numRuns: 400 },
  );
});

test("BlockingMpmcQueue, when it need not wait, is an array with a bound", () => {
  fc.assert(
    fc.property(capacity, start, commands(true), (n, start, list) => {
      const queue = BlockingMpmcQueue.create(n, { start });
      const ends = [queue, BlockingMpmcQueue.attach(queue.handle)].map((queue): Queue => ({
        capacity: queue.capacity,
        get size() {
          return queue.size;
        },
        get isEmpty() {
          return queue.isEmpty;
        },
        push: (value) => queue.tryPush(value),
        pop: () => queue.tryPop(),
        close: () => queue.close(),
      }));
      behavesLikeAnArray([ends[0]!, ends[1]!], list);
    }),
  );
});

test("LockFreeQueue is an array with a bound, from any start of its counters", () => {
  fc.assert(
    fc.property(capacity, start, commands(false), (n, start, list) => {
      const queue = LockFreeQueue.create(n, { start });
      const other = LockFreeQueue.attach(queue.handle);
      behavesLikeAnArray([queue, queue], list);
      assertEquals(other.size, queue.size);
    }),
    { numRuns: 300 },
  );
});

test("LockFreeQueue moves batches as it moves single values", () => {
  const batches = fc.array(
    fc.record({ push: fc.boolean(), count: fc.nat(12), from: fc.nat(3) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(capacity, start, batches, (n, start, list) => {
      const producer = LockFreeQueue.create(n, { start });
      const consumer = LockFreeQueue.attach(producer.handle);
      const model: number[] = [];
      let next = 0;
      for (const { push, count, from } of list) {
        if (push) {
          const values = Array.from({ length: from + count }, (_, i) => next + i - from);
          const done = producer.pushMany(values, from);
          assertEquals(done, Math.min(count, producer.capacity - model.length));
          model.push(...values.slice(from, from + done));
          next += done;
        } else {
          const target = new Int32Array(from + count).fill(-7);
          const done = consumer.popMany(target, from);
          assertEquals(done, Math.min(count, model.length));
          assertEquals([...target.subarray(from, from + done)], model.splice(0, done));
          assert(target.subarray(0, from).every((value) => value === -7));
        }
      }
      assertEquals(consumer.size, model.length);
    }),
    { numRuns: 300 },
  );
});

test("capacities are rounded up to a power of two, at least 2", () => {
  for (const [asked, got] of [[1, 2], [2, 2], [3, 4], [100, 128], [1000, 1024]] as const) {
    assertEquals(MpmcQueue.create(asked).capacity, got);
    assertEquals(LockFreeQueue.create(asked).capacity, got);
    assertEquals(BlockingMpmcQueue.create(asked).capacity, got);
  }
});

test("structures share a buffer without touching each other, or what lay there before", () => {
  const layout = new Layout();
  const at = [MpmcQueue, LockFreeQueue, BlockingMpmcQueue].map((of) =>
    layout.add(of.byteLength(4))
  );
  const buffer = layout.allocate();
  new Uint8Array(buffer).fill(255);
  const queues = [
    MpmcQueue.create(4, { at: { buffer, byteOffset: at[0]! } }),
    LockFreeQueue.create(4, { at: { buffer, byteOffset: at[1]! } }),
    BlockingMpmcQueue.create(4, { at: { buffer, byteOffset: at[2]! } }),
  ] as const;
  queues.forEach((queue, i) => {
    for (let j = 0; j < 4; j++) assertEquals(queue.push(10 * i + j), true);
  });
  queues.forEach((queue, i) => {
    for (let j = 0; j < 4; j++) assertEquals(queue.pop(), 10 * i + j);
  });
});

test("MpmcQueue: a push claimed and not published is RETRY for pops, not EMPTY; later it is there", () => {
  const queue = MpmcQueue.create(4);
  const words = openRegion("MpmcQueue", queue.handle);
  const dying = new MpmcRing(words);
  const cell = dying.claimPush();
  assertEquals(queue.push(2), true);
  assertEquals([queue.pop(), queue.pop(), queue.size], [RETRY, RETRY, 2]);
  queue.close();
  assertEquals(queue.pop(), RETRY); // what was claimed before closing still comes
  words[cell + 1] = 1;
  dying.publishPush(cell);
  assertEquals([queue.pop(), queue.pop(), queue.pop()], [1, 2, CLOSED]);
});

test("MpmcQueue: a thread that rests or dies while it pops is in nobody's way, and takes nothing", () => {
  const queue = MpmcQueue.create(2);
  queue.push(1);
  queue.push(2);
  const dying = new MpmcRing(openRegion("MpmcQueue", queue.handle));
  assert(dying.front() > 0);
  assertEquals(queue.push(3), FULL);
  assertEquals([queue.pop(), queue.push(3), queue.push(4)], [1, true, FULL]);
  assertEquals([dying.take(), dying.claimPush()], [false, NO_CELL.FULL]);
  assertEquals([queue.pop(), queue.pop(), queue.pop()], [2, 3, EMPTY]);
});

test("MpmcQueue: a view that rested adds by the head of now, not by the one that it remembers", () => {
  const queue = MpmcQueue.create(2);
  const rested = MpmcQueue.attach(queue.handle);
  for (let i = 0; i < 7; i++) assertEquals([queue.push(i), queue.pop()], [true, i]);
  assertEquals([rested.push(7), queue.push(8)], [true, true]);
  assertEquals([rested.push(9), queue.push(9)], [FULL, FULL]);
  queue.close();
  assertEquals([rested.push(9), queue.push(9), rested.pop(), rested.pop(), rested.pop()], [
    CLOSED,
    CLOSED,
    7,
    8,
    CLOSED,
  ]);
});

test("MpmcQueue: what a view remembers is not taken for new when the counters have wrapped", () => {
  const queue = MpmcQueue.create(2);
  const words = openRegion("MpmcQueue", queue.handle);
  const [head, tail, cells] = [32, 64, 96];
  for (let i = 0; i < 2; i++) assertEquals([queue.push(i), queue.pop()], [true, i]);
  const rested = MpmcQueue.attach(queue.handle); // it knows 4 as head and as tail
  assertEquals([words[head], words[tail]], [4, 4]);
  // 2 ** 31 - 2 items later there are two in it, at the positions 0 and 2.
  Atomics.store(words, head, 0);
  words.set([2, 70, 4, 71], cells);
  assertEquals([rested.pop(), queue.pop()], [70, 71]);
  // The same for one that knows 2 as head and has pushed nothing since: it is full.
  const other = MpmcQueue.create(2);
  const raw = openRegion("MpmcQueue", other.handle);
  assertEquals([other.push(1), other.pop()], [true, 1]);
  const old = MpmcQueue.attach(other.handle);
  Atomics.store(raw, head, 0);
  Atomics.store(raw, tail, 4);
  raw.set([2, 80, 4, 81], cells);
  assertEquals([old.push(9), old.pop(), old.pop(), old.pop()], [FULL, 80, 81, EMPTY]);
});

test("BlockingMpmcQueue: times", async () => {
  const queue = BlockingMpmcQueue.create(2, { spins: 0 });
  assertEquals(queue.pop(0), TIMED_OUT);
  assertEquals(await queue.popAsync(0), TIMED_OUT);
  const begun = performance.now();
  assertEquals(queue.pop(5), TIMED_OUT);
  assert(performance.now() - begun >= 4.9);
  assertEquals([queue.push(1), queue.push(2, 0), queue.push(3, 0)], [true, true, TIMED_OUT]);
  assertEquals(await queue.pushAsync(3, 2), TIMED_OUT);
  assertEquals([queue.pop(null), queue.pop(Infinity), queue.pop(0)], [1, 2, TIMED_OUT]);
});

test("BlockingMpmcQueue: the main thread waits without blocking, in order, and is let go by close", async () => {
  const queue = BlockingMpmcQueue.create(2);
  const pops = [queue.popAsync(), queue.popAsync(1_000), queue.popAsync()];
  const pushes = [1, 2, 3, 4, 5, 6].map((value) => queue.pushAsync(value));
  const taken = await Promise.all(pops);
  assertEquals(taken.map(Number).sort(), [1, 2, 3]);
  const rest = [await queue.popAsync(), await queue.popAsync(), await queue.popAsync()];
  assertEquals(rest.map(Number).sort(), [4, 5, 6]);
  assertEquals(await Promise.all(pushes), [true, true, true, true, true, true]);
  const waiting = [queue.popAsync(), queue.popAsync()];
  assertEquals([queue.close(), queue.close()], [true, false]);
  assertEquals(await Promise.all(waiting), [CLOSED, CLOSED]);
  assertEquals([await queue.pushAsync(7), queue.push(7), queue.pop()], [CLOSED, CLOSED, CLOSED]);
});

test("BlockingMpmcQueue: producers that wait for room are let go by close, items stay to be taken", async () => {
  const queue = BlockingMpmcQueue.create(2);
  queue.push(1);
  queue.push(2);
  const waiting = [queue.pushAsync(3), queue.pushAsync(4)];
  queue.close();
  assertEquals(await Promise.all(waiting), [CLOSED, CLOSED]);
  assertEquals([queue.pop(), queue.pop(), queue.pop()], [1, 2, CLOSED]);
});
