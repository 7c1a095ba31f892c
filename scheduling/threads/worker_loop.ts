/**
 * The worker's end: takes tasks, runs them, and sleeps when there are none.
 *
 * Synchronous tasks run one after another without a promise in between, and the thread sleeps in `Atomics.wait`.
 * While asynchronous tasks are pending the worker goes on with others, gives its event loop a turn now and then,
 * and sleeps in `Atomics.waitAsync`.
 *
 * @module
 */

import type { FULL } from "../../memory/answers.ts";
import { checkInteger } from "../../memory/check.ts";
import type { Ref } from "../../memory/ref.ts";
import { isDispatchMessage } from "./dispatch_messages.ts";
import { DispatchRegion, LOOK, REVOKED, STOP } from "./dispatch_region.ts";
import type { DispatchHandle, WorkerLoopOptions } from "./dispatch_types.ts";
import type { Lease } from "./lease.ts";
import { nextTurn } from "./owner_wait.ts";
import { RandomVictims } from "./random_victims.ts";
import { SharedArea } from "./shared_area.ts";
import { FIRST_WORKER } from "./shared_blocks.ts";
import { SpinBudget } from "./spin_budget.ts";
import { NOTHING, ORDERED, WorkerSteps } from "./worker_steps.ts";
import { WorkerTasks } from "./worker_tasks.ts";

const SPIN_MS = 0.02;
/** A sleep that was shorter cost more than a spin of this length: the next rest begins with one. */
const SHORT_SLEEP_MS = 0.1;
const LONGEST_SLEEP_MS = 1000;
/** Turns of the event loop: while busy, and while asynchronous tasks are pending. */
const TURN_MS = 10;
const ASYNC_TURN_MS = 1;
const ASYNC_TURN_TASKS = 16;
/** Why `#work` stopped, besides NOTHING and ORDERED. */
const FULL_UP = -3;
const TURN = -4;

/** Runs tasks in a worker until it is stopped, or given up. */
export class WorkerLoop {
  readonly #steps: WorkerSteps;
  readonly #tasks: WorkerTasks;
  readonly #area: SharedArea;
  readonly #options: WorkerLoopOptions;
  readonly #concurrency: number;
  #isParked = false;
  #turnAt = 0;
  readonly #spins = new SpinBudget(4);
  readonly #longSpins = new SpinBudget(64);
  /** How long the last sleep was, in ms. */
  #sleptMs = Infinity;

  private constructor(handle: DispatchHandle, worker: number, options: WorkerLoopOptions) {
    const region = DispatchRegion.attach(handle);
    checkInteger("attach a WorkerLoop", "the worker", worker, 0, region.workers - 1);
    const { concurrency = 64, seed = 1, victims } = options;
    checkInteger("attach a WorkerLoop", "concurrency", concurrency, 1, 4096);
    const policy = victims ?? new RandomVictims(region.workers, seed + worker);
    this.#options = options;
    this.#concurrency = concurrency;
    this.#area = SharedArea.attach(region, handle, FIRST_WORKER + worker);
    this.#steps = new WorkerSteps(region, worker, policy);
    this.#tasks = new WorkerTasks(region, this.#steps, this.#area, options);
    this.#tasks.onEnd = () => this.#wakeIfParked();
  }

  /** Worker `worker` of the dispatcher that made `handle`; the number is what `openWorker` answered. */
  static attach(handle: DispatchHandle, worker: number, options: WorkerLoopOptions): WorkerLoop {
    return new WorkerLoop(handle, worker, options);
  }

  /**
   * Runs tasks. Resolves with "stopped" when it was told to leave and has ended what it had begun, with
   * "revoked" when it was given up: then the thread should end. What its tasks throw goes to their submitters.
   */
  async run(): Promise<"stopped" | "revoked"> {
    const steps = this.#steps;
    let startedAtRest = -1;
    for (;;) {
      const why = this.#work();
      const { orders } = steps;
      if ((orders & REVOKED) !== 0) return this.#leave("revoked");
      if ((orders & LOOK) !== 0) {
        steps.obeyed(LOOK);
        this.#tasks.look();
      }
      if ((orders & STOP) !== 0 && this.#tasks.pending === 0) return this.#leave("stopped");
      // Woken for nothing: for a message, or by the clock.
      const isIdle = why === NOTHING && steps.started === startedAtRest;
      if (why === TURN || isIdle) {
        startedAtRest = -1;
        await this.#turn();
      } else if (this.#tasks.pending > 0 && this.#receiveNow()) {
        continue;
      } else if (why !== NOTHING || (!this.#spin() && steps.beginSleep())) {
        if (why === FULL_UP || (why === ORDERED && (orders & STOP) !== 0)) steps.unavailable();
        if (this.#tasks.pending === 0) {
          const from = performance.now();
          steps.park(LONGEST_SLEEP_MS);
          this.#sleptMs = performance.now() - from;
        } else {
          this.#isParked = true;
          await steps.parkAsync();
          this.#isParked = false;
        }
        startedAtRest = steps.started;
      }
    }
  }

  /** Every message from the owner: true when it was meant for the loop. */
  receive(message: unknown): boolean {
    if (!isDispatchMessage(message)) return false;
    if (message.dispatch === "result") return true;
    this.#steps.engage(); // a task may be run now
    this.#tasks.receive(message);
    this.#wakeIfParked();
    return true;
  }

  /** The task whose function is running now, up to its first await; else NO_REF. */
  get current(): Ref {
    return this.#tasks.current;
  }

  /** Whether a task was cancelled. One atomic load. */
  isCancelled(ref: Ref): boolean {
    return this.#tasks.isCancelled(ref);
  }

  /** Calls `listener` once when a task that has not ended is cancelled; at once when it was already. */
  onCancel(ref: Ref, listener: () => void): void {
    this.#tasks.onCancel(ref, listener);
  }

  /** Leases shared memory, 1 MiB at most. A result over it goes by reference: then it is the receiver's to release. */
  lease(bytes: number): Lease | typeof FULL {
    return this.#area.leases.take(bytes);
  }

  /** Starts and runs tasks while there are any: why it stopped. */
  #work(): number {
    const steps = this.#steps;
    const tasks = this.#tasks;
    for (let i = 1;; i++) {
      if (tasks.pending >= this.#concurrency || tasks.isExpecting) return FULL_UP;
      const slot = steps.next();
      if (slot < 0) return slot;
      tasks.run(slot);
      if (tasks.pending > 0 && i % ASYNC_TURN_TASKS === 0) return TURN;
      if (steps.batchAt - this.#turnAt > TURN_MS) return TURN;
    }
  }

  #leave<W extends "stopped" | "revoked">(why: W): W {
    this.#tasks.leave();
    this.#steps.leave();
    return why;
  }

  /**
   * Spins only while the owner is awake, for then the next task may come at once; and seldom where it never does.
   * When the last sleep was short, it spins for as long: else each of two threads sleeps because the other does,
   * and a task that takes 3 µs takes 80.
   */
  #spin(): boolean {
    if (this.#tasks.pending > 0) return false;
    const wasShort = this.#sleptMs < SHORT_SLEEP_MS;
    this.#sleptMs = Infinity;
    if (wasShort) return this.#longSpins.try(() => this.#steps.search(SHORT_SLEEP_MS));
    return !this.#steps.ownerSlept && this.#spins.try(() => this.#steps.search(SPIN_MS));
  }

  #wakeIfParked(): void {
    if (this.#isParked) this.#steps.wakeSelf();
  }

  /** Takes the messages there are, without a turn of the event loop; whether there were any. */
  #receiveNow(): boolean {
    const { port, onMessage } = this.#options;
    if (port === undefined) return false;
    let any = false;
    for (let message = port.receiveNow(); message !== undefined; message = port.receiveNow()) {
      any = true;
      if (!this.receive(message)) onMessage?.(message);
    }
    return any;
  }

  /** A turn; for asynchronous tasks mostly of the microtasks alone. */
  #turn(): Promise<void> | void {
    const now = performance.now();
    if (this.#tasks.pending > 0 && now - this.#turnAt < ASYNC_TURN_MS) return;
    this.#turnAt = now;
    this.#receiveNow();
    return new Promise((resolve) => nextTurn(resolve));
  }
}
