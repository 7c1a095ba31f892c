/**
 * `EventLoop.run`: drives a loop of callbacks together with the host, until it has nothing to do.
 *
 * While there are events the kernel is asked again and again, with a turn of the host's event loop
 * every ms; otherwise the loop is parked as a runtime is, and costs nothing.
 *
 * @module
 */

import { forceExit, type Signal } from "./host_signals.ts";
import type { LoopCore } from "./loop_core.ts";
import { ReactorParker } from "./reactor_parker.ts";
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

/** Drives one loop. */
export class LoopRun {
  readonly #core: LoopCore;
  readonly #parker: ReactorParker;
  #isRunning = false;
  #isStopped = false;

  constructor(core: LoopCore) {
    this.#core = core;
    this.#parker = new ReactorParker(core);
  }

  /** True from the beginning of `run` to its end. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Drives the loop while `hasWork`, at most for `runFor` ms; `onEnd` is called before it is over. */
  async run(
    runFor: number,
    signals: readonly Signal[],
    hasWork: () => boolean,
    onEnd: () => void,
  ): Promise<void> {
    const core = this.#core;
    this.#isRunning = true;
    this.#isStopped = false;
    let listening: SignalState | undefined;
    try {
      listening = signals.length === 0 ? undefined : this.#listen(signals);
      const limit = runFor === Infinity
        ? undefined
        : core.timeouts.schedule(runFor, () => this.stop());
      core.onIdle = () => this.#parker.unpark();
      try {
        await this.#drive(hasWork);
      } finally {
        core.onIdle = undefined;
        limit?.cancel();
        this.#parker.rest();
        onEnd();
      }
    } finally {
      listening?.close();
      this.#isRunning = false;
    }
  }

  /** Ends `run` after what the loop does now. */
  stop(): void {
    this.#isStopped = true;
    this.#parker.unpark();
  }

  /** Closes the loop. */
  close(): void {
    this.#parker.close();
    this.#parker.unpark();
  }

  #listen(signals: readonly Signal[]): SignalState {
    const state = new SignalState(signals, (name) => {
      if (came.has(name)) forceExit(name);
      came.add(name);
      this.stop();
    }, { forceAfter: Infinity });
    const came = new Set<Signal>();
    return state;
  }

  async #drive(hasWork: () => boolean): Promise<void> {
    const core = this.#core;
    const parker = this.#parker;
    let untilMs = performance.now() + SLICE_MS;
    for (;;) {
      const took = parker.poll();
      if (this.#isStopped || core.isClosed || !hasWork()) return;
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
