/**
 * Cases of the conformance suite: waits, their ends, and waits beside the thread.
 *
 * @module
 */
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { READABLE, WAKER_TOKEN, WRITABLE } from "../../reactor/poller.ts";
import type { Case } from "./pollers.ts";
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
    if (poller.whenReady === undefined) return;
    const ready = poller.whenReady();
    await hostDelay(5);
    poller.wake();
    await ready;
    assertEquals(poller.wait(0), 1);
    assertEquals(poller.fdAt(0), WAKER_TOKEN);
    assertEquals(bench.now(), new Map());
  },

  async "beside the thread: something becomes ready"(bench) {
    const { poller } = bench;
    if (poller.whenReady === undefined) return;
    const [r, w] = bench.pipe();
    bench.arm(r, 9, READABLE);
    const ready = poller.whenReady();
    await hostDelay(5);
    bench.write(w, 1);
    await ready;
    assertEquals(bench.now(), new Map([[r, { generation: 9, ready: READABLE }]]));
  },

  async "beside the thread: something is ready already"(bench) {
    const { poller } = bench;
    if (poller.whenReady === undefined) return;
    const [r, w] = bench.pipe();
    bench.write(w, 1);
    bench.arm(r, 9, READABLE);
    await poller.whenReady();
    assertEquals(bench.now(), new Map([[r, { generation: 9, ready: READABLE }]]));
  },

  async "beside the thread: what is taken meanwhile is taken here, and it goes on"(bench) {
    const { poller } = bench;
    if (poller.whenReady === undefined) return;
    const [r, w] = bench.pipe();
    bench.arm(r, 9, READABLE);
    for (let i = 0; i < 50; i++) {
      const ready = poller.whenReady();
      bench.write(w, 1);
      assertEquals(bench.next(), new Map([[r, { generation: 9, ready: READABLE }]]));
      poller.recall();
      poller.recall();
      await ready;
      assertEquals(bench.read(r), 1);
      assertEquals(bench.now(), new Map());
    }
  },

  async "beside the thread: woken by what is added meanwhile"(bench) {
    const { poller } = bench;
    if (poller.whenReady === undefined) return;
    const [, w] = bench.pipe();
    const ready = poller.whenReady();
    await hostDelay(5);
    bench.arm(w, 4, WRITABLE);
    await ready;
    assertEquals(bench.now(), new Map([[w, { generation: 4, ready: WRITABLE }]]));
  },

  async "beside the thread: 200 wakes, each answered"(bench) {
    const { poller } = bench;
    if (poller.whenReady === undefined) return;
    for (let i = 0; i < 200; i++) {
      const ready = poller.whenReady();
      if (i % 2 === 0) await hostDelay(0);
      poller.wake();
      await ready;
      assertEquals(poller.wait(0), 1);
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
};
