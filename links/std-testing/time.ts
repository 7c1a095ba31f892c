/**
 * Stand-in for `jsr:@std/testing/time`: FakeTime over npm:@sinonjs/fake-timers.
 *
 * For tests of what uses the host's timers. The library's own time is injected.
 *
 * @module
 */
// @ts-types="npm:@types/sinonjs__fake-timers@^15.0.1"
import FakeTimers from "fake-timers";

type Clock = ReturnType<typeof FakeTimers.install>;
let current: FakeTime | undefined;

/** Overrides Date and the timer functions until it is restored. */
export class FakeTime {
  readonly #clock: Clock;
  readonly #start: number;

  /** Starts the fake time at `start`, else at the real present. */
  constructor(start: number | string | Date = Date.now()) {
    if (current !== undefined) {
      throw new TypeError("Cannot construct FakeTime: time is already faked");
    }
    this.#start = new Date(start).getTime();
    this.#clock = FakeTimers.install({
      now: this.#start,
      toFake: [
        "setTimeout",
        "clearTimeout",
        "setInterval",
        "clearInterval",
        "Date",
        "performance",
      ],
    });
    current = this;
  }

  /** Restores real time, whoever holds the instance. */
  static restore(): void {
    if (current === undefined) {
      throw new Error("Cannot restore time: time is not faked");
    }
    current.restore();
  }

  /** Fake milliseconds since the epoch. */
  get now(): number {
    return this.#clock.now;
  }

  /** Fake milliseconds at the start. */
  get start(): number {
    return this.#start;
  }

  /** Moves the time on, running what falls due. */
  tick(ms = 0): void {
    this.#clock.tick(ms);
  }

  /** As tick, and lets promise callbacks run between timers. */
  async tickAsync(ms = 0): Promise<void> {
    await this.#clock.tickAsync(ms);
  }

  /** Runs the next timer; false when there was none. */
  next(): boolean {
    const some = this.#clock.countTimers() > 0;
    if (some) this.#clock.next();
    return some;
  }

  /** As next, and lets promise callbacks run. */
  async nextAsync(): Promise<boolean> {
    const some = this.#clock.countTimers() > 0;
    if (some) await this.#clock.nextAsync();
    return some;
  }

  /** Lets promise callbacks run. */
  async runMicrotasks(): Promise<void> {
    await this.#clock.tickAsync(0);
  }

  /** Puts the real functions back. */
  restore(): void {
    this.#clock.uninstall();
    current = undefined;
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.restore();
  }
}
