/**
 * How far a cancellation has come in one task: asked for, delivered, out of patience.
 *
 *   requested   not thrown into the body yet: its next await throws
 *   delivered   thrown; cleanup may await until the grace is over
 *   hard        every await throws again; after a few throws with growing pauses, so that a body
 *               which catches everything in a loop costs no CPU, and is reported once
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import { Cancelled } from "./errors.ts";
import type { Host } from "./host.ts";
import type { TimerEntry } from "./timer_wheel.ts";

/** Throws at once after the grace, before pauses begin: enough for any honest unwinding. */
const PROMPT_THROWS = 8;
/** The longest pause between throws into a refuser, in ms. */
const LONGEST_PAUSE = 1_000;
/** Pauses double from 1 ms, so the report comes about a second after the grace. */
const REPORT_AT = PROMPT_THROWS + 10;

/** The cancelled task, as its state sees it. */
export interface Cancellable {
  /** Takes the request; what it passes on to others waits in the list of requests. */
  takeCancel(cancelled: Cancelled, graceMs: number): void;
  /** Its runtime. */
  readonly host: Host;
  /** It is in an await that is not ours. */
  readonly isUnreachable: boolean;
  /** Throws again at whatever it waits for. */
  throwAgain(): void;
  /** It ignored the cancellation `deliveries` times. */
  reportRefusal(deliveries: number): void;
}

/** The cancellation of one task; a timer entry for its grace and its pauses. */
export class CancelState implements TimerEntry {
  whenMs = 0;
  timerSlot = -1;
  timerTick = 0;
  timerPrev: TimerEntry | undefined = undefined;
  timerNext: TimerEntry | undefined = undefined;
  readonly cancelled: Cancelled;
  /** The body has seen it: a throw, or its signal aborted. */
  seen = false;
  /** What an async body waited for when it was last interrupted, for the report. */
  waitsFor: string | undefined = undefined;
  /** It has been thrown at an await. */
  #delivered = false;
  #waitIsTold = false;
  /** The grace is over. */
  #hard = false;
  #graceEndMs: number;
  #deliveries = 0;
  #reported = false;
  /** Throws and pauses since the grace ended. */
  #hardSteps = 0;
  #task: Cancellable | undefined = undefined;

  constructor(cancelled: Cancelled, graceEndMs: number) {
    this.cancelled = cancelled;
    this.#graceEndMs = graceEndMs;
  }

  /** True when the task's next await must throw instead of waiting. */
  mustThrow(clock: Clock): boolean {
    if (!this.#delivered) return true;
    if (!this.#hard) {
      if (clock.now() < this.#graceEndMs) return false;
      this.#hard = true;
    }
    return this.#hardSteps < PROMPT_THROWS;
  }

  /** Notes that the cancellation is thrown into the body now; answers what to throw. */
  deliver(): Cancelled {
    if (this.#delivered && this.#hard) this.#step();
    this.seen = this.#delivered = true;
    this.#deliveries++;
    return this.cancelled;
  }

  /** A wait that must end by itself was told: what it throws then is how the task hears of it. */
  toldWait(): void {
    this.#waitIsTold = true;
  }

  /** A wait of the task threw by itself; a scope's own `Cancelled` counts as delivery. */
  sawThrow(error: unknown): void {
    if (this.#delivered) return;
    if (this.#waitIsTold || error instanceof Cancelled) this.deliver();
  }

  /**
   * The task waits again: arms the timer that will throw there. Before the first delivery there is
   * nothing to arm for, but for an async body in a foreign await, which nothing of ours can reach.
   */
  parked(task: Cancellable): void {
    this.#task = task;
    if (this.timerSlot >= 0 || !this.#delivered && !task.isUnreachable) return;
    const { clock, timers } = task.host;
    // Out of reach, nothing more can be thrown: it is reported after a while, and left alone.
    const unreachable = task.isUnreachable;
    if (unreachable && this.#reported) return;
    const pause = this.#hard
      ? unreachable
        ? LONGEST_PAUSE
        : Math.min(2 ** Math.max(0, this.#hardSteps - PROMPT_THROWS), LONGEST_PAUSE)
      : Math.max(0, this.#graceEndMs - clock.now());
    if (pause === Infinity) return;
    this.whenMs = clock.now() + pause;
    timers.insert(this);
    task.host.kick();
  }

  onTimer(): void {
    if (this.#hard) {
      if (this.#task?.isUnreachable === true) {
        this.#hardSteps = Math.max(this.#hardSteps, REPORT_AT - 1);
      }
      this.#step();
    }
    this.#hard = true;
    this.#task?.throwAgain();
  }

  #step(): void {
    this.#hardSteps++;
    if (this.#hardSteps < REPORT_AT || this.#reported) return;
    this.#reported = true;
    this.#task?.reportRefusal(this.#deliveries);
  }

  /** A second cancel may only shorten the grace; answers whether it did. */
  shorten(host: Host, graceMs: number): boolean {
    const end = host.clock.now() + graceMs;
    if (end >= this.#graceEndMs) return false;
    this.#graceEndMs = end;
    host.timers.cancel(this);
    return true;
  }

  /** Remaining grace in ms, for what is cancelled below. */
  remaining(clock: Clock): number {
    return Math.max(0, this.#graceEndMs - clock.now());
  }

  /** The body ended. */
  over(host: Host): void {
    host.timers.cancel(this);
    this.#task = undefined;
  }
}

const requests: { task: Cancellable; cancelled: Cancelled; graceMs: number }[] = [];
let draining = false;

/**
 * Cancels a task and, through its owners, everything below it.
 *
 * Requests made while one is carried out wait in a list, so depth costs no stack.
 */
export function requestCancel(task: Cancellable, cancelled: Cancelled, graceMs: number): void {
  requests.push({ task, cancelled, graceMs });
  if (draining) return;
  draining = true;
  try {
    for (let i = 0; i < requests.length; i++) {
      const { task, cancelled, graceMs } = requests[i]!;
      task.takeCancel(cancelled, graceMs);
    }
  } finally {
    requests.length = 0;
    draining = false;
  }
}
