/**
 * One poll of a generator body: it goes from await to await until one is not ready.
 *
 * @module
 */

import { abandon, generatorNext, generatorThrow, notAFuture } from "./bodies.ts";
import type { CancelState } from "./cancel_state.ts";
import { FromPollable, Future } from "./future.ts";
import type { Host, WakeSource } from "./host.ts";
import { checkPolled, isPollable, PENDING, type Pollable, type Waker } from "./poll.ts";
import { YIELD } from "./yield.ts";

/** Ready awaits a generator may pass in one poll before it must let others run (tokio uses 128). */
const BUDGET = 128;

/** What a parked generator awaits once it is to be resumed by a throw. */
export class Thrown implements Pollable<never> {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }

  poll(): never {
    throw this.error;
  }
}

/** The task, as the steps of its generator see it. */
export interface Stepped<T> extends Waker {
  readonly host: Host;
  /** Its cancellation, if one was asked for. */
  readonly cancelState: CancelState | undefined;
  /** It waits now. */
  park(waiting: Pollable<unknown>, source: WakeSource): void;
  /** It goes to the end of the queue, and waits there. */
  requeue(waiting: Pollable<unknown>): void;
  /** The body returned. */
  endWithValue(value: T): void;
  /** The body threw. */
  endWithError(error: unknown): void;
}

/** Polls the task: `waiting` is what its generator awaits, if it was resumed there. */
export function stepGenerator<T>(
  task: Stepped<T>,
  generator: Generator<unknown, T>,
  waiting: Pollable<unknown> | undefined,
): void {
  let budget = BUDGET;
  let input: unknown = undefined;
  let failed = false;
  for (;;) {
    if (waiting !== undefined) {
      const cancel = task.cancelState;
      if (
        cancel !== undefined && cancel.mustThrow(task.host.clock) &&
        abandon(waiting, task, cancel.cancelled)
      ) {
        input = cancel.deliver();
        failed = true;
      } else if (waiting === YIELD) {
        input = undefined;
      } else if (waiting instanceof Thrown) {
        input = waiting.error;
        failed = true;
      } else {
        try {
          input = waiting.poll(task);
          if (typeof input === "object") checkPolled(input);
        } catch (error) {
          input = error;
          failed = true;
          cancel?.sawThrow(error);
        }
        if (input === PENDING && !failed) {
          if (task.cancelState !== cancel) continue; // cancelled by what was polled
          return task.park(waiting, waiting instanceof Future ? waiting.source : 1);
        }
      }
    }
    let step: IteratorResult<unknown, T>;
    try {
      step = failed ? generatorThrow.call(generator, input) : generatorNext.call(generator, input);
    } catch (error) {
      return task.endWithError(error);
    }
    if (step.done) return task.endWithValue(step.value);
    failed = false;
    waiting = step.value as Pollable<unknown>;
    if (waiting !== YIELD && !(waiting instanceof Future)) {
      if (isPollable(waiting)) waiting = new FromPollable(waiting);
      else {
        input = notAFuture(step.value);
        failed = true;
        waiting = undefined;
        continue;
      }
    }
    if (waiting === YIELD || --budget === 0) return task.requeue(waiting);
  }
}
