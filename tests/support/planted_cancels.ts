/**
 * Programs that a cancel at some checkpoint breaks, each beside the same program done right.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Channel, Deferred, Future, yieldNow } from "@vais/runtime";
import { type Body, NaiveSemaphore, planted, type PlantedRace, spawnAll } from "./planted_race.ts";

export const plantedCancels: readonly PlantedRace[] = [
  planted("cancel", "a permit that is not given back", (runtime, right) => {
    const semaphore = new NaiveSemaphore(1, true);
    const work = function* (): Body {
      yield* semaphore.acquire();
      try {
        yield* runtime.sleep(1);
        if (!right) semaphore.release();
      } finally {
        if (right) semaphore.release();
      }
    };
    spawnAll(runtime, work);
    return semaphore;
  }, ({ permits }) => assertEquals(permits, 1)),

  planted("cancel", "a permit lost between granted and owned", (runtime, right) => {
    const semaphore = new NaiveSemaphore(1, right);
    const work = function* (): Body {
      yield* semaphore.acquire();
      try {
        yield* yieldNow();
      } finally {
        semaphore.release();
      }
    };
    spawnAll(runtime, work, work);
    return semaphore;
  }, ({ permits }) => assertEquals(permits, 1)),

  planted("cancel", "given back without having it", (runtime, right) => {
    const semaphore = new NaiveSemaphore(1, true);
    const work = function* (): Body {
      if (right) yield* semaphore.acquire();
      try {
        if (!right) yield* semaphore.acquire();
        yield* yieldNow();
      } finally {
        semaphore.release();
      }
    };
    spawnAll(runtime, work, work);
    return semaphore;
  }, ({ permits }) => assertEquals(permits, 1)),

  planted("cancel", "an item taken and not handled", (runtime, right) => {
    const state = { items: [1, 2], handled: [] as number[] };
    spawnAll(runtime, function* () {
      while (state.items.length > 0) {
        const item = state.items[0]!;
        if (!right) state.items.shift();
        yield* yieldNow();
        if (right) state.items.shift();
        state.handled.push(item);
      }
    });
    return state;
  }, ({ items, handled }) => assertEquals([...handled, ...items], [1, 2])),

  planted("cancel", "a value handed to a waiter that is gone", (runtime, right) => {
    const state = { received: [] as number[], left: [] as number[] };
    const channel = new Channel<number>(1);
    const waiters: Deferred<number>[] = [];
    spawnAll(runtime, function* () {
      if (right) return void state.received.push(yield* channel.receive());
      const waiter = new Deferred<number>();
      waiters.push(waiter);
      state.received.push(yield* waiter);
    });
    runtime.spawn(function* () {
      yield* yieldNow();
      if (right) channel.trySend(7);
      else if (waiters.length > 0) waiters.shift()!.resolve(7);
      else state.left.push(7);
      yield* runtime.sleep(1);
      if (right && channel.size > 0) state.left.push(yield* channel.receive());
    }, { name: "sender" });
    return state;
  }, ({ received, left }) => assertEquals([...received, ...left], [7])),

  planted("cancel", "opened before the try", (runtime, right) => {
    const state = { open: 0 };
    spawnAll(runtime, function* () {
      if (!right) {
        state.open++;
        yield* yieldNow();
      }
      try {
        if (right) state.open++;
        yield* yieldNow();
      } finally {
        state.open--;
      }
    });
    return state;
  }, ({ open }) => assertEquals(open, 0)),

  planted("cancel", "half of a transfer", (runtime, right) => {
    const state = { from: 10, to: 0 };
    spawnAll(runtime, function* () {
      if (right) yield* yieldNow();
      state.from -= 3;
      if (!right) yield* yieldNow();
      state.to += 3;
    });
    return state;
  }, ({ from, to }) => assertEquals(from + to, 10)),

  planted("cancel", "a waiter that is gone takes the wake-up", (runtime, right) => {
    const waiters: Deferred<void>[] = [];
    const state = { passed: 0, early: 0 };
    const wait = function* (): Body {
      const waiter = new Deferred<void>();
      waiters.push(waiter);
      let woken = false;
      try {
        yield* waiter;
        woken = true;
        state.passed++;
      } finally {
        const at = waiters.indexOf(waiter);
        if (right && at >= 0) waiters.splice(at, 1);
        else if (right && !woken) wakeOne();
      }
    };
    const wakeOne = (): void => waiters.shift()?.resolve() as undefined;
    spawnAll(runtime, wait, wait);
    runtime.spawn(function* () {
      yield* runtime.sleep(1);
      wakeOne();
      yield* runtime.sleep(1);
      state.early = state.passed;
      for (const waiter of waiters.splice(0)) waiter.resolve();
    }, { name: "waker" });
    return state;
  }, ({ early }) => assert(early > 0)),

  planted("cancel", "counted out twice", (runtime, right) => {
    const state = { active: 0 };
    spawnAll(runtime, function* () {
      state.active++;
      let out = false;
      try {
        yield* Future.ready(0);
        yield* yieldNow();
      } catch (error) {
        state.active--;
        out = true;
        throw error;
      } finally {
        if (!out || !right) state.active--;
      }
    });
    return state;
  }, ({ active }) => assertEquals(active, 0)),
];
