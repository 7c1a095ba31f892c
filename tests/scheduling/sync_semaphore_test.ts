/**
 * Semaphore: against a model, and in single situations.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  ClosedError,
  DeadlockError,
  Future,
  type Permit,
  Runtime,
  scope,
  Semaphore,
  TimeoutError,
  yieldNow,
} from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";
import { countedSignal } from "../support/groups.ts";
import { assertNothingLeft, CountingWaker, hostDelay } from "../support/probes.ts";
import { forPrograms, type Kind, kinds, pick, Stage, type Status } from "../support/sync_actors.ts";
import { test } from "../support/test.ts";

// ---- the model ----------------------------------------------------------------------------------

interface ModelWait {
  readonly id: number;
  readonly weight: number;
  readonly deadline: number;
}

/** First come, first served; what is granted is out of the queue, whoever has seen it. */
class Model {
  used = 0;
  queue: ModelWait[] = [];
  readonly ends = new Map<number, Status>();
  /** Granted, and not seen by the waiter yet; true when it will see a cancel first. */
  readonly granted = new Map<ModelWait, boolean>();
  closed = false;
  nowMs = 0;

  constructor(public capacity: number) {}

  serve(): void {
    while (this.queue.length > 0 && this.used + this.queue[0]!.weight <= this.capacity) {
      const wait = this.queue.shift()!;
      this.used += wait.weight;
      this.granted.set(wait, false);
    }
  }

  acquire(wait: ModelWait, timeoutMs: number): void {
    if (this.closed) this.ends.set(wait.id, "closed");
    else {
      this.queue.push(wait);
      this.serve();
      if (timeoutMs === 0 && this.queue.includes(wait)) this.leave(wait, "timeout");
    }
  }

  leave(wait: ModelWait, end: Status): void {
    this.ends.set(wait.id, end);
    this.queue = this.queue.filter((other) => other !== wait);
    if (this.granted.delete(wait)) this.used -= wait.weight;
    this.serve();
  }

  cancel(wait: ModelWait, later: boolean): void {
    if (later && this.granted.has(wait)) this.granted.set(wait, true);
    else this.leave(wait, "cancelled");
  }

  find(id: number): ModelWait | undefined {
    return [...this.queue, ...this.granted.keys()].find((wait) => wait.id === id);
  }

  /** Everybody looks: the granted first, then those whose time is over. */
  settle(): void {
    for (;;) {
      for (const [wait, isCancelled] of this.granted) {
        if (isCancelled) this.leave(wait, "cancelled");
        else this.ends.set(wait.id, "got");
        this.granted.delete(wait);
      }
      const late = this.queue.filter((wait) => wait.deadline <= this.nowMs);
      if (late.length === 0) return;
      // By the time; who is let in by another's leaving, just then, has got it.
      for (const wait of late.sort((a, b) => a.deadline - b.deadline)) {
        if (this.queue.includes(wait)) this.leave(wait, "timeout");
        }
    }
  }

  release(weight: number): void {
    this.used -= weight;
    this.serve();
  }

  close(): void {
    this.closed = true;
    for (const wait of this.queue) this.ends.set(wait.id, "closed");
    this.queue = [];
  }
}

type Command =
  | { do: "acquire"; kind: Kind; weight: number; timeoutMs: number; how: 0 | 1 }
  | { do: "try"; weight: number }
  | { do: "release" | "cancel" | "abort"; which: number }
  | { do: "advance"; ms: number }
  | { do: "resize"; to: number }
  | { do: "settle" | "close" };

const index = fc.nat(20);
const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("acquire" as const),
      kind: kinds,
      weight: fc.integer({ min: 1, max: 3 }),
      timeoutMs: fc.constantFrom(Infinity, Infinity, 0, 5, 10),
      how: fc.constantFrom(0 as const, 1 as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("try" as const), weight: fc.integer({ min: 1, max: 2 }) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("release" as const), which: index }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), which: index }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(3, 5, 10) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("resize" as const), to: fc.integer({ min: 0, max: 5 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const) }) },
);

const programs = fc.record({
  permits: fc.integer({ min: 1, max: 4 }),
  commands: fc.array(commands, { minLength: 1, maxLength: 40 }),
});

test("Semaphore does what its model does: 10 000 programs of acquire, release, cancel, limits, resize and close", async () => {
  const seen = new Map<string, number>();
  await forPrograms(programs, async ({ permits, commands }) => {
    const semaphore = new Semaphore(permits);
    const model = new Model(permits);
    const stage = new Stage<Permit>();
    const held = new Map<number, { permit: Permit; weight: number }>();
    const weights = new Map<number, number>();
    let most = permits;
    const settle = async () => {
      await stage.settle();
      model.settle();
    };
    for (const command of commands) {
      switch (command.do) {
        case "acquire": {
          const { kind, weight, timeoutMs, how } = command;
          if (weight > Math.max(1, most)) break;
          const actor = stage.add(kind, ({ controller: { signal } }) =>
            how === 0
              ? semaphore.acquire(weight, { timeoutMs, signal })
              : semaphore.acquire(weight, { signal }).timeout(timeoutMs));
          weights.set(actor.id, weight);
          await stage.settle();
          model.settle();
          model.acquire({ id: actor.id, weight, deadline: model.nowMs + timeoutMs }, timeoutMs);
          model.settle();
          break;
        }
        case "try": {
          const id = -1 - held.size;
          const free = !model.closed && model.queue.length === 0 &&
            model.used + command.weight <= model.capacity;
          if (command.weight > Math.max(1, most)) break;
          let permit: Permit | undefined;
          try {
            permit = semaphore.tryAcquire(command.weight);
          } catch (error) {
            assertInstanceOf(error, ClosedError);
            assert(model.closed);
            break;
          }
          assertEquals(permit !== undefined, free);
          if (permit === undefined) break;
          permit.release();
          assertEquals(permit.release(), false);
          assert(id < 0);
          break;
        }
        case "release": {
          const id = pick([...held.keys()], command.which);
          if (id === undefined) break;
          const { permit, weight } = held.get(id)!;
          held.delete(id);
          assert(permit.release());
          assertEquals([permit.release(), permit.isReleased], [false, true]);
          model.release(weight);
          break;
        }
        case "cancel":
        case "abort": {
          const actor = pick(stage.actors.filter((a) => a.status === "waiting"), command.which);
          if (actor === undefined) break;
          const wait = model.find(actor.id);
          if (command.do === "cancel") {
            actor.cancel();
            if (wait !== undefined) model.cancel(wait, actor.seesCancelLater);
          } else {
            actor.controller.abort();
            // A value that is there wins; and who waits sees the signal when it looks.
            await stage.settle();
            model.settle();
            if (wait !== undefined && model.queue.includes(wait)) model.leave(wait, "aborted");
            model.settle();
          }
          break;
        }
        case "advance":
          await settle();
          model.nowMs += command.ms;
          await stage.advance(command.ms);
          model.settle();
          break;
        case "resize":
          semaphore.resize(model.capacity = command.to);
          most = Math.max(most, command.to);
          model.serve();
          break;
        case "settle":
          await settle();
          break;
        case "close":
          semaphore.close();
          model.close();
      }
      assertEquals(
        [semaphore.capacity, semaphore.available, semaphore.waiting, semaphore.isClosed],
        [model.capacity, Math.max(0, model.capacity - model.used), model.queue.length, model.closed],
      );
      for (const actor of stage.actors) {
        if (actor.status === "got" && actor.value !== undefined) {
          held.set(actor.id, { permit: actor.value, weight: weights.get(actor.id)! });
          actor.value = undefined;
        }
      }
    }
    await settle();
    for (const actor of stage.actors) {
      assertEquals(actor.status, model.ends.get(actor.id) ?? "waiting", `actor ${actor.id}`);
      if (actor.status === "got") actor.value?.release();
      seen.set(actor.status, (seen.get(actor.status) ?? 0) + 1);
    }
    semaphore.close();
    for (const { permit } of held.values()) permit.release();
    await stage.settle();
    for (const actor of stage.actors) assert(actor.status !== "waiting");
    assertEquals([semaphore.available, semaphore.waiting], [semaphore.capacity, 0]);
    stage.assertEmpty();
  });
  // The generator must not drift into programs in which nothing happens.
  for (const status of ["got", "timeout", "cancelled", "aborted", "closed"]) {
    assert((seen.get(status) ?? 0) > 1_000, `${status}: ${seen.get(status)}`);
  }
});
