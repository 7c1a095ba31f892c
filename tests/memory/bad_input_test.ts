/**
 * Bad input is told at the door: TypeError for the wrong kind, RangeError for out of range; nothing changes.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import {
  BlockingMpmcQueue,
  ByteRing,
  ChaseLevDeque,
  DeadlineQueue,
  EpochReclamation,
  FreeList,
  type FULL,
  type Handle,
  Layout,
  LockFreeQueue,
  LockFreeStack,
  LockFreeStackEBR,
  MpmcQueue,
  MultilevelQueue,
  ParkWord,
  PriorityQueue,
  RecordQueue,
  RefFormat,
  ShardedMap,
  SlotSlab,
  StatsBlock,
  WorkStealingQueue,
  WorkStealingScheduler,
} from "@vais/runtime/memory";
import { assertRefused, type Call, wrong } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

/** Each call must throw the class, or reject with it. */
function refuses(kind: typeof TypeError | typeof RangeError, calls: Record<string, Call>): void {
  test(`${kind.name}s say what was given and what is needed`, async () => {
    for (const [name, call] of Object.entries(calls)) await assertRefused(kind, name, call);
  });
}

const text = wrong("7");
const nothing = wrong(undefined);
const nil = wrong(null);
const object = wrong({});
const me = EpochReclamation.create().join() as Exclude<
  ReturnType<EpochReclamation["join"]>,
  typeof FULL
>;
const buffer = new SharedArrayBuffer(65_536);

/** What every structure has; what is passed is never right. */
interface Structure {
  create(...args: never[]): { readonly handle: Handle };
  attach(handle: never): unknown;
  byteLength?(...args: never[]): number;
}

const STRUCTURES: Record<string, Structure> = {
  BlockingMpmcQueue,
  ByteRing,
  ChaseLevDeque,
  DeadlineQueue,
  EpochReclamation,
  FreeList,
  LockFreeQueue,
  LockFreeStack,
  MpmcQueue,
  MultilevelQueue,
  ParkWord,
  PriorityQueue,
  ShardedMap,
  SlotSlab,
  WorkStealingQueue,
};
const WITHOUT_CAPACITY = ["EpochReclamation", "ParkWord"];

const types: Record<string, Call> = {};
const ranges: Record<string, Call> = {};
for (const [name, structure] of Object.entries(STRUCTURES)) {
  const make = (options: unknown) =>
    WITHOUT_CAPACITY.includes(name)
      ? structure.create(wrong(options))
      : structure.create(wrong(64), wrong(options));
  const { handle } = make(undefined);
  Object.assign(types, {
    [`${name}.attach()`]: () => structure.attach(nothing),
    [`${name}.attach(null)`]: () => structure.attach(nil),
    [`${name}.attach({})`]: () => structure.attach(object),
    [`${name}.attach(another's handle)`]: () =>
      structure.attach(wrong({ ...handle, kind: "Other" })),
    [`${name}.attach(a posted view)`]: () => structure.attach(wrong(structuredClone({ handle }))),
    [`${name}.attach(no shared memory)`]: () =>
      structure.attach(wrong({ ...handle, buffer: new ArrayBuffer(65_536) })),
    [`${name}.attach(offset "0")`]: () => structure.attach(wrong({ ...handle, byteOffset: "0" })),
    [`${name}.create(options 5)`]: () => make(5),
    [`${name}.create(at 5)`]: () => make({ at: 5 }),
    [`${name}.create(at no shared memory)`]: () =>
      make({ at: { buffer: new ArrayBuffer(65_536) } }),
  });
  Object.assign(ranges, {
    [`${name}.attach(empty memory)`]: () =>
      structure.attach(wrong({ ...handle, buffer: new SharedArrayBuffer(65_536) })),
    [`${name}.attach(offset outside)`]: () =>
      structure.attach(wrong({ ...handle, byteOffset: 2 ** 30 })),
    [`${name}.attach(offset 4)`]: () => structure.attach(wrong({ ...handle, byteOffset: 4 })),
    [`${name}.attach(offset -128)`]: () => structure.attach(wrong({ ...handle, byteOffset: -128 })),
    [`${name}.create(at offset 64)`]: () => make({ at: { buffer, byteOffset: 64 } }),
    [`${name}.create(at the end)`]: () => make({ at: { buffer, byteOffset: 65_536 - 128 } }),
    [`${name}.create(no room)`]: () => make({ at: { buffer: new SharedArrayBuffer(64) } }),
  });
  if (WITHOUT_CAPACITY.includes(name)) continue;
  for (const bad of ["8", null, {}]) {
    types[`${name}.create(${bad})`] = () => structure.create(wrong(bad));
    types[`${name}.byteLength(${bad})`] = () => structure.byteLength!(wrong(bad));
  }
  for (const bad of [0, -1, 1.5, NaN, Infinity, 2 ** 40]) {
    ranges[`${name}.create(${bad})`] = () => structure.create(wrong(bad));
    ranges[`${name}.byteLength(${bad})`] = () => structure.byteLength!(wrong(bad));
  }
}

const stack = LockFreeStackEBR.create(8, me);
const work = WorkStealingQueue.create(8);
const pushers: Record<string, (value: never) => unknown> = {
  "BlockingMpmcQueue.tryPush": (v) => BlockingMpmcQueue.create(2).tryPush(v),
  "BlockingMpmcQueue.push": (v) => BlockingMpmcQueue.create(2, { spins: 0 }).push(v),
  "BlockingMpmcQueue.pushAsync": (v) => BlockingMpmcQueue.create(2).pushAsync(v),
  "ChaseLevDeque.push": (v) => ChaseLevDeque.create(2).push(v),
  "DeadlineQueue.push": (v) => DeadlineQueue.create(2).push(v, 1),
  "LockFreeQueue.push": (v) => LockFreeQueue.create(2).push(v),
  "LockFreeQueue.pushMany": (v) => LockFreeQueue.create(2).pushMany([v]),
  "LockFreeStack.push": (v) => LockFreeStack.create(2).push(v),
  "LockFreeStackEBR.push": (v) => stack.push(v),
  "MpmcQueue.push": (v) => MpmcQueue.create(2).push(v),
  "MultilevelQueue.push": (v) => MultilevelQueue.create(2).push(v),
  "PriorityQueue.push": (v) => PriorityQueue.create(2).push(v),
  "ShardedMap.put": (v) => ShardedMap.create(2).put(1, v),
  "ShardedMap.putIfAbsent": (v) => ShardedMap.create(2).putIfAbsent(1, v),
  "ShardedMap.add": (v) => ShardedMap.create(2).add(1, v),
  "ShardedMap.get": (v) => ShardedMap.create(2).get(v),
  "ShardedMap.remove": (v) => ShardedMap.create(2).remove(v),
  "WorkStealingQueue.push": (v) => work.push(v),
  "WorkStealingQueue.inject": (v) => work.inject(v),
  "WorkStealingScheduler.submit": (v) => WorkStealingScheduler.create(1).submit(v),
  "StealingWorker.push": (v) => WorkStealingScheduler.create(1).worker(0).push(v),
};
for (const [name, push] of Object.entries(pushers)) {
  for (const bad of [text, nothing, nil, object, 5n, true]) {
    types[`${name}(${bad})`] = () => push(wrong(bad));
  }
  for (const bad of [1.5, NaN, Infinity, 2 ** 31, -(2 ** 31) - 1]) {
    ranges[`${name}(${bad})`] = () => push(wrong(bad));
  }
}

const blocking = () => BlockingMpmcQueue.create(2);
const map = ShardedMap.createBytes(4, 4);
const records = RecordQueue.create(2, 2);
const ring = ByteRing.create(64);
const spsc = LockFreeQueue.create(4);
const turn = { value: 1, level: 0, slice: 1 };
const stats = StatsBlock.create(["a"], { workers: 1 });
const slab = SlotSlab.create(2);

refuses(TypeError, {
  ...types,
  "BlockingMpmcQueue.pop('7')": () => blocking().pop(text),
  "BlockingMpmcQueue.popAsync({})": () => blocking().popAsync(object),
  "BlockingMpmcQueue spins": () => BlockingMpmcQueue.create(2, { spins: text }),
  "ByteRing.push('7')": () => ring.push(text),
  "ByteRing.push([1])": () => ring.push(wrong([1])),
  "ByteRing.pushWith(1, 5)": () => ring.pushWith(1, wrong(5)),
  "ByteRing.pushWith('1', f)": () => ring.pushWith(text, () => {}),
  "ByteRing.popInto([])": () => ring.popInto(wrong([])),
  "ByteRing.read(5)": () => ring.read(wrong(5)),
  "ChaseLevDeque.stealHalf({})": () => ChaseLevDeque.create(2).stealHalf(object),
  "ChaseLevDeque.stealHalf(itself)": () => {
    const deque = ChaseLevDeque.create(2);
    deque.stealHalf(deque);
  },
  "DeadlineQueue.push(1, '7')": () => DeadlineQueue.create(1).push(1, text),
  "DeadlineQueue.popDue(undefined)": () => DeadlineQueue.create(1).popDue(nothing),
  "EpochReclamation slots": () => EpochReclamation.create({ slots: text }),
  "EpochReclamation threshold": () => EpochReclamation.create({ threshold: text }),
  "EpochReclamation.clear('0')": () => EpochReclamation.create().clear(text),
  "EpochParticipant.retire(1)": () => me.retire(1, nothing),
  "FreeList.give('0')": () => FreeList.create(1).give(text),
  "Layout.add('8')": () => new Layout().add(text),
  "LockFreeQueue.pushMany(5)": () => spsc.pushMany(wrong(5)),
  "LockFreeQueue.pushMany([], '0')": () => spsc.pushMany([], text),
  "LockFreeQueue.popMany({})": () => spsc.popMany(object),
  "LockFreeStackEBR without participant": () => LockFreeStackEBR.create(4, nothing),
  "LockFreeStackEBR.attach({}, me)": () => LockFreeStackEBR.attach(object, me),
  "LockFreeStackEBR.attach without participant": () =>
    LockFreeStackEBR.attach(stack.handle, object),
  "MultilevelQueue.push(1, '0')": () => MultilevelQueue.create(1).push(1, text),
  "MultilevelQueue.giveBack()": () => MultilevelQueue.create(1).giveBack(nothing, 1),
  "MultilevelQueue.giveBack({})": () => MultilevelQueue.create(1).giveBack(object, 1),
  "MultilevelQueue.giveBack(turn)": () => MultilevelQueue.create(1).giveBack(turn, nothing),
  "ParkWord.park('7')": () => ParkWord.create().park(text),
  "ParkWord.parkAsync('7')": () => ParkWord.create().parkAsync(text),
  "PriorityQueue.push(1, 'urgent')": () => PriorityQueue.create(1).push(1, wrong("urgent")),
  "PriorityQueue.push(1, 0)": () => PriorityQueue.create(1).push(1, wrong(0)),
  "PriorityQueue.tick('1')": () => PriorityQueue.create(1).tick(text),
  "PriorityQueue agingEnabled": () => PriorityQueue.create(1, { agingEnabled: text }),
  "PriorityQueue agingThreshold": () => PriorityQueue.create(1, { agingThreshold: text }),
  "RecordQueue type": () => RecordQueue.create(2, 2, { type: wrong("int8") }),
  "RecordQueue length": () => RecordQueue.create(2, text),
  "RecordQueue.attach({})": () => RecordQueue.attach(object),
  "RecordQueue.push(5)": () => records.push(wrong(5)),
  "RecordQueue.push([1, '2'])": () => records.push([1, text]),
  "RecordQueue.push(bigints)": () => records.push(wrong(new BigInt64Array(2))),
  "RecordQueue.pop({})": () => records.pop(object),
  "FreeList tag": () => FreeList.create(2, { tag: text }),
  "PriorityQueue worker": () => PriorityQueue.create(2, { worker: text }),
  "PriorityQueue.attach(options 5)": () =>
    PriorityQueue.attach(PriorityQueue.create(2).handle, wrong(5)),
  "PriorityQueue.recover()": () => PriorityQueue.create(2).recover(nothing),
  "DeadlineQueue patience": () => DeadlineQueue.create(2, { patienceMs: text }),
  "MultilevelQueue.recover('7')": () => MultilevelQueue.create(2).recover(text),
  "RefFormat('4')": () => new RefFormat(text),
  "RefFormat.make('1', 1)": () => new RefFormat(4).make(text, 1),
  "RefFormat.slotOf('1')": () => new RefFormat(4).slotOf(text),
  "SlotSlab generation": () => SlotSlab.create(2, { generation: text }),
  "ShardedMap worker": () => ShardedMap.create(4, { worker: text }),
  "ShardedMap.recover()": () => ShardedMap.create(4).recover(nothing),
  "ShardedMap byte key 5": () => map.get(wrong(5)),
  "ShardedMap shards": () => ShardedMap.create(4, { shards: text }),
  "ShardedMap.createBytes(4)": () => ShardedMap.createBytes(4, nothing),
  "SlotSlab.free('1')": () => slab.free(text),
  "SlotSlab.isLive()": () => slab.isLive(nothing),
  "StatsBlock.create('a')": () => StatsBlock.create(text, { workers: 1 }),
  "StatsBlock.create([])": () => StatsBlock.create([], { workers: 1 }),
  "StatsBlock.create([1])": () => StatsBlock.create([wrong(1)], { workers: 1 }),
  "StatsBlock.create(without workers)": () => StatsBlock.create(["a"], nothing),
  "StatsBlock.attach({})": () => StatsBlock.attach(object),
  "StatsBlock.add('0', 'a')": () => stats.add(text, "a"),
  "StatsBlock.add(0, 'b')": () => stats.add(0, "b"),
  "StatsBlock.add(0, 'a', '1')": () => stats.add(0, "a", text),
  "WorkStealingQueue.stealHalf({})": () => work.stealHalf(object),
  "WorkStealingQueue.spillTo({})": () => work.spillTo(object),
  "WorkStealingScheduler.create('2')": () => WorkStealingScheduler.create(text),
  "WorkStealingScheduler.attach({})": () => WorkStealingScheduler.attach(object),
  "WorkStealingScheduler.worker('0')": () => WorkStealingScheduler.create(1).worker(text),
});

refuses(RangeError, {
  ...ranges,
  "BlockingMpmcQueue.pop(-1)": () => blocking().pop(-1),
  "BlockingMpmcQueue.popAsync(NaN)": () => blocking().popAsync(NaN),
  "BlockingMpmcQueue.push(1, -1)": () => blocking().push(1, -1),
  "BlockingMpmcQueue.pushAsync(1, -1)": () => blocking().pushAsync(1, -1),
  "BlockingMpmcQueue spins": () => BlockingMpmcQueue.create(2, { spins: -1 }),
  "ByteRing.push(long)": () => ring.push(new Uint8Array(29)),
  "ByteRing.pushWith(-1)": () => ring.pushWith(-1, () => {}),
  "ByteRing.pushWith(29)": () => ring.pushWith(29, () => {}),
  "ChaseLevDeque start": () => ChaseLevDeque.create(2, { start: 0.5 }),
  "DeadlineQueue.push(1, NaN)": () => DeadlineQueue.create(1).push(1, NaN),
  "DeadlineQueue.popDue(NaN)": () => DeadlineQueue.create(1).popDue(NaN),
  "EpochReclamation slots": () => EpochReclamation.create({ slots: 0 }),
  "EpochReclamation threshold": () => EpochReclamation.create({ threshold: 0 }),
  "EpochReclamation.clear(-1)": () => EpochReclamation.create().clear(-1),
  "EpochReclamation.clear(256)": () => EpochReclamation.create().clear(256),
  "FreeList.give(7)": () => FreeList.create(1).give(7),
  "FreeList.give(what is in)": () => FreeList.create(1).give(0),
  "Layout.add(-1)": () => new Layout().add(-1),
  "LockFreeQueue.pushMany([], 1)": () => spsc.pushMany([], 1),
  "LockFreeQueue.popMany([], -1)": () => spsc.popMany([], -1),
  "MultilevelQueue.push(1, 5)": () => MultilevelQueue.create(1).push(1, 5),
  "MultilevelQueue.giveBack(turn, -1)": () => MultilevelQueue.create(1).giveBack(turn, -1),
  "MultilevelQueue.giveBack(turn, NaN)": () => MultilevelQueue.create(1).giveBack(turn, NaN),
  "ParkWord.park(-1)": () => ParkWord.create().park(-1),
  "ParkWord.parkAsync(NaN)": () => ParkWord.create().parkAsync(NaN),
  "PriorityQueue.tick(-1)": () => PriorityQueue.create(1).tick(-1),
  "PriorityQueue agingThreshold 0": () => PriorityQueue.create(1, { agingThreshold: 0 }),
  "PriorityQueue maxAgeBoost 5": () => PriorityQueue.create(1, { maxAgeBoost: 5 }),
  "RecordQueue capacity 0": () => RecordQueue.create(0, 2),
  "RecordQueue length 0": () => RecordQueue.create(2, 0),
  "RecordQueue.push(short)": () => records.push([1]),
  "RecordQueue.push(DataView)": () => records.push(wrong(new DataView(new ArrayBuffer(16)))),
  "RecordQueue.pop(short)": () => records.pop(new Float64Array(1)),
  "FreeList tag": () => FreeList.create(2, { tag: 0.5 }),
  "MpmcQueue of 4 GiB": () => MpmcQueue.create(2 ** 26, { padded: true }),
  "RecordQueue of 512 GiB": () => RecordQueue.create(2 ** 20, 2 ** 16),
  "SlotSlab of 256 TiB": () => SlotSlab.create(2 ** 24, { recordBytes: 2 ** 24 }),
  "PriorityQueue worker": () => PriorityQueue.create(2, { worker: -1 }),
  "PriorityQueue.recover(-1)": () => PriorityQueue.create(2).recover(-1),
  "DeadlineQueue patience": () => DeadlineQueue.create(2, { patienceMs: 0 }),
  "ShardedMap worker": () => ShardedMap.create(4, { worker: 2 ** 29 }),
  "ShardedMap.recover(0.5)": () => ShardedMap.create(4).recover(0.5),
  "RefFormat(0)": () => new RefFormat(0),
  "RefFormat.make(4, 1)": () => new RefFormat(4).make(4, 1),
  "RefFormat.make(-1, 1)": () => new RefFormat(4).make(-1, 1),
  "RefFormat.slotOf(0.5)": () => new RefFormat(4).slotOf(0.5),
  "SlotSlab generation": () => SlotSlab.create(2, { generation: 0.5 }),
  "ShardedMap shards 0": () => ShardedMap.create(4, { shards: 0 }),
  "ShardedMap.createBytes(4, 0)": () => ShardedMap.createBytes(4, 0),
  "ShardedMap long key": () => map.put("größe", 1),
  "SlotSlab.slotOf(0)": () => slab.slotOf(0),
  "SlotSlab.byteOffsetOf(0.5)": () => slab.byteOffsetOf(0.5),
  "SlotSlab record": () => SlotSlab.create(1, { recordBytes: -1 }),
  "StatsBlock twice": () => StatsBlock.create(["a", "a"], { workers: 1 }),
  "StatsBlock workers 0": () => StatsBlock.create(["a"], { workers: 0 }),
  "StatsBlock.add(1, 'a')": () => stats.add(1, "a"),
  "StatsBlock.add(0, 'a', 0.5)": () => stats.add(0, "a", 0.5),
  "StatsBlock.of(-1)": () => stats.of(-1),
  "WorkStealingScheduler workers 0": () => WorkStealingScheduler.create(0),
  "WorkStealingScheduler.worker(1)": () => WorkStealingScheduler.create(1).worker(1),
});

test("after bad input the structures work as before", () => {
  assertEquals([spsc.size, records.size, ring.used, work.size, stack.isEmpty], [0, 0, 0, 0, true]);
  assertEquals([spsc.push(1), records.push([1, 2]), ring.push(Uint8Array.of(1))], [
    true,
    true,
    true,
  ]);
  assertEquals([work.push(1), stack.push(1), map.put("a", 1)], [true, true, true]);
  assertEquals([stats.totals(), slab.size], [{ a: 0 }, 0]);
});

test("a bigint is told as one", () => {
  const error = assertThrows(() => LockFreeQueue.create(2).push(wrong(5n)), TypeError);
  assertEquals(error.message.includes("the value is 5n ("), true);
});
