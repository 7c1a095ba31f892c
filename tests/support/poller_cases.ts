/**
 * What every poller must do, as tests over one kernel.
 *
 * What they hold for sure is what pollers have in common: an event for each time that a descriptor
 * becomes ready, none for what is not ready, and another after each `change`. One event more for a
 * descriptor that stayed ready is allowed where the kernel has new cause (data on top of data).
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { EBADF, EPERM } from "../../reactor/errno.ts";
import { FAILED, HANGUP, READABLE, WAKER_TOKEN, WRITABLE } from "../../reactor/poller.ts";
import { type Backend, Bench, type Events } from "./pollers.ts";
import { hostDelay } from "./probes.ts";
import { test } from "./test.ts";

const BOTH = READABLE | WRITABLE;
const SHUT_WR = 1;
/** Never open. */
const NOBODY = 2 ** 30;
/** How often a case is tried in which another thread of the process may be faster. */
const ATTEMPTS = 50;

/** What was ready of a descriptor: 0 when it had no event. */
function readyOf(events: Events, fd: number): number {
  return events.get(fd)?.ready ?? 0;
}

/** `"again"`: a descriptor's number went to another thread, to other tests. */
type Case = (bench: Bench) => void | "again" | Promise<void>;

async function runCase(backend: Backend, run: Case, maxEvents?: number): Promise<void> {
  for (let i = 0; i < ATTEMPTS; i++) {
    const bench = new Bench(backend, maxEvents);
    try {
      if (await run(bench) !== "again") return;
    } finally {
      bench[Symbol.dispose]();
    }
  }
  throw new Error(`the number of a closed descriptor was never the next one (${ATTEMPTS} times)`);
}

/** Registers the cases. */
export function testPoller(backend: Backend): void {
  const all: Record<string, Case> = { ...CASES, ...(backend.isReal ? REAL_CASES : {}) };
  for (const [name, run] of Object.entries(all)) {
    test(`poller (${backend.name}): ${name}`, () => runCase(backend, run));
  }
  test(
    `poller (${backend.name}): more ready than one wait answers, none is lost`,
    () => runCase(backend, moreThanMaxEvents, 4),
  );
}

const CASES: Record<string, Case> = {
  "nothing is ready at first"(bench) {
    const [r] = bench.pipe();
    bench.arm(r, 1, READABLE);
    assertEquals(bench.now(), new Map());
  },

  "readable when data arrives, with its generation"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 77, READABLE);
    bench.write(w, 5);
    assertEquals(bench.next(), new Map([[r, { generation: 77, ready: READABLE }]]));
  },

  "readable when data was there before"(bench) {
    const [r, w] = bench.pipe();
    bench.write(w, 5);
    bench.arm(r, 1, READABLE);
    assertEquals(readyOf(bench.next(), r), READABLE);
  },

  "any generation of 32 bits comes back"(bench) {
    for (const generation of [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      const [r, w] = bench.pipe();
      bench.arm(r, generation, READABLE);
      bench.write(w, 1);
      assertEquals(bench.next().get(r)?.generation, generation);
    }
  },

  "told once while it stays ready"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 10);
    assertEquals(readyOf(bench.next(), r), READABLE);
    assertEquals(bench.now(), new Map());
    bench.read(r, 3); // not all of it: it stays ready, and macOS says so
    if (!bench.isReal) assertEquals(bench.now(), new Map());
  },

  "told again when it was emptied and gets data again"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    for (let i = 0; i < 3; i++) {
      bench.write(w, 10);
      assertEquals(readyOf(bench.next(), r), READABLE);
      assertEquals(bench.drain(r), 10);
      assertEquals(bench.now(), new Map());
    }
  },

  "not told of what was read before the wait"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 10);
    bench.drain(r);
    assertEquals(bench.now(), new Map());
  },

  "told again after each change while it is ready"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 10);
    bench.next();
    for (let i = 0; i < 3; i++) {
      bench.arm(r, 1, READABLE, READABLE);
      assertEquals(readyOf(bench.next(), r), READABLE);
      assertEquals(bench.now(), new Map());
    }
    bench.drain(r);
    bench.arm(r, 1, READABLE, READABLE);
    assertEquals(bench.now(), new Map());
  },

  "a change brings a new generation"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 10);
    bench.arm(r, 2, READABLE, READABLE);
    assertEquals(bench.next().get(r), { generation: 2, ready: READABLE });
  },

  "both directions of one descriptor"(bench) {
    const [a, b] = bench.sockets();
    bench.arm(a, 1, BOTH);
    assertEquals(bench.next(), new Map([[a, { generation: 1, ready: WRITABLE }]]));
    bench.write(b, 3);
    assertEquals(readyOf(bench.next(), a) & READABLE, READABLE);
    bench.arm(a, 1, BOTH, BOTH);
    assertEquals(readyOf(bench.next(), a), BOTH);
  },

  "a direction is added"(bench) {
    const [a, b] = bench.sockets();
    bench.write(b, 3);
    bench.arm(a, 1, READABLE);
    assertEquals(readyOf(bench.next(), a), READABLE);
    bench.arm(a, 1, BOTH, READABLE);
    assertEquals(readyOf(bench.next(), a), BOTH);
  },

  "a direction is dropped"(bench) {
    const [a, b] = bench.sockets();
    bench.arm(a, 1, BOTH);
    bench.next();
    bench.arm(a, 1, READABLE, BOTH);
    assertEquals(bench.now(), new Map());
    bench.write(b, 3);
    assertEquals(readyOf(bench.next(), a), READABLE);
    bench.arm(a, 1, WRITABLE, READABLE);
    assertEquals(readyOf(bench.next(), a), WRITABLE);
  },

  "both ends of one pipe"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.arm(w, 2, WRITABLE);
    assertEquals(bench.next(), new Map([[w, { generation: 2, ready: WRITABLE }]]));
    bench.write(w, 1);
    assertEquals(readyOf(bench.next(), r), READABLE);
  },

  "a pipe is writable again only when there is room"(bench) {
    const [r, w] = bench.pipe();
    const capacity = bench.fill(w);
    bench.arm(w, 1, WRITABLE);
    assertEquals(bench.now(), new Map());
    assertEquals(bench.drain(r), capacity);
    assertEquals(readyOf(bench.next(), w), WRITABLE);
    assert(bench.fill(w) > 0);
    assertEquals(bench.now(), new Map());
    bench.drain(r);
    assertEquals(readyOf(bench.next(), w), WRITABLE);
  },

  "a socket is writable again only when there is room"(bench) {
    const [a, b] = bench.sockets();
    const capacity = bench.fill(a);
    bench.arm(a, 1, BOTH);
    assertEquals(bench.now(), new Map());
    assertEquals(bench.drain(b), capacity);
    assertEquals(readyOf(bench.next(), a), WRITABLE);
  },

  "the writer of a pipe is gone, with data left"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 3);
    bench.close(w);
    assertEquals(readyOf(bench.next(), r), READABLE | HANGUP);
    assertEquals(bench.read(r), 3);
    assertEquals(bench.read(r), 0);
  },

  "the writer of a pipe goes after its data was told of"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 3);
    assertEquals(readyOf(bench.next(), r), READABLE);
    bench.close(w);
    assertEquals(readyOf(bench.next(), r) & HANGUP, HANGUP);
  },

  "the writer of a pipe is gone, with no data"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.close(w);
    assertEquals(readyOf(bench.next(), r) & HANGUP, HANGUP);
    assertEquals(bench.read(r), 0);
  },

  "the reader of a pipe goes"(bench) {
    const [r, w] = bench.pipe();
    bench.fill(w);
    bench.arm(w, 1, WRITABLE);
    bench.close(r);
    assert((readyOf(bench.next(), w) & (HANGUP | FAILED)) !== 0);
  },

  "the reader of a pipe was gone before"(bench) {
    const [r, w] = bench.pipe();
    bench.close(r);
    bench.arm(w, 5, WRITABLE);
    const event = bench.next().get(w);
    assertEquals(event?.generation, 5);
    assert((event!.ready & (HANGUP | FAILED)) !== 0);
    bench.arm(w, 5, WRITABLE, WRITABLE);
    assert((readyOf(bench.next(), w) & (HANGUP | FAILED)) !== 0);
    bench.arm(w, 5, WRITABLE, WRITABLE);
    bench.arm(w, 5, 0, WRITABLE);
    assertEquals(bench.now(), new Map());
  },

  "a socket is half-closed: readable to the end, and writable"(bench) {
    const [a, b] = bench.sockets();
    bench.arm(a, 1, READABLE);
    bench.write(b, 2);
    assertEquals(bench.kernel.shutdown(b, SHUT_WR), 0);
    assertEquals(readyOf(bench.next(), a), READABLE | HANGUP);
    assertEquals(bench.read(a), 2);
    assertEquals(bench.read(a), 0);
    bench.write(a, 4);
    assertEquals(bench.read(b), 4);
  },

  "the other socket is closed"(bench) {
    const [a, b] = bench.sockets();
    bench.arm(a, 1, BOTH);
    bench.next();
    bench.close(b);
    const ready = readyOf(bench.next(), a);
    assertEquals(ready & (BOTH | HANGUP), BOTH | HANGUP);
    assertEquals(bench.read(a), 0);
  },

  "the other socket is closed while only writing is waited for"(bench) {
    const [a, b] = bench.sockets();
    bench.fill(a);
    bench.arm(a, 1, WRITABLE);
    bench.close(b);
    assert((readyOf(bench.next(), a) & (HANGUP | FAILED)) !== 0);
  },

  "nothing comes of a descriptor that was removed"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.arm(r, 1, 0, READABLE);
    bench.write(w, 1);
    assertEquals(bench.now(), new Map());
    bench.arm(r, 2, READABLE);
    assertEquals(bench.next().get(r), { generation: 2, ready: READABLE });
  },

  "what was ready is not told once it was removed"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 1);
    bench.arm(r, 1, 0, READABLE);
    assertEquals(bench.now(), new Map());
  },

  "added and removed before the flush"(bench) {
    const [r, w] = bench.pipe();
    const [a, b] = bench.sockets();
    bench.poller.change(r, 1, READABLE, 0);
    bench.poller.change(a, 2, BOTH, 0);
    bench.poller.change(r, 1, 0, READABLE);
    assertEquals(bench.poller.flush(), []);
    bench.write(w, 1);
    bench.write(b, 1);
    assertEquals(bench.next(), new Map([[a, { generation: 2, ready: BOTH }]]));
  },

  "added, removed and closed before the flush"(bench) {
    const [r, w] = bench.pipe();
    bench.poller.change(r, 1, READABLE, 0);
    bench.poller.change(r, 1, 0, READABLE);
    bench.close(r);
    assertEquals(bench.poller.flush(), []);
    const [again] = bench.pipe();
    if (again !== r) return "again";
    bench.close(w);
    assertEquals(bench.now(), new Map());
  },

  "removed twice, or never added: no complaint"(bench) {
    const [r] = bench.pipe();
    bench.arm(r, 1, 0, READABLE);
    bench.arm(r, 1, READABLE);
    bench.arm(r, 1, 0, BOTH);
    bench.arm(r, 1, 0, BOTH);
  },

  "a descriptor that was closed is silent, also by its duplicate, once removed"(bench) {
    const [r, w] = bench.pipe();
    const other = bench.keep(bench.kernel.dup(r));
    bench.arm(r, 1, READABLE);
    bench.poller.change(r, 1, 0, READABLE);
    bench.close(r);
    bench.write(w, 1);
    assertEquals(bench.poller.flush(), []);
    assertEquals(bench.now(), new Map());
    bench.arm(other, 2, READABLE);
    assertEquals(bench.next().get(other), { generation: 2, ready: READABLE });
  },

  "closed in a batch, its number used again: the generation tells"(bench) {
    const [r, w] = bench.pipe();
    const [r2, w2] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.arm(r2, 2, READABLE);
    bench.write(w, 1);
    bench.write(w2, 1);
    const batch = bench.next();
    // While the first event is looked at, the second descriptor is closed and its number given away.
    bench.poller.change(r2, 2, 0, READABLE);
    bench.close(r2);
    const [r3, w3] = bench.pipe();
    if (r3 !== r2) return "again";
    bench.arm(r3, 3, READABLE);
    assertEquals(batch.get(r2)?.generation, 2);
    assertEquals(bench.now(), new Map());
    bench.write(w3, 1);
    assertEquals(bench.next().get(r3), { generation: 3, ready: READABLE });
  },

  "closed with an event queued, its number used again: the event is gone"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 1);
    bench.poller.change(r, 1, 0, READABLE);
    bench.close(r);
    const [again, w2] = bench.pipe();
    if (again !== r) return "again";
    bench.arm(again, 2, READABLE);
    assertEquals(bench.now(), new Map());
    bench.write(w2, 1);
    assertEquals(bench.next().get(again), { generation: 2, ready: READABLE });
  },

  "what is not open is refused, all else is taken"(bench) {
    const [r, w] = bench.pipe();
    const [a] = bench.sockets();
    bench.poller.change(r, 1, READABLE, 0);
    bench.poller.change(NOBODY, 2, READABLE, 0);
    bench.poller.change(a, 3, BOTH, 0);
    bench.poller.change(NOBODY + 1, 2, BOTH, 0);
    assertEquals(bench.poller.flush(), [NOBODY, EBADF, NOBODY + 1, EBADF]);
    assertEquals(bench.poller.flush(), []);
    bench.write(w, 1);
    const events = bench.next();
    assertEquals(readyOf(events, r), READABLE);
    assertEquals(readyOf(events, a), WRITABLE);
    assertEquals(events.size, 2);
  },

  "1000 descriptors, some ready"(bench) {
    const ends = Array.from({ length: 500 }, () => bench.pipe());
    for (const [i, [r, w]] of ends.entries()) {
      bench.poller.change(r, i, READABLE, 0);
      bench.poller.change(w, i, WRITABLE, 0);
    }
    assertEquals(bench.poller.flush(), []);
    assertEquals(bench.next().size, 500);
    for (let i = 0; i < 500; i += 7) bench.write(ends[i]![1], 1);
    const events = bench.next();
    for (const [i, [r]] of ends.entries()) {
      assertEquals(events.get(r)?.generation, i % 7 === 0 ? i : undefined);
    }
  },

  "woken before the wait"(bench) {
    bench.poller.wake();
    assertEquals([...bench.next().keys()], [WAKER_TOKEN]);
    assertEquals(bench.now(), new Map());
  },

  "many wakes are few events, and none is lost"(bench) {
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 1_000; i++) bench.poller.wake();
      const n = bench.poller.wait(0);
      assertEquals(n, 1);
      assertEquals(bench.poller.fdAt(0), WAKER_TOKEN);
      assertEquals(bench.now(), new Map());
    }
  },

  "a wake beside events"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 1);
    bench.poller.wake();
    assertEquals([...bench.next().keys()].sort(), [r, WAKER_TOKEN].sort());
  },

  async "beside the thread: woken"(bench) {
    const { poller } = bench;
    if (poller.waitAsync === undefined) return;
    const count = poller.waitAsync(-1);
    await hostDelay(5);
    poller.wake();
    assertEquals(await count, 1);
    poller.take();
    assertEquals(poller.fdAt(0), WAKER_TOKEN);
    assertEquals(bench.now(), new Map());
  },

  async "beside the thread: something becomes ready"(bench) {
    const { poller } = bench;
    if (poller.waitAsync === undefined) return;
    const [r, w] = bench.pipe();
    bench.arm(r, 9, READABLE);
    const count = poller.waitAsync(-1);
    await hostDelay(5);
    bench.write(w, 1);
    assertEquals(await count, 1);
    poller.take();
    const events: Events = new Map();
    bench.add(events, 1);
    assertEquals(events, new Map([[r, { generation: 9, ready: READABLE }]]));
  },

  async "beside the thread: something is ready already"(bench) {
    const { poller } = bench;
    if (poller.waitAsync === undefined) return;
    const [r, w] = bench.pipe();
    bench.write(w, 1);
    bench.arm(r, 9, READABLE);
    assertEquals(await poller.waitAsync(-1), 1);
    poller.take();
    assertEquals(poller.fdAt(0), r);
    assertEquals(poller.readyAt(0), READABLE);
  },

  async "beside the thread: woken by what is added meanwhile"(bench) {
    const { poller } = bench;
    if (poller.waitAsync === undefined) return;
    const [, w] = bench.pipe();
    const count = poller.waitAsync(-1);
    await hostDelay(5);
    bench.arm(w, 4, WRITABLE);
    assertEquals(await count, 1);
    poller.take();
    assertEquals([poller.fdAt(0), poller.generationAt(0), poller.readyAt(0)], [w, 4, WRITABLE]);
  },

  async "beside the thread: 200 wakes, each answered"(bench) {
    const { poller } = bench;
    if (poller.waitAsync === undefined) return;
    for (let i = 0; i < 200; i++) {
      const count = poller.waitAsync(-1);
      if (i % 2 === 0) await hostDelay(0);
      poller.wake();
      assertEquals(await count, 1);
      poller.take();
      assertEquals(poller.fdAt(0), WAKER_TOKEN);
    }
  },

  "the numbers of a poller"(bench) {
    const { poller, isReal } = bench;
    assertEquals(poller.maxEvents, 64);
    assertEquals(poller.fd >= 0, isReal);
    assertEquals(poller.wakeFd >= 0, isReal);
  },
};

const REAL_CASES: Record<string, Case> = {
  "a wait is never early"(bench) {
    for (const ms of [0.3, 1, 1.5, 7, 20]) {
      const start = performance.now();
      assertEquals(bench.poller.wait(ms), 0);
      assertGreaterOrEqual(performance.now() - start, ms);
    }
  },

  "a wait without a limit ends with what is there"(bench) {
    const [r, w] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.write(w, 1);
    assertEquals(bench.poller.wait(-1), 1);
    bench.poller.wake();
    assertEquals(bench.poller.wait(-1), 1);
    assertEquals(bench.poller.fdAt(0), WAKER_TOKEN);
  },

  async "beside the thread: the time is up, never early"(bench) {
    const { poller } = bench;
    if (poller.waitAsync === undefined) return;
    const start = performance.now();
    assertEquals(await poller.waitAsync(12.5), 0);
    assertGreaterOrEqual(performance.now() - start, 12.5);
  },

  "a regular file is refused by EPERM, or is ready"(bench) {
    const { process } = globalThis as unknown as { process: { execPath: string } };
    const fd = bench.keep(bench.kernel.open(process.execPath, 0, 0));
    bench.poller.change(fd, 1, READABLE, 0);
    const refused = bench.poller.flush();
    if (refused.length > 0) assertEquals(refused, [fd, EPERM]);
    else assertEquals(readyOf(bench.next(), fd), READABLE);
    // Whichever it was, everything else goes on.
    const [r, w] = bench.pipe();
    bench.arm(r, 2, READABLE);
    bench.write(w, 1);
    assertEquals(readyOf(bench.next(), r) & READABLE, READABLE);
  },

  "closed behind our back, its number used again"(bench) {
    const [r] = bench.pipe();
    bench.arm(r, 1, READABLE);
    bench.close(r);
    const [again, w] = bench.pipe();
    if (again !== r) return "again";
    bench.arm(again, 2, READABLE, READABLE);
    bench.write(w, 1);
    assertEquals(bench.next().get(again), { generation: 2, ready: READABLE });
  },
};

function moreThanMaxEvents(bench: Bench): void {
  const { poller } = bench;
  const ends = Array.from({ length: 30 }, () => bench.pipe());
  for (const [i, [r, w]] of ends.entries()) {
    bench.arm(r, i, READABLE);
    bench.write(w, 1);
  }
  const seen: number[] = [];
  let waits = 0;
  for (let n; (n = poller.wait(0)) > 0; waits++) {
    assert(n <= 4);
    for (let i = 0; i < n; i++) {
      seen.push(poller.fdAt(i));
      assertEquals(ends[poller.generationAt(i)]![0], poller.fdAt(i));
    }
  }
  assertGreaterOrEqual(waits, 8);
  const expected = ends.map(([r]) => r);
  assertEquals(seen.sort((a, b) => a - b), expected.sort((a, b) => a - b));
}
