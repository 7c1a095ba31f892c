/**
 * Tasks on their way into one pool: those that have a slot, those that wait for one, those that are stopped.
 *
 * Invariant: at most `maxTasks` tasks have a slot. A task waits outside only while that many do, or others wait
 * before it; each slot that becomes free goes to the first of those. A task may have its outcome while it still has
 * its slot: nobody waits for those.
 *
 * @module
 */

import { FULL } from "../../memory/answers.ts";
import type { Ref } from "../../memory/ref.ts";
import type { Host } from "../../runtime/host.ts";
import { type Lane, NEEDS_MESSAGE } from "./dispatch_types.ts";
import { QueueFullError } from "./engine_errors.ts";
import type { EngineSink, EngineTask, Parcel, StopOrder, TaskKeeper } from "./engine_task.ts";
import type { EngineTimers } from "./engine_timers.ts";
import { nextTurn } from "./owner_wait.ts";
import type { Feeder, TaskRunner } from "./task_runner.ts";
import { WaitingRoom } from "./waiting_room.ts";

/** What a queue needs of its engine. */
export interface QueueOwner {
  readonly name: string;
  readonly host: Host;
  readonly timers: EngineTimers;
  /** How long a task that is told to stop has. */
  readonly graceMs: number;
  tell(tell: () => void): void;
  settled(task: EngineTask<unknown>, error: unknown): void;
  /** A task was given a slot, or waits for one. */
  loaded(): void;
  /** No slot was free, for the first time in a while. */
  full(): void;
  /** A slot is free again. */
  roomy(): void;
  /** Ends the thread of a worker if `task` is still there; answers whether it could be. */
  kill(queue: TaskQueue, worker: number, task: EngineTask<unknown>): Promise<boolean>;
}

const NOTHING: readonly Transferable[] = [];

/** The tasks of one pool. */
export class TaskQueue implements TaskKeeper {
  readonly #owner: QueueOwner;
  readonly #runner: TaskRunner;
  /** Runs tasks that find no slot, on the calling thread. */
  readonly #aside: TaskRunner | undefined;
  readonly maxTasks: number;
  readonly #room = new WaitingRoom();
  #roomWaiters: (() => void)[] = [];
  #doneWaiters: (() => void)[] = [];
  readonly #feeders = new Set<Feeder>();
  /** Slots of tasks that have their outcome. */
  #left = 0;
  #isFull = false;
  #isAdmitting = false;
  #isOffering = false;

  constructor(
    owner: QueueOwner,
    runner: TaskRunner,
    maxTasks: number,
    aside: TaskRunner | undefined,
  ) {
    this.#owner = owner;
    this.#runner = runner;
    this.#aside = aside;
    this.maxTasks = maxTasks;
  }

  get name(): string {
    return this.#owner.name;
  }

  get host(): Host {
    return this.#owner.host;
  }

  /** Tasks with a slot. */
  get inFlight(): number {
    return this.#runner.inFlight;
  }

  /** Tasks that wait for one. */
  get waiting(): number {
    return this.#room.size;
  }

  /** Whether a task would get a slot now. */
  get hasRoom(): boolean {
    return this.#room.size === 0 && this.#runner.inFlight < this.maxTasks;
  }

  // ---- in -----------------------------------------------------------------------------------------

  /** Gives a task a slot: false when none is free. What cannot be cloned fails the task. */
  submit(
    task: EngineTask<unknown>,
    fn: number,
    args: readonly unknown[],
    transfer: readonly Transferable[] | undefined,
    lane: Lane,
  ): boolean {
    return this.hasRoom && this.#submit(task, fn, args, transfer, lane);
  }

  /** A slot for one of many tasks that share a sink: false when none is free. Throws what cannot be cloned. */
  submitOne(
    fn: number,
    args: readonly unknown[],
    sink: EngineSink,
    tag: number,
    lane: Lane,
  ): Ref | undefined {
    if (!this.hasRoom) return undefined;
    let ref = this.#runner.submit(fn, args, sink, tag, lane);
    if (ref === NEEDS_MESSAGE) {
      ref = this.#runner.submitMessage(fn, args, NOTHING, sink, tag, lane);
    }
    if (ref === FULL) return undefined;
    this.#owner.loaded();
    return ref;
  }

  /** Takes the tasks of a shared sink out, without telling it, and answers how many; tells the others to stop. */
  stopAll(sink: EngineSink): number {
    let removed = 0;
    for (const task of this.#runner.live()) {
      if (task.sink === sink && this.#runner.cancel(task.ref) === "removed") removed++;
    }
    if (removed > 0) this.slotFreed();
    return removed;
  }

  #submit(
    task: EngineTask<unknown>,
    fn: number,
    args: readonly unknown[],
    transfer: readonly Transferable[] | undefined,
    lane: Lane,
  ): boolean {
    const runner = this.#runner;
    try {
      let ref = transfer === undefined
        ? runner.submit(fn, args, task, 0, lane)
        : runner.submitMessage(fn, args, transfer, task, 0, lane);
      if (ref === NEEDS_MESSAGE) ref = runner.submitMessage(fn, args, NOTHING, task, 0, lane);
      if (ref === FULL) return false;
      task.ref = ref;
    } catch (error) {
      task.free();
      task.fail(error);
      return true;
    }
    this.#owner.loaded();
    return true;
  }

  /** Waits for a slot. */
  wait(task: EngineTask<unknown>, parcel: Parcel): void {
    (task.extras ??= {}).parcel = parcel;
    this.#room.add(task);
    this.#sayFull();
    this.#owner.loaded();
  }

  /** Refuses a task. */
  refuse(task: EngineTask<unknown>): void {
    this.#sayFull();
    task.free();
    task.fail(new QueueFullError(this.name, this.maxTasks));
  }

  /** Runs a task on the calling thread. */
  runAside(task: EngineTask<unknown>, fn: number, args: readonly unknown[]): void {
    this.#sayFull();
    (task.extras ??= {}).isAside = true;
    const ref = this.#aside!.submit(fn, args, task);
    if (typeof ref === "number") task.ref = ref;
  }

  #sayFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#owner.full();
  }

  /** Resolves when a task would get a slot; those who ask are answered in order. */
  room(): Promise<void> {
    if (this.hasRoom && this.#roomWaiters.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  // ---- out ----------------------------------------------------------------------------------------

  freed(task: EngineTask<unknown>): void {
    const { extras } = task;
    if (extras !== undefined) {
      if (extras.parcel !== undefined) {
        extras.parcel = undefined;
        this.#room.leave();
      }
      if (extras.grace !== undefined) this.#owner.timers.stop(extras.grace);
    }
    if (task.isSettled) this.#left--;
    this.slotFreed();
  }

  /** So many more slots (or fewer) are those of a shared sink that has its outcome. */
  left(slots: number): void {
    this.#left += slots;
    this.#checkDone();
  }

  /** A slot may be free: who waits gets it. */
  slotFreed(): void {
    if (this.#isAdmitting) return; // a task that ended as it got its slot: the loop below goes on
    this.#isAdmitting = true;
    try {
      while (this.#room.size > 0 && this.#runner.inFlight < this.maxTasks) {
        if (!this.#admit()) break;
      }
    } finally {
      this.#isAdmitting = false;
    }
    this.#checkDone();
    if (!this.hasRoom) return;
    if (this.#isFull) {
      this.#isFull = false;
      this.#owner.roomy();
    }
    this.#offerRoom();
  }

  /** Tells as many as there are slots; those left are told a turn later, should the first not have used theirs. */
  #offerRoom(): void {
    if (this.#roomWaiters.length === 0 || !this.hasRoom) return;
    const free = this.maxTasks - this.#runner.inFlight;
    for (const tell of this.#roomWaiters.splice(0, free)) tell();
    if (this.#roomWaiters.length === 0 || this.#isOffering) return;
    this.#isOffering = true;
    nextTurn(() => {
      this.#isOffering = false;
      this.#offerRoom();
    });
  }

  /** Gives a slot to the first that waits; false when there was none after all. */
  #admit(): boolean {
    const task = this.#room.next();
    if (task === undefined) return false;
    const { parcel } = task.extras!;
    task.extras!.parcel = undefined;
    const { fn, args, transfer, lane } = parcel!;
    if (this.#submit(task, fn, args, transfer, lane)) return true;
    task.extras!.parcel = parcel;
    this.#room.putBack(task);
    return false;
  }

  /** Nothing has a slot, nothing waits. */
  get isEmpty(): boolean {
    return this.#slots === 0 && this.#room.size === 0;
  }

  get #slots(): number {
    return this.#runner.inFlight + (this.#aside?.inFlight ?? 0);
  }

  /** All that was begun has its outcome; some of it may still have its slot. */
  get #isDone(): boolean {
    return this.#slots === this.#left && this.#room.size === 0 && this.#feeders.size === 0;
  }

  /** Resolves when that is so. */
  async whenDone(): Promise<void> {
    while (!this.#isDone) {
      await new Promise<void>((resolve) => this.#doneWaiters.push(resolve));
    }
  }

  #checkDone(): void {
    if (this.#doneWaiters.length === 0 || !this.#isDone) return;
    for (const tell of this.#doneWaiters.splice(0)) tell();
  }

  /** A feeder has more to begin. */
  feeds(feeder: Feeder): void {
    this.#feeders.add(feeder);
  }

  /** It has no more. */
  fed(feeder: Feeder): void {
    if (this.#feeders.delete(feeder)) this.#checkDone();
  }

  tell(tell: () => void): void {
    this.#owner.tell(tell);
  }

  settled(task: EngineTask<unknown>, error: unknown): void {
    if (!task.isFreed) this.#left++;
    this.#owner.settled(task, error);
    this.#checkDone();
  }

  // ---- stopping -----------------------------------------------------------------------------------

  stop(task: EngineTask<unknown>, order: Partial<StopOrder>): boolean {
    if (task.isFreed) return false;
    const extras = task.extras ??= {};
    if (extras.parcel !== undefined) {
      task.free();
      return true;
    }
    switch (this.#runnerOf(task).cancel(task.ref)) {
      case "removed":
        task.free();
        return true;
      case "too-late":
        return false;
    }
    const { graceMs, terminate } = extras.order = {
      graceMs: this.#owner.graceMs,
      terminate: false,
      ...extras.order,
      ...order,
    };
    if (extras.grace !== undefined) this.#owner.timers.stop(extras.grace);
    extras.grace = undefined;
    if (graceMs < Infinity) {
      extras.grace = this.#owner.timers.start(graceMs, () => this.#graceIsOver(task, terminate));
    }
    return false;
  }

  async #graceIsOver(task: EngineTask<unknown>, terminate: boolean): Promise<void> {
    if (task.isFreed) return;
    const worker = this.workerOf(task);
    const isEnded = terminate && worker >= 0 && await this.#owner.kill(this, worker, task);
    if (!isEnded) task.graceIsOver();
  }

  workerOf(task: EngineTask<unknown>): number {
    return this.#runnerOf(task).workerOf(task.ref);
  }

  #runnerOf({ extras }: EngineTask<unknown>): TaskRunner {
    return extras?.isAside === true ? this.#aside! : this.#runner;
  }

  /**
   * Takes everything out: what waits and what is queued ends with `error` and never runs, what runs is told to stop,
   * in its own way.
   */
  clear(error: () => Error): void {
    for (const feeder of [...this.#feeders]) feeder.fail(error());
    for (let task; (task = this.#room.next()) !== undefined;) {
      task.extras!.parcel = undefined;
      task.taskLost(error());
    }
    for (const runner of this.#runners) {
      // Those that run come last: told to stop, they make way for what is queued.
      const live = runner.live().map((task) => ({ ...task, runs: runner.workerOf(task.ref) >= 0 }));
      for (const { ref, sink, tag } of live.sort((a, b) => Number(a.runs) - Number(b.runs))) {
        const answer = runner.cancel(ref);
        if (answer === "removed") (sink as EngineSink).taskLost(error(), tag);
        else if (answer === "flagged") (sink as EngineSink).taskTold?.(error());
      }
    }
  }

  /** Ends for their callers those that still run. */
  giveUp(error: () => Error): void {
    for (const runner of this.#runners) {
      for (const { sink, tag } of runner.live()) {
        (sink as EngineSink).taskLeft(error(), tag);
      }
    }
  }

  get #runners(): readonly TaskRunner[] {
    return this.#aside === undefined ? [this.#runner] : [this.#runner, this.#aside];
  }
}
