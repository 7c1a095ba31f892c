/**
 * Epoch-based reclamation: nothing is freed while somebody may hold it, everything is in the end.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type EpochParticipant, EpochReclamation, FULL } from "@vais/runtime/memory";
import { test } from "../support/test.ts";

function join(epochs: EpochReclamation): EpochParticipant {
  const participant = epochs.join();
  assert(participant !== FULL);
  return participant;
}

test("nothing is freed while a participant that was pinned when it was retired still is", () => {
  const epoch = fc.oneof(
    fc.constantFrom(0, -1, -2, -3, 2 ** 31 - 1, 2 ** 31 - 2, -(2 ** 31), 2 ** 29 - 1, 2 ** 30 - 1),
    fc.integer(),
  );
  const who = fc.nat(2);
  const command = fc.record({
    who,
    act: fc.constantFrom("pin", "unpin", "retire", "retire", "collect", "advance" as const),
  });
  fc.assert(
    fc.property(
      epoch,
      fc.constantFrom(1, 2, 64),
      fc.array(command, { maxLength: 80 }),
      (e, threshold, list) => {
        const epochs = EpochReclamation.create({ slots: 4, threshold, epoch: e });
        const threads = [join(epochs), join(epochs), join(epochs)];
        const depth = [0, 0, 0];
        /** Per value that waits: who was pinned when it was retired, and has been since. */
        const holders = new Map<number, Set<number>>();
        const free = (value: number) => {
          assertEquals([...holders.get(value)!], [], `value ${value} freed while held`);
          holders.delete(value);
        };
        let next = 0;
        for (const { who, act } of list) {
          const thread = threads[who]!;
          if (act === "pin") (thread.pin(), depth[who]!++);
          else if (act === "unpin" && depth[who]! > 0) {
            if (--depth[who]! === 0) { for (const set of holders.values()) set.delete(who); }
            thread.unpin();
          } else if (act === "retire") {
            holders.set(next, new Set([0, 1, 2].filter((i) => depth[i]! > 0)));
            thread.retire(next++, free);
          } else if (act === "collect") thread.collect();
          else if (act === "advance") epochs.advance();
          assertEquals(thread.isPinned, depth[who]! > 0);
        }
        threads.forEach((thread, i) => {
          while (depth[i]!-- > 0) thread.unpin();
        });
        holders.forEach((set) => set.clear());
        for (let i = 0; i < 3; i++) for (const thread of threads) thread.collect();
        assertEquals([holders.size, ...threads.map((thread) => thread.waiting)], [0, 0, 0, 0]);
      },
    ),
    { numRuns: 500 },
  );
});

test("pins nest: the inner unpin does not end the outer pin", () => {
  const epochs = EpochReclamation.create();
  const me = join(epochs);
  me.pin();
  me.pin();
  me.unpin();
  assertEquals([me.isPinned, epochs.advance(), epochs.advance()], [true, true, false]);
  me.unpin();
  assertEquals([me.isPinned, epochs.advance(), epochs.currentEpoch], [false, true, 2]);
});

test("pinned ends its pin also when the body throws", () => {
  const me = join(EpochReclamation.create());
  assertEquals(me.pinned(() => me.isPinned), true);
  assertThrows(() =>
    me.pinned(() => {
      throw new Error("mine");
    }), "mine");
  assertEquals(me.isPinned, false);
});

test("slots are leased, recycled, and run out", () => {
  const epochs = EpochReclamation.create({ slots: 2 });
  const [a, b] = [join(epochs), join(epochs)];
  assertEquals([a.slot, b.slot, epochs.join()], [0, 1, FULL]);
  a.leave();
  a.leave();
  assertEquals([join(epochs).slot, epochs.join()], [0, FULL]);
  b.pin();
  assertEquals(epochs.participants(), [{ slot: 0, pinned: false }, { slot: 1, pinned: true }]);
});

test("a dead worker's slot is cleared: the garbage of the others is freed again", () => {
  const epochs = EpochReclamation.create({ slots: 2 });
  const [me, dead] = [join(epochs), join(epochs)];
  dead.pin();
  const freed: number[] = [];
  me.retire(1, (value) => freed.push(value));
  for (let i = 0; i < 9; i++) me.collect();
  assertEquals(freed, []);
  assertEquals([epochs.clear(dead.slot), epochs.clear(dead.slot)], [true, false]);
  for (let i = 0; i < 3; i++) me.collect();
  assertEquals([freed, join(epochs).slot], [[1], 1]);
});

test("who leaves still frees what it had retired; it cannot pin again", () => {
  const me = join(EpochReclamation.create());
  const freed: number[] = [];
  me.pin();
  assertThrows(() => me.leave(), Error, "Cannot leave");
  me.retire(1, (value) => freed.push(value));
  me.unpin();
  while (me.leave() > 0);
  assertEquals(freed, [1]);
  assertThrows(() => me.pin(), Error, "Cannot pin");
  assertThrows(() => me.unpin(), Error, "Cannot unpin");
});

test("a free that throws goes through; the rest is freed next time, once", () => {
  const me = join(EpochReclamation.create());
  const freed: number[] = [];
  const free = (value: number) => {
    freed.push(value);
    if (value === 1) throw new Error("mine");
  };
  for (const value of [0, 1, 2]) me.retire(value, free);
  me.collect();
  assertThrows(() => me.collect(), Error, "mine");
  me.collect();
  assertEquals([freed.sort(), me.waiting], [[0, 1, 2], 0]);
});

test("free may retire: it is freed two epochs later", () => {
  const me = join(EpochReclamation.create({ threshold: 1 }));
  const freed: number[] = [];
  me.retire(3, function free(value) {
    freed.push(value);
    if (value > 0) me.retire(value - 1, free);
  });
  for (let i = 0; i < 12; i++) me.collect();
  assertEquals([freed, me.waiting], [[3, 2, 1, 0], 0]);
});
