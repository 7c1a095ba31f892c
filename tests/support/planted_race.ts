/**
 * What the planted races are made of.
 *
 * @module
 */
import { Deferred } from "@vais/runtime";
import type { SimulatedRuntime } from "@vais/runtime/testing";

/** A program with a race, and how it is seen. */
export interface PlantedRace {
  readonly name: string;
  /** What finds it. */
  readonly by: "order" | "cancel";
  /** Spawns; `right` asks for the program without the race. */
  program(runtime: SimulatedRuntime, right: boolean): unknown;
  check(state: never): void;
}

/** What a task of a planted race runs. */
export type Body = Generator<unknown, void>;

/** A planted race; `check` gets what `program` answers. */
export function planted<S>(
  by: PlantedRace["by"],
  name: string,
  program: (runtime: SimulatedRuntime, right: boolean) => S,
  check: (state: S) => void,
): PlantedRace {
  return { name, by, program, check: check as (state: never) => void };
}

/** Spawns a task of each body. */
export function spawnAll(runtime: SimulatedRuntime, ...bodies: (() => Body | void)[]): void {
  bodies.forEach((body, i) => runtime.spawn(body, { name: `task ${i}` }));
}

/** A semaphore as many write it; `handsOver` gives the permit back that its waiter never saw. */
export class NaiveSemaphore {
  readonly waiters: Deferred<void>[] = [];
  constructor(public permits: number, readonly handsOver: boolean) {}

  *acquire(): Body {
    if (this.permits > 0) {
      this.permits--;
      return;
    }
    const turn = new Deferred<void>();
    this.waiters.push(turn);
    if (!this.handsOver) return yield* turn;
    try {
      yield* turn;
    } catch (error) {
      const at = this.waiters.indexOf(turn);
      if (at >= 0) this.waiters.splice(at, 1);
      else this.release();
      throw error;
    }
  }

  release(): void {
    const turn = this.waiters.shift();
    if (turn === undefined) this.permits++;
    else turn.resolve();
  }
}
