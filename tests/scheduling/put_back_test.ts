/**
 * Waits inside combinators: what one of them had goes back when the combinator cannot give it on.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Channel,
  ClosedError,
  Future,
  moveOnAfter,
  Mutex,
  Notify,
  ObjectPool,
  oneshot,
  RateLimiter,
  Runtime,
  RwLock,
  Semaphore,
} from "@vais/runtime";
import { connect, listen } from "@vais/runtime/reactor";
import { CountingWaker } from "../support/probes.ts";
import { test } from "../support/test.ts";

const waker = new CountingWaker();

/** Something to wait for, and how much of it is there. */
interface Case {
  readonly name: string;
  make(): { wait(): Future<unknown>; left(): unknown };
}

const CASES: readonly Case[] = [
  {
    name: "Semaphore",
    make: () => {
      const it = new Semaphore(3);
      return { wait: () => it.acquire(2), left: () => it.available };
    },
  },
  {
    name: "Semaphore with limits",
    make: () => {
      const it = new Semaphore(3);
      return { wait: () => it.acquire(2, { timeoutMs: 5000 }), left: () => it.available };
    },
  },
  {
    name: "Mutex, under a timeout",
    make: () => {
      const it = new Mutex();
      return { wait: () => it.lock().timeout(5000), left: () => it.isLocked };
    },
  },
  {
    name: "RwLock, to read",
    make: () => {
      const it = new RwLock();
      return { wait: () => it.read(), left: () => [it.readers, it.isWriteLocked] };
    },
  },
  {
    name: "RwLock, to write",
    make: () => {
      const it = new RwLock();
      return { wait: () => it.write(), left: () => [it.readers, it.isWriteLocked] };
    },
  },
  {
    name: "Channel.receive",
    make: () => {
      const it = Channel.unbounded<string>();
      it.trySend("a");
      it.trySend("b");
      return { wait: () => it.receive(), left: () => it.size };
    },
  },
  {
    name: "Channel.next",
    make: () => {
      const it = Channel.unbounded<string>();
      it.trySend("a");
      it.close();
      return { wait: () => it.next(), left: () => it.size };
    },
  },
  {
    name: "Semaphore, behind what passes a value through",
    make: () => {
      const it = new Semaphore(3);
      return {
        wait: () => it.acquire(2).catch(() => {}).finally(() => {}).map((permit) => permit),
        left: () => it.available,
      };
    },
  },
  {
    name: "Notify",
    make: () => {
      const it = new Notify();
      it.notifyOne();
      return { wait: () => it.wait(), left: () => it.isNotified };
    },
  },
  {
    name: "ObjectPool",
    make: () => {
      const it = new ObjectPool({ create: () => ({}), max: 1 });
      return { wait: () => it.acquire(), left: () => it.inUse };
    },
  },
  {
    name: "RateLimiter",
    make: () => {
      const it = new RateLimiter({ tokens: 2, perMs: 3_600_000 });
      return { wait: () => it.acquire(2), left: () => Math.floor(it.available) };
    },
  },
];

for (const { name, make } of CASES) {
  const stuck = () => Future.never();
  const failing = () =>
    Future.fromPoll(0, (): never => {
      throw new RangeError("planned");
    });

  test(`${name}: what a combinator had goes back when it is cancelled`, () => {
    const combinators: ((had: Future<unknown>) => Future<unknown>)[] = [
      (had) => Future.all([had, stuck()]),
      (had) => Future.allSettled([had, stuck()]),
      (had) => Future.all([Future.all([had]), stuck()]),
      (had) => Future.all([stuck(), Future.race([stuck(), had])]),
    ];
    for (const combine of combinators) {
      const { wait, left } = make();
      const before = left();
      const both = combine(wait());
      both.poll(waker);
      both.cancel(new Error("enough"));
      assertEquals(left(), before);
    }
  });

  test(`${name}: what a combinator had goes back when another of its futures fails`, () => {
    const { wait, left } = make();
    const before = left();
    const both = Future.all([wait(), failing()]);
    assertThrows(() => both.poll(waker), RangeError, "planned");
    both.cancel(new Error("late"));
    assertEquals(left(), before);
  });

  test(`${name}: what a combinator gave on stays, whoever cancels it later`, () => {
    const { wait, left } = make();
    const both = Future.all([wait()]);
    both.poll(waker);
    const after = left();
    both.cancel(new Error("late"));
    assertEquals(left(), after);
  });
}

test("two locks in Future.all: a cancel while the second is waited for leaves the first free", async () => {
  await using runtime = new Runtime();
  const [one, two] = [new Mutex(), new Mutex()];
  const held = two.tryLock()!;
  const got = await runtime.spawn(() =>
    moveOnAfter(1, function* () {
      yield* Future.all([one.lock(), two.lock()]);
    })
  );
  assertEquals(got.timedOut, true);
  assertEquals([one.isLocked, two.isLocked], [false, true]);
  held.release();
});

test("a value that was received in vain is the first again, before those behind it", async () => {
  await using runtime = new Runtime();
  const [values, closed] = [Channel.bounded<number>(2), Channel.bounded<number>(1)];
  for (const n of [1, 2]) values.trySend(n);
  await runtime.spawn(async () => {
    closed.close();
    await assertRejects(async () => {
      await Future.all([values.receive(), closed.receive()]);
    }, ClosedError);
  });
  assertEquals([values.tryReceive()?.value, values.tryReceive()?.value], [1, 2]);
});

test("a connection that was accepted in vain is closed", async () => {
  const path = `/tmp/vais-put-back-${Math.random().toString(36).slice(2)}.sock`;
  await using listener = listen({ path });
  const accepts = Future.all([listener.accept(), Future.never()]);
  const client = await connect({ path });
  const got = await moveOnAfter(50, async () => void await accepts);
  assertEquals(got.timedOut, true);
  assertEquals(await client.read(new Uint8Array(1)), 0); // the other end is gone
  client.close();
});

test("several values that were received in vain stand again as they stood", () => {
  const channel = Channel.unbounded<number>();
  for (const n of [1, 2, 3, 4]) channel.trySend(n);
  const all = Future.all([
    channel.receive(),
    Future.all([channel.receive(), channel.receive()]),
    Future.never(),
  ]);
  all.poll(waker);
  assertEquals(channel.size, 1);
  all.cancel(new Error("enough"));
  assertEquals([1, 2, 3, 4].map(() => channel.tryReceive()?.value), [1, 2, 3, 4]);
});

test("the value of a oneshot that was taken in vain can be taken again", async () => {
  const [sender, receiver] = oneshot<string>();
  sender.send("once");
  const all = Future.all([receiver, Future.never()]);
  all.poll(waker);
  all.cancel(new Error("enough"));
  assertEquals(await receiver, "once");
});
