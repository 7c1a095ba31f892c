/**
 * The queues by priority, deadline and feedback: on one thread against sorted arrays, and between workers.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  DeadlineQueue,
  EMPTY,
  FULL,
  MultilevelQueue,
  PRIORITIES,
  type Priority,
  PriorityQueue,
} from "@vais/runtime/memory";
import { assertOnceEach, inThreads, newTally } from "../support/memory_threads.ts";
import { test } from "../support/test.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const start = fc.oneof(fc.constantFrom(0, -3, 2 ** 31 - 3), int32);

test("PriorityQueue takes in the order of (level - boost, arrival), at every moment", () => {
  const command = fc.oneof(
    { weight: 6, arbitrary: fc.nat(4).map((level) => ({ level })) },
    { weight: 4, arbitrary: fc.constant("pop" as const) },
    { weight: 4, arbitrary: fc.nat(130).map((ticks) => ({ ticks })) },
  );
  const config = fc.record({
    agingEnabled: fc.boolean(),
    agingThreshold: fc.constantFrom(1, 50, 100),
    maxAgeBoost: fc.nat(4),
  });
  fc.assert(
    fc.property(start, config, fc.array(command, { maxLength: 80 }), (start, config, list) => {
      const queue = PriorityQueue.create(12, { ...config, start });
      const other = PriorityQueue.attach(queue.handle);
      let model: { level: number; at: number; arrival: number }[] = [];
      let now = 0;
      let arrival = 0;
      let popped = 0;
      const rank = ({ level, at }: { level: number; at: number }) => {
        const raised = Math.min(Math.floor((now - at) / config.agingThreshold), config.maxAgeBoost);
        return Math.max(0, level - (config.agingEnabled ? raised : 0));
      };
      const best = () => [...model].sort((a, b) => rank(a) - rank(b) || a.arrival - b.arrival)[0];
      for (const command of list) {
        if (command === "pop") {
          const wanted = best();
          assertEquals(other.peek(), wanted?.arrival ?? EMPTY);
          assertEquals(other.pop(), wanted?.arrival ?? EMPTY);
          if (wanted !== undefined) popped++;
          model = model.filter((item) => item !== wanted);
        } else if ("ticks" in command) {
          now += command.ticks;
          assertEquals(queue.tick(command.ticks), (start + now) | 0);
        } else {
          const room = model.length < 12;
          assertEquals(queue.push(arrival, PRIORITIES[command.level]), room || FULL);
          if (room) model.push({ level: command.level, at: now, arrival: arrival++ });
        }
        const perLevel = PRIORITIES.map((_, i) => model.filter((item) => item.level === i).length);
        assertEquals(other.stats(), {
          size: model.length,
          totalPushed: arrival,
          totalPopped: popped,
          tick: (start + now) | 0,
          perLevel,
        });
      }
      const rest = [...model].sort((a, b) => rank(a) - rank(b) || a.arrival - b.arrival);
      assertEquals(queue.drain(), rest.map((item) => item.arrival));
      assertEquals(queue.isEmpty, true);
    }),
    { numRuns: 300 },
  );
});

test("PriorityQueue: by default 100 ticks raise a level, two at most, and normal is the level", () => {
  const queue = PriorityQueue.create(8);
  queue.push(1, "background");
  queue.tick(199);
  queue.push(2, "low");
  queue.push(3);
  assertEquals([queue.pop(), queue.pop(), queue.pop()], [3, 1, 2]);
  queue.push(4, "background");
  queue.tick(1_000_000);
  queue.push(5, "high");
  queue.push(6, "critical" satisfies Priority);
  queue.push(7);
  assertEquals([queue.clear(), queue.clear(), queue.stats().totalPopped], [4, 0, 7]);
});

test("DeadlineQueue takes by (deadline, arrival)", () => {
  const deadline = fc.oneof(
    fc.nat(5),
    fc.double({ noNaN: true }),
    fc.constantFrom(-Infinity, Infinity),
  );
  const command = fc.oneof(
    { weight: 5, arbitrary: deadline.map((push) => ({ push })) },
    { weight: 3, arbitrary: fc.constant("pop" as const) },
    { weight: 2, arbitrary: fc.nat(6).map((due) => ({ due })) },
  );
  fc.assert(
    fc.property(start, fc.array(command, { maxLength: 80 }), (start, list) => {
      const queue = DeadlineQueue.create(12, { start });
      const other = DeadlineQueue.attach(queue.handle);
      const model: { deadline: number; value: number }[] = [];
      let next = 0;
      for (const command of list) {
        const first = model[0];
        assertEquals(other.peek(), first?.value ?? EMPTY);
        assertEquals(other.peekDeadline(), first === undefined ? EMPTY : first.deadline);
        if (command === "pop") {
          assertEquals(other.pop(), first?.value ?? EMPTY);
          model.shift();
        } else if ("due" in command) {
          const isDue = first !== undefined && first.deadline <= command.due;
          assertEquals(other.popDue(command.due), isDue ? first.value : EMPTY);
          if (isDue) model.shift();
        } else {
          const room = model.length < 12;
          assertEquals(queue.push(next, command.push), room || FULL);
          if (room) model.push({ deadline: command.push, value: next++ });
          model.sort((a, b) =>
            a.deadline === b.deadline ? a.value - b.value : a.deadline < b.deadline ? -1 : 1
          );
        }
        assertEquals([other.size, other.isEmpty], [model.length, model.length === 0]);
      }
    }),
    { numRuns: 300 },
  );
});

test("MultilevelQueue: who uses its slice up sinks, who gives up early stays, boost lifts all", () => {
  const command = fc.oneof(
    { weight: 3, arbitrary: fc.nat(4).map((push) => ({ push })) },
    { weight: 4, arbitrary: fc.nat(20).map((used) => ({ used })) },
    { weight: 1, arbitrary: fc.constant("boost" as const) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (list) => {
      const queue = MultilevelQueue.create(10);
      const other = MultilevelQueue.attach(queue.handle);
      const model: number[][] = [[], [], [], [], []];
      let next = 0;
      for (const command of list) {
        if (command === "boost") {
          assertEquals(queue.boost(), model.slice(1).flat().length);
          model[0]!.push(...model.splice(1).flat());
          model.push([], [], [], []);
        } else if ("push" in command) {
          const room = model.flat().length < 10;
          assertEquals(queue.push(next, command.push), room || FULL);
          if (room) model[command.push]!.push(next++);
        } else {
          const turn = other.pop();
          const level = model.findIndex((lane) => lane.length > 0);
          if (level < 0) assertEquals(turn, EMPTY);
          else {
            const value = model[level]!.shift()!;
            assertEquals(turn, { value, level, slice: 2 ** level });
            if (turn !== EMPTY) assertEquals(queue.giveBack(turn, command.used), true);
            const isUp = command.used >= 2 ** level;
            model[Math.min(4, isUp ? level + 1 : level)]!.push(value);
          }
        }
        assertEquals(other.levels(), model.map((lane) => lane.length));
      }
    }),
    { numRuns: 300 },
  );
});

test("PriorityQueue, DeadlineQueue, MultilevelQueue stress: nothing lost, nothing twice", async () => {
  const queues = {
    PriorityQueue: PriorityQueue.create(8, { start: -2 }),
    DeadlineQueue: DeadlineQueue.create(8, { start: -2 }),
    MultilevelQueue: MultilevelQueue.create(8),
  };
  for (const [name, queue] of Object.entries(queues)) {
    const tally = newTally(3 * 3_000);
    const body = `
      const queue = m.${name}.attach(job.queue);
      const next = random(me + 1);
      const args = { PriorityQueue: () => m.PRIORITIES[next() % 5], DeadlineQueue: () => next() % 9,
        MultilevelQueue: () => next() % 5 }.${name};
      const own = (taken) => Atomics.add(job.tally, taken.value ?? taken, 1);
      for (let i = 0; i < job.each;) {
        if (next() % 2 === 0 && queue.push(me * job.each + i, args()) === true) i++;
        else {
          queue.tick?.();
          const taken = queue.pop();
          if (taken !== m.EMPTY) own(taken);
        }
      }
      meet(job.end, threads);
      for (let taken; (taken = queue.pop()) !== m.EMPTY;) own(taken);`;
    const job = { queue: queue.handle, each: 3_000, tally, end: newTally(1) };
    await inThreads([body, body, body], job);
    assertOnceEach(tally);
    assertEquals(queue.size, 0);
  }
});
