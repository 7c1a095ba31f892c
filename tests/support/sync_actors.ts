/**
 * Actors that wait for things, one step at a time: what the tests of the sync primitives run beside
 * their models.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Future, type JoinHandle } from "@vais/runtime";
import { SimulatedRuntime } from "@vais/runtime/testing";

/** How an actor waits. */
export type Kind = "generator" | "async" | "branch" | "handle";

/** Where an actor stands: it waits, or how its wait ended. */
export type Status = "waiting" | "got" | "timeout" | "cancelled" | "aborted" | "closed" | "error";

/** Kinds of actors, generators mostly: async ones take turns of the host. */
export const kinds: fc.Arbitrary<Kind> = fc.oneof(
  { arbitrary: fc.constant<Kind>("generator"), weight: 6 },
  { arbitrary: fc.constant<Kind>("branch"), weight: 2 },
  { arbitrary: fc.constant<Kind>("handle"), weight: 2 },
  { arbitrary: fc.constant<Kind>("async"), weight: 1 },
);

const never = Future.never();

/** One that waits for a future, once. */
export class Actor<T> {
  readonly id: number;
  status: Status = "waiting";
  value: T | undefined = undefined;
  error: unknown = undefined;
  readonly controller = new AbortController();
  readonly kind: Kind;
  readonly #handle: JoinHandle<unknown>;

  constructor(
    id: number,
    kind: Kind,
    runtime: SimulatedRuntime,
    wait: (actor: Actor<T>) => Future<T>,
  ) {
    this.id = id;
    this.kind = kind;
    const future = wait(this);
    const { note } = this;
    if (kind === "handle") this.#handle = runtime.spawn(future);
    else if (kind === "async") {
      this.#handle = runtime.spawn(async () => {
        try {
          note({ value: await future });
        } catch (error) {
          note({ error });
        }
      });
    } else {
      this.#handle = runtime.spawn(function* () {
        try {
          note({ value: yield* kind === "branch" ? Future.race<T>([never, future]) : future });
        } catch (error) {
          note({ error });
        }
      });
    }
  }

  readonly note = (end: { value: T } | { error: unknown }): void => {
    if ("value" in end) {
      this.status = "got";
      this.value = end.value;
      return;
    }
    const { error } = end;
    this.error = error;
    const { name, code } = error as { name?: string; code?: unknown };
    if (code === "ERR_TIMEOUT") this.status = "timeout";
    else if (code === "ERR_CLOSED") this.status = "closed";
    else if (code === "ERR_CANCELLED") this.status = "cancelled";
    else this.status = name === "AbortError" ? "aborted" : "error";
  };

  /** Takes what a spawned future ended with. */
  look(): void {
    if (this.kind !== "handle" || this.status !== "waiting") return;
    const outcome = this.#handle.outcome();
    if (outcome === undefined) return;
    if (outcome.status === "ok") this.note({ value: outcome.value as T });
    else if (outcome.status === "error") {
      void this.#handle.settled().then(() => {});
      this.note(outcome);
    } else this.status = "cancelled";
  }

  cancel(): void {
    this.#handle.cancel();
  }

  /** A generator that is woken sees a cancel at its turn, others at once. */
  get seesCancelLater(): boolean {
    return this.kind === "generator" || this.kind === "branch";
  }
}

/** All actors of a program, in virtual time. */
export class Stage<T> {
  readonly runtime: SimulatedRuntime;
  readonly actors: Actor<T>[] = [];
  #hasAsync = false;

  constructor(seed?: number) {
    this.runtime = new SimulatedRuntime(seed === undefined ? {} : { seed });
  }

  /** Adds an actor, whose wait begins at the next `settle`. */
  add(kind: Kind, wait: (actor: Actor<T>) => Future<T>): Actor<T> {
    const actor = new Actor(this.actors.length, kind, this.runtime, wait);
    this.actors.push(actor);
    if (kind === "async") this.#hasAsync = true;
    return actor;
  }

  /** Runs until nothing is runnable. */
  async settle(): Promise<void> {
    this.runtime.runUntilStalled();
    if (this.#hasAsync) {
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 6; i++) await undefined;
        this.runtime.runUntilStalled();
      }
    }
    for (const actor of this.actors) actor.look();
  }

  /** Lets virtual time pass. */
  async advance(ms: number): Promise<void> {
    this.runtime.clock.advance(ms);
    await this.settle();
  }

  /** Fails when something is left in the runtime. */
  assertEmpty(): void {
    const { alive, timers, runnable } = this.runtime.metrics();
    assertEquals({ alive, timers, runnable }, { alive: 0, timers: 0, runnable: 0 });
  }
}

/** The element of `list` that `n` points at; `undefined` of an empty one. */
export function pick<E>(list: readonly E[], n: number): E | undefined {
  return list.length === 0 ? undefined : list[n % list.length];
}

const env = (globalThis as unknown as { process: { env: Record<string, string | undefined> } })
  .process.env;

/** Programs of each kind: 10 000, times `VAIS_PROGRAMS`. */
export const PROGRAMS: number = 10_000 * Number(env.VAIS_PROGRAMS ?? 1);
/** The seed of the programs. */
export const SEED: number = Number(env.VAIS_SEED ?? 20_260_202);

/** Runs `body` for many random programs; the error tells how to run a failing one again. */
export async function forPrograms<P>(
  program: fc.Arbitrary<P>,
  body: (program: P) => Promise<void> | void,
  count: number = PROGRAMS,
): Promise<void> {
  await fc.assert(fc.asyncProperty(program, async (one) => await body(one)), {
    numRuns: count,
    seed: SEED,
  });
}
