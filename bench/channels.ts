/**
 * What does it cost to hand a value from task to task?
 *
 * `ping-pong`: two tasks and two channels of capacity 1; 20 000 round trips, so every value is waited for.
 * `1 to 4`: one producer, four consumers, one channel of capacity 64; 100 000 values.
 * The floor is an array with one list of promise resolvers for each side: no cancel, no close, no fairness
 * beyond first come. Each run checks the sum of what came.
 *
 * @module
 */
import { Channel, scope } from "@vais/runtime";
import { type Bench, type Cell, check, time } from "./bench.ts";
import { effect, effectQueue } from "./peers.ts";

const TRIPS = 20_000;
const VALUES = 100_000;
const CONSUMERS = 4;
const TRIPS_SUM = TRIPS * (TRIPS - 1) / 2;
const VALUES_SUM = VALUES * (VALUES - 1) / 2;

function cell(expected: number, run: () => PromiseLike<number>): Cell {
  return () => async () => {
    let sum = 0;
    const ms = await time(async () => sum = await run());
    check(sum, expected, "sum");
    return ms;
  };
}

/** The floor: a bounded queue of promises. */
class PromiseQueue<T> {
  readonly #items: T[] = [];
  readonly #takers: ((item: T) => void)[] = [];
  readonly #givers: (() => void)[] = [];
  constructor(readonly capacity: number) {}

  send(item: T): Promise<void> {
    const taker = this.#takers.shift();
    if (taker !== undefined) {
      taker(item);
      return Promise.resolve();
    }
    if (this.#items.length < this.capacity) {
      this.#items.push(item);
      return Promise.resolve();
    }
    return new Promise((resolve) =>
      this.#givers.push(() => {
        this.#items.push(item);
        resolve();
      })
    );
  }

  receive(): Promise<T> {
    if (this.#items.length === 0) return new Promise((resolve) => this.#takers.push(resolve));
    const item = this.#items.shift()!;
    this.#givers.shift()?.();
    return Promise.resolve(item);
  }
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "generator ping-pong": cell(TRIPS_SUM, () =>
      scope(function* (s) {
        const [there, back] = [new Channel<number>(1), new Channel<number>(1)];
        s.spawn(function* () {
          for (let i = 0; i < TRIPS; i++) yield* back.send(yield* there.receive());
        });
        let sum = 0;
        for (let i = 0; i < TRIPS; i++) {
          yield* there.send(i);
          sum += yield* back.receive();
        }
        return sum;
      })),
    "async ping-pong": cell(TRIPS_SUM, () =>
      scope(async (s) => {
        const [there, back] = [new Channel<number>(1), new Channel<number>(1)];
        s.spawn(async () => {
          for (let i = 0; i < TRIPS; i++) await back.send(await there.receive());
        });
        let sum = 0;
        for (let i = 0; i < TRIPS; i++) {
          await there.send(i);
          sum += await back.receive();
        }
        return sum;
      })),
    "floor ping-pong": cell(TRIPS_SUM, async () => {
      const [there, back] = [new PromiseQueue<number>(1), new PromiseQueue<number>(1)];
      const echo = (async () => {
        for (let i = 0; i < TRIPS; i++) await back.send(await there.receive());
      })();
      let sum = 0;
      for (let i = 0; i < TRIPS; i++) {
        await there.send(i);
        sum += await back.receive();
      }
      await echo;
      return sum;
    }),
    "effect ping-pong": async () => {
      const [{ Effect, Fiber }, Queue] = [await effect(), await effectQueue()];
      return cell(TRIPS_SUM, () =>
        Effect.runPromise(Effect.gen(function* () {
          const there = yield* Queue.bounded<number>(1);
          const back = yield* Queue.bounded<number>(1);
          const echo = yield* Effect.forkChild(Effect.gen(function* () {
            for (let i = 0; i < TRIPS; i++) yield* Queue.offer(back, yield* Queue.take(there));
          }));
          let sum = 0;
          for (let i = 0; i < TRIPS; i++) {
            yield* Queue.offer(there, i);
            sum += yield* Queue.take(back);
          }
          yield* Fiber.join(echo);
          return sum;
        })))();
    },
    "generator 1 to 4": cell(VALUES_SUM, () =>
      scope(function* (s) {
        const channel = new Channel<number>(64);
        const consumers = Array.from({ length: CONSUMERS }, () =>
          s.spawn(function* () {
            let sum = 0;
            for (let next; !(next = yield* channel.next()).done;) sum += next.value;
            return sum;
          }));
        for (let i = 0; i < VALUES; i++) yield* channel.send(i);
        channel.close();
        let sum = 0;
        for (const consumer of consumers) sum += yield* consumer;
        return sum;
      })),
    "async 1 to 4": cell(VALUES_SUM, () =>
      scope(async (s) => {
        const channel = new Channel<number>(64);
        const consumers = Array.from({ length: CONSUMERS }, () =>
          s.spawn(async () => {
            let sum = 0;
            for await (const value of channel) sum += value;
            return sum;
          }));
        for (let i = 0; i < VALUES; i++) await channel.send(i);
        channel.close();
        let sum = 0;
        for (const consumer of consumers) sum += await consumer;
        return sum;
      })),
    "floor 1 to 4": cell(VALUES_SUM, async () => {
      const queue = new PromiseQueue<number>(64);
      const consumers = Array.from({ length: CONSUMERS }, async () => {
        let sum = 0;
        for (let value; (value = await queue.receive()) >= 0;) sum += value;
        return sum;
      });
      for (let i = 0; i < VALUES; i++) await queue.send(i);
      for (let i = 0; i < CONSUMERS; i++) await queue.send(-1);
      return (await Promise.all(consumers)).reduce((a, b) => a + b);
    }),
    "effect 1 to 4": async () => {
      const [{ Effect, Fiber }, Queue] = [await effect(), await effectQueue()];
      return cell(VALUES_SUM, () =>
        Effect.runPromise(Effect.gen(function* () {
          const queue = yield* Queue.bounded<number>(64);
          const consumers = [];
          for (let i = 0; i < CONSUMERS; i++) {
            consumers.push(
              yield* Effect.forkChild(Effect.gen(function* () {
                let sum = 0;
                for (let value; (value = yield* Queue.take(queue)) >= 0;) sum += value;
                return sum;
              })),
            );
          }
          for (let i = 0; i < VALUES; i++) yield* Queue.offer(queue, i);
          for (let i = 0; i < CONSUMERS; i++) yield* Queue.offer(queue, -1);
          let sum = 0;
          for (const consumer of consumers) sum += yield* Fiber.join(consumer);
          return sum;
        })))();
    },
  },
  rows: ["ping-pong", "1 to 4"].flatMap((work) => [
    {
      work: `channel, ${work}, generator`,
      ours: `generator ${work}`,
      reference: `floor ${work}`,
      goal: { ratio: 3, of: "floor" },
    },
    {
      work: `channel, ${work}, generator`,
      ours: `generator ${work}`,
      reference: `effect ${work}`,
      goal: { faster: 5, than: "effect" },
    },
    { work: `channel, ${work}, async`, ours: `async ${work}`, reference: `floor ${work}` },
    {
      work: `channel, ${work}, async`,
      ours: `async ${work}`,
      reference: `effect ${work}`,
      goal: { faster: 5, than: "effect" },
    },
  ]),
};
