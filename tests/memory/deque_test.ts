/**
 * The work-stealing deque on one thread, against an array; where its positions wrap; a new owner.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ChaseLevDeque, EMPTY, FULL } from "@vais/runtime/memory";
import { openRegion } from "../../memory/layout.ts";
import { test } from "../support/test.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const start = fc.oneof(fc.constantFrom(0, 2 ** 31 - 1, 2 ** 31 - 3, -(2 ** 31), -1, -2), int32);
const command = fc.oneof(
  { weight: 5, arbitrary: int32.map((push) => ({ push })) },
  { weight: 3, arbitrary: fc.constant("pop" as const) },
  { weight: 2, arbitrary: fc.constant("steal" as const) },
  { weight: 1, arbitrary: fc.constant("steal half" as const) },
);

test("ChaseLevDeque is an array: the owner at its end, thieves at its beginning", () => {
  const commands = fc.array(command, { maxLength: 80 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), start, commands, (capacity, start, list) => {
      const owner = ChaseLevDeque.create(capacity, { start });
      const thief = ChaseLevDeque.attach(owner.handle);
      const loot = ChaseLevDeque.create(8, { start });
      const model: number[] = [];
      for (const command of list) {
        if (command === "pop") assertEquals(owner.pop(), model.pop() ?? EMPTY);
        else if (command === "steal") assertEquals(thief.steal(), model.shift() ?? EMPTY);
        else if (command === "steal half") {
          const half = Math.min(Math.ceil(model.length / 2), 8);
          assertEquals(thief.stealHalf(loot), half === 0 ? EMPTY : half);
          for (const value of model.splice(0, half)) assertEquals(loot.steal(), value);
        } else {
          const room = model.length < owner.capacity;
          assertEquals(owner.push(command.push), room || FULL);
          if (room) model.push(command.push);
        }
        assertEquals([thief.size, thief.isEmpty], [model.length, model.length === 0]);
      }
    }),
    { numRuns: 500 },
  );
});

test("ChaseLevDeque: capacity is rounded up to a power of two, default 16", () => {
  const asked = [1, 2, 3, 17, 1000].map((capacity) => ChaseLevDeque.create(capacity).capacity);
  assertEquals([...asked, ChaseLevDeque.create().capacity], [2, 2, 4, 32, 1024, 16]);
});

test("stealHalf takes the oldest half, at most 16, at most what fits, and says why it took nothing", () => {
  const rich = ChaseLevDeque.create(64);
  const into = ChaseLevDeque.create(32);
  assertEquals(rich.stealHalf(into), EMPTY);
  for (let i = 0; i < 64; i++) rich.push(i);
  assertEquals(rich.stealHalf(into), 16);
  assertEquals([into.size, into.pop(), into.steal(), rich.steal()], [16, 15, 0, 16]);
  const small = ChaseLevDeque.create(4);
  assertEquals([rich.stealHalf(small), rich.stealHalf(small)], [4, FULL]);
  assertEquals(rich.size, 43);
});

test("ChaseLevDeque: another owner goes on where the first stopped", () => {
  const first = ChaseLevDeque.create(4);
  first.push(1);
  first.push(2);
  const second = ChaseLevDeque.attach(first.handle);
  assertEquals([second.recover(), second.pop(), second.push(3)], [false, 2, true]);
  assertEquals([second.pop(), second.pop(), second.pop()], [3, 1, EMPTY]);
});

test("ChaseLevDeque: any view of the owning thread goes on where another stopped", () => {
  const first = ChaseLevDeque.create(4);
  const second = ChaseLevDeque.attach(first.handle);
  for (let i = 0; i < 9; i++) {
    assertEquals([first.push(1), second.push(2), first.push(3), second.size], [
      true,
      true,
      true,
      3,
    ]);
    assertEquals([first.pop(), second.pop(), second.steal(), first.pop()], [3, 2, 1, EMPTY]);
  }
});

test("stealHalf refuses the source, also behind another view", () => {
  const deque = ChaseLevDeque.create(4);
  deque.push(1);
  assertThrows(() => deque.stealHalf(ChaseLevDeque.attach(deque.handle)), TypeError, "the source");
  assertEquals(deque.size, 1);
});

test("ChaseLevDeque: an owner that died inside pop leaves bottom below top; its successor recovers", () => {
  const deque = ChaseLevDeque.create(4, { start: -1 });
  const words = openRegion("ChaseLevDeque", deque.handle);
  Atomics.sub(words, 64, 1); // it had lowered bottom, on an empty deque, and was no more
  const successor = ChaseLevDeque.attach(deque.handle);
  assertEquals([successor.size, successor.steal()], [0, EMPTY]);
  assert(successor.recover());
  assertEquals([successor.push(5), successor.size, deque.steal()], [true, 1, 5]);
});
