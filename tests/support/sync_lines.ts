/**
 * Models of primitives that are a line of waits and little else, and random programs that hold the
 * real ones to them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Future, WaitOptions } from "@vais/runtime";
import { type Actor, forPrograms, type Kind, kinds, pick, PROGRAMS, Stage } from "./sync_actors.ts";

/** How a wait ended: `["got", value]`, or a status. */
type End = readonly [string, unknown?];

interface Grant<V> {
  readonly value: V;
  /** It will see a cancel first. */
  isCancelled: boolean;
}

/** The reference: subclassed by each primitive's model, in as many lines as its rules need. */
export abstract class LineModel<V> {
  queue: number[] = [];
  readonly granted = new Map<number, Grant<V>>();
  readonly ends = new Map<number, End>();
  readonly deadlines = new Map<number, number>();
  closed = false;
  nowMs = 0;

  /** The value of a wait that need not wait. */
  abstract begin(id: number): { readonly value: V } | undefined;
  /** Carries out an operation; answers what it answers. */
  abstract operate(operation: string, n: number): unknown;
  /** A waiter that was granted this gave up. */
  giveBack(_value: V): void {}
  /** What can be seen from outside. */
  abstract facts(): unknown;

  grant(value: V): void {
    this.granted.set(this.queue.shift()!, { value, isCancelled: false });
  }

  wait(id: number, timeoutMs: number): void {
    const now = this.isClosedFor() ? undefined : this.begin(id);
    if (this.isClosedFor()) this.ends.set(id, ["closed"]);
    else if (now !== undefined) this.ends.set(id, ["got", now.value]);
    else {
      this.queue.push(id);
      this.deadlines.set(id, this.nowMs + timeoutMs);
      if (timeoutMs === 0) this.leave(id, "timeout");
    }
  }

  /** Whether a new wait is refused. */
  isClosedFor(): boolean {
    return this.closed;
  }

  leave(id: number, status: string): void {
    this.ends.set(id, [status]);
    this.queue = this.queue.filter((other) => other !== id);
    const grant = this.granted.get(id);
    this.granted.delete(id);
    if (grant !== undefined) this.giveBack(grant.value);
  }

  cancel(id: number, later: boolean): void {
    const grant = this.granted.get(id);
    if (grant !== undefined && later) grant.isCancelled = true;
    else this.leave(id, "cancelled");
  }

  settle(): void {
    for (;;) {
      for (const [id, { value, isCancelled }] of this.granted) {
        if (isCancelled) this.leave(id, "cancelled");
        else {
          this.ends.set(id, ["got", value]);
          this.granted.delete(id);
        }
      }
      const late = this.queue.filter((id) => this.deadlines.get(id)! <= this.nowMs);
      if (late.length === 0) return;
      const byTime = late.sort((a, b) => this.deadlines.get(a)! - this.deadlines.get(b)!);
      for (const id of byTime) if (this.queue.includes(id)) this.leave(id, "timeout");
    }
  }

  close(): void {
    this.closed = true;
    for (const id of this.queue) this.ends.set(id, ["closed"]);
    this.queue = [];
  }
}

/** The real thing, whatever its methods are called. */
export interface Line<V> {
  wait(options: WaitOptions): Future<V>;
  operate(operation: string, n: number): unknown;
  facts(): unknown;
  close?(): void;
}

/** A kind of programs. */
export interface LineFamily<V> {
  make(size: number): Line<V>;
  model(size: number): LineModel<V>;
  /** What there is besides waiting, each as likely as it is listed. */
  readonly operations: readonly string[];
}

type Command =
  | { do: "wait"; kind: Kind; timeoutMs: number }
  | { do: "operate"; operation: string; n: number }
  | { do: "cancel" | "abort"; which: number }
  | { do: "advance"; ms: number }
  | { do: "settle" | "close" };

function commandsOf<V>(family: LineFamily<V>): fc.Arbitrary<Command> {
  const some = (weight: number, arbitrary: fc.Arbitrary<Command>) => ({ weight, arbitrary });
  const kind = (name: string) => fc.constant(name);
  const operation = fc.constantFrom(...family.operations);
  const timeoutMs = fc.constantFrom(Infinity, Infinity, Infinity, 0, 5, 10);
  return fc.oneof(
    some(12, fc.record({ do: kind("wait"), kind: kinds, timeoutMs }) as fc.Arbitrary<Command>),
    some(12, fc.record({ do: kind("operate"), operation, n: fc.nat(4) }) as fc.Arbitrary<Command>),
    some(4, fc.record({ do: kind("cancel"), which: fc.nat(20) }) as fc.Arbitrary<Command>),
    some(2, fc.record({ do: kind("abort"), which: fc.nat(20) }) as fc.Arbitrary<Command>),
    some(
      2,
      fc.record({ do: kind("advance"), ms: fc.constantFrom(3, 5, 10) }) as fc.Arbitrary<Command>,
    ),
    some(6, fc.record({ do: kind("settle") }) as fc.Arbitrary<Command>),
    ...(family.make(1).close === undefined
      ? []
      : [some(1, fc.record({ do: kind("close") }) as fc.Arbitrary<Command>)]),
  );
}

class Run<V> {
  readonly #line: Line<V>;
  readonly #model: LineModel<V>;
  readonly stage = new Stage<V>();

  constructor(family: LineFamily<V>, size: number) {
    this.#line = family.make(size);
    this.#model = family.model(size);
  }

  async #settle(): Promise<void> {
    await this.stage.settle();
    this.#model.settle();
  }

  async step(command: Command): Promise<void> {
    const line = this.#line;
    const model = this.#model;
    switch (command.do) {
      case "wait": {
        await this.#settle();
        const { timeoutMs } = command;
        const wait = ({ controller: { signal } }: Actor<V>) => line.wait({ timeoutMs, signal });
        const actor = this.stage.add(command.kind, wait);
        await this.stage.settle();
        model.wait(actor.id, timeoutMs);
        model.settle();
        break;
      }
      case "operate": {
        const { operation, n } = command;
        assertEquals(line.operate(operation, n), model.operate(operation, n), operation);
        break;
      }
      case "cancel":
      case "abort": {
        const waiting = this.stage.actors.filter((actor) => actor.status === "waiting");
        const actor = pick(waiting, command.which);
        if (actor === undefined) break;
        if (command.do === "cancel") {
          const later = actor.seesCancelLater;
          actor.cancel();
          model.cancel(actor.id, later);
          break;
        }
        actor.controller.abort();
        await this.#settle();
        if (model.queue.includes(actor.id)) model.leave(actor.id, "aborted");
        model.settle();
        break;
      }
      case "advance":
        await this.#settle();
        model.nowMs += command.ms;
        await this.stage.advance(command.ms);
        model.settle();
        break;
      case "settle":
        await this.#settle();
        break;
      case "close":
        line.close!();
        model.close();
    }
    assertEquals(line.facts(), model.facts());
  }

  async end(): Promise<void> {
    const { stage } = this;
    await this.#settle();
    for (const actor of stage.actors) {
      const end: End = actor.status === "got" ? [actor.status, actor.value] : [actor.status];
      assertEquals(end, this.#model.ends.get(actor.id) ?? ["waiting"], `actor ${actor.id}`);
    }
    if (this.#line.close !== undefined) this.#line.close();
    else for (const actor of stage.actors) actor.cancel();
    await stage.settle();
    for (const actor of stage.actors) assert(actor.status !== "waiting");
    stage.assertEmpty();
  }
}

/** Runs random programs against the model; each way in which a wait can end must come up. */
export async function mustMatchLine<V>(family: LineFamily<V>): Promise<void> {
  const seen = new Map<string, number>();
  const programs = fc.record({
    size: fc.integer({ min: 1, max: 4 }),
    commands: fc.array(commandsOf(family), { minLength: 3, maxLength: 40, size: "max" }),
  });
  await forPrograms(programs, async ({ size, commands }) => {
    const run = new Run(family, size);
    for (const command of commands) await run.step(command);
    await run.end();
    for (const { status } of run.stage.actors) seen.set(status, (seen.get(status) ?? 0) + 1);
  });
  for (const status of ["got", "timeout", "cancelled", "aborted"]) {
    assert((seen.get(status) ?? 0) > PROGRAMS / 20, `${status}: ${seen.get(status)}`);
  }
}
