/**
 * A thread dies before any access to shared memory that a call makes, perhaps with the lock: `recover` leaves each
 * item in or out, and may itself be cut short.
 *
 * The death is simulated on one thread, so that all points are gone through; `deaths_locked_test.ts` ends real
 * workers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  DeadlineQueue,
  EMPTY,
  FULL,
  type Handle,
  MultilevelQueue,
  PriorityQueue,
  ShardedMap,
} from "@vais/runtime/memory";
import { everyDeath, take, within } from "../support/death_points.ts";
import { test } from "../support/test.ts";

const DEAD = 7;
const dead = { worker: DEAD };

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
