/**
 * A thread dies before any access to shared memory that a call makes: what is left is what the docs say.
 *
 * The death is simulated on one thread, so that all points are gone through; `deaths_test.ts` ends real workers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ByteRing,
  ChaseLevDeque,
  DeadlineQueue,
  EMPTY,
  EpochReclamation,
  FreeList,
  FULL,
  type Handle,
  LockFreeQueue,
  LockFreeStack,
  LockFreeStackEBR,
  MpmcQueue,
  MultilevelQueue,
  PriorityQueue,
  RecordQueue,
  RETRY,
  ShardedMap,
  SlotSlab,
} from "@vais/runtime/memory";
import { mortality } from "../support/mortality.ts";
import { test } from "../support/test.ts";

class Died extends Error {}

/**
 * For every access of `act`: makes a structure, lets a thread die before that access, and has `check` look at
 * it. Answers how many points there were. `act` gets a view of its own, made by `attach`.
 */
function everyDeath<S, V>(
  make: () => S,
  attach: (structure: S) => V,
  act: (view: V) => unknown,
  check: (structure: S, point: number) => void,
): number {
  for (let point = 0;; point++) {
    const structure = make();
    const mortal = mortality(() => {
      throw new Died();
    });
    let died = false;
    try {
      const view = attach(structure);
      mortal.arm(point);
      act(view);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      died = true;
    } finally {
      mortal.disarm();
      mortal.restore();
    }
    if (!died) return point;
    check(structure, point);
  }
}

const DEAD = 7;
const dead = { worker: DEAD };
const take = (pop: () => unknown): unknown[] => {
  const all: unknown[] = [];
  for (let value = pop(); value !== EMPTY; value = pop()) all.push(value);
  return all;
};
const within = (found: unknown, allowed: readonly unknown[], point: number) => {
  const texts = allowed.map((one) => JSON.stringify(one));
  assert(texts.includes(JSON.stringify(found)), `point ${point}: ${JSON.stringify(found)}`);
};

interface Locked {
  readonly handle: Handle;
  readonly holder: number | undefined;
  readonly size: number;
  recover(worker: number): boolean;
}

/** The lock was the dead one's or nobody's; now it is nobody's, and a second recovery does nothing. */
function recovered(queue: Locked): void {
  const held = queue.holder === DEAD;
  assertEquals([queue.recover(DEAD + 1), queue.recover(DEAD)], [false, held]);
  assertEquals([queue.holder, queue.recover(DEAD)], [undefined, false]);
}

/** The same when it dies once more while it recovers: `recover` may be cut short, and done again. */
function recoveredTwice<Q extends Locked>(queue: Q, attach: (handle: Q["handle"]) => Q): void {
  const { holder } = queue;
  if (holder === undefined) return;
  everyDeath(
    () => queue,
    (queue) => attach(queue.handle),
    (queue) => queue.recover(holder),
    (queue) => assert(queue.holder === DEAD),
  );
}

const PRIORITY_ACTS: Record<string, (queue: PriorityQueue) => unknown> = {
  "push": (queue) => queue.push(9, "high"),
  "pop": (queue) => queue.pop(),
  "clear": (queue) => queue.clear(),
  "stats": (queue) => queue.stats(),
};
for (const [name, act] of Object.entries(PRIORITY_ACTS)) {
  test(`PriorityQueue: whoever dies in ${name}, each item is in or out, and the others go on`, () => {
    const points = everyDeath(
      () => {
        const queue = PriorityQueue.create(5, { start: -2 });
        for (const [value, level] of [[1, "low"], [2, "high"], [3, "low"], [4, "high"]] as const) {
          queue.push(value, level);
        }
        return queue;
      },
      (queue) => PriorityQueue.attach(queue.handle, dead),
      act,
      (queue, point) => {
        if (point % 3 === 0) recoveredTwice(queue, (handle) => PriorityQueue.attach(handle, dead));
        recovered(queue);
        const { size, totalPushed, totalPopped, perLevel } = queue.stats();
        assertEquals(totalPushed - totalPopped, size);
        assertEquals(perLevel.reduce((a, b) => a + b), size);
        const all = queue.drain();
        const order = [2, 4, 9, 1, 3];
        if (name === "push") within(all, [[2, 4, 1, 3], order], point);
        else within(all, [[2, 4, 1, 3], [4, 1, 3], [1, 3], [3], []], point);
        for (let i = 0; i < 5; i++) assertEquals(queue.push(i), true);
        assertEquals([queue.push(5), queue.drain()], [FULL, [0, 1, 2, 3, 4]]);
      },
    );
    assert(points > 5, `${points}`);
  });
}

const DEADLINE_ACTS: Record<string, (queue: DeadlineQueue) => unknown> = {
  "push": (queue) => queue.push(9, 2.5),
  "pop": (queue) => queue.pop(),
};
for (const [name, act] of Object.entries(DEADLINE_ACTS)) {
  test(`DeadlineQueue: whoever dies in ${name}, each item is in or out, and the others go on`, () => {
    const points = everyDeath(
      () => {
        const queue = DeadlineQueue.create(7, { start: -2 });
        for (const value of [5, 3, 1, 4, 2, 6]) queue.push(value, value >> 1);
        return queue;
      },
      (queue) => DeadlineQueue.attach(queue.handle, dead),
      act,
      (queue, point) => {
        if (point % 3 === 0) recoveredTwice(queue, (handle) => DeadlineQueue.attach(handle, dead));
        recovered(queue);
        const all = take(() => queue.pop());
        const before = [1, 3, 2, 5, 4, 6];
        within(
          all,
          name === "push" ? [before, [1, 3, 2, 5, 4, 9, 6]] : [before, before.slice(1)],
          point,
        );
        for (let i = 0; i < 7; i++) assertEquals(queue.push(i, -i), true);
        assertEquals([queue.push(7, 0), queue.size], [FULL, 7]);
        assertEquals(take(() => queue.pop()), [6, 5, 4, 3, 2, 1, 0]);
      },
    );
    assert(points > 10, `${points}`);
  });
}

const MULTILEVEL_ACTS: Record<string, (queue: MultilevelQueue) => unknown> = {
  "push": (queue) => queue.push(9, 1),
  "pop": (queue) => queue.pop(),
  "boost": (queue) => queue.boost(),
};
for (const [name, act] of Object.entries(MULTILEVEL_ACTS)) {
  test(`MultilevelQueue: whoever dies in ${name}, each item is in or out, and the others go on`, () => {
    everyDeath(
      () => {
        const queue = MultilevelQueue.create(5);
        for (const [value, level] of [[1, 2], [2, 0], [3, 2], [4, 3]] as const) {
          queue.push(value, level);
        }
        return queue;
      },
      (queue) => MultilevelQueue.attach(queue.handle, dead),
      act,
      (queue, point) => {
        if (point % 3 === 0) {
          recoveredTwice(queue, (handle) => MultilevelQueue.attach(handle, dead));
        }
        recovered(queue);
        const turns = take(() => {
          const turn = queue.pop();
          return turn === EMPTY ? turn : turn.value * 10 + turn.level;
        }) as number[];
        if (name === "push") within(turns, [[20, 12, 32, 43], [20, 91, 12, 32, 43]], point);
        else if (name === "pop") within(turns, [[20, 12, 32, 43], [12, 32, 43]], point);
        else {
          const levels = new Map(turns.map((turn) => [Math.floor(turn / 10), turn % 10]));
          assertEquals([...levels.keys()].sort(), [1, 2, 3, 4]);
          const [one, , three, four] = [1, 2, 3, 4].map((value) => levels.get(value)!);
          assert([0, 2].includes(one!) && [0, 2].includes(three!) && [0, 3].includes(four!));
        }
        for (let i = 0; i < 5; i++) assertEquals(queue.push(i), true);
        assertEquals([queue.push(5), queue.size], [FULL, 5]);
      },
    );
  });
}

const OTHER = -1;
const MAP_ACTS: Record<string, (map: ShardedMap, key: number) => unknown> = {
  "put": (map) => map.put(OTHER, 190),
  "put over": (map, key) => map.put(key, 190),
  "remove": (map, key) => map.remove(key),
  "add": (map, key) => map.add(key, 7),
  "clear": (map) => map.clear(),
  "entries": (map) => map.entries(),
};
/** Each time so full that most entries are not at their place: removing moves some. */
function mapDeaths(
  name: string,
  act: (map: ShardedMap) => unknown,
  changed: number,
  keyOf: (i: number) => number,
): void {
  const allowed: Record<string, (number | undefined)[]> = {
    "put over": [100 + changed, 190],
    "remove": [100 + changed, undefined],
    "add": [100 + changed, 107 + changed],
  };
  const points = everyDeath(
    () => {
      const map = ShardedMap.create(12, { shards: 1 });
      for (let i = 0; i < 14; i++) map.put(keyOf(i), 100 + i);
      assertEquals(map.remove(keyOf(13)), true);
      return map;
    },
    (map) => ShardedMap.attach(map.handle, dead),
    act,
    (map, point) => {
      if (map.holders.includes(DEAD) && point % 5 === 0) {
        everyDeath(
          () => map,
          (map) => ShardedMap.attach(map.handle, dead),
          (map) => map.recover(DEAD),
          (map) => assertEquals(map.holders, [DEAD]),
        );
      }
      const held = map.holders.includes(DEAD);
      assertEquals([map.recover(DEAD), map.recover(DEAD), map.holders], [held, false, []]);
      let count = 0;
      for (let i = 0; i < 13; i++) {
        const value = map.get(keyOf(i));
        if (value !== undefined) count++;
        if (name === "clear") assert(value === undefined || value === 100 + i);
        else if (i === changed && name in allowed) assert(allowed[name]!.includes(value));
        else assertEquals(value, 100 + i, `key ${i} at point ${point}`);
      }
      if (name === "put") {
        assert([undefined, 190].includes(map.get(OTHER)));
        if (map.get(OTHER) !== undefined) count++;
      }
      assertEquals([map.count, map.countExact(), map.entries().length], [count, count, count]);
      for (let i = 0; i < 13; i++) map.remove(keyOf(i));
      map.remove(OTHER);
      assertEquals(map.count, 0);
    },
  );
  assert(points > 5, `${points}`);
}

for (const [name, act] of Object.entries(MAP_ACTS)) {
  test(`ShardedMap: whoever dies in ${name}, every other key is there once, and the others go on`, () => {
    const changed = name === "remove" ? Array.from({ length: 13 }, (_, i) => i) : [3];
    for (const stride of name === "remove" ? [1, 3, 7, 19, 1_021] : [1]) {
      const keyOf = (i: number) => i * stride;
      for (const i of changed) mapDeaths(name, (map) => act(map, keyOf(i)), i, keyOf);
    }
  });
}

test("MpmcQueue: whoever dies in push leaves at most RETRY, which repair ends; in pop nothing", () => {
  for (const start of [0, -8]) {
    const make = () => {
      const queue = MpmcQueue.create(4, { start });
      for (const value of [8, 9, 1, 2]) queue.push(value);
      queue.pop();
      queue.pop();
      return queue;
    };
    everyDeath(
      make,
      (queue) => MpmcQueue.attach(queue.handle),
      (queue) => queue.push(3),
      (queue) => {
        assertEquals(queue.push(4), true);
        assertEquals([queue.pop(), queue.pop()], [1, 2]);
        const next = queue.pop();
        const lost = next === RETRY;
        if (!lost) assertEquals(next, 4);
        assertEquals([queue.repair(), queue.repair()], [lost ? 1 : 0, 0]);
        assertEquals(take(() => queue.pop()), lost ? [4] : []);
        for (let i = 0; i < 9; i++) assertEquals([queue.push(i), queue.pop()], [true, i]);
        for (let i = 0; i < 4; i++) assertEquals(queue.push(i), true);
        assertEquals([queue.push(4), take(() => queue.pop())], [FULL, [0, 1, 2, 3]]);
      },
    );
    everyDeath(
      make,
      (queue) => MpmcQueue.attach(queue.handle),
      (queue) => queue.pop(),
      (queue, at) => {
        for (let value = 3; queue.push(value) === true;) value++;
        within(take(() => queue.pop()), [[1, 2, 3, 4], [2, 3, 4, 5]], at);
        assertEquals(queue.repair(), 0);
      },
    );
  }
});

test("RecordQueue: the same, and what is left is moved up whole", () => {
  const make = () => {
    const queue = RecordQueue.create(4, 2);
    queue.push([1, -1]);
    return queue;
  };
  const pop = (queue: RecordQueue) => {
    const record = [0, 0];
    const answer = queue.pop(record);
    return answer === true ? record : answer;
  };
  const attach = (queue: RecordQueue) => RecordQueue.attach(queue.handle);
  everyDeath(make, attach, (queue) => queue.push([2, -2]), (queue) => {
    queue.push([3, -3]);
    assertEquals(pop(queue), [1, -1]);
    const lost = queue.size === 2;
    assertEquals(queue.repair(), lost ? 1 : 0);
    assertEquals(take(() => pop(queue)), [[3, -3]]);
  });
  everyDeath(make, attach, (queue) => queue.pop([0, 0]), (queue, at) => {
    within(take(() => pop(queue)), [[[1, -1]], []], at);
  });
});

test("LockFreeQueue and ByteRing: whoever dies in a call has done nothing by it, a successor goes on", () => {
  const make = () => {
    const [queue, ring] = [LockFreeQueue.create(4, { start: -2 }), ByteRing.create(64)];
    queue.pushMany([1, 2]);
    for (const value of [1, 2]) ring.push(new Uint8Array(value * 10).fill(value));
    return { queue, ring };
  };
  type Pair = ReturnType<typeof make>;
  const attach = ({ queue, ring }: Pair) => ({
    queue: LockFreeQueue.attach(queue.handle),
    ring: ByteRing.attach(ring.handle),
  });
  const acts: ((pair: Pair) => unknown)[] = [
    ({ queue }) => queue.push(3),
    ({ queue }) => queue.pushMany([3, 4, 5]),
    ({ queue }) => queue.pop(),
    ({ queue }) => queue.popMany([0, 0]),
    ({ ring }) => ring.push(new Uint8Array(4).fill(3)),
    ({ ring }) => ring.pop(),
    ({ ring }) => ring.popInto(new Uint8Array(60)),
  ];
  for (const act of acts) {
    everyDeath(make, attach, act, (pair) => {
      const { queue, ring } = attach(pair);
      assertEquals(queue.push(7), true);
      assertEquals(take(() => queue.pop()), [1, 2, 7]);
      assertEquals(ring.push(new Uint8Array(3).fill(7)), true);
      assertEquals(take(() => ring.popInto(new Uint8Array(64))), [10, 20, 3]);
    });
  }
});

test("ChaseLevDeque: an owner that dies loses at most what it popped, and others go on", () => {
  const make = () => {
    const deque = ChaseLevDeque.create(4, { start: -2 });
    for (const value of [1, 2, 3]) deque.push(value);
    return deque;
  };
  const attach = (deque: ChaseLevDeque) => ChaseLevDeque.attach(deque.handle);
  const check = (allowed: number[][]) => (deque: ChaseLevDeque, at: number) => {
    const successor = attach(deque);
    successor.recover();
    assertEquals([successor.push(9), successor.pop()], [true, 9]);
    within(take(() => deque.steal()), allowed, at);
    for (let i = 0; i < 4; i++) assertEquals(successor.push(i), true);
    assertEquals([successor.push(4), successor.size], [FULL, 4]);
  };
  everyDeath(make, attach, (deque) => deque.push(4), check([[1, 2, 3], [1, 2, 3, 4]]));
  everyDeath(make, attach, (deque) => deque.pop(), check([[1, 2, 3], [1, 2]]));
  everyDeath(make, attach, (deque) => deque.steal(), check([[1, 2, 3], [2, 3]]));
  const one = () => {
    const deque = make();
    deque.steal();
    deque.steal();
    return deque;
  };
  everyDeath(one, attach, (deque) => deque.pop(), check([[3], []]));
  const none = () => {
    const deque = one();
    deque.pop();
    return deque;
  };
  everyDeath(none, attach, (deque) => deque.pop(), check([[]]));
});

test("LockFreeStack, FreeList, SlotSlab: whoever dies loses one node, and repair finds it", () => {
  const stack = () => {
    const stack = LockFreeStack.create(3, { tag: -1 });
    stack.push(1);
    stack.push(2);
    return stack;
  };
  const attach = (stack: LockFreeStack) => LockFreeStack.attach(stack.handle);
  for (const act of [(s: LockFreeStack) => s.push(3), (s: LockFreeStack) => s.pop()]) {
    everyDeath(stack, attach, act, (stack, at) => {
      assert([0, 1].includes(stack.repair()));
      assertEquals(stack.repair(), 0);
      within(take(() => stack.pop()), [[2, 1], [1]], at);
      for (let i = 0; i < 3; i++) assertEquals(stack.push(i), true);
      assertEquals(stack.push(3), FULL);
    });
  }
  const slab = () => {
    const slab = SlotSlab.create(2);
    return { slab, ref: slab.allocate() as number };
  };
  type Slab = ReturnType<typeof slab>;
  const attachSlab = ({ slab, ref }: Slab) => ({ slab: SlotSlab.attach(slab.handle), ref });
  for (
    const act of [({ slab }: Slab) => slab.allocate(), ({ slab, ref }: Slab) => slab.free(ref)]
  ) {
    everyDeath(slab, attachSlab, act, ({ slab }) => {
      slab.rebuild();
      const room = 2 - slab.size;
      const refs = Array.from({ length: room }, () => slab.allocate());
      assert(refs.every((ref) => typeof ref === "number" && slab.isLive(ref)));
      assertEquals([slab.allocate(), new Set(refs).size], [FULL, room]);
    });
  }
  everyDeath(
    () => FreeList.create(2),
    (list) => FreeList.attach(list.handle),
    (list) => list.give(list.take() as number),
    (list) => assert([1, 2].includes(new Set(take(() => list.take())).size)),
  );
});

test("LockFreeStackEBR: after clear and repair all nodes are there", () => {
  const make = () => {
    const epochs = EpochReclamation.create({ slots: 3, threshold: 2 });
    const me = epochs.join();
    assert(me !== FULL);
    const stack = LockFreeStackEBR.create(4, me);
    stack.push(1);
    stack.push(2);
    return { epochs, me, stack };
  };
  type Made = ReturnType<typeof make>;
  const attach = ({ epochs, stack }: Made) => {
    const me = EpochReclamation.attach(epochs.handle).join();
    assert(me !== FULL && me.slot === 1);
    return LockFreeStackEBR.attach(stack.handle, me);
  };
  const acts: ((stack: LockFreeStackEBR) => unknown)[] = [
    (stack) => stack.push(3),
    (stack) => stack.pop(),
    (stack) => [stack.pop(), stack.push(3), stack.pop(), stack.pop()],
  ];
  for (const act of acts) {
    everyDeath(make, attach, act, ({ epochs, stack }) => {
      assertEquals(epochs.clear(1), true);
      stack.repair();
      const left = take(() => stack.pop());
      assert(left.every((value, i) => left.indexOf(value) === i));
      assertEquals(stack.repair(), 0);
      for (let i = 0; i < 4; i++) assertEquals(stack.push(i), true);
      assertEquals(stack.push(4), FULL);
    });
  }
});
