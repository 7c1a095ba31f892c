/**
 * Where a `ReactorRuntime` waits: in the kernel, without keeping the host from its own work.
 *
 * While events come, the kernel is asked without waiting, between the turns of the tasks. To park,
 * it is first asked for some microseconds more, as long as that pays. Then the parker sleeps: beside
 * the thread, or, where the host's own loop can watch the queue, in that. A runtime that waits for
 * no descriptor sleeps as any other does.
 *
 * @module
 */

import { HostParker, type Parker } from "../runtime/parker.ts";
import type { LoopCore } from "./loop_core.ts";
import { makeSleeper, type Sleeper } from "./sleepers.ts";

/** How long the kernel is asked again and again after an event, at most, in ms. */
const LONGEST_SPIN_MS = 0.05;
/** Below this, spinning is given up until a sleep turns out to have been short. */
const SHORTEST_SPIN_MS = 0.005;
/** A sleep this short would have been better spent asking. */
const SHORT_SLEEP_MS = 0.15;

/** Waits for an event loop. */
export class ReactorParker implements Parker {
  readonly #loop: LoopCore;
  readonly #host = new HostParker();
  #sleeper: Sleeper | undefined;
  #spinMs = 0;
  #onWake: (() => void) | undefined;

  constructor(loop: LoopCore) {
    this.#loop = loop;
  }

  /** See {@linkcode Parker}. */
  poll(): boolean {
    return this.#loop.poll() > 0;
  }

  /** Asks again and again, as long as that has paid lately; true when there was something. */
  #spin(ms: number): boolean {
    const loop = this.#loop;
    const longestMs = Math.min(this.#spinMs, ms);
    const start = performance.now();
    do {
      if (loop.poll() > 0) {
        this.#spinMs = Math.min(LONGEST_SPIN_MS, this.#spinMs * 2);
        return true;
      }
    } while (performance.now() - start < longestMs);
    this.#spinMs /= 2;
    if (this.#spinMs < SHORTEST_SPIN_MS) this.#spinMs = 0;
    return false;
  }

  /** See {@linkcode Parker}. */
  park(ms: number, onWake?: () => void): Promise<void> {
    const loop = this.#loop;
    if (ms === 0) {
      loop.poll();
      return this.#host.park(0);
    }
    if (this.#spinMs > 0 && loop.isWatching && this.#spin(ms)) {
      this.#host.unpark();
      return this.#host.park(ms);
    }
    loop.sources.onChange = this.#unparkNow;
    const leftMs = Math.min(ms, loop.timeouts.nextTimeout());
    if (!loop.isWatching || loop.openPoller === undefined) {
      return this.#host.park(leftMs).finally(this.#awake);
    }
    this.#onWake = onWake;
    return this.#sleep(leftMs);
  }

  async #sleep(ms: number): Promise<void> {
    const start = performance.now();
    const sleeper = this.#sleeper ??= makeSleeper(this.#loop, this.#ready);
    sleeper.begin();
    await this.#host.sleep(ms, true);
    sleeper.end();
    this.#awake();
    if (performance.now() - start < SHORT_SLEEP_MS) this.#spinMs = LONGEST_SPIN_MS;
  }

  readonly #awake = (): void => {
    this.#onWake = this.#loop.sources.onChange = undefined;
  };

  readonly #unparkNow = (): void => this.unpark();

  /** There was something, and it was taken. */
  readonly #ready = (): void => {
    const onWake = this.#onWake;
    this.#onWake = undefined;
    onWake?.();
    if (this.#host.isParked) this.unpark();
  };

  /** See {@linkcode Parker}. */
  unpark(): void {
    this.#host.unpark();
  }

  /** See {@linkcode Parker}. */
  parkSync(ms: number): void {
    if (this.#loop.isWatching) this.#loop.wait(ms);
    else this.#host.parkSync(Math.min(ms, this.#loop.timeouts.nextTimeout()));
  }

  /** See {@linkcode Parker}. */
  get canWait(): boolean {
    return this.#loop.isWatching;
  }

  /** See {@linkcode Parker}. */
  rest(): void {
    this.#sleeper?.rest();
  }

  /** See {@linkcode Parker}. */
  close(): Promise<void> {
    this.#sleeper?.close();
    this.#loop.close();
    return this.#loop.closed;
  }
}
