/**
 * What does a timeout cost that is armed and then not needed, and one that fires?
 *
 * Ours through the public door: `runtime.sleep(ms)`, polled once (which arms it), then cancelled.
 * Firing: all are due before the first may fire, so this is work, not waiting.
 *
 * @module
 */
import { Runtime } from "@vais/runtime";
import { type Bench, check, size, time } from "./bench.ts";

const CANCELLED = size(1_000_000, 200_000);
const FIRED = 100_000;

const runtime = new Runtime();

/** Blocks until so many ms have passed. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "sleep, cancel": () => async () => {
      let woken = 0;
      const waker = { wake: () => void woken++ };
      const ms = await time(() => {
        for (let i = 0; i < CANCELLED; i++) {
          const sleep = runtime.sleep(1_000 + (i & 0xfff));
          sleep.poll(waker);
          sleep.cancel(undefined);
        }
      });
      check(runtime.metrics().timers, 0, "number of timers left");
      check(woken, 0, "number of wakes");
      return ms;
    },
    "setTimeout, clearTimeout": () => () =>
      time(() => {
        for (let i = 0; i < CANCELLED; i++) clearTimeout(setTimeout(fail, 1_000 + (i & 0xfff)));
      }),
    "sleep, cancel later": () => async () => {
      const waker = { wake: fail };
      const sleeps = new Array(FIRED);
      const ms = await time(() => {
        for (let i = 0; i < FIRED; i++) {
          (sleeps[i] = runtime.sleep(1_000 + (i & 0xfff))).poll(waker);
        }
        for (let i = 0; i < FIRED; i++) sleeps[i].cancel(undefined);
      });
      check(runtime.metrics().timers, 0, "number of timers left");
      return ms;
    },
    "setTimeout, clearTimeout later": () => () => {
      const timers = new Array(FIRED);
      return time(() => {
        for (let i = 0; i < FIRED; i++) timers[i] = setTimeout(fail, 1_000 + (i & 0xfff));
        for (let i = 0; i < FIRED; i++) clearTimeout(timers[i]);
      });
    },
    "sleep, fire": () => async () => {
      let woken = 0;
      const waker = { wake: () => void woken++ };
      const arm = await time(() => {
        for (let i = 0; i < FIRED; i++) runtime.sleep(1 + i % 10).poll(waker);
      });
      block(15);
      const fire = await time(() => runtime.runUntilStalled());
      check(woken, FIRED, "number of wakes");
      return arm + fire;
    },
    "setTimeout, fire": () => async () => {
      let fired = 0;
      let last = () => {};
      const done = new Promise<void>((resolve) => last = resolve);
      const onTimer = () => {
        if (++fired === FIRED) last();
      };
      const arm = await time(() => {
        for (let i = 0; i < FIRED; i++) setTimeout(onTimer, 1 + i % 10);
      });
      block(15);
      const fire = await time(() => done);
      check(fired, FIRED, "number of timers fired");
      return arm + fire;
    },
  },
  rows: [
    {
      work: `${CANCELLED} timers armed and cancelled`,
      ours: "sleep, cancel",
      reference: "setTimeout, clearTimeout",
      goal: { faster: 5, than: "native" },
    },
    {
      work: `${FIRED} timers armed, then all cancelled`,
      ours: "sleep, cancel later",
      reference: "setTimeout, clearTimeout later",
    },
    {
      work: `${FIRED} timers armed, all fire`,
      ours: "sleep, fire",
      reference: "setTimeout, fire",
    },
  ],
  repeat: { warmups: 1, warmMs: 0, roundsMs: 0 },
};

function fail(): never {
  throw new Error("a cancelled timer fired");
}
