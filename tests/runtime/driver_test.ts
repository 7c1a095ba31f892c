/**
 * How turns follow each other: who goes on first, what is found outside, what runs at a wake.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { Future, HostParker, PENDING, Runtime, type Waker } from "@vais/runtime";
import { hostDelay, Probe } from "../support/probes.ts";
import { test } from "../support/test.ts";

/** Less than the turns of a slice, so that the host gets no turn in between. */
const HOPS = 200;

/** A task that is woken by every poll of the parker, `HOPS` times; in turns, not in real time. */
function hopping() {
  let waker: Waker | undefined;
  const outside = { hops: 0, runtime: undefined as unknown as Runtime };
  const parker = Object.assign(new HostParker(), {
    isVirtual: true,
    poll() {
      if (waker === undefined) return false;
      const woken = waker;
      waker = undefined;
      outside.hops++;
      woken.wake();
      return true;
    },
  });
  outside.runtime = new Runtime({ parker });
  outside.runtime.spawn({
    poll(mine: Waker) {
      if (outside.hops === HOPS) return "over";
      waker = mine;
      return PENDING;
    },
  });
  return outside;
}

/** So many promises, one after the other. */
async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

test("a task kept busy from outside: the microtasks get a round now and then, not each time", async () => {
  const outside = hopping();
  let rounds = 0;
  const counting = (async () => {
    while (outside.hops < HOPS && rounds < 10_000) {
      await undefined;
      rounds++;
    }
  })();
  await outside.runtime.run();
  await counting;
  assert(rounds >= HOPS / 32, `${rounds} rounds`);
  assertLess(rounds, HOPS / 2);
});

test("an async body between two awaits of the host gets its rounds at each turn", async () => {
  const outside = hopping();
  let endedAt = -1;
  outside.runtime.spawn(async () => {
    await microtasks(60);
    await Future.ready(1);
    await microtasks(60);
    endedAt = outside.hops;
  });
  await outside.runtime.run();
  assert(endedAt > 0 && endedAt < 100, `ended after ${endedAt} of ${HOPS} hops`);
});

test("so do a task that waits for a promise, a promise that was spawned, and a race of both", async () => {
  const bodies = [
    () =>
      function* () {
        yield* Future.from(microtasks(90));
      },
    () => () => microtasks(90),
    () => microtasks(90),
    () => () => Future.race<unknown>([Future.never(), microtasks(90)]),
  ];
  for (const make of bodies) {
    const outside = hopping();
    let endedAt = -1;
    const handle = outside.runtime.spawn(make() as () => Promise<void>);
    void handle.then(() => endedAt = outside.hops);
    await outside.runtime.run();
    assert(endedAt > 0 && endedAt < 80, `ended after ${endedAt} of ${HOPS} hops`);
  }
});

test("host code that was resumed goes on before the next look outside", async () => {
  const outside = hopping();
  const probe = new Probe<number>();
  outside.runtime.spawn(function* () {
    yield* probe;
  });
  const seen: number[] = [];
  const hosted = (async () => {
    await outside.runtime.spawn(function* () {});
    seen.push(outside.hops);
    probe.resolve(1);
  })();
  await outside.runtime.run();
  await hosted;
  assertEquals(seen, [0]);
});

/** A parker that is ended by hand. */
class HandParker extends HostParker {
  onWake: (() => void) | undefined;
  #end: (() => void) | undefined;

  override park(ms: number, onWake?: () => void): Promise<void> {
    if (ms === 0) return super.park(0);
    this.onWake = onWake;
    return new Promise((resolve) => this.#end = resolve);
  }

  override unpark(): void {
    this.#end?.();
  }
}

test("what a wake made runnable runs before the end of the park is heard, and only then", async () => {
  const parker = new HandParker();
  const log: string[] = [];
  const observer = {
    onPark: () => log.push("park"),
    onUnpark: () => log.push("unpark"),
    onPoll: () => log.push("poll"),
  };
  const runtime = new Runtime({ parker, observer });
  const probe = new Probe<string>();
  const handle = runtime.spawn(function* () {
    return yield* probe;
  });
  const run = runtime.run();
  await hostDelay(0);
  const { turns } = runtime.metrics();
  parker.onWake!(); // nothing is runnable: no turn
  assertEquals(runtime.metrics().turns, turns);
  probe.resolve("at once");
  assertEquals(handle.isFinished, false);
  parker.onWake!();
  assertEquals(handle.outcome(), { status: "ok", value: "at once" });
  runtime.spawn(function* () {});
  parker.onWake!(); // the park is over: its turn is the driver's
  assertEquals(runtime.metrics().turns, turns + 1);
  await run;
  assertEquals(log, ["poll", "park", "unpark", "poll", "poll"]);
});
