/**
 * A call without a promise: a function is called back with its result.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { LazyPromise } from "../../runtime/lazy_promise.ts";
import { NORMAL_LANE, type TaskFailure } from "./dispatch_types.ts";
import type { EngineCore } from "./engine_core.ts";
import { EngineCounters } from "./engine_stats.ts";
import type { EngineSink } from "./engine_task.ts";

/** Gets the result. */
export type OnValue = (value: never) => void;
/** Gets what would reject a promise. */
export type OnError = ((error: unknown) => void) | undefined;

/** One call. */
class CallbackTask implements EngineSink {
  readonly #core: EngineCore;
  readonly #onValue: OnValue;
  readonly #onError: OnError;
  readonly name: string;
  #isLeft = false;

  constructor(core: EngineCore, name: string, onValue: OnValue, onError: OnError) {
    this.#core = core;
    this.name = name;
    this.#onValue = onValue;
    this.#onError = onError;
  }

  taskDone(value: unknown): void {
    this.#core.work.queue.slotFreed();
    if (this.#isLeft) return;
    this.#core.counters.ends.completed++;
    this.#onValue(value as never);
  }

  taskFailed(_failure: TaskFailure, error: unknown): void {
    this.#core.work.queue.slotFreed();
    this.fail(error);
  }

  taskLost(error: Error): void {
    this.#core.work.queue.slotFreed();
    this.fail(error);
  }

  taskLeft(error: Error): void {
    this.fail(error);
  }

  /** It ended with an error. */
  fail(error: unknown): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#core.counters.ends[EngineCounters.endOf(error)]++;
    this.tell(error);
  }

  /** Tells of an error, or reports it when nobody wants to hear. */
  tell(error: unknown): void {
    if (this.#onError !== undefined) return this.#onError(error);
    const task = { id: -1, name: this.name };
    this.#core.host.unobserved({ error, task, during: "body" }, this);
  }
}

/**
 * Begins a call with callbacks, which come later; one that finds no slot takes the way of all others.
 *
 * @throws {TypeError} If a callback is no function
 */
export function dispatchCall(
  core: EngineCore,
  fn: number,
  args: readonly unknown[],
  onValue: OnValue,
  onError: OnError,
): void {
  mustBeFunction(onValue, "onValue");
  if (onError !== undefined) mustBeFunction(onError, "onError");
  const { queue, functions } = core.work;
  const sink = new CallbackTask(core, functions.nameOf(fn), onValue, onError);
  if (!core.isClosed && core.hasThreads) {
    core.counters.submitted++;
    try {
      if (queue.submitOne(fn, args, sink, 0, NORMAL_LANE) !== undefined) return;
    } catch (error) {
      return queueMicrotask(() => sink.fail(error));
    }
    core.counters.submitted--;
  }
  const task = core.begin<never>(core.work, { fn, args });
  task.react(new LazyPromise(onValue as (value: unknown) => void, (error) => sink.tell(error)));
}

function mustBeFunction(value: unknown, what: string): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot dispatch: ${what} is ${typeOf(value)} (must be a function)`);
}
