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
  EpochReclamation,
  FreeList,
  FULL,
  LockFreeQueue,
  LockFreeStack,
  LockFreeStackEBR,
  MpmcQueue,
  RecordQueue,
  RETRY,
  SlotSlab,
} from "@vais/runtime/memory";
import { everyDeath, take, within } from "../support/death_points.ts";
import { test } from "../support/test.ts";

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
