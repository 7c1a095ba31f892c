/**
 * Heap: waits that are over leave nothing behind in what they waited for, nor in signals.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Condition,
  Future,
  Mutex,
  Notify,
  ObjectPool,
  OnceCell,
  RateLimiter,
  Semaphore,
  TaskGroup,
  TaskSlot,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { collect, collector, heapUsed } from "../support/groups.ts";
import { test } from "../support/test.ts";

const BATCH = 1_000;

/** What living primitives are used for, a thousand times each; all of them are held when it begins. */
function uses(runtime: SimulatedRuntime): Record<string, () => PromiseLike<unknown>> {
  const semaphore = new Semaphore(1);
  const mutex = new Mutex();
  const condition = new Condition(mutex);
  const notify = new Notify();
  const limiter = new RateLimiter({ tokens: 1, perMs: 1, runtime });
  const pool = new ObjectPool({ max: 2, create: () => 1 });
  const group = new TaskGroup({ runtime });
  const slot = new TaskSlot(group, { policy: "latest" });
  const { signal } = new AbortController();
  const many = (body: (i: number) => Generator<unknown, unknown>) =>
    Array.from({ length: BATCH }, (_, i) => runtime.spawn(() => body(i)));
  const quietly = function* (wait: Future<unknown>): Generator<unknown, void> {
    try {
      yield* wait;
    } catch {
      // However it ends.
    }
  };
  const held = semaphore.tryAcquire()!;
  const ended = () => runtime.run();
  return {
    "got": () => {
      many(function* () {
        (yield* mutex.lock()).release();
      });
      return ended();
    },
    "timed out": () => {
      many(() => quietly(semaphore.acquire(1, { timeoutMs: 1 })));
      return ended();
    },
    "cancelled": () => {
      const handles = many(() => quietly(semaphore.acquire()));
      runtime.runUntilStalled();
      for (const handle of handles) handle.cancel();
      return ended();
    },
    "under a signal that never aborts": () => {
      const handles = many(() => quietly(semaphore.acquire(1, { signal })));
      runtime.runUntilStalled();
      for (const handle of handles) handle.cancel();
      return ended();
    },
    "lost in a race": () => {
      many(function* () {
        yield* Future.race<unknown>([semaphore.acquire(), notify.wait(), runtime.sleep(1)]);
      });
      return ended();
    },
    "condition": () => {
      many(function* () {
        const lock = yield* mutex.lock();
        yield* quietly(condition.wait(lock, { timeoutMs: 1 }));
        lock.release();
      });
      return ended();
    },
    "sections": () => {
      many(function* (i) {
        yield* mutex.withLock(
          i % 2 === 0 ? () => i : function* () {
            return yield* Future.ready(i);
          },
        );
      });
      return ended();
    },
    "rate limiter": () => {
      many(() => quietly(limiter.acquire(1, { timeoutMs: 5 })));
      return ended();
    },
    "object pool": () => {
      many((i) =>
        quietly(i % 7 === 0 ? pool.acquire().map((item) => item.discard()) : pool.use(() => i))
      );
      return ended();
    },
    "once cells": () => {
      many((i) => {
        const cell = new OnceCell<number>();
        return quietly(Future.all([cell.getOrInit(() => i), cell.getOrInit(() => -i)]));
      });
      return ended();
    },
    "task slot": () => {
      for (let i = 0; i < BATCH; i++) slot.run((task) => task.sleep(1));
      return group.run();
    },
    "nothing left": () => {
      assertEquals([semaphore.waiting, mutex.waiting, condition.waiting], [0, 0, 0]);
      assertEquals([notify.waiting, limiter.waiting, pool.waiting, pool.inUse], [0, 0, 0, 0]);
      assertEquals(held.isReleased, false);
      return Promise.resolve();
    },
  };
}

for (const name of Object.keys(uses(new SimulatedRuntime()))) {
  if (name === "nothing left") continue;
  test(`waits that end leave the heap flat: ${name}`, async () => {
    const gc = collector();
    const runtime = new SimulatedRuntime();
    const all = uses(runtime);
    const batch = all[name]!;
    for (let i = 0; i < 5; i++) await batch();
    await collect(gc, 1);
    const before = heapUsed(gc);
    for (let i = 0; i < 20; i++) await batch();
    await collect(gc, 1);
    const each = (heapUsed(gc) - before) / (20 * BATCH);
    // A wait that is kept costs 150 bytes and more.
    assert(each < 60, `${each.toFixed(1)} bytes a wait`);
    await all["nothing left"]!();
    assertEquals([runtime.metrics().alive, runtime.metrics().timers], [0, 0]);
  });
}
