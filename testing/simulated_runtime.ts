/**
 * A runtime in virtual time: sleeps take none, and every schedule can be had again by its seed.
 *
 * @module
 */

import { checkInteger, typeOf, VirtualClock } from "../runtime/clock.ts";
import { type Host, WAKE_OUTSIDE, WAKE_PROMISE } from "../runtime/host.ts";
import { HostParker, type Parker } from "../runtime/parker.ts";
import type { RuntimeOptions } from "../runtime/core.ts";
import { coreOf } from "../runtime/runtime.ts";
import { ReactorRuntime } from "../reactor/reactor_runtime.ts";
import { SimulatedKernel } from "./simulated_kernel.ts";

/** How to make a simulated runtime. */
export interface SimulatedOptions extends Omit<RuntimeOptions, "clock" | "parker"> {
  /** Virtual time at the start, in ms. Default 0. */
  readonly startMs?: number;
}

/** Host turns given to promises that may be on their way before the clock jumps. */
const SETTLE_TURNS = 2;

/**
 * Jumps the clock instead of waiting, once nothing is in flight outside the runtime.
 *
 * Work outside (a promise, a descriptor, a thread) is waited for in real time, and the clock stands
 * still meanwhile: a jump over it would invent an order that cannot happen.
 */
class VirtualParker implements Parker {
  readonly isVirtual = true;
  readonly #clock: VirtualClock;
  readonly #host = new HostParker();
  /** Set once the runtime exists. */
  core: Host | undefined;
  /** Takes what is ready in the simulated kernel. */
  readonly poll: () => boolean;

  constructor(clock: VirtualClock, poll: () => boolean) {
    this.#clock = clock;
    this.poll = poll;
  }

  async park(ms: number): Promise<void> {
    if (ms === 0) return this.#host.park(0);
    for (let i = 0; i < SETTLE_TURNS; i++) {
      this.#woken = false;
      await this.#host.park(0);
      if (this.#woken) return;
    }
    const { waits } = this.core!;
    const isOutside = waits[WAKE_OUTSIDE]! + waits[WAKE_PROMISE]! > 0;
    if (ms === Infinity || isOutside) await this.#host.park(Infinity);
    else this.#clock.advance(ms);
  }

  #woken = false;

  unpark(): void {
    this.#woken = true;
    this.#host.unpark();
  }

  parkSync(ms: number): void {
    this.#clock.advance(ms);
  }
}

/** A kernel in memory whose runtime waits in virtual time. */
class KernelInVirtualTime extends SimulatedKernel {
  readonly #clock: VirtualClock;
  parker: VirtualParker | undefined;

  constructor(clock: VirtualClock) {
    super({ clock });
    this.#clock = clock;
  }

  makeParker(poll: () => boolean): Parker {
    return this.parker = new VirtualParker(this.#clock, poll);
  }
}

/**
 * A `ReactorRuntime` whose time is virtual and whose order is chosen by a seed.
 *
 * When every task is parked, the clock jumps to the next deadline; 24 hours of sleeps take
 * milliseconds. With a `seed`, ready tasks are shuffled in each batch, the same for the same seed.
 *
 * Its tasks have descriptors of a `SimulatedKernel`: pipes, counters and stream sockets in memory. As
 * nothing outside can make those ready, a read that nobody will ever write is a `DeadlockError`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { SimulatedRuntime } from "@vais/runtime/testing";
 *
 * await using runtime = new SimulatedRuntime();
 * const nap = runtime.spawn(function* (task) {
 *   yield* task.sleep(24 * 60 * 60 * 1_000);
 *   return "rested";
 * });
 * assertEquals(await nap, "rested");
 * assertEquals(runtime.clock.now(), 86_400_000);
 * ```
 */
export class SimulatedRuntime extends ReactorRuntime {
  /** The virtual clock; it may also be advanced by hand. */
  readonly clock: VirtualClock;
  /** The descriptors of its tasks. */
  readonly kernel: SimulatedKernel;
  /** The seed of the schedule, when there is one. */
  readonly seed: number | undefined;

  /** Makes a runtime at virtual time `startMs`. */
  constructor(options: SimulatedOptions = {}) {
    mustBeObject(options, "create SimulatedRuntime");
    const clock = new VirtualClock(options.startMs ?? 0);
    const kernel = new KernelInVirtualTime(clock);
    super({ name: "simulated runtime", ...options, clock, kernel });
    this.clock = clock;
    this.kernel = kernel;
    this.seed = options.seed;
    kernel.parker!.core = coreOf(this, "simulate");
  }
}

function mustBeObject(options: unknown, action: string): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
}

/** How to explore schedules. */
export interface SchedulesOptions {
  /** Schedules to try. Default 100. */
  readonly count?: number;
  /** The first seed; the others follow it. Default: from the clock, so each run tries others. */
  readonly seed?: number;
}

/**
 * Runs a program under many schedules, each on a fresh simulated runtime, until one fails.
 *
 * A failure is thrown as an `Error` whose message starts with the seed, and whose `cause` is what
 * was thrown: pass that seed, with `count: 1`, to see the same schedule again.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { yieldNow } from "@vais/runtime";
 * import { forEachSchedule } from "@vais/runtime/testing";
 *
 * // Read, let others run, write: an update is lost in any schedule.
 * await assertRejects(() =>
 *   forEachSchedule(async (runtime) => {
 *     let counter = 0;
 *     for (let i = 0; i < 2; i++) {
 *       runtime.spawn(function* () {
 *         const read = counter;
 *         yield* yieldNow();
 *         counter = read + 1;
 *       });
 *     }
 *     await runtime.run();
 *     assertEquals(counter, 2);
 *   }, { seed: 1, count: 10 }), Error, "seed 1");
 * ```
 */
export async function forEachSchedule(
  program: (runtime: SimulatedRuntime) => PromiseLike<void> | void,
  options: SchedulesOptions = {},
): Promise<void> {
  const action = "try schedules";
  if (typeof program !== "function") {
    throw new TypeError(`Cannot ${action}: program is ${typeOf(program)} (must be a function)`);
  }
  mustBeObject(options, action);
  const { count = 100, seed: first = Date.now() % 1_000_000_000 } = options;
  checkInteger(count, 1, action, "count");
  checkInteger(first, 0, action, "seed");
  for (let seed = first; seed < first + count; seed++) {
    const unobserved: unknown[] = [];
    const observer = { onUnobserved: (error: unknown) => void unobserved.push(error) };
    const runtime = new SimulatedRuntime({ seed, observer });
    try {
      await program(runtime);
      await runtime.close();
      if (unobserved.length > 0) throw unobserved[0];
    } catch (error) {
      await runtime.close().catch(() => {});
      throw new Error(
        `Failed with seed ${seed}: ${error instanceof Error ? error.message : error}`,
        {
          cause: error,
        },
      );
    }
  }
}
