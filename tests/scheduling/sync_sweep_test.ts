/**
 * Every primitive with a cancel at each checkpoint, and in every order of its ready tasks.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Barrier,
  Condition,
  Future,
  Latch,
  Mutex,
  Notify,
  ObjectPool,
  OnceCell,
  type Permit,
  RateLimiter,
  RwLock,
  scope,
  Semaphore,
  TaskSlot,
  TimeoutError,
  WaitGroup,
  yieldNow,
} from "@vais/runtime";
import { explore, type SimulatedRuntime, sweepCancellation } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

/** Spawns tasks; answers what to check when all have ended, whatever was cancelled. */
type Program = (runtime: SimulatedRuntime) => () => void;

/** Counts who is inside, and fails when there are too many. */
function room(most: number) {
  let inside = 0;
  return {
    *stay(): Generator<unknown, void> {
      assert(++inside <= most);
      try {
        yield* yieldNow();
      } finally {
        inside--;
      }
    },
    isEmpty: () => inside === 0,
  };
}

/** What a time limit ends is no failure here. */
function* orTimeout(wait: Future<unknown>): Generator<unknown, boolean> {
  try {
    yield* wait;
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}

const PROGRAMS: Record<string, Program> = {
  "Semaphore.acquire": (runtime) => {
    const semaphore = new Semaphore(3);
    const { stay } = room(3);
    for (const weight of [2, 1, 3]) {
      runtime.spawn(function* () {
        const permit = yield* semaphore.acquire(weight);
        try {
          yield* stay();
        } finally {
          permit.release();
        }
      });
    }
    return () => assertEquals([semaphore.available, semaphore.waiting], [3, 0]);
  },
  "Semaphore.acquire with limits and in a race": (runtime) => {
    const semaphore = new Semaphore(1);
    for (const timeoutMs of [null, 1, 2]) {
      runtime.spawn(function* () {
        const use = function* (permit: Permit) {
          try {
            yield* runtime.sleep(1);
          } finally {
            permit.release();
          }
        };
        try {
          yield* use(yield* semaphore.acquire(1, { timeoutMs }));
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error;
        }
        const raced = yield* Future.race([semaphore.acquire(), semaphore.acquire()]);
        yield* use(raced);
      });
    }
    return () => assertEquals([semaphore.available, semaphore.waiting], [1, 0]);
  },
  "Semaphore.resize": (runtime) => {
    const semaphore = new Semaphore(2);
    for (let i = 0; i < 3; i++) {
      runtime.spawn(semaphore.withPermit(() => runtime.sleep(2)));
    }
    for (const to of [0, 4]) {
      runtime.spawn(function* (task) {
        try {
          yield* task.sleep(to + 1);
        } finally {
          semaphore.resize(Math.max(to, 1));
        }
      });
    }
    return () => assertEquals([semaphore.available, semaphore.waiting], [semaphore.capacity, 0]);
  },
  "Mutex.withLock, generator bodies": (runtime) => {
    const mutex = new Mutex();
    const { stay } = room(1);
    for (let i = 0; i < 3; i++) {
      runtime.spawn(function* () {
        yield* mutex.withLock(stay);
      });
    }
    return () => assertEquals([mutex.isLocked, mutex.waiting], [false, 0]);
  },
  "Mutex.withLock, async bodies": (runtime) => {
    const mutex = new Mutex();
    let inside = 0;
    const stay = async () => {
      assertEquals(++inside, 1);
      try {
        await runtime.sleep(1);
      } finally {
        inside--;
      }
    };
    runtime.spawn(function* () {
      yield* mutex.withLock(stay);
    });
    runtime.spawn(async () => await mutex.withLock(stay));
    runtime.spawn(mutex.withLock(stay));
    return () => assertEquals([mutex.isLocked, mutex.waiting, inside], [false, 0, 0]);
  },
  "RwLock with upgrade and downgrade": (runtime) => {
    const lock = new RwLock();
    runtime.spawn(function* () {
      using permit = yield* lock.read();
      yield* yieldNow();
      yield* lock.upgrade(permit);
      assert(lock.isWriteLocked);
      yield* yieldNow();
      lock.downgrade(permit);
      yield* yieldNow();
    });
    runtime.spawn(function* () {
      using _permit = yield* lock.read();
      yield* yieldNow();
    });
    runtime.spawn(function* () {
      using _permit = yield* lock.write();
      assertEquals(lock.readers, 0);
      yield* yieldNow();
    });
    return () => assertEquals([lock.readers, lock.isWriteLocked, lock.waiting], [0, false, 0]);
  },
  "Condition": (runtime) => {
    const mutex = new Mutex();
    const changed = new Condition(mutex);
    const { stay } = room(1);
    let state = 0;
    for (let i = 1; i <= 2; i++) {
      runtime.spawn(function* () {
        const lock = yield* mutex.lock();
        try {
          yield* orTimeout(changed.waitUntil(() => state >= i, lock, { timeoutMs: 5 }));
          assertEquals(lock.isReleased, false);
          yield* stay();
        } finally {
          // Cancelled or not, its cleanup runs under the lock.
          assertEquals([lock.isReleased, mutex.isLocked], [false, true]);
          lock.release();
        }
      });
      runtime.spawn(function* () {
        yield* mutex.withLock(function* () {
          yield* stay();
          state++;
          changed.notifyOne();
        });
      });
    }
    return () => assertEquals([mutex.isLocked, mutex.waiting, changed.waiting], [false, 0, 0]);
  },
  "Barrier": (runtime) => {
    const barrier = new Barrier(2);
    let leaders = 0;
    for (let i = 0; i < 4; i++) {
      runtime.spawn(function* () {
        try {
          if (yield* barrier.wait({ timeoutMs: 5 })) leaders++;
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error;
        }
      });
    }
    return () => {
      assertEquals(barrier.arrived, 0);
      assert(leaders <= barrier.round && barrier.round <= 2);
    };
  },
  "Latch and WaitGroup": (runtime) => {
    const latch = new Latch(2);
    const group = new WaitGroup();
    for (let i = 0; i < 2; i++) {
      group.add();
      // Counted by the end of the task, be it cancelled before it began.
      const done = runtime.spawn(function* () {
        yield* yieldNow();
      });
      runtime.spawn(function* () {
        yield* orTimeout(latch.wait({ timeoutMs: 3 }));
        yield* orTimeout(group.wait({ timeoutMs: 3 }));
      });
      void done.settled().then(() => {
        latch.countDown();
        group.done();
      });
    }
    return () =>
      assertEquals([latch.isOpen, latch.waiting, group.count, group.waiting], [true, 0, 0, 0]);
  },
  "Notify": (runtime) => {
    const notify = new Notify();
    let told = 0;
    let got = 0;
    for (let i = 0; i < 2; i++) {
      runtime.spawn(function* () {
        if (yield* orTimeout(notify.wait({ timeoutMs: 5 }))) got++;
      });
    }
    runtime.spawn(function* (task) {
      yield* task.sleep(1);
      told++;
      notify.notifyOne();
    });
    return () => {
      // Nothing is lost: it was seen, or it is kept.
      assertEquals([notify.waiting, got + (notify.isNotified ? 1 : 0)], [0, told]);
    };
  },
  "OnceCell": (runtime) => {
    const cell = new OnceCell<number>();
    let running = 0;
    let ended = 0;
    for (let i = 0; i < 3; i++) {
      runtime.spawn(function* () {
        const value = yield* cell.getOrInit(function* () {
          assertEquals([++running, cell.isSet], [1, false]);
          try {
            yield* runtime.sleep(1);
            return i;
          } finally {
            running--;
          }
        });
        assertEquals(value, cell.get());
        ended++;
      });
    }
    return () => assertEquals([cell.isSet, cell.waiting, running, ended > 0], [true, 0, 0, true]);
  },
  "OnceCell with async initializers": (runtime) => {
    const cell = new OnceCell<number>();
    const init = async () => {
      await runtime.sleep(1);
      return 1;
    };
    for (let i = 0; i < 2; i++) runtime.spawn(cell.getOrInit(init));
    runtime.spawn(async () => assertEquals(await cell.getOrInit(init), 1));
    return () => assertEquals([cell.get(), cell.waiting], [1, 0]);
  },
  "RateLimiter": (runtime) => {
    const limiter = new RateLimiter({ tokens: 1, perMs: 2, burst: 2, runtime });
    for (const count of [1, 2, 1]) {
      runtime.spawn(function* () {
        yield* limiter.acquire(count);
      });
    }
    return () => assertEquals(limiter.waiting, 0);
  },
  "ObjectPool": (runtime) => {
    let alive = 0;
    const pool = new ObjectPool({
      max: 1,
      create: () => runtime.sleep(1).map(() => ({ id: ++alive })),
      destroy: () => void alive--,
    });
    for (const discards of [false, true, false]) {
      runtime.spawn(function* () {
        const item = yield* pool.acquire();
        try {
          assert(alive === 1);
          yield* yieldNow();
        } finally {
          discards ? item.discard() : item.release();
        }
      });
    }
    return () => {
      assertEquals([pool.inUse, pool.waiting, pool.idle], [0, 0, alive]);
      pool.trim();
      assertEquals(alive, 0);
    };
  },
  "TaskSlot": (runtime) => {
    let inside = 0;
    const slots: TaskSlot[] = [];
    runtime.spawn(function* () {
      yield* scope(function* (s) {
        const slot = new TaskSlot(s);
        slots.push(slot);
        for (const policy of ["queue", "latest", "queue"] as const) {
          slot.run(function* (task) {
            assertEquals(++inside, 1);
            try {
              yield* task.sleep(1);
            } finally {
              try {
                yield* runtime.sleep(1);
              } finally {
                inside--;
              }
            }
          }, { policy });
          yield* yieldNow();
        }
      });
    });
    return () => {
      assertEquals(inside, 0);
      for (const slot of slots) assertEquals([slot.running, slot.waiting], [undefined, 0]);
    };
  },
};

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`${name}: a cancel of any task at any checkpoint loses nothing and leaves nobody waiting`, async () => {
    const swept = await sweepCancellation(program, (check) => check());
    assert(swept.runs > 10, JSON.stringify(swept));
  });

  test(`${name}: right in every order of its ready tasks`, async () => {
    await explore(program, {
      exhaustive: true,
      maxSchedules: 2_000,
      check: (check) => check(),
    });
    await explore(program, { seeds: 200, check: (check) => check() });
  });
}
