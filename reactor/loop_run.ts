/**
 * `EventLoop.run`: drives a loop of callbacks together with the host, until it has nothing to do.
 *
 * While there are events the kernel is asked again and again, with a turn of the host's event loop
 * every ms; otherwise the loop is parked as a runtime is, and costs nothing.
 *
 * @module
 */

import { checkTimeout, typeOf } from "../runtime/clock.ts";
import { Hooks } from "./hooks.ts";
import { checkSignals, forceExit, type Signal } from "./host_signals.ts";
import { callOutside } from "./loop_calls.ts";
import type { LoopCore } from "./loop_core.ts";
import { checkOptions } from "./loop_settings.ts";
import { ReactorParker } from "./reactor_parker.ts";
import type { Registration } from "./registration.ts";
import { SignalState } from "./signal_state.ts";

/** How long the loop goes on before the host gets a turn, in ms. */
const SLICE_MS = 1;

/** How to run an event loop. */
export interface LoopRunOptions {
  /** Stops it after so many ms. Default: no limit. */
  readonly runFor?: number;
  /**
   * The first of these stops it, a second of the same kind ends the process with 128 + its number.
   * The listeners are gone afterwards. Default: none.
   */
  readonly signals?: readonly Signal[];
}

/** Drives one loop, and knows what is to be called when that is over. */
export class LoopRun {
  readonly #core: LoopCore;
  readonly #hasWork: () => boolean;
  readonly #stopHooks = new Hooks();
  #parker: ReactorParker | undefined;
  #isRunning = false;
  #isStopped = false;
  /** The runtime that drives the loop instead. */
  owner: string | undefined;

  /** `hasWork` tells whether the loop has something to go on for. */
  constructor(core: LoopCore, hasWork: () => boolean) {
    this.#core = core;
    this.#hasWork = hasWork;
    core.closers.add(() => {
      if (!this.#isRunning) this.stop();
    });
  }

  /** True from the beginning of `run` to its end. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** See `EventLoop.run`. */
  async run(options: LoopRunOptions): Promise<void> {
    const action = "run EventLoop";
    checkOptions(options, action);
    const { runFor, signals = [] } = options;
    const limitMs = checkTimeout(runFor, action, "runFor");
    if (!Array.isArray(signals)) {
      throw new TypeError(`Cannot ${action}: signals is ${typeOf(signals)} (must be an array)`);
    }
    const names = checkSignals(signals, action);
    if (this.owner !== undefined) {
      throw new TypeError(`Cannot ${action}: runtime ${this.owner} drives it (use its run())`);
    }
    if (this.#isRunning) throw new TypeError(`Cannot ${action}: it is running (await that)`);
    const core = this.#core;
    core.mustBeOpen(action);
    this.#isRunning = true;
    this.#isStopped = false;
    const parker = this.#parker ??= new ReactorParker(core);
    let listening: SignalState | undefined;
    let limit: Registration | undefined;
    let errors: unknown[] = [];
    try {
      if (names.length > 0) listening = this.#listen(names);
      if (limitMs < Infinity) limit = core.timeouts.schedule(limitMs, () => this.stop());
      core.onIdle = () => parker.unpark();
      await this.#drive(parker);
    } finally {
      core.onIdle = undefined;
      limit?.cancel();
      parker.rest();
      errors = this.#callStopHooks();
      listening?.close();
      this.#isRunning = false;
    }
    if (core.isClosed) await core.closed;
    if (errors.length > 0) throw stopError(errors);
  }

  /** See `EventLoop.stop`. */
  stop(): void {
    if (this.#isRunning) {
      this.#isStopped = true;
      this.#parker!.unpark();
    } else {
      for (const error of this.#callStopHooks()) this.#core.calls.report(error, "onStop");
    }
  }

  /** See `EventLoop.onStop`. */
  onStop(fn: () => void): Registration {
    return this.#stopHooks.add(fn);
  }

  /** Closes the loop. */
  close(): void {
    if (this.#core.isClosed) return;
    if (this.#parker === undefined) return this.#core.close();
    void this.#parker.close();
    this.#parker.unpark();
  }

  /** Calls them, last to first, all of them; answers what they threw. */
  #callStopHooks(): unknown[] {
    const errors: unknown[] = [];
    for (const hook of this.#stopHooks.takeAll().reverse()) {
      try {
        callOutside(hook);
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }

  #listen(names: readonly Signal[]): SignalState {
    const came = new Set<Signal>();
    return new SignalState(names, (name) => {
      if (came.has(name)) forceExit(name);
      came.add(name);
      this.stop();
    }, { forceAfter: Infinity });
  }

  async #drive(parker: ReactorParker): Promise<void> {
    const core = this.#core;
    let untilMs = performance.now() + SLICE_MS;
    for (;;) {
      const took = parker.poll();
      if (this.#isStopped || core.isClosed || !this.#hasWork()) return;
      if (performance.now() >= untilMs) {
        await parker.park(0);
        untilMs = performance.now() + SLICE_MS;
      } // Async callbacks go on in microtasks.
      else if (took) await undefined;
      // The slice goes on: a park that ends at once gave the host no turn.
      else await parker.park(Infinity);
    }
  }
}

function stopError(errors: unknown[]): AggregateError {
  return new AggregateError(
    errors,
    `Cannot stop EventLoop cleanly: ${errors.length} onStop callback${
      errors.length === 1 ? "" : "s"
    } threw`,
  );
}
