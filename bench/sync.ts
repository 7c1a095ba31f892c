/**
 * What does it cost to wait for each other: a semaphore of 10 permits, a mutex, and nobody in the way?
 *
 * 1 000 tasks, each 50 times: acquire, add 1 to a sum, let others go, release. `generator` acquires and
 * releases by hand; `section` is `withPermit`/`withLock`; `async` is an async body. The floor is an array
 * of promise resolvers: no cancel, no fairness by weight, no owner. Each run checks the sum, and that no
 * more were inside than may be.
 *
 * @module
 */
import { Mutex, type Permit, Runtime, Semaphore, type TaskBody, yieldNow } from "@vais/runtime";
import { type Bench, type Cell, check, time } from "./bench.ts";
import { asyncMutex, asyncSema, effect, effectSemaphore, pQueue } from "./peers.ts";

const TASKS = 1_000;
const TURNS = 50;
const PERMITS = 10;
/** Without contention. */
const ALONE = 50_000;

/** Counts who is inside. */
interface Room {
  enter(): void;
  leave(): void;
}

/** Rounds in which `run` goes through a room of `limit` places `TASKS * TURNS` times. */
function cell(limit: number, run: (room: Room) => Promise<unknown>): Cell {
  return () => async () => {
    let inside = 0, most = 0, sum = 0;
    const room = {
      enter() {
        if (++inside > most) most = inside;
        sum++;
      },
      leave() {
        inside--;
      },
    };
    const ms = await time(() => run(room));
    check(sum, TASKS * TURNS, "sum");
    check(most, limit, "number inside at once");
    return ms;
  };
}

/** The floor: permits and promise resolvers. */
class ArraySemaphore {
  #free: number;
  #waiting: (() => void)[] = [];
  #next = 0;

  constructor(permits: number) {
    this.#free = permits;
  }

  acquire(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    if (this.#next === this.#waiting.length) {
      this.#free++;
      return;
    }
    const next = this.#waiting[this.#next++]!;
    if (this.#next === 1_024) {
      this.#waiting = this.#waiting.slice(1_024);
      this.#next = 0;
    }
    next();
  }
}

/** All tasks of promises. */
function tasks(task: () => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: TASKS }, task));
}

/** Tasks of ours. */
function spawn(body: TaskBody<void>): Promise<void> {
  const runtime = new Runtime();
  for (let i = 0; i < TASKS; i++) runtime.spawn(body);
  return runtime.run();
}

/** The cells of one limit, by the same names. */
function cellsFor(name: string, limit: number): Record<string, Cell> {
  const ours = () => {
    if (limit > 1) {
      const semaphore = new Semaphore(limit);
      return {
        acquire: () => semaphore.acquire(),
        section: (body: (permit: Permit) => Generator<unknown, void>) => semaphore.withPermit(body),
      };
    }
    const mutex = new Mutex();
    return {
      acquire: () => mutex.lock(),
      section: (body: (permit: Permit) => Generator<unknown, void>) => mutex.withLock(body),
    };
  };
  const cells: Record<string, Cell> = {
    "generator": cell(limit, ({ enter, leave }) => {
      const { acquire } = ours();
      return spawn(function* () {
        for (let i = 0; i < TURNS; i++) {
          const permit = yield* acquire();
          enter();
          yield* yieldNow();
          leave();
          permit.release();
        }
      });
    }),
    "section": cell(limit, ({ enter, leave }) => {
      const { section } = ours();
      return spawn(function* () {
        for (let i = 0; i < TURNS; i++) {
          yield* section(function* () {
            enter();
            yield* yieldNow();
            leave();
          });
        }
      });
    }),
    "async": cell(limit, ({ enter, leave }) => {
      const { acquire } = ours();
      return spawn(async () => {
        for (let i = 0; i < TURNS; i++) {
          const permit = await acquire();
          enter();
          await null;
          leave();
          permit.release();
        }
      });
    }),
    "array": cell(limit, ({ enter, leave }) => {
      const semaphore = new ArraySemaphore(limit);
      return tasks(async () => {
        for (let i = 0; i < TURNS; i++) {
          await semaphore.acquire();
          enter();
          await null;
          leave();
          semaphore.release();
        }
      });
    }),
    "effect": async () => {
      const { Effect } = await effect();
      const { makeUnsafe } = await effectSemaphore();
      return cell(limit, ({ enter, leave }) => {
        const guarded = makeUnsafe(limit).withPermits(1)(Effect.gen(function* () {
          enter();
          yield* Effect.yieldNow;
          leave();
        }));
        const task = Effect.gen(function* () {
          for (let i = 0; i < TURNS; i++) yield* guarded;
        });
        return Effect.runPromise(
          Effect.forEach(Array(TASKS).fill(0), () => task, { concurrency: "unbounded" }),
        );
      })();
    },
    "async-mutex": async () => {
      const module = await asyncMutex();
      return cell(limit, ({ enter, leave }) => {
        const acquire = limit > 1
          ? ((semaphore) => async () => (await semaphore.acquire())[1])(
            new module.Semaphore(limit),
          )
          : ((mutex) => () => mutex.acquire())(new module.Mutex());
        return tasks(async () => {
          for (let i = 0; i < TURNS; i++) {
            const release = await acquire();
            enter();
            await null;
            leave();
            release();
          }
        });
      })();
    },
    "async-sema": async () => {
      const { Sema } = await asyncSema();
      return cell(limit, ({ enter, leave }) => {
        const sema = new Sema(limit, { capacity: TASKS });
        return tasks(async () => {
          for (let i = 0; i < TURNS; i++) {
            await sema.acquire();
            enter();
            await null;
            leave();
            sema.release();
          }
        });
      })();
    },
    "p-queue": async () => {
      const PQueue = await pQueue();
      return cell(limit, ({ enter, leave }) => {
        const queue = new PQueue({ concurrency: limit });
        return tasks(async () => {
          for (let i = 0; i < TURNS; i++) {
            await queue.add(async () => {
              enter();
              await null;
              leave();
            });
          }
        });
      })();
    },
  };
  return Object.fromEntries(Object.entries(cells).map(([key, cell]) => [`${name} ${key}`, cell]));
}

/** Nobody is in the way: one task acquires and releases. */
const alone: Record<string, Cell> = {
  "alone generator": () => async () =>
    await time(async () => {
      const mutex = new Mutex();
      const runtime = new Runtime();
      runtime.spawn(function* () {
        for (let i = 0; i < ALONE; i++) (yield* mutex.lock()).release();
      });
      await runtime.run();
    }),
  "alone array": () => async () =>
    await time(async () => {
      const semaphore = new ArraySemaphore(1);
      for (let i = 0; i < ALONE; i++) {
        await semaphore.acquire();
        semaphore.release();
      }
    }),
  "alone async-mutex": async () => {
    const { Mutex } = await asyncMutex();
    return async () =>
      await time(async () => {
        const mutex = new Mutex();
        for (let i = 0; i < ALONE; i++) (await mutex.acquire())();
      });
  },
};

const SEMAPHORE = `semaphore of ${PERMITS}, ${TASKS} tasks`;
const MUTEX = `mutex, ${TASKS} tasks`;

/** Rows of one limit. */
function rowsFor(name: string, work: string): Bench["rows"] {
  const against = (form: string, peer: string, faster: number) => ({
    work: `${work}, ${form}`,
    ours: `${name} ${form}`,
    reference: `${name} ${peer}`,
    goal: { faster, than: peer },
  });
  return [
    against("generator", "effect", 5),
    against("section", "effect", 5),
    against("generator", "async-mutex", 2),
    against("generator", "async-sema", 2),
    against("generator", "p-queue", 2),
    {
      work: `${work}, generator`,
      ours: `${name} generator`,
      reference: `${name} array`,
      goal: { ratio: 3, of: "array" },
    },
    { work: `${work}, section`, ours: `${name} section`, reference: `${name} array` },
    { work: `${work}, async`, ours: `${name} async`, reference: `${name} array` },
    { work: `${work}, async`, ours: `${name} async`, reference: `${name} async-mutex` },
    { work: `${work}, async`, ours: `${name} async`, reference: `${name} effect` },
  ];
}

/** See the head of this file. */
export const bench: Bench = {
  cells: { ...cellsFor("semaphore", PERMITS), ...cellsFor("mutex", 1), ...alone },
  rows: [
    ...rowsFor("semaphore", SEMAPHORE),
    ...rowsFor("mutex", MUTEX),
    {
      work: `${ALONE} locks, nobody waits`,
      ours: "alone generator",
      reference: "alone array",
      goal: { ratio: 3, of: "array" },
    },
    {
      work: `${ALONE} locks, nobody waits`,
      ours: "alone generator",
      reference: "alone async-mutex",
    },
  ],
};
