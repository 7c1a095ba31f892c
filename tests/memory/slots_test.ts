/**
 * Refs, slots, the free list, park words, backoff: on one thread.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Backoff,
  EMPTY,
  FreeList,
  FULL,
  Layout,
  NO_REF,
  ParkWord,
  type Ref,
  RefFormat,
  SlotSlab,
} from "@vais/runtime/memory";
import { LINE_WORDS, openRegion } from "../../memory/layout.ts";
import { TaggedList } from "../../memory/tagged_list.ts";
import { test } from "../support/test.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

test("a Ref gives back its slot and its life, and is never NO_REF", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 24 }), int32, fc.nat(), (n, generation, slot) => {
      const format = new RefFormat(n);
      const odd = generation | 1;
      const ref = format.make(slot % n, odd);
      assertEquals([ref | 0, format.slotOf(ref)], [ref, slot % n]);
      assert(ref !== NO_REF && format.matches(ref, odd) && !format.matches(ref, odd + 2));
    }),
  );
});

test("SlotSlab against a map: live Refs are live, stale and foreign ones are told, none twice", () => {
  const command = fc.oneof(
    { weight: 3, arbitrary: fc.constant(-1) },
    { weight: 3, arbitrary: fc.nat(20) },
  );
  const generation = fc.constantFrom(0, -2, 2 ** 31 - 2);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      generation,
      fc.array(command),
      (n, generation, list) => {
        const slab = SlotSlab.create(n, { generation, recordBytes: 12 });
        const other = SlotSlab.attach(slab.handle);
        const live = new Map<Ref, number>();
        const stale: Ref[] = [];
        for (const pick of list) {
          if (pick < 0) {
            const ref = slab.allocate();
            assertEquals(ref === FULL, live.size === n);
            if (ref === FULL) continue;
            assert(!live.has(ref) && !stale.includes(ref));
            const record = new Int32Array(slab.handle.buffer, slab.byteOffsetOf(ref), 3);
            live.set(ref, record[2] = live.size + 100);
          } else {
            const ref = [...live.keys()][pick];
            if (ref === undefined) continue;
            const record = new Int32Array(slab.handle.buffer, other.byteOffsetOf(ref), 3);
            assertEquals([record[2], other.free(ref), slab.free(ref)], [
              live.get(ref),
              true,
              false,
            ]);
            live.delete(ref);
            stale.push(ref);
          }
          assertEquals(other.size, live.size);
          for (const ref of live.keys()) assert(other.isLive(ref));
          for (const ref of [...stale, NO_REF]) assert(!other.isLive(ref) && !other.free(ref));
        }
      },
    ),
  );
});

test("SlotSlab: a stale Ref has no place; slots lost with a worker are found by rebuild", () => {
  const slab = SlotSlab.create(3);
  const [a, b] = [slab.allocate() as Ref, slab.allocate() as Ref];
  slab.free(a);
  assertThrows(() => slab.byteOffsetOf(a), RangeError, "Cannot use a slot");
  assertThrows(() => slab.slotOf(NO_REF), RangeError, "Cannot use a slot");
  const words = openRegion("SlotSlab", slab.handle);
  new TaggedList(words, LINE_WORDS, 2 * LINE_WORDS + 3).take(); // in the hand of a dead worker
  assert(slab.allocate() !== FULL);
  assertEquals(slab.allocate(), FULL);
  slab.rebuild();
  assert(slab.allocate() !== FULL && slab.isLive(b));
  assertEquals([slab.allocate(), slab.size], [FULL, 3]);
});

test("FreeList hands out each number once, the last given back first", () => {
  const list = FreeList.create(3, { tag: -1 });
  const other = FreeList.attach(list.handle);
  assertEquals([list.take(), other.take(), list.take(), other.take()], [0, 1, 2, EMPTY]);
  assert(list.isEmpty);
  other.give(1);
  list.give(2);
  assertThrows(() => list.give(2), RangeError, "Cannot give a slot back");
  assertEquals([list.take(), list.take(), list.isEmpty], [2, 1, true]);
});

test("Layout adds up lines", () => {
  const layout = new Layout();
  assertEquals([layout.add(1), layout.add(128), layout.add(129), layout.add(0)], [
    0,
    128,
    256,
    512,
  ]);
  assertEquals([layout.byteLength, layout.allocate().byteLength], [512, 512]);
});

test("ParkWord: a wake before the sleep is kept, many are as one", () => {
  const word = ParkWord.create();
  const other = ParkWord.attach(word.handle);
  assertEquals(word.park(0), false);
  other.unpark();
  other.unpark();
  assertEquals([word.park(), word.park(0), word.park(2), word.isParked], [
    true,
    false,
    false,
    false,
  ]);
});

test("ParkWord: the main thread parks without blocking; one at a time", async () => {
  const word = ParkWord.create();
  const parked = word.parkAsync();
  assert(word.isParked);
  assertThrows(() => word.park(0), Error, "Cannot park");
  word.unpark();
  assertEquals([await parked, await word.parkAsync(0), await word.parkAsync(2)], [
    true,
    false,
    false,
  ]);
  const dead = word.parkAsync(20);
  word.reset();
  word.unpark();
  assertEquals([word.park(0), await dead], [true, false]);
});

test("Backoff pauses, then sleeps, then says it has been long enough", () => {
  const backoff = new Backoff();
  for (let i = 0; i < 30; i++) backoff.spin();
  assertEquals(backoff.isCompleted, false);
  for (let i = 0; i < 8; i++) backoff.snooze();
  assertEquals(backoff.isCompleted, true);
  backoff.reset();
  assertEquals(backoff.isCompleted, false);
});
