/**
 * Cases of the conformance suite: waits, their ends, and waits beside the thread.
 *
 * @module
 */
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { READABLE, WAKER_TOKEN, WRITABLE } from "../../reactor/poller.ts";
import type { Case, Events } from "./pollers.ts";
import { hostDelay } from "./probes.ts";

/** Wakes, and waiting beside the thread. */
export const WAIT_CASES: Record<string, Case> = {
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

/** What takes time, or has no end. */
export const REAL_WAIT_CASES: Record<string, Case> = {
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
};
