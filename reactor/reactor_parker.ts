/**
 * Where a `ReactorRuntime` waits: in the kernel, without keeping the host from its own work.
 *
 * While events come, the kernel is asked without waiting, between the turns of the tasks; right
 * after one it is asked for some microseconds more, as long as that pays. Then the parker sleeps:
 * beside the thread, or, where the host's own loop can watch the queue, in that. A runtime that
 * waits for no descriptor sleeps as any other does.
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

  constructor(loop: LoopCore) {
    this.#loop = loop;
  }

  /** See {@linkcode Parker}. */
  poll(): boolean {
    const loop = this.#loop;
    if (loop.poll() > 0) return true;
    if (this.#spinMs === 0 || !loop.isWatching) return false;
    const start = performance.now();
    do {
      if (loop.poll() > 0) {
        this.#spinMs = Math.min(LONGEST_SPIN_MS, this.#spinMs * 2);
        return true;
      }
    } while (performance.now() - start < this.#spinMs);
    this.#spinMs /= 2;
    if (this.#spinMs < SHORTEST_SPIN_MS) this.#spinMs = 0;
    return false;
  }

  /** See {@linkcode Parker}. */
  park(ms: number): Promise<void> {
    const loop = this.#loop;
    if (ms === 0) {
      loop.poll();
      return this.#host.park(0);
    }
    loop.sources.onChange = this.#unparkNow;
    const leftMs = Math.min(ms, loop.timeouts.nextTimeout());
    if (!loop.isWatching || loop.openPoller === undefined) {
      return this.#host.park(leftMs).finally(this.#awake);
    }
    return this.#sleep(leftMs);
  }

  async #sleep(ms: number): Promise<void> {
    const start = performance.now();
    const sleeper = this.#sleeper ??= makeSleeper(this.#loop, this.#unparkNow);
    sleeper.begin();
    // The deadline, and what keeps the process alive while the sleeper does not.
    await this.#host.park(ms);
    sleeper.end();
    this.#awake();
    if (performance.now() - start < SHORT_SLEEP_MS) this.#spinMs = LONGEST_SPIN_MS;
  }

  readonly #awake = (): void => {
    this.#loop.sources.onChange = undefined;
  };

  readonly #unparkNow = (): void => this.unpark();

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
