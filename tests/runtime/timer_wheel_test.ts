/**
 * The timer wheel against a sorted list, and at its edges.
 *
 * @module
 */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import fc from "fast-check";
import { type TimerEntry, TimerWheel } from "../../runtime/timer_wheel.ts";
import { test } from "../support/test.ts";

class Entry implements TimerEntry {
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  constructor(public whenMs: number, readonly fired: (entry: Entry) => void) {}
  onTimer(): void {
    this.fired(this);
  }
}

/** Entries filed at `whens`; answers the deadlines in the order they fire at `nowMs`. */
function fireAll(startMs: number, whens: readonly number[], nowMs: number): number[] {
  const wheel = new TimerWheel(startMs);
  const fired: number[] = [];
  for (const when of whens) wheel.insert(new Entry(when, (e) => fired.push(e.whenMs)));
  wheel.advance(nowMs);
  return fired;
}

type Command =
  | { do: "insert"; delay: number }
  | { do: "cancel"; which: number }
  | { do: "advance"; by: number };

const delay = fc.oneof(
  fc.nat(40),
  fc.nat(40_000),
  fc.constantFrom(0, 1, 31, 32, 33, 1_023, 1_024, 1_025, 32_768, 2 ** 20, 2 ** 25, 2 ** 30 - 1),
  fc.constantFrom(2 ** 30, 2 ** 30 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32, 2 ** 33 + 7),
  fc.integer({ min: 0, max: 2 ** 34 }),
);
const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: delay.map((delay): Command => ({ do: "insert", delay })) },
    { weight: 2, arbitrary: fc.nat(50).map((which): Command => ({ do: "cancel", which })) },
    { weight: 3, arbitrary: delay.map((by): Command => ({ do: "advance", by })) },
  ),
  { maxLength: 60 },
);

test("TimerWheel fires like a sorted list: in order of deadline, then of filing, never early, none lost", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), commands, (startMs, list) => {
      const wheel = new TimerWheel(startMs);
      let now = startMs;
      let model: { entry: Entry; due: number }[] = [];
      const fired: Entry[] = [];
      for (const command of list) {
        if (command.do === "insert") {
          const entry = new Entry(now + command.delay, (e) => {
            assertGreaterOrEqual(now, e.whenMs, "fired early");
            fired.push(e);
          });
          wheel.insert(entry);
          // What is due when it is filed fires one tick later.
          model.push({ entry, due: Math.max(now + 1, entry.whenMs) });
          model.sort((a, b) => a.due - b.due); // stable: equal deadlines stay in order of filing
        } else if (command.do === "cancel") {
          const victim = model[command.which % (model.length || 1)];
          if (victim === undefined) continue;
          wheel.cancel(victim.entry);
          model = model.filter((m) => m !== victim);
        } else {
          now += command.by;
          fired.length = 0;
          wheel.advance(now);
          const due = model.filter((m) => m.due <= now).map((m) => m.entry);
          assert(fired.length === due.length && fired.every((e, i) => e === due[i]), "wrong order");
          model = model.filter((m) => m.due > now);
        }
        assertEquals(wheel.size, model.length);
        assertEquals(wheel.nextDeadline(), model[0]?.due ?? Infinity);
        assertEquals(wheel.mayBeDue(now), false);
      }
    }),
    { numRuns: 200 },
  );
});

test("TimerWheel fires entries on both sides of every level's boundary in order", () => {
  for (const startMs of [0, 1, 31, 1_000]) {
    const whens = [5, 10, 15, 20, 25, 30, 31, 32].flatMap((bits) =>
      [-1, 0, 1].map((d) => startMs + 2 ** bits + d)
    );
    const shuffled = [...whens].sort((a, b) => (a * 7919) % 101 - (b * 7919) % 101);
    assertEquals(fireAll(startMs, shuffled, startMs + 2 ** 33), whens);
  }
});

test("TimerWheel fires each entry in exactly the tick of its deadline, ms by ms", () => {
  const wheel = new TimerWheel(0);
  const log: [number, number][] = [];
  let now = 0;
  for (let ms = 1; ms <= 2_100; ms++) wheel.insert(new Entry(ms, (e) => log.push([now, e.whenMs])));
  for (now = 1; now <= 2_100; now++) wheel.advance(now);
  assertEquals(log, Array.from({ length: 2_100 }, (_, i) => [i + 1, i + 1]));
});

test("TimerWheel keeps the order of filing among equal deadlines, also across levels and blocks", () => {
  for (const when of [3, 40, 5_000, 2 ** 26, 2 ** 30 + 5, 2 ** 31 + 5]) {
    const wheel = new TimerWheel(0);
    const log: number[] = [];
    wheel.insert(new Entry(when, () => log.push(0)));
    wheel.advance(2);
    wheel.insert(new Entry(when, () => log.push(1)));
    wheel.advance(when - 1);
    wheel.insert(new Entry(when, () => log.push(2)));
    assertEquals(log, []);
    wheel.advance(when);
    assertEquals(log, [0, 1, 2], `deadline ${when}`);
  }
});

test("TimerWheel lets onTimer cancel its neighbours and itself, and file new entries", () => {
  const wheel = new TimerWheel(0);
  const log: string[] = [];
  const second = new Entry(10, () => log.push("second"));
  const later = new Entry(11, () => log.push("later"));
  const first = new Entry(10, () => {
    log.push("first");
    wheel.cancel(second);
    wheel.cancel(later);
    wheel.cancel(first); // not filed any more: does nothing
    wheel.insert(new Entry(5, () => log.push("overdue")));
    wheel.insert(new Entry(12, () => log.push("new")));
  });
  for (const entry of [first, second, later]) wheel.insert(entry);
  wheel.advance(10);
  assertEquals([log, wheel.size], [["first"], 2]);
  wheel.advance(20);
  assertEquals([log, wheel.size], [["first", "overdue", "new"], 0]);
});

test("TimerWheel fires a self-refiling entry once per tick of a jump, and ends", () => {
  const wheel = new TimerWheel(0);
  let count = 0;
  const entry = new Entry(1, () => {
    count++;
    if (count < 1_000) {
      entry.whenMs++;
      wheel.insert(entry);
    }
  });
  wheel.insert(entry);
  wheel.advance(5_000);
  assertEquals([count, wheel.size], [1_000, 0]);
});

test("TimerWheel rounds fractional deadlines up", () => {
  const wheel = new TimerWheel(0);
  let fired = false;
  wheel.insert(new Entry(1.2, () => fired = true));
  wheel.advance(1.9);
  assert(!fired);
  wheel.advance(2);
  assert(fired);
});

test("TimerWheel fires an entry that is already due at the next tick", () => {
  const wheel = new TimerWheel(100);
  wheel.advance(150);
  const log: number[] = [];
  wheel.insert(new Entry(120, (e) => log.push(e.whenMs)));
  assertEquals(wheel.nextDeadline(), 151);
  wheel.advance(151);
  assertEquals(log, [120]);
});

test("TimerWheel cancel of an entry that is not filed, or was cancelled, does nothing", () => {
  const wheel = new TimerWheel(0);
  const entry = new Entry(5, () => {});
  wheel.cancel(entry);
  wheel.insert(entry);
  wheel.cancel(entry);
  wheel.cancel(entry);
  assertEquals([wheel.size, wheel.nextDeadline(), wheel.mayBeDue(1e9)], [0, Infinity, false]);
});

test("TimerWheel started at a fractional time is due at the deadline it names itself", () => {
  // A runtime parks until nextDeadline(): when nothing fires then, it spins, in virtual time for ever.
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.integer({ min: 1, max: 100_000 }),
      (startMs, ms) => {
        const wheel = new TimerWheel(startMs);
        let fired = 0;
        wheel.insert(new Entry(startMs + ms, () => fired++));
        const deadline = wheel.nextDeadline();
        assert(wheel.mayBeDue(deadline), "nothing is due at nextDeadline()");
        wheel.advance(deadline);
        assertEquals(fired, 1, "nothing fired at nextDeadline()");
      },
    ),
    { numRuns: 2_000 },
  );
});

test("TimerWheel started at a fractional time never fires early", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { maxLength: 20 }),
      fc.array(fc.double({ min: 0, max: 900, noNaN: true }), { maxLength: 20 }),
      (startMs, delays, steps) => {
        const wheel = new TimerWheel(startMs);
        let now = startMs;
        for (const ms of delays) {
          wheel.insert(new Entry(startMs + ms, (e) => assertGreaterOrEqual(now, e.whenMs)));
        }
        for (const by of steps) wheel.advance(now += by);
        wheel.advance(now = startMs + 6_000);
        assertEquals(wheel.size, 0);
      },
    ),
    { numRuns: 300 },
  );
});

test("TimerWheel jumps over 2^40 ms without visiting every tick", () => {
  const whens = [1, 2 ** 29, 2 ** 30 + 3, 2 ** 35, 2 ** 40];
  assertEquals(fireAll(0.5, whens, 2 ** 40 + 1), whens);
});
