/**
 * Cases of the conformance suite: what is removed, closed, used again or refused.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { EBADF, EPERM } from "../../reactor/errno.ts";
import { READABLE, WRITABLE } from "../../reactor/poller.ts";
import { type Bench, type Case, readyOf } from "./pollers.ts";

const BOTH = READABLE | WRITABLE;
/** Never open. */
const NOBODY = 2 ** 30;

/** From the addition to the end. */
export const LIFE_CASES: Record<string, Case> = {
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
};

/** What only a real kernel has. */
export const REAL_LIFE_CASES: Record<string, Case> = {
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

/** Needs a poller that answers four at once. */
export function moreThanMaxEvents(bench: Bench): void {
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
