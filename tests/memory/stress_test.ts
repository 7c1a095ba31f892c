/**
 * Deque, stacks, slots, epochs and park words between workers: nothing lost, nothing twice.
 *
 * The names are those of crossbeam's tests.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ChaseLevDeque,
  EMPTY,
  EpochReclamation,
  FreeList,
  FULL,
  LockFreeStack,
  LockFreeStackEBR,
  ParkWord,
  SlotSlab,
} from "@vais/runtime/memory";
import { assertOnceEach, inThreads, newTally } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";

/** Steals one by one until the owner is done and nothing is left; answers how many. */
const THIEF = `
const deque = m.ChaseLevDeque.attach(job.deque);
let stolen = 0;
for (;;) {
  const done = Atomics.load(job.done, 0);
  const value = deque.steal();
  if (typeof value === "number") (Atomics.add(job.tally, value, 1), Atomics.add(job.stolen, me, 1));
  else if (value === m.EMPTY && done === 1) return Atomics.load(job.stolen, me);
  notForEver();
}`;

/** The same by halves, into a deque of its own. */
const HALF_THIEF = `
const deque = m.ChaseLevDeque.attach(job.deque);
const mine = m.ChaseLevDeque.create(8, { start: -3 });
for (;;) {
  const done = Atomics.load(job.done, 0);
  const moved = deque.stealHalf(mine);
  for (let value; (value = mine.pop()) !== m.EMPTY;) {
    Atomics.add(job.tally, value, 1);
    Atomics.add(job.stolen, me, 1);
  }
  if (moved === m.EMPTY && done === 1) return Atomics.load(job.stolen, me);
  notForEver();
}`;

const owner = (work: string) => `
const deque = m.ChaseLevDeque.attach(job.deque);
const next = random(7);
const own = (value) => value !== m.EMPTY && Atomics.add(job.tally, value, 1);
${work}
for (let value; (value = deque.pop()) !== m.EMPTY;) own(value);
Atomics.store(job.done, 0, 1);`;

async function deque(work: string, thieves: readonly string[], count: number, capacity = 16) {
  for (const start of [0, 2 ** 31 - 5, -5]) {
    const made = ChaseLevDeque.create(capacity, { start });
    const tally = newTally(count);
    const job = { deque: made.handle, tally, count, done: newTally(1), stolen: newTally(4) };
    await inThreads([owner(work), ...thieves], job);
    assertOnceEach(tally);
    assertEquals(made.steal(), EMPTY);
  }
}

test("ChaseLevDeque spsc: the owner only pushes, one thief takes all", async () => {
  const push = "for (let i = 0; i < job.count; i++) insist(() => deque.push(i), m.FULL);" +
    "while (!deque.isEmpty) notForEver();";
  await deque(push, [THIEF], 20_000);
});

test("ChaseLevDeque stampede: a full deque, all at once", async () => {
  const fill = "for (let i = 0; i < job.count; i++) deque.push(i);";
  await deque(fill, [THIEF, HALF_THIEF], 8_192, 8_192);
});

test("ChaseLevDeque stress: the owner pushes and pops at random, the last item is fought for", async () => {
  const work = `for (let i = 0; i < job.count;) {
    if (next() % 3 > 0) { if (deque.push(i) === true) i++; else own(deque.pop()); }
    else own(deque.pop());
  }`;
  await deque(work, [THIEF, HALF_THIEF], 30_000, 2);
});

test("ChaseLevDeque no_starvation: every thief gets some while the owner works", async () => {
  const made = ChaseLevDeque.create(64);
  const work = `let i = 0;
    while ([1, 2].some((thief) => Atomics.load(job.stolen, thief) < 50)) {
      if (deque.push(i % job.count) !== true) deque.pop();
      i++;
      notForEver();
    }`;
  const job = { deque: made.handle, tally: newTally(64), count: 64, done: newTally(1) };
  const [, ...stolen] = await inThreads([owner(work), THIEF, HALF_THIEF], {
    ...job,
    stolen: newTally(3),
  });
  assert(stolen.every((count) => count as number >= 50), `${stolen}`);
});

/** Pushes its own values and pops anybody's, at random; then takes what is left. */
const STACK_WORK = `
const next = random(me + 1);
for (let i = 0; i < job.each;) {
  if (next() % 2 === 0 && stack.push(me * job.each + i) === true) i++;
  else {
    const value = stack.pop();
    if (value !== m.EMPTY) Atomics.add(job.tally, value, 1);
  }
}
meet(job.end, threads);
for (let value; (value = stack.pop()) !== m.EMPTY;) Atomics.add(job.tally, value, 1);`;

test("LockFreeStack stress and everything_freed: all nodes are free again", async () => {
  const stack = LockFreeStack.create(5, { tag: -9 });
  const tally = newTally(3 * 8_000);
  const body = `const stack = m.LockFreeStack.attach(job.stack);${STACK_WORK}`;
  const job = { stack: stack.handle, each: 8_000, tally, end: newTally(1) };
  await inThreads([body, body, body], job);
  assertOnceEach(tally);
  assertEquals(stack.repair(), 0);
  for (let i = 0; i < 5; i++) assertEquals(stack.push(i), true);
  assertEquals(stack.push(5), FULL);
});

test("LockFreeStackEBR stress and everything_freed: all nodes are free again", async () => {
  const epochs = EpochReclamation.create({ slots: 4, threshold: 4, epoch: -9 });
  const me = epochs.join();
  assert(me !== FULL);
  const stack = LockFreeStackEBR.create(64, me);
  const tally = newTally(3 * 5_000);
  const body = `
    const participant = m.EpochReclamation.attach(job.epochs).join();
    const stack = m.LockFreeStackEBR.attach(job.stack, participant);
    ${STACK_WORK}
    while (participant.leave() > 0) notForEver();`;
  await inThreads([body, body, body], {
    epochs: epochs.handle,
    stack: stack.handle,
    each: 5_000,
    tally,
    end: newTally(1),
  });
  assertOnceEach(tally);
  assertEquals(epochs.participants(), [{ slot: me.slot, pinned: false }]);
  for (let i = 0; i < 64; i++) assertEquals(stack.push(i), true);
  assertEquals(stack.push(64), FULL);
});

test("EpochReclamation: what a pinned reader can reach is never freed", async () => {
  const epochs = EpochReclamation.create({ slots: 3, threshold: 2, epoch: 2 ** 31 - 20 });
  await inThreads([
    `const me = m.EpochReclamation.attach(job.epochs).join();
     const free = (slot) => Atomics.store(job.alive, slot, 0);
     const haveRead = () => Math.min(Atomics.load(job.reads, 1), Atomics.load(job.reads, 2)) > 99;
     for (let i = 1; i < 10_000 || !haveRead(); i++) {
       notForEver();
       const slot = insist(() => {
         for (let s = 0; s < 64; s++) if (Atomics.load(job.alive, s) === 0) return s;
         me.collect();
       }, undefined);
       Atomics.store(job.alive, slot, 1);
       const old = Atomics.exchange(job.current, 0, slot);
       me.retire(old, free);
     }
     Atomics.store(job.done, 0, 1);
     while (me.leave() > 0) notForEver();
     return 0;`,
    ...Array(2).fill(`
     const number = job.me;
     const me = m.EpochReclamation.attach(job.epochs).join();
     while (Atomics.load(job.done, 0) === 0) {
       me.pin();
       const slot = Atomics.load(job.current, 0);
       for (let i = 0; i < 5; i++) {
         if (Atomics.load(job.alive, slot) !== 1) throw new Error("freed while held");
       }
       me.unpin();
       Atomics.add(job.reads, number, 1);
       notForEver();
     }
     me.leave();`),
  ], {
    epochs: epochs.handle,
    alive: newTally(64).fill(1, 0, 1),
    current: newTally(1),
    done: newTally(1),
    reads: newTally(3),
  });
});

test("SlotSlab and FreeList stress: no slot has two owners, all are free in the end", async () => {
  const slab = SlotSlab.create(6, { generation: -20 });
  const list = FreeList.create(6, { tag: -20 });
  const body = `
    const slab = m.SlotSlab.attach(job.slab);
    const list = m.FreeList.attach(job.list);
    const claim = (owners, slot) => {
      if (Atomics.exchange(owners, slot, me + 1) !== 0) throw new Error("two owners of " + slot);
    };
    const held = [];
    for (let i = 0; i < 6_000; i++) {
      const ref = slab.allocate();
      if (ref !== m.FULL) (claim(job.owners, slab.slotOf(ref)), held.push(ref));
      if (held.length > 1 || ref === m.FULL && held.length > 0) {
        const old = held.shift();
        Atomics.store(job.owners, slab.slotOf(old), 0);
        if (!slab.free(old) || slab.isLive(old) && slab.free(old)) throw new Error("freed twice");
      }
      const seat = list.take();
      if (seat === m.EMPTY) continue;
      claim(job.seats, seat);
      Atomics.store(job.seats, seat, 0);
      list.give(seat);
    }
    for (const ref of held) {
      Atomics.store(job.owners, slab.slotOf(ref), 0);
      slab.free(ref);
    }`;
  await inThreads([body, body, body], {
    slab: slab.handle,
    list: list.handle,
    owners: newTally(6),
    seats: newTally(6),
  });
  assertEquals(slab.size, 0);
  const taken = [1, 2, 3, 4, 5, 6].map(() => list.take());
  assertEquals([...new Set(taken)].length, 6);
  assertEquals(list.take(), EMPTY);
});

test("ParkWord: two workers wake each other in turn, no wake is lost", async () => {
  const words = [ParkWord.create(), ParkWord.create()];
  const body = `
    const [mine, other] = [job.words[me], job.words[1 - me]].map((h) => m.ParkWord.attach(h));
    for (let i = 0; i < 3_000; i++) {
      if (me === 0) other.unpark();
      if (!mine.park(20_000)) throw new Error("lost wake-up " + i);
      if (me === 1) other.unpark();
    }`;
  await inThreads([body, body], { words: words.map((word) => word.handle) });
});
