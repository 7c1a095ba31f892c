/**
 * Programs that some order of ready tasks breaks, each beside the same program done right.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Deferred, yieldNow } from "@vais/runtime";
import { type Body, NaiveSemaphore, planted, type PlantedRace, spawnAll } from "./planted_race.ts";

export const plantedOrders: readonly PlantedRace[] = [
  planted("order", "lost update", (runtime, right) => {
    const state = { count: 0 };
    const add = function* (): Body {
      const read = state.count;
      if (!right) yield* yieldNow();
      state.count = read + 1;
    };
    spawnAll(runtime, add, add);
    return state;
  }, ({ count }) => assertEquals(count, 2)),

  planted("order", "check, wait, then act", (runtime, right) => {
    const account = { balance: 10 };
    const withdraw = function* (): Body {
      if (right) yield* yieldNow();
      if (account.balance < 10) return;
      if (!right) yield* yieldNow();
      account.balance -= 10;
    };
    spawnAll(runtime, withdraw, withdraw);
    return account;
  }, ({ balance }) => assertEquals(balance, 0)),

  planted("order", "wake-up lost between the check and the wait", (runtime, right) => {
    const state = { ready: false, waiters: [] as Deferred<void>[] };
    spawnAll(runtime, function* () {
      if (state.ready) return;
      if (!right) yield* yieldNow();
      const waiter = new Deferred<void>();
      state.waiters.push(waiter);
      yield* waiter;
    }, () => {
      state.ready = true;
      for (const waiter of state.waiters) waiter.resolve();
    });
    return state;
  }, ({ ready }) => assert(ready)),

  planted("order", "one waiter woken where two wait", (runtime, right) => {
    const gate = { open: false, waiters: [] as Deferred<void>[] };
    const pass = function* (): Body {
      if (gate.open) return;
      const waiter = new Deferred<void>();
      gate.waiters.push(waiter);
      yield* waiter;
    };
    spawnAll(runtime, pass, pass, () => {
      gate.open = true;
      for (const waiter of right ? gate.waiters : gate.waiters.slice(0, 1)) waiter.resolve();
    });
    return gate;
  }, ({ open }) => assert(open)),

  planted("order", "woken once, not looked again", (runtime, right) => {
    const state = { items: [] as number[], taken: [] as (number | undefined)[] };
    const arrival = new Deferred<void>();
    const take = function* (): Body {
      while (state.items.length === 0) {
        yield* arrival;
        if (!right || state.taken.length > 0) break;
      }
      if (right && state.items.length === 0) return;
      state.taken.push(state.items.shift());
    };
    spawnAll(runtime, take, take, () => {
      state.items.push(1);
      arrival.resolve();
    });
    return state;
  }, ({ taken }) => assertEquals(taken, [1])),

  planted("order", "two locks in opposite order", (runtime, right) => {
    const locks = [new NaiveSemaphore(1, true), new NaiveSemaphore(1, true)];
    const both = (first: number, second: number) =>
      function* (): Body {
        yield* locks[first]!.acquire();
        yield* yieldNow();
        yield* locks[second]!.acquire();
        locks[second]!.release();
        locks[first]!.release();
      };
    spawnAll(runtime, both(0, 1), right ? both(0, 1) : both(1, 0));
    return locks;
  }, (locks) => assertEquals(locks.map((lock) => lock.permits), [1, 1])),

  planted("order", "made twice", (runtime, right) => {
    const state = { made: 0, value: undefined as number | undefined };
    let making: Deferred<void> | undefined;
    const get = function* (): Body {
      if (state.value !== undefined) return;
      if (right && making !== undefined) return yield* making;
      making = new Deferred();
      yield* yieldNow();
      state.value = ++state.made;
      making.resolve();
    };
    spawnAll(runtime, get, get);
    return state;
  }, ({ made }) => assertEquals(made, 1)),

  planted("order", "who asks after a failed maker waits for ever", (runtime, right) => {
    let making: Deferred<number> | undefined;
    let tries = 0;
    const got: number[] = [];
    const get = function* (): Body {
      if (making === undefined) {
        const mine = making = new Deferred<number>();
        yield* yieldNow();
        if (++tries === 1) {
          if (right) {
            making = undefined;
            mine.resolve(-1);
          }
          return;
        }
        mine.resolve(tries);
      }
      const value = yield* making;
      got.push(value);
    };
    spawnAll(runtime, get, get);
    return got;
  }, (got) => assert(got.length <= 2)),

  planted("order", "a stale value written after the invalidation", (runtime, right) => {
    const state = { source: 1, cached: undefined as number | undefined, version: 0 };
    spawnAll(runtime, function* () {
      const { source, version } = state;
      yield* yieldNow();
      if (!right || version === state.version) state.cached = source;
    }, () => {
      state.source = 2;
      state.version++;
      state.cached = undefined;
    });
    return state;
  }, ({ source, cached }) => assert(cached === undefined || cached === source)),

  planted("order", "an item added after the drain", (runtime, right) => {
    const state = { closed: false, items: [] as number[], done: [] as number[] };
    spawnAll(runtime, function* () {
      const open = !state.closed;
      if (!right) yield* yieldNow();
      if (open) state.items.push(1);
      else state.done.push(1); // refused: the caller does it
    }, function* () {
      yield* yieldNow();
      state.closed = true;
      state.done.push(...state.items.splice(0));
    });
    return state;
  }, ({ items, closed }) => assert(closed && items.length === 0)),

  planted("order", "answers matched by their order", (runtime, right) => {
    const answers = new Map<number, Deferred<number>>();
    const order: number[] = [];
    const got: [number, number][] = [];
    const ask = (question: number) =>
      function* (): Body {
        const answer = new Deferred<number>();
        answers.set(question, answer);
        order.push(question);
        got.push([question, yield* answer]);
      };
    const answer = (question: number) =>
      function* (): Body {
        while (answers.size < 2) yield* yieldNow();
        answers.get(right ? question : order.shift()!)!.resolve(question);
      };
    spawnAll(runtime, ask(1), ask(2), answer(1), answer(2));
    return got;
  }, (got) => {
    for (const [question, value] of got) assertEquals(value, question);
  }),

  planted("order", "a writer that comes in while a reader is in", (runtime, right) => {
    const state = { readers: 0, writing: false, mixed: false };
    spawnAll(runtime, function* () {
      while (state.writing) yield* yieldNow();
      if (!right) yield* yieldNow();
      state.readers++;
      state.mixed ||= state.writing;
      yield* yieldNow();
      state.readers--;
    }, function* () {
      while (state.readers > 0) yield* yieldNow();
      state.writing = true;
      state.mixed ||= state.readers > 0;
      yield* yieldNow();
      state.writing = false;
    });
    return state;
  }, ({ mixed }) => assert(!mixed)),
];
