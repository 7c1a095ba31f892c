/**
 * The stacks on one thread, against an array; tags that wrap; what a dead worker leaves.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  EMPTY,
  type EpochParticipant,
  EpochReclamation,
  FULL,
  LockFreeStack,
  LockFreeStackEBR,
} from "@vais/runtime/memory";
import { LINE_WORDS, openRegion } from "../../memory/layout.ts";
import { TaggedList } from "../../memory/tagged_list.ts";
import { test } from "../support/test.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const commands = fc.array(fc.oneof(int32, fc.constant(EMPTY)), { maxLength: 60 });

interface Stack {
  readonly isEmpty: boolean;
  readonly capacity: number;
  push(value: number): unknown;
  pop(): unknown;
}

/** EMPTY stands for a pop, a number for its push. */
function behavesLikeAnArray(ends: readonly Stack[], list: readonly (number | typeof EMPTY)[]) {
  const model: number[] = [];
  list.forEach((command, i) => {
    const stack = ends[i % ends.length]!;
    if (command === EMPTY) assertEquals(stack.pop(), model.pop() ?? EMPTY);
    else {
      const room = model.length < stack.capacity;
      assertEquals(stack.push(command), room || FULL);
      if (room) model.push(command);
    }
    assertEquals(stack.isEmpty, model.length === 0);
  });
}

test("LockFreeStack is an array with a bound, from any tag", () => {
  const tag = fc.oneof(fc.constantFrom(0, 2 ** 31 - 1, -1, -(2 ** 31)), int32);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), tag, commands, (capacity, tag, list) => {
      const stack = LockFreeStack.create(capacity, { tag });
      behavesLikeAnArray([stack, LockFreeStack.attach(stack.handle)], list);
      assertEquals(stack.repair(), 0);
    }),
    { numRuns: 300 },
  );
});

test("LockFreeStackEBR is an array with a bound: what waits is freed before it says FULL", () => {
  const threshold = fc.constantFrom(1, 2, 64);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      threshold,
      int32,
      commands,
      (n, threshold, epoch, list) => {
        const epochs = EpochReclamation.create({ slots: 2, threshold, epoch });
        const [first, second] = [join(epochs), join(epochs)];
        const stack = LockFreeStackEBR.create(n, first);
        behavesLikeAnArray([stack], list);
        while (LockFreeStackEBR.attach(stack.handle, second).pop() !== EMPTY);
        first.leave();
        second.leave();
      },
    ),
    { numRuns: 300 },
  );
});

test("LockFreeStackEBR: while somebody is pinned no node comes back, however full it is", () => {
  const epochs = EpochReclamation.create({ threshold: 1 });
  const reader = join(epochs);
  const stack = LockFreeStackEBR.create(2, join(epochs));
  stack.push(1);
  reader.pin();
  for (let i = 2; stack.push(i) === true; i++) assertEquals(stack.pop(), i);
  assertEquals([stack.push(9), stack.pop(), stack.push(9)], [FULL, 1, FULL]);
  reader.unpin();
  assertEquals([stack.push(3), stack.push(4), stack.push(5)], [true, true, FULL]);
});

test("LockFreeStack: a node that died with a worker is missing, and repaired", () => {
  const stack = LockFreeStack.create(3);
  const words = openRegion("LockFreeStack", stack.handle);
  new TaggedList(words, 2 * LINE_WORDS, 3 * LINE_WORDS).take(); // in the hand of a dead worker
  assertEquals([stack.push(1), stack.push(2), stack.push(3)], [true, true, FULL]);
  assertEquals(stack.repair(), 1);
  assertEquals([stack.push(3), stack.push(4)], [true, FULL]);
  assertEquals([stack.pop(), stack.pop(), stack.pop(), stack.pop()], [3, 2, 1, EMPTY]);
});

test("LockFreeStack: repair works at any capacity", () => {
  const stack = LockFreeStack.create(2 ** 24 + 2); // more than a Set holds
  stack.push(1);
  assertEquals([stack.repair(), stack.pop()], [0, 1]);
});

test("LockFreeStackEBR: nodes that a dead worker had taken or retired are repaired, when nobody is pinned", () => {
  const epochs = EpochReclamation.create();
  const [me, dead] = [join(epochs), join(epochs)];
  const mine = LockFreeStackEBR.create(3, me);
  const theirs = LockFreeStackEBR.attach(mine.handle, dead);
  for (const value of [1, 2, 3]) mine.push(value);
  assertEquals([theirs.pop(), theirs.pop()], [3, 2]); // retired, and it dies with them
  dead.pin();
  mine.pop();
  assertThrows(() => mine.repair(), Error, "Cannot repair: 1 retired nodes wait");
  assertEquals(mine.push(4), FULL);
  epochs.clear(dead.slot);
  assertEquals([mine.repair(), mine.repair()], [2, 0]);
  assertEquals([4, 5, 6, 7].map((value) => mine.push(value)), [true, true, true, FULL]);
});

function join(epochs: EpochReclamation): EpochParticipant {
  const participant = epochs.join();
  assert(participant !== FULL);
  return participant;
}
