/**
 * Semaphore, Mutex and RwLock against one model.
 *
 * @module
 */
import { Mutex, RwLock, Semaphore } from "@vais/runtime";
import { mustMatchModel } from "../support/sync_permits.ts";
import { test } from "../support/test.ts";

test("Semaphore does what its model does: 10 000 programs of acquire, release, cancel, limits, resize and close", () =>
  mustMatchModel({
    capacities: [1, 2, 3, 4],
    weights: [1, 1, 2, 3],
    make(capacity) {
      const semaphore = new Semaphore(capacity);
      return {
        acquire: (weight, options) => semaphore.acquire(weight, options),
        tryAcquire: (weight) => semaphore.tryAcquire(weight),
        resize: (to) => semaphore.resize(to),
        close: () => semaphore.close(),
        facts: () => ({
          free: semaphore.available,
          waiting: semaphore.waiting,
          closed: semaphore.isClosed,
        }),
      };
    },
  }));

test("Mutex does what its model does: 10 000 programs of lock, release, cancel, limits and close", () =>
  mustMatchModel({
    capacities: [1],
    weights: [1],
    make() {
      const mutex = new Mutex();
      return {
        acquire: (_weight, options) => mutex.lock(options),
        tryAcquire: () => mutex.tryLock(),
        close: () => mutex.close(),
        facts: () => ({
          free: mutex.isLocked ? 0 : 1,
          waiting: mutex.waiting,
          closed: mutex.isClosed,
        }),
      };
    },
  }));

/** What a writer weighs, when a reader weighs 1. */
const WRITER = 2 ** 28;

test("RwLock does what its model does: 10 000 programs of read, write, upgrade, downgrade, cancel, limits and close", () =>
  mustMatchModel({
    capacities: [WRITER],
    weights: [1, 1, 1, WRITER],
    make() {
      const lock = new RwLock();
      return {
        acquire: (weight, options) => weight === 1 ? lock.read(options) : lock.write(options),
        tryAcquire: (weight) => weight === 1 ? lock.tryRead() : lock.tryWrite(),
        upgrade: (permit, options) => lock.upgrade(permit, options),
        tryUpgrade: (permit) => lock.tryUpgrade(permit),
        downgrade: (permit) => lock.downgrade(permit),
        close: () => lock.close(),
        facts: () => ({
          free: lock.isWriteLocked ? 0 : WRITER - lock.readers,
          waiting: lock.waiting,
          closed: lock.isClosed,
        }),
      };
    },
  }));
