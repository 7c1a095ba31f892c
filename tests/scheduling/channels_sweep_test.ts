/**
 * Channels under every cancel and many orders: what must hold whatever is cancelled, and when.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Broadcast,
  Channel,
  ClosedError,
  debounce,
  mapConcurrent,
  merge,
  oneshot,
  RequestChannel,
  scope,
  select,
  sleep,
  throttle,
  watch,
  yieldNow,
  zip,
} from "@vais/runtime";
import { explore, type SimulatedRuntime, sweepCancellation } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

type Check<S> = (state: Awaited<S>) => void;

/** Every cancel, then orders: all when they are few. */
async function always<S>(
  program: (runtime: SimulatedRuntime) => S,
  check: Check<S>,
  whole: Check<S> = check,
): Promise<void> {
  const swept = await sweepCancellation(
    program,
    (state, cancelled) => (cancelled === undefined ? whole : check)(state),
    // The "source" tasks of streams are their own: nobody else can cancel one alone.
    { filter: (task) => task.name !== "closer" && task.name !== "source" },
  );
  assert(swept.runs > swept.checkpoints);
  await explore(program, { exhaustive: true, maxSchedules: 300, check: whole });
  await explore(program, { seeds: 50, check: whole });
}

/** Counts what was opened and not closed. */
class Balance {
  opened = 0;
  closed = 0;

  *source<T>(values: Iterable<T>): Generator<T, void> {
    this.opened++;
    try {
      yield* values;
    } finally {
      this.closed++;
    }
  }
}

for (const capacity of [0, 1, 2]) {
  test(`a channel of ${capacity}: what a sender sent is received or still in it`, () =>
    always((runtime) => {
      const channel = new Channel<number>(capacity);
      const state = { channel, sent: [] as number[], received: [] as number[] };
      for (const first of [10, 20]) {
        runtime.spawn(function* () {
          for (let i = first; i < first + 2; i++) {
            yield* channel.send(i);
            state.sent.push(i);
          }
        }, { name: `sender ${first}` });
        runtime.spawn(function* () {
          while (true) {
            const next = yield* channel.next();
            if (next.done) return;
            state.received.push(next.value);
          }
        }, { name: `receiver ${first}` });
      }
      runtime.spawn(async () => {
        await sleep(1);
        while (channel.size > 0 || channel.waitingSenders > 0) {
          const value = channel.tryReceive();
          if (value === undefined) await yieldNow();
          else state.received.push(value.value);
        }
        channel.close();
      }, { name: "closer" });
      runtime.spawn(function* () {
        yield* runtime.sleep(5);
        channel.close();
      });
      return state;
    }, ({ channel, sent, received }) => {
      while (channel.size > 0) received.push(channel.tryReceive()!.value);
      assertEquals(received.toSorted(), sent.toSorted());
      assertEquals([channel.waitingSenders, channel.waitingReceivers], [0, 0]);
    }));
}

test("select over two channels takes from one and leaves the other whole", () =>
  always((runtime) => {
    const a = new Channel<number>(1), b = new Channel<number>(1);
    const state = { a, b, sent: 0, received: 0 };
    for (const channel of [a, b]) {
      runtime.spawn(async () => {
        for (let i = 0; i < 2; i++) {
          await channel.send(i);
          state.sent++;
        }
      });
    }
    for (let i = 0; i < 2; i++) {
      runtime.spawn(function* () {
        while (true) {
          const { value } = yield* select(a.next(), b.next());
          if (value.done) return;
          state.received++;
        }
      });
    }
    runtime.spawn(function* () {
      yield* runtime.sleep(1);
      a.close();
      b.close();
    }, { name: "closer" });
    return state;
  }, ({ a, b, sent, received }) => {
    assertEquals(received + a.size + b.size, sent);
  }));

test("a oneshot never hangs: the receiver has the value, or knows that none comes", () =>
  always((runtime) => {
    const [sender, receiver] = oneshot<number>();
    const state = { delivered: undefined as boolean | undefined, got: undefined as unknown };
    runtime.spawn(function* () {
      yield* yieldNow();
      state.delivered = sender.send(1);
    }, { name: "sender" });
    runtime.spawn(function* () {
      yield* runtime.sleep(9);
      sender[Symbol.dispose]();
    }, { name: "closer" });
    runtime.spawn(async () => {
      state.got = await receiver.catch((error) => error);
    }, { name: "receiver" });
    return state;
  }, ({ delivered, got }) => {
    if (got === 1) assert(delivered);
    if (got instanceof ClosedError) assertEquals(delivered, undefined);
  }));

test("a question is answered, failed or known to be given up", () =>
  always((runtime) => {
    const account = new RequestChannel<number, number>();
    const state = { asked: 0, ended: 0, served: 0 };
    for (let i = 0; i < 2; i++) {
      runtime.spawn(function* () {
        state.asked++;
        try {
          assertEquals(yield* account.ask(i), 2 * i);
        } catch (error) {
          if (!(error instanceof ClosedError)) throw error;
        } finally {
          state.ended++;
        }
      });
    }
    runtime.spawn(function* () {
      try {
        yield* account.serve((n) => {
          state.served++;
          return runtime.sleep(1).map(() => 2 * n);
        });
      } finally {
        account[Symbol.dispose]();
      }
    });
    runtime.spawn(function* () {
      yield* runtime.sleep(9);
      account[Symbol.dispose]();
    }, { name: "closer" });
    return state;
  }, ({ asked, ended }) =>
    assertEquals(ended, asked), ({ ended, served }) => {
    assertEquals([ended, served], [2, 2]);
  }));

test("every receiver of a broadcast gets all that was sent since it subscribed", () =>
  always((runtime) => {
    const news = new Broadcast<number>({ capacity: 8 });
    const got: number[][] = [[], []];
    for (const list of got) {
      const receiver = news.subscribe();
      runtime.spawn(async () => {
        for await (const value of receiver) list.push(value);
      });
    }
    runtime.spawn(function* () {
      try {
        for (let i = 0; i < 3; i++) {
          news.send(i);
          yield* yieldNow();
        }
      } finally {
        news.close();
      }
    });
    runtime.spawn(function* () {
      yield* runtime.sleep(9);
      news.close();
    }, { name: "closer" });
    return got;
  }, (got) => {
    for (const list of got) assertEquals(list, [0, 1, 2].slice(0, list.length));
  }, (got) => assertEquals(got, [[0, 1, 2], [0, 1, 2]])));

test("who follows a watch sees the last value", () =>
  always((runtime) => {
    const progress = watch(0);
    const state = { progress, seen: [] as number[] };
    const follower = progress.subscribe();
    runtime.spawn(async () => {
      for await (const value of follower) state.seen.push(value);
    });
    runtime.spawn(function* () {
      for (let i = 1; i <= 3; i++) {
        progress.value = i;
        yield* yieldNow();
      }
    });
    runtime.spawn(function* () {
      yield* runtime.sleep(9);
      progress.close();
    }, { name: "closer" });
    return state;
  }, ({ seen }) =>
    assertEquals(seen, seen.toSorted()), ({ seen }) =>
    assertEquals(seen.at(-1), 3)));

const streams: Record<string, (balance: Balance) => AsyncIterable<unknown>> = {
  "mapConcurrent in order": (b) =>
    mapConcurrent(b.source([3, 1, 2]), { limit: 2 }, function* (n, task) {
      b.opened++;
      try {
        yield* task.sleep(n);
        return n;
      } finally {
        b.closed++;
      }
    }),
  "mapConcurrent as ready": (b) =>
    mapConcurrent(b.source([3, 1, 2]), { limit: 2, ordered: false }, async (n) => {
      b.opened++;
      try {
        await sleep(n);
        return n;
      } finally {
        b.closed++;
      }
    }),
  "merge": (b) => merge(b.source([1, 2]), b.source([3])),
  "zip": (b) => zip(b.source([1, 2]), b.source([3, 4, 5])),
  "debounce": (b) => debounce(b.source([1, 2, 3]), 1),
  "throttle": (b) => throttle(b.source([1, 2, 3]), 1),
};

for (const [name, make] of Object.entries(streams)) {
  for (const take of [1, Infinity]) {
    test(`${name}: its sources are closed, ${take === 1 ? "left early" : "read to the end"}`, () =>
      always((runtime) => {
        const balance = new Balance();
        runtime.spawn(async () => {
          let taken = 0;
          for await (const _ of make(balance)) if (++taken === take) break;
        }, { name: "consumer" });
        return balance;
      }, ({ opened, closed }) => assertEquals(closed, opened)));
  }
}

test("a stream in a scope that is cancelled closes its sources before the scope ends", () =>
  always((runtime) => {
    const balance = new Balance();
    const state = { balance, early: false };
    runtime.spawn(function* () {
      try {
        yield* scope(function* (s) {
          s.spawn(async () => {
            for await (const _ of merge(balance.source([1, 2, 3]))) await sleep(1);
          });
          yield* s.sleep(1);
          s.cancel();
        });
      } catch {
        // cancelled
      } finally {
        state.early = balance.opened !== balance.closed;
      }
    });
    return state;
  }, ({ balance, early }) => assertEquals([balance.opened, early], [balance.closed, false])));
