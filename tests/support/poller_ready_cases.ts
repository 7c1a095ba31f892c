/**
 * Cases of the conformance suite: what is told, and when.
 *
 * What they hold for sure is what pollers have in common: an event for each time that a descriptor
 * becomes ready, none for what is not ready, and another after each `change`. One event more for a
 * descriptor that stayed ready is allowed where the kernel has new cause (data on top of data).
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FAILED, HANGUP, READABLE, WRITABLE } from "../../reactor/poller.ts";
import { type Case, readyOf } from "./pollers.ts";

const BOTH = READABLE | WRITABLE;
const SHUT_WR = 1;

/** What is ready. */
export const READY_CASES: Record<string, Case> = {
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
};
