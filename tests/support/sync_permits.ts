/**
 * The model of everything that gives permits, and random programs that hold the real thing to it.
 *
 * Semaphores, mutexes and reader-writer locks are one queue: first come, first served, by weight.
 *
 * @module
 */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import {
  ClosedError,
  DeadlockError,
  type Future,
  type Permit,
  type WaitOptions,
} from "@vais/runtime";
import {
  type Actor,
  forPrograms,
  type Kind,
  kinds,
  pick,
  PROGRAMS,
  Stage,
  type Status,
} from "./sync_actors.ts";

interface ModelWait {
  readonly id: number;
  readonly weight: number;
  readonly deadline: number;
  /** It holds this much already, and waits for the rest. */
  readonly upgrades?: number;
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
    if (this.closed) return void this.ends.set(wait.id, "closed");
    if (wait.upgrades === undefined) this.queue.push(wait);
    else if (this.queue[0]?.upgrades !== undefined) return void this.ends.set(wait.id, "error");
    else this.queue.unshift(wait);
    this.serve();
    if (timeoutMs === 0 && this.queue.includes(wait)) this.leave(wait, "timeout");
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

  give(weight: number): void {
    this.used -= weight;
    this.serve();
  }

  close(): void {
    this.closed = true;
    for (const wait of this.queue) this.ends.set(wait.id, "closed");
    this.queue = [];
  }
}

/** What is tested, whatever its methods are called. */
export interface Subject {
  acquire(weight: number, options: WaitOptions): Future<Permit>;
  tryAcquire(weight: number): Permit | undefined;
  resize?(capacity: number): void;
  upgrade?(permit: Permit, options: WaitOptions): Future<Permit>;
  tryUpgrade?(permit: Permit): boolean;
  downgrade?(permit: Permit): void;
  close(): void;
  /** Permits that are free, how many wait, and whether it is closed. */
  facts(): { free: number; waiting: number; closed: boolean };
}

/** A kind of programs. */
export interface Family {
  make(capacity: number): Subject;
  /** Capacities to begin with. */
  readonly capacities: readonly number[];
  /** Weights to acquire, which may not be more than the capacity ever was. */
  readonly weights: readonly number[];
}

type Command =
  | { do: "acquire"; kind: Kind; weight: number; timeoutMs: number; how: 0 | 1 }
  | { do: "upgrade"; kind: Kind; which: number; timeoutMs: number }
  | { do: "try"; weight: number }
  | { do: "release" | "cancel" | "abort" | "downgrade" | "tryUpgrade"; which: number }
  | { do: "advance"; ms: number }
  | { do: "resize"; to: number }
  | { do: "settle" | "close" };

function commandsOf(family: Family): fc.Arbitrary<Command> {
  const which = fc.nat(20);
  const timeoutMs = fc.constantFrom(Infinity, Infinity, 0, 5, 10);
  const weight = fc.constantFrom(...family.weights);
  const some = (weight: number, arbitrary: fc.Arbitrary<Command>) => ({ weight, arbitrary });
  const subject = family.make(family.capacities[0]!);
  return fc.oneof(
    some(
      10,
      fc.record({
        do: fc.constant("acquire"),
        kind: kinds,
        weight,
        timeoutMs,
        how: fc.constantFrom(0, 1),
      }),
    ),
    some(2, fc.record({ do: fc.constant("try"), weight })),
    some(8, fc.record({ do: fc.constant("release"), which })),
    some(4, fc.record({ do: fc.constant("cancel"), which })),
    some(2, fc.record({ do: fc.constant("abort"), which })),
    some(3, fc.record({ do: fc.constant("advance"), ms: fc.constantFrom(3, 5, 10) })),
    some(6, fc.record({ do: fc.constant("settle") })),
    some(1, fc.record({ do: fc.constant("close") })),
    ...(subject.resize === undefined
      ? []
      : [some(2, fc.record({ do: fc.constant("resize"), to: fc.nat(5) }))]),
    ...(subject.upgrade === undefined ? [] : [
      some(3, fc.record({ do: fc.constant("upgrade"), kind: kinds, which, timeoutMs })),
      some(1, fc.record({ do: fc.constant("tryUpgrade"), which })),
      some(3, fc.record({ do: fc.constant("downgrade"), which })),
    ]),
  ) as fc.Arbitrary<Command>;
}

interface Held {
  readonly permit: Permit;
  weight: number;
  /** The actor that waits to upgrade it. */
  upgrader?: number | undefined;
}

/** One program, and the model beside it. */
class Run {
  readonly model: Model;
  readonly subject: Subject;
  readonly stage = new Stage<Permit>();
  readonly #held: Held[] = [];
  /** What an actor acquires, or which one it upgrades. */
  readonly #wants = new Map<number, number | Held>();
  #most: number;
  readonly #capacity: number;

  constructor(family: Family, capacity: number) {
    this.subject = family.make(capacity);
    this.model = new Model(capacity);
    this.#most = this.#capacity = capacity;
  }

  async settle(): Promise<void> {
    await this.stage.settle();
    this.model.settle();
  }

  async #begin(
    kind: Kind,
    wait: (actor: Actor<Permit>) => Future<Permit>,
    weight: number,
    timeoutMs: number,
    upgrades?: Held,
  ) {
    const { stage, model } = this;
    const actor = stage.add(kind, wait);
    this.#wants.set(actor.id, upgrades ?? weight);
    await this.settle();
    const deadline = model.nowMs + timeoutMs;
    model.acquire(
      {
        id: actor.id,
        weight,
        deadline,
        ...(upgrades === undefined ? {} : { upgrades: upgrades.weight }),
      },
      timeoutMs,
    );
    model.settle();
    if (upgrades !== undefined) upgrades.upgrader = actor.id;
  }

  /** Permits that no upgrade is waiting for. */
  #free(weight?: number): Held[] {
    return this.#held.filter((held) =>
      held.upgrader === undefined && (weight === undefined || held.weight === weight)
    );
  }

  async step(command: Command): Promise<void> {
    const { subject, model, stage } = this;
    const largest = this.#capacity;
    switch (command.do) {
      case "acquire": {
        const { kind, weight, timeoutMs, how } = command;
        if (weight > Math.max(1, this.#most)) break;
        await this.#begin(
          kind,
          ({ controller: { signal } }) =>
            how === 0
              ? subject.acquire(weight, { timeoutMs, signal })
              : subject.acquire(weight, { signal }).timeout(timeoutMs),
          weight,
          timeoutMs,
        );
        break;
      }
      case "upgrade": {
        await this.settle();
        this.#collect();
        const held = pick(this.#free(1), command.which);
        if (held === undefined) break;
        const { kind, timeoutMs } = command;
        await this.#begin(
          kind,
          ({ controller: { signal } }) => subject.upgrade!(held.permit, { timeoutMs, signal }),
          largest - 1,
          timeoutMs,
          held,
        );
        break;
      }
      case "tryUpgrade": {
        const held = pick(this.#free(1), command.which);
        if (held === undefined || model.closed) break;
        assertEquals(subject.tryUpgrade!(held.permit), model.used === 1);
        if (model.used !== 1) break;
        held.weight = model.used = largest;
        break;
      }
      case "downgrade": {
        const held = pick(this.#free(largest), command.which);
        if (held === undefined) break;
        subject.downgrade!(held.permit);
        held.weight = 1;
        model.give(largest - 1);
        break;
      }
      case "try":
        if (command.weight <= Math.max(1, this.#most)) this.#try(command.weight);
        break;
      case "release": {
        const held = pick(this.#free(), command.which);
        if (held === undefined) break;
        this.#held.splice(this.#held.indexOf(held), 1);
        assert(held.permit.release());
        assertEquals([held.permit.release(), held.permit.isReleased], [false, true]);
        model.give(held.weight);
        break;
      }
      case "cancel":
      case "abort":
        await this.#interrupt(command.do, command.which);
        break;
      case "advance":
        await this.settle();
        model.nowMs += command.ms;
        await stage.advance(command.ms);
        model.settle();
        break;
      case "resize":
        subject.resize!(model.capacity = command.to);
        this.#most = Math.max(this.#most, command.to);
        model.serve();
        break;
      case "settle":
        await this.settle();
        break;
      case "close":
        subject.close();
        model.close();
    }
    this.#collect();
    this.#compare();
  }

  #try(weight: number): void {
    const { model } = this;
    const isFree = !model.closed && model.queue.length === 0 &&
      model.used + weight <= model.capacity;
    try {
      const permit = this.subject.tryAcquire(weight);
      assertEquals(permit !== undefined, isFree);
      if (permit === undefined) return;
      this.#held.push({ permit, weight });
      model.used += weight;
    } catch (error) {
      assertInstanceOf(error, ClosedError);
      assert(model.closed);
    }
  }

  async #interrupt(how: "cancel" | "abort", which: number): Promise<void> {
    const { stage, model } = this;
    const actor = pick(stage.actors.filter((a) => a.status === "waiting"), which);
    if (actor === undefined) return;
    const wait = model.find(actor.id);
    if (how === "cancel") {
      actor.cancel();
      if (wait !== undefined) model.cancel(wait, actor.seesCancelLater);
      // Closed or refused, and cancelled before it saw that.
      else model.ends.set(actor.id, "cancelled");
      return;
    }
    actor.controller.abort();
    await this.settle();
    // A value that is there wins.
    if (wait !== undefined && model.queue.includes(wait)) model.leave(wait, "aborted");
    model.settle();
  }

  /** Takes over what actors have got. */
  #collect(): void {
    for (const actor of this.stage.actors) {
      const wants = this.#wants.get(actor.id);
      if (actor.status === "waiting" || wants === undefined) continue;
      this.#wants.delete(actor.id);
      if (typeof wants === "object") {
        wants.upgrader = undefined;
        if (actor.status === "got") wants.weight = this.#capacity;
        if (actor.status === "error") assertInstanceOf(actor.error, DeadlockError);
      } else if (actor.status === "got") this.#held.push({ permit: actor.value!, weight: wants });
    }
  }

  #compare(): void {
    const { model } = this;
    assertEquals(this.subject.facts(), {
      free: Math.max(0, model.capacity - model.used),
      waiting: model.queue.length,
      closed: model.closed,
    });
    for (const { permit } of this.#held) assertEquals(permit.isReleased, false);
  }

  /** Ends everything; nothing may be left. */
  async end(): Promise<void> {
    const { stage, model, subject } = this;
    await this.settle();
    this.#collect();
    for (const actor of stage.actors) {
      assertEquals(actor.status, model.ends.get(actor.id) ?? "waiting", `actor ${actor.id}`);
    }
    subject.close();
    await stage.settle();
    this.#collect();
    for (const { permit } of this.#held) permit.release();
    await stage.settle();
    for (const actor of stage.actors) assert(actor.status !== "waiting");
    assertEquals(subject.facts(), { free: model.capacity, waiting: 0, closed: true });
    stage.assertEmpty();
  }
}

/** Runs random programs against the model; each way in which a wait can end must come up. */
export async function mustMatchModel(family: Family): Promise<void> {
  const seen = new Map<string, number>();
  const programs = fc.record({
    capacity: fc.constantFrom(...family.capacities),
    commands: fc.array(commandsOf(family), { minLength: 3, maxLength: 40, size: "max" }),
  });
  await forPrograms(programs, async ({ capacity, commands }) => {
    const run = new Run(family, capacity);
    for (const command of commands) await run.step(command);
    await run.end();
    for (const { status } of run.stage.actors) seen.set(status, (seen.get(status) ?? 0) + 1);
  });
  // The generator must not drift into programs in which nothing happens.
  for (const status of ["got", "timeout", "cancelled", "aborted", "closed"]) {
    assert((seen.get(status) ?? 0) > PROGRAMS / 10, `${status}: ${seen.get(status)}`);
  }
}
