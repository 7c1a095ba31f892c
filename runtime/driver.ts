/**
 * Drives a runtime on the host's event loop, for as long as somebody waits for it.
 *
 * Turns follow each other in slices of a few ms; between slices the host gets a turn of its event
 * loop, so its timers, `fetch` and signals go on. When nothing is runnable the runtime parks.
 *
 * @module
 */

import { callAsNobody } from "./async_context.ts";
import { DeadlockError } from "./errors.ts";
import { addFailure, type Failure, rememberFailures } from "./failures.ts";
import { type Deadlocked, WAKE_MAYBE, WAKE_OUTSIDE, WAKE_PROMISE } from "./host.ts";
import type { Watch } from "./observer.ts";
import type { Parker } from "./parker.ts";
import type { RunQueue } from "./run_queue.ts";
import type { TimerWheel } from "./timer_wheel.ts";
import type { UnobservedFailure } from "./unobserved.ts";
import type { Clock } from "./clock.ts";

/** How long turns go on before the host's event loop gets one, in ms of real time. */
const SLICE_MS = 1;
/** Reading the clock takes as long as a small poll: of short turns it is read after so many. */
const TURNS_PER_READ = 8;
/** So many turns in so many ms, reading once for all, are short. */
const SHORT_TURNS_MS = 0.1;
/** A park this long was a sleep, in ms. */
const SLEPT_MS = 0.05;
/** The same in virtual time, in turns. */
const TURNS_PER_SLICE = 256;
/** Rounds of the microtask queue that async bodies get before the runtime parks. */
const MICROTASK_ROUNDS = 3;
/** Once per so many turns a busy runtime looks outside, and one kept busy from there gives rounds. */
const ROUND_TURNS_MASK = 15;

/** What is driven. */
export interface Driven {
  /** Live tasks. */
  readonly taskCount: number;
  readonly queue: RunQueue;
  readonly timers: TimerWheel;
  readonly clock: Clock;
  readonly watch: Watch | undefined;
  readonly waits: Int32Array;
  /** See `Host`. */
  hasResumed: boolean;
  /** One batch; answers how long it may wait then. */
  turn(sliceEndMs: number): number;
  /** Failures nobody observed, handed over. */
  takeUnobserved(): UnobservedFailure[];
  /** Tells a failure that can never be observed. */
  report(failure: Failure): void;
  /** What is alive, for the error text. */
  dump(): { toString(): string };
}

/** Turns go on for so long. */
class TimeSlice {
  endMs = performance.now() + SLICE_MS;
  #readMs = 0;
  #interval = 1;
  #turns = 0;

  begin(): void {
    this.endMs = performance.now() + SLICE_MS;
  }

  /** Reads the clock at each turn, or, while turns are short, at some. */
  isOver(): boolean {
    if (++this.#turns < this.#interval) return false;
    this.#turns = 0;
    const now = performance.now();
    this.#interval = now - this.#readMs < SHORT_TURNS_MS ? TURNS_PER_READ : 1;
    this.#readMs = now;
    return now >= this.endMs;
  }

  /** After a park: a real sleep gave the host its turn; one that ended at once did not. */
  resume(parkedMs: number): void {
    if (performance.now() - parkedMs > SLEPT_MS) this.begin();
  }
}

/** So many turns go on, whatever time they take. */
class TurnSlice {
  readonly endMs = Infinity;
  #turns = 0;

  begin(): void {
    this.#turns = 0;
  }

  isOver(): boolean {
    return ++this.#turns >= TURNS_PER_SLICE;
  }

  resume(): void {}
}

interface Run {
  resolve(): void;
  reject(error: unknown): void;
}

/** The loop of one runtime. */
export class Driver {
  readonly #driven: Driven;
  readonly #parker: Parker;
  #isDriving = false;
  #isParked = false;
  #holds = 0;
  readonly #waiters = new Set<Deadlocked>();
  #runs: Run[] = [];
  /** Times it parked. */
  parks = 0;

  constructor(driven: Driven, parker: Parker) {
    this.#driven = driven;
    this.#parker = parker;
  }

  /** Somebody waits for the runtime: it is driven until `release`. */
  hold(waiter: Deadlocked | undefined): void {
    this.#holds++;
    if (waiter !== undefined) this.#waiters.add(waiter);
    if (this.#isDriving) return;
    this.#isDriving = true;
    // The loop belongs to no task, whoever starts it.
    callAsNobody(() => queueMicrotask(() => this.#drive()));
  }

  /** Ends a `hold`. */
  release(waiter: Deadlocked | undefined): void {
    this.#holds--;
    if (waiter !== undefined) this.#waiters.delete(waiter);
    if (this.#holds === 0) this.kick();
  }

  /** Ends a park: there may be something to do. */
  kick(): void {
    if (this.#isParked) this.#parker.unpark();
  }

  /** Settles when no task is left. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#runs.push({ resolve, reject });
      this.hold(undefined);
    });
  }

  /** Blocks the thread for at most `ms`. */
  parkSync(ms: number): void {
    this.parks++;
    this.#parker.parkSync(ms);
  }

  /** Takes what is ready outside, without waiting; answers whether there was something. */
  pollOutside(): boolean {
    return this.#parker.poll?.() ?? false;
  }

  /** True when a blocked thread can still be woken. */
  get canWait(): boolean {
    return this.#parker.canWait === true;
  }

  /** Frees what the parker holds. */
  close(): void | Promise<void> {
    return this.#parker.close?.();
  }

  async #drive(): Promise<void> {
    const { queue, waits } = this.#driven;
    const slice = this.#parker.isVirtual === true ? new TurnSlice() : new TimeSlice();
    const looksOutside = this.#parker.poll !== undefined;
    let turns = 0;
    while (this.#holds > 0) {
      this.#driven.turn(slice.endMs);
      if (slice.isOver()) {
        this.parks++;
        await this.#parker.park(0);
        slice.begin();
        continue;
      }
      const isRound = (++turns & ROUND_TURNS_MASK) === 0;
      if (!queue.isEmpty) {
        if (looksOutside && isRound) this.#parker.poll!();
        continue;
      }
      // Nobody goes on in microtasks: what is ready outside is found sooner than they are run.
      const isAlone = looksOutside && !isRound && !this.#driven.hasResumed &&
        waits[WAKE_PROMISE] === 0;
      if (isAlone) {
        this.#parker.poll!();
        if (!queue.isEmpty) continue; // also when it was a callback of the parker's that woke
      }
      this.#driven.hasResumed = false;
      for (let i = 0; i < MICROTASK_ROUNDS && queue.isEmpty; i++) await undefined;
      if (!queue.isEmpty) continue;
      if (looksOutside && !isAlone) {
        this.#parker.poll!();
        if (!queue.isEmpty) continue;
      }
      if (this.#driven.taskCount === 0) this.#settleRuns();
      if (this.#holds === 0) break;
      if (this.#isDeadlocked()) {
        // An async body may be on its way here, through more promises than there were rounds.
        await this.#parker.park(0);
        if (this.#holds === 0 || !queue.isEmpty) continue;
        if (this.#isDeadlocked()) {
          this.#tellDeadlock();
          await undefined;
          if (this.#holds === 0 || !queue.isEmpty) continue;
        }
      }
      const parkedMs = performance.now();
      await this.#park();
      slice.resume(parkedMs);
    }
    this.#isDriving = false;
    this.#parker.rest?.();
  }

  async #park(): Promise<void> {
    const { timers, clock, watch } = this.#driven;
    const deadline = timers.nextDeadline();
    const ms = deadline === Infinity ? Infinity : Math.max(0, deadline - clock.now());
    this.parks++;
    this.#isParked = true;
    watch?.tell("onPark", ms);
    try {
      await this.#parker.park(ms, this.#turnAtOnce);
    } catch (error) {
      this.#isParked = false;
      throw error;
    }
    this.#endPark();
  }

  #endPark(): void {
    if (!this.#isParked) return;
    this.#isParked = false;
    this.#driven.watch?.tell("onUnpark");
  }

  readonly #turnAtOnce = (): void => {
    if (!this.#isParked || this.#driven.queue.isEmpty) return;
    this.#endPark();
    this.#driven.turn(performance.now() + SLICE_MS);
  };

  #isDeadlocked(): boolean {
    const { timers, waits, taskCount } = this.#driven;
    return timers.size === 0 && waits[WAKE_MAYBE] === 0 && waits[WAKE_OUTSIDE] === 0 &&
      waits[WAKE_PROMISE] === 0 && (taskCount > 0 || this.#waiters.size > 0);
  }

  /** Says that nothing can wake the tasks that are left. */
  deadlockError(hint = ""): DeadlockError {
    const { taskCount } = this.#driven;
    return new DeadlockError(
      `Cannot go on: ${taskCount} task${
        taskCount === 1 ? " is" : "s are"
      } left and nothing can wake ${
        taskCount === 1 ? "it" : "them"
      }${hint}\n${this.#driven.dump()}`,
    );
  }

  #tellDeadlock(): void {
    const error = this.deadlockError();
    for (const run of this.#takeRuns()) run.reject(error);
    for (const waiter of [...this.#waiters]) waiter.onDeadlock(error);
  }

  #settleRuns(): void {
    if (this.#runs.length === 0) return;
    const failures: Failure[] = [];
    for (const { failure, holder } of this.#driven.takeUnobserved()) {
      addFailure(failures, failure, holder.deref());
    }
    const primary = failures[0];
    if (primary !== undefined) {
      for (const lost of rememberFailures(primary.error, failures, undefined)) {
        this.#driven.report(lost);
      }
    }
    for (const run of this.#takeRuns()) {
      if (primary === undefined) run.resolve();
      else run.reject(primary.error);
    }
  }

  #takeRuns(): Run[] {
    const runs = this.#runs;
    this.#runs = [];
    this.#holds -= runs.length;
    return runs;
  }
}
