/**
 * Byte messages and records: on one thread against an array, and between workers.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteRing, CLOSED, EMPTY, FULL, RecordQueue } from "@vais/runtime/memory";
import { inThreads } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";

const start = fc.constantFrom(0, 4, -4, -64, 2 ** 31 - 4, 2 ** 31 - 40, 60);

test("ByteRing gives back the messages, in order, whatever their lengths and wherever it begins", () => {
  const command = fc.oneof(
    { weight: 5, arbitrary: fc.nat(28).map((push) => ({ push })) },
    { weight: 4, arbitrary: fc.constantFrom("pop", "popInto", "read" as const) },
  );
  fc.assert(
    fc.property(start, fc.array(command, { maxLength: 80 }), (start, list) => {
      const producer = ByteRing.create(64, { start });
      const consumer = ByteRing.attach(producer.handle);
      const model: Uint8Array[] = [];
      let next = 0;
      for (const command of list) {
        if (typeof command === "object") {
          const message = Uint8Array.from({ length: command.push }, () => next++);
          const write = (bytes: Uint8Array, at: number) => bytes.set(message, at);
          const answer = next % 2 ? producer.push(message) : producer.pushWith(command.push, write);
          if (answer === true) model.push(message);
          else assertEquals([answer, model.length > 0], [FULL, true]);
          continue;
        }
        const wanted = model.shift();
        assertEquals(consumer.nextLength(), wanted?.length ?? EMPTY);
        if (command === "pop") assertEquals(consumer.pop(), wanted ?? EMPTY);
        else if (command === "popInto") {
          const target = new Uint8Array(40);
          assertEquals(consumer.popInto(target), wanted?.length ?? EMPTY);
          if (wanted) assertEquals(target.subarray(0, wanted.length), wanted);
        } else {
          const answer = consumer.read((bytes, at, length) => {
            assertEquals(bytes.slice(at, at + length), wanted);
          });
          assertEquals(answer, wanted === undefined ? EMPTY : true);
        }
        assertEquals(consumer.isEmpty, model.length === 0);
      }
    }),
    { numRuns: 500 },
  );
});

test("ByteRing: the longest message always fits into an empty ring, a longer one never", () => {
  for (let at = 0; at < 64; at += 4) {
    const ring = ByteRing.create(64, { start: at });
    const longest = new Uint8Array(ring.longest).fill(at);
    assertEquals([ring.longest, ring.push(longest), ring.pop()], [28, true, longest]);
    assertThrows(() => ring.push(new Uint8Array(29)), RangeError, "Cannot push");
  }
});

test("ByteRing: what throws while writing or reading changes nothing; a small target takes nothing", () => {
  const ring = ByteRing.create(64);
  const fail = () => {
    throw new Error("mine");
  };
  assertThrows(() => ring.pushWith(3, fail), Error, "mine");
  assert(ring.isEmpty);
  ring.push(Uint8Array.of(1, 2, 3));
  assertThrows(() => ring.read(fail), Error, "mine");
  assertThrows(() => ring.popInto(new Uint8Array(2)), RangeError, "Cannot pop");
  assertEquals([ring.used, ring.pop(), ring.used], [8, Uint8Array.of(1, 2, 3), 0]);
});

test("ByteRing: while a message is written or read in place the same view refuses the rest", () => {
  const ring = ByteRing.create(64);
  const other = ByteRing.attach(ring.handle);
  const refused = (call: () => unknown) => assertThrows(call, Error, "is being written or read");
  ring.pushWith(2, () => {
    refused(() => ring.push(new Uint8Array(3)));
    refused(() => ring.pop());
    refused(() => ring.nextLength());
    assertEquals(other.pop(), EMPTY);
  });
  ring.push(new Uint8Array(5));
  ring.read(() => {
    refused(() => ring.read(() => {}));
    refused(() => ring.popInto(new Uint8Array(9)));
    assertEquals(other.push(new Uint8Array(7)), true);
  });
  const lengths = [
    ring.nextLength(),
    ring.popInto(new Uint8Array(9)),
    ring.popInto(new Uint8Array(9)),
  ];
  assertEquals([...lengths, ring.pop()], [5, 5, 7, EMPTY]);
});

test("ByteRing between workers: every byte of every message, in order", async () => {
  for (const start of [0, -256, 2 ** 31 - 256]) {
    const ring = ByteRing.create(2_048, { start });
    const [, got] = await inThreads([
      `const ring = m.ByteRing.attach(job.ring);
       const next = random(3);
       for (let i = 0; i < job.count; i++) {
         const message = new Uint8Array(next() % 250).fill(i);
         insist(() => ring.push(message), m.FULL);
       }`,
      `const ring = m.ByteRing.attach(job.ring);
       const next = random(3);
       for (let i = 0; i < job.count; i++) {
         const message = insist(() => ring.pop(), m.EMPTY);
         if (message.length !== next() % 250 || message.some((byte) => byte !== i % 256)) {
           throw new Error("wrong message " + i);
         }
       }
       return ring.isEmpty;`,
    ], { ring: ring.handle, count: 2_000 });
    assert(got);
  }
});

test("RecordQueue is an array of records with a bound", () => {
  const command = fc.oneof(fc.double(), fc.constant(EMPTY));
  const type = fc.constantFrom("int32", "float64", "uint8" as const);
  fc.assert(
    fc.property(
      type,
      fc.integer({ min: 1, max: 5 }),
      start,
      fc.array(command),
      (type, n, start, list) => {
        const queue = RecordQueue.create(3, n, { type, start });
        const other = RecordQueue.attach(queue.handle);
        const arrays = { int32: Int32Array, float64: Float64Array, uint8: Uint8Array };
        const model: number[][] = [];
        for (const command of list) {
          if (command === EMPTY) {
            const target: number[] = [];
            const wanted = model.shift();
            assertEquals(other.pop(target), wanted === undefined ? EMPTY : true);
            if (wanted) assertEquals(target, wanted);
          } else {
            const record = Array.from({ length: n }, (_, i) => command + i);
            const room = model.length < queue.capacity;
            assertEquals(queue.push(record), room || FULL);
            if (room) model.push([...arrays[type].from(record)]);
          }
          assertEquals(other.size, model.length);
        }
        queue.close();
        assertEquals([queue.push(new Array(n).fill(0)), queue.isClosed], [CLOSED, true]);
      },
    ),
  );
});

test("RecordQueue: what throws in the caller's record or target takes nothing and blocks nobody", () => {
  const queue = RecordQueue.create(4, 2);
  let reads = 0;
  const sly = [1, 0];
  Object.defineProperty(sly, 1, {
    get() {
      if (reads++ > 0) throw new Error("read twice");
      return 2;
    },
  });
  assertEquals(queue.push(sly), true);
  assertThrows(() => queue.push(sly), Error, "read twice");
  assertThrows(() => queue.pop(Object.freeze([]) as unknown as number[]), TypeError);
  const record = [0, 0];
  assertEquals([queue.pop(record), record, queue.pop(record)], [true, [1, 2], EMPTY]);
  assertEquals([queue.push([3, 4]), queue.pop(record), record], [true, true, [3, 4]]);
});

test("RecordQueue between workers: records come whole, in order, once", async () => {
  const queue = RecordQueue.create(4, 3, { start: -6 });
  const produce = `
    const queue = m.RecordQueue.attach(job.queue);
    for (let i = 0; i < job.each; i++) {
      insist(() => queue.push([me, i, me * i + 0.5]), m.FULL, m.RETRY);
    }
    if (Atomics.sub(job.left, 0, 1) === 1) queue.close();
    return 0;`;
  const consume = `
    const queue = m.RecordQueue.attach(job.queue);
    const record = new Float64Array(3);
    for (let taken = 0;; taken++) {
      const answer = insist(() => queue.pop(record), m.EMPTY, m.RETRY);
      if (answer === m.CLOSED) return taken;
      const [from, i, sum] = record;
      if (sum !== from * i + 0.5) throw new Error("torn");
    }`;
  const left = new Int32Array(new SharedArrayBuffer(4)).fill(2);
  const job = { queue: queue.handle, each: 5_000, left };
  const taken = await inThreads([produce, produce, consume, consume], job);
  assertEquals(Number(taken[2]) + Number(taken[3]), 10_000);
});
