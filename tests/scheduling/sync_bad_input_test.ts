/**
 * Bad input of the sync primitives: told at the call, by class and text, and nothing is left behind.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  Barrier,
  Condition,
  Latch,
  Mutex,
  Notify,
  ObjectPool,
  Once,
  OnceCell,
  type Permit,
  RateLimiter,
  RwLock,
  Semaphore,
  TaskGroup,
  TaskSlot,
  WaitGroup,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import type { Any } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

type Call = () => unknown;

const runtime = new SimulatedRuntime();
const semaphore = new Semaphore(2);
const mutex = new Mutex();
const lock = new RwLock();
const condition = new Condition(mutex);
const held = (): Permit => {
  const permit = mutex.tryLock()!;
  permit.release();
  return permit;
};
const limiter = new RateLimiter({ tokens: 2, perMs: 10, runtime });
const pool = new ObjectPool({ max: 1, create: () => 1 });
const slot = new TaskSlot(new TaskGroup({ runtime }));
const limits = { tokens: 1, perMs: 1 };
const one = () => 1;

const WRONG_TYPE: Record<string, Call> = {
  "new Semaphore('2')": () => new Semaphore("2" as Any),
  "new Semaphore(undefined)": () => new Semaphore(undefined as Any),
  "semaphore.acquire('1')": () => semaphore.acquire("1" as Any),
  "semaphore.acquire(null)": () => semaphore.acquire(null as Any),
  "semaphore.tryAcquire('1')": () => semaphore.tryAcquire("1" as Any),
  "semaphore.resize('1')": () => semaphore.resize("1" as Any),
  "semaphore.withPermit(5)": () => semaphore.withPermit(5 as Any),
  "semaphore.withPermit(body, { weight: '1' })": () =>
    semaphore.withPermit(one, { weight: "1" as Any }),
  "semaphore.withPermit(body, 5)": () => semaphore.withPermit(one, 5 as Any),
  "mutex.withLock(undefined)": () => mutex.withLock(undefined as Any),
  "lock.withRead('body')": () => lock.withRead("body" as Any),
  "lock.withWrite(null)": () => lock.withWrite(null as Any),
  "lock.downgrade(5)": () => lock.downgrade(5 as Any),
  "lock.upgrade({})": () => lock.upgrade({} as Any),
  "lock.tryUpgrade(undefined)": () => lock.tryUpgrade(undefined as Any),
  "lock.upgrade(a mutex's)": () => lock.upgrade(held()),
  "new Condition({})": () => new Condition({} as Any),
  "condition.wait({})": () => condition.wait({} as Any),
  "condition.wait(released)": () => condition.wait(held()),
  "condition.wait(another's)": () => condition.wait(new Mutex().tryLock()!),
  "condition.waitUntil(5, lock)": () => condition.waitUntil(5 as Any, held()),
  "condition.notify('1')": () => condition.notify("1" as Any),
  "new Barrier('2')": () => new Barrier("2" as Any),
  "new Latch('2')": () => new Latch("2" as Any),
  "latch.countDown('1')": () => new Latch(2).countDown("1" as Any),
  "group.add('1')": () => new WaitGroup().add("1" as Any),
  "cell.getOrInit(5)": () => new OnceCell().getOrInit(5 as Any),
  "cell.getOrInit(undefined) of a cell that is set": () => {
    const cell = new OnceCell<number>();
    cell.set(1);
    return cell.getOrInit(undefined as Any);
  },
  "once.run({})": () => new Once().run({} as Any),
  "new RateLimiter()": () => new (RateLimiter as Any)(),
  "new RateLimiter({ tokens: '1' })": () => new RateLimiter({ ...limits, tokens: "1" as Any }),
  "new RateLimiter({ perMs: '1' })": () => new RateLimiter({ ...limits, perMs: "1" as Any }),
  "new RateLimiter({ burst: '1' })": () => new RateLimiter({ ...limits, burst: "1" as Any }),
  "new RateLimiter({ runtime: {} })": () => new RateLimiter({ ...limits, runtime: {} as Any }),
  "limiter.acquire('1')": () => limiter.acquire("1" as Any),
  "limiter.tryAcquire('1')": () => limiter.tryAcquire("1" as Any),
  "new ObjectPool()": () => new (ObjectPool as Any)(),
  "new ObjectPool({ max: '1' })": () => new ObjectPool({ max: "1" as Any, create: one }),
  "new ObjectPool({ create: 5 })": () => new ObjectPool({ max: 1, create: 5 as Any }),
  "new ObjectPool({ destroy: 5 })": () =>
    new ObjectPool({ max: 1, create: one, destroy: 5 as Any }),
  "pool.use(5)": () => pool.use(5 as Any),
  "pool.trim('1')": () => pool.trim("1" as Any),
  "new TaskSlot({})": () => new TaskSlot({} as Any),
  "new TaskSlot(group, { policy: 5 })": () =>
    new TaskSlot(new TaskGroup({ runtime }), { policy: 5 as Any }),
  "slot.run(5)": () => slot.run(5 as Any),
  "slot.run(body, { policy: null })": () => slot.run(one, { policy: null as Any }),
  "slot.run(body, 5)": () => slot.run(one, 5 as Any),
};

const NAMED: Record<string, (options: Any) => unknown> = {
  Semaphore: (options) => new Semaphore(1, options),
  Mutex: (options) => new Mutex(options),
  RwLock: (options) => new RwLock(options),
  Condition: (options) => new Condition(mutex, options),
  Barrier: (options) => new Barrier(1, options),
  Latch: (options) => new Latch(1, options),
  WaitGroup: (options) => new WaitGroup(options),
  Notify: (options) => new Notify(options),
  OnceCell: (options) => new OnceCell(options),
  Once: (options) => new Once(options),
  RateLimiter: (options) => new RateLimiter({ ...limits, ...options }),
  ObjectPool: (options) => new ObjectPool({ max: 1, create: one, ...options }),
  TaskSlot: (options) => new TaskSlot(new TaskGroup({ runtime }), options),
};
for (const [name, make] of Object.entries(NAMED)) {
  WRONG_TYPE[`new ${name} with the name 5`] = () => make({ name: 5 });
  if (name !== "RateLimiter" && name !== "ObjectPool") {
    WRONG_TYPE[`new ${name} with options 5`] = () => make(5);
    WRONG_TYPE[`new ${name} with options null`] = () => make(null);
  }
}

const WAITS: Record<string, (options: Any) => unknown> = {
  "semaphore.acquire": (options) => semaphore.acquire(1, options),
  "semaphore.withPermit": (options) => semaphore.withPermit(one, options),
  "mutex.lock": (options) => mutex.lock(options),
  "mutex.withLock": (options) => mutex.withLock(one, options),
  "lock.read": (options) => lock.read(options),
  "lock.write": (options) => lock.write(options),
  "lock.withRead": (options) => lock.withRead(one, options),
  "lock.withWrite": (options) => lock.withWrite(one, options),
  "lock.upgrade": (options) => {
    const permit = lock.tryRead()!;
    try {
      return lock.upgrade(permit, options);
    } finally {
      permit.release();
    }
  },
  "condition.wait": (options) => {
    const permit = mutex.tryLock()!;
    try {
      return condition.wait(permit, options);
    } finally {
      permit.release();
    }
  },
  "barrier.wait": (options) => new Barrier(2).wait(options),
  "latch.wait": (options) => new Latch().wait(options),
  "group.wait": (options) => new WaitGroup().wait(options),
  "notify.wait": (options) => new Notify().wait(options),
  "cell.getOrInit": (options) => new OnceCell().getOrInit(one, options),
  "once.run": (options) => new Once().run(one, options),
  "limiter.acquire": (options) => limiter.acquire(1, options),
  "pool.acquire": (options) => pool.acquire(options),
  "pool.use": (options) => pool.use(one, options),
};
const OUT_OF_RANGE: Record<string, Call> = {
  "new Semaphore(-1)": () => new Semaphore(-1),
  "new Semaphore(1.5)": () => new Semaphore(1.5),
  "new Semaphore(Infinity)": () => new Semaphore(Infinity),
  "semaphore.acquire(0)": () => semaphore.acquire(0),
  "semaphore.acquire(-1)": () => semaphore.acquire(-1),
  "semaphore.acquire(NaN)": () => semaphore.acquire(NaN),
  "semaphore.acquire(3) of 2": () => semaphore.acquire(3),
  "semaphore.tryAcquire(3) of 2": () => semaphore.tryAcquire(3),
  "semaphore.withPermit(body, { weight: 3 }) of 2": () => semaphore.withPermit(one, { weight: 3 }),
  "semaphore.resize(-1)": () => semaphore.resize(-1),
  "semaphore.resize(NaN)": () => semaphore.resize(NaN),
  "condition.notify(-1)": () => condition.notify(-1),
  "condition.notify(0.5)": () => condition.notify(0.5),
  "new Barrier(0)": () => new Barrier(0),
  "new Latch(-1)": () => new Latch(-1),
  "latch.countDown(0)": () => new Latch(2).countDown(0),
  "group.add(0)": () => new WaitGroup().add(0),
  "group.add(-1)": () => new WaitGroup().add(-1),
  "group.done() of nothing": () => new WaitGroup().done(),
  "new RateLimiter({ tokens: 0 })": () => new RateLimiter({ ...limits, tokens: 0 }),
  "new RateLimiter({ tokens: 1.5 })": () => new RateLimiter({ ...limits, tokens: 1.5 }),
  "new RateLimiter({ perMs: 0 })": () => new RateLimiter({ ...limits, perMs: 0 }),
  "new RateLimiter({ perMs: NaN })": () => new RateLimiter({ ...limits, perMs: NaN }),
  "new RateLimiter({ perMs: Infinity })": () => new RateLimiter({ ...limits, perMs: Infinity }),
  "new RateLimiter({ burst: 0 })": () => new RateLimiter({ ...limits, burst: 0 }),
  "limiter.acquire(0)": () => limiter.acquire(0),
  "limiter.acquire(3), burst 2": () => limiter.acquire(3),
  "limiter.tryAcquire(3), burst 2": () => limiter.tryAcquire(3),
  "new ObjectPool({ max: 0 })": () => new ObjectPool({ max: 0, create: one }),
  "pool.trim(-1)": () => pool.trim(-1),
  "new TaskSlot(group, { policy: 'first' })": () =>
    new TaskSlot(new TaskGroup({ runtime }), { policy: "first" as Any }),
  "slot.run(body, { policy: 'first' })": () => slot.run(one, { policy: "first" as Any }),
};
for (const [name, wait] of Object.entries(WAITS)) {
  WRONG_TYPE[`${name}(…, { timeoutMs: '5' })`] = () => wait({ timeoutMs: "5" });
  WRONG_TYPE[`${name}(…, { signal: {} })`] = () => wait({ signal: {} });
  if (!name.includes("with")) WRONG_TYPE[`${name}(…, 5)`] = () => wait(5);
  OUT_OF_RANGE[`${name}(…, { timeoutMs: -1 })`] = () => wait({ timeoutMs: -1 });
  OUT_OF_RANGE[`${name}(…, { timeoutMs: NaN })`] = () => wait({ timeoutMs: NaN });
}

/** Fails unless the call itself throws the class, with a message of the usual form. */
function refuses(kind: Any, name: string, call: Call): void {
  let thrown: unknown;
  let accepted = false;
  try {
    call();
    accepted = true;
  } catch (error) {
    thrown = error;
  }
  assert(!accepted, `${name}: accepted`);
  assertInstanceOf(thrown, Error, `${name} threw no Error`);
  assertEquals(thrown.constructor, kind, `${name}: ${thrown}`);
  assert(/^Cannot [^:]+: .+/.test(thrown.message), `${name}: "${thrown.message}"`);
}

for (const [name, call] of Object.entries(WRONG_TYPE)) {
  test(`${name} is a TypeError that says what was given`, () => refuses(TypeError, name, call));
}
for (const [name, call] of Object.entries(OUT_OF_RANGE)) {
  test(`${name} is a RangeError that says what was given`, () => refuses(RangeError, name, call));
}

test("bad input leaves everything as it was", () => {
  assertEquals([semaphore.available, semaphore.waiting], [2, 0]);
  assertEquals([mutex.isLocked, mutex.waiting, condition.waiting], [false, 0, 0]);
  assertEquals([lock.readers, lock.waiting, limiter.available, pool.size], [0, 0, 2, 0]);
  assertEquals([slot.running, slot.waiting], [undefined, 0]);
  const { alive, timers } = runtime.metrics();
  assertEquals({ alive, timers }, { alive: 0, timers: 0 });
});

test("good input at the edges is taken: empty names, nullish options, no permits at all", () => {
  new Semaphore(0, { name: "" }).acquire(1, { timeoutMs: null });
  new Mutex(undefined).lock(undefined);
  new Latch(0).wait({ timeoutMs: Infinity });
  new Barrier(Number.MAX_SAFE_INTEGER);
  new RateLimiter({ tokens: 1, perMs: 0.001, burst: 1_000_000 }).acquire(1_000_000);
  assertEquals([new Semaphore(1).acquire().describe(), new Latch().wait().describe()], [
    "semaphore (1 of 1 free)",
    "latch (1 to go)",
  ]);
});
