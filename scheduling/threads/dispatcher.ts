/**
 * The owner's end of the way that tasks take to workers, and results take back, through shared memory.
 *
 * A task is a slot; its number goes through a lane to the worker that claims it, and comes back as an event.
 *
 * @module
 */

import { FULL } from "../../memory/answers.ts";
import { checkInteger, checkTimeout } from "../../memory/check.ts";
import type { Ref } from "../../memory/ref.ts";
import { DispatchCore } from "./dispatch_core.ts";
import { isDispatchMessage } from "./dispatch_messages.ts";
import { checkDispatcherOptions } from "./dispatch_options.ts";
import {
  CANCELLED,
  DispatchRegion,
  EVENT_FETCH,
  EVENT_SHIFT,
  LOOK,
  RECORD_WORDS,
} from "./dispatch_region.ts";
import {
  type CancelAnswer,
  type DispatcherOptions,
  type DispatchHandle,
  type Lane,
  type LostTask,
  NEEDS_MESSAGE,
  NORMAL_LANE,
  type ResultSink,
  type WorkerActivity,
  type WorkerCounters,
} from "./dispatch_types.ts";
import { Intake } from "./intake.ts";
import { keepAlive } from "./keep_alive.ts";
import type { Lease } from "./lease.ts";
import { OwnerWait } from "./owner_wait.ts";
import { MOST_FUNCTIONS } from "./payload.ts";
import { Settlement } from "./settlement.ts";
import { SharedArea } from "./shared_area.ts";
import { ownerOf, phaseOf, RUNNING } from "./task_states.ts";
import { TaskTable } from "./task_table.ts";
import { Waiters } from "./waiters.ts";

const EVENT_SLOT = (1 << EVENT_SHIFT) - 1;

/**
 * Sends tasks to workers, and hears how they end. Of one thread; workers attach a `WorkerLoop` each.
 *
 * In flight are at most `capacity` tasks: then `submit` answers FULL. Nothing here starts or ends threads.
 */
export class Dispatcher {
  readonly #core: DispatchCore;
  readonly #table: TaskTable;
  readonly #area: SharedArea;
  readonly #settlement: Settlement;
  readonly #wait: OwnerWait;
  readonly #options: DispatcherOptions;
  readonly #intake: Intake;
  readonly #room = new Waiters();
  readonly #idle = new Waiters();
  readonly #quiet = new Waiters();

  private constructor(options: DispatcherOptions) {
    const { region: params, blockBytes, copyBuffers, latency } = checkDispatcherOptions(options);
    const region = DispatchRegion.create(params);
    this.#options = options;
    this.#table = new TaskTable(region.capacity, region.format);
    this.#area = SharedArea.create(region, blockBytes, copyBuffers);
    this.#settlement = new Settlement(this.#table, this.#area, options);
    this.#settlement.onFree = () => this.#room.wakeOne();
    this.#core = new DispatchCore(region, this.#table, this.#settlement);
    this.#wait = new OwnerWait(this.#core.bell, {
      isBusy: () => this.#settlement.live > 0,
      hasEvents: () => this.#core.hasEvents || this.#isAwaitedQuiet,
      take: () => void this.drain(),
    }, latency);
    const hold = options.keepAlive ?? keepAlive();
    this.#intake = new Intake(this.#core, this.#settlement, this.#wait, hold);
  }

  /** One without workers. `TypeError` or `RangeError` for bad options. */
  static create(options: DispatcherOptions): Dispatcher {
    return new Dispatcher(options);
  }

  /** How many tasks fit. */
  get capacity(): number {
    return this.#core.region.capacity;
  }

  /** Places for workers. */
  get workers(): number {
    return this.#core.region.workers;
  }

  /** For a worker's setup: it attaches there. Make one for each, since it lists what was shared so far. */
  handle(): DispatchHandle {
    return this.#area.handle(this.#core.region.handle);
  }

  /**
   * Queues a call of function `fn` (0 to 2 ** 24 - 1). Its Ref; FULL when `capacity` tasks are in flight;
   * NEEDS_MESSAGE when the arguments do not fit the shared area. `deadlineMs` from now on (1 to 2 ** 31 - 1; 0:
   * never) the task is obsolete: a worker that fetches it later does not run it. O(size of the arguments), no
   * waiting.
   */
  submit(
    fn: number,
    args: readonly unknown[],
    sink: ResultSink,
    tag = 0,
    lane: Lane = NORMAL_LANE,
    deadlineMs = 0,
  ): Ref | typeof FULL | typeof NEEDS_MESSAGE {
    checkFunction(fn);
    const slot = this.#table.next;
    if (slot < 0) return FULL;
    const { payload } = this.#area;
    if (!payload.writeArgs(slot, fn, args)) return NEEDS_MESSAGE;
    if (payload.tookBlocks) this.#settlement.keepBlocks(slot);
    return this.#intake.queue(slot, sink, tag, lane, deadlineMs);
  }

  /**
   * The same for any arguments. They are cloned now, those in `transfer` are moved, and kept until a worker
   * asks for them. Throws what `structuredClone` throws.
   */
  submitMessage(
    fn: number,
    args: readonly unknown[],
    transfer: readonly Transferable[],
    sink: ResultSink,
    tag = 0,
    lane: Lane = NORMAL_LANE,
    deadlineMs = 0,
  ): Ref | typeof FULL {
    checkFunction(fn);
    if (this.#options.post === undefined) {
      throw new TypeError(
        "Cannot submit a message: this dispatcher was made without one (pass post to create)",
      );
    }
    const slot = this.#table.next;
    if (slot < 0) return FULL;
    this.#settlement.hold(slot, args, transfer);
    this.#area.payload.writeMessage(slot, fn);
    return this.#intake.queue(slot, sink, tag, lane, deadlineMs);
  }

  /** A task is not wanted any more. Queued: removed, and nobody is told. Running: its flag goes up. */
  cancel(ref: Ref): CancelAnswer {
    const slot = this.#table.slotOf(ref);
    if (slot < 0) return "too-late";
    if (this.#core.remove(slot)) {
      this.#settlement.remove(slot);
      this.#check();
      return "removed";
    }
    const state = this.#core.stateOf(slot);
    if (phaseOf(state) !== RUNNING) return "too-late";
    const { words, records } = this.#core.region;
    Atomics.store(words, records + slot * RECORD_WORDS + CANCELLED, ref);
    this.#core.places.order(ownerOf(state), LOOK);
    return "flagged";
  }

  /** Whether a task has not settled. */
  isLive(ref: Ref): boolean {
    return this.#table.slotOf(ref) >= 0;
  }

  /** The worker that runs a task, or -1. */
  workerOf(ref: Ref): number {
    const slot = this.#table.slotOf(ref);
    const state = slot < 0 ? 0 : this.#core.stateOf(slot);
    return phaseOf(state) === RUNNING ? ownerOf(state) : -1;
  }

  /** Tasks that have not settled, those that came first, first. O(capacity). */
  live(): LostTask[] {
    return this.#table.inOrder().map((slot) => this.#table.lostTask(slot));
  }

  /** Publishes what was submitted: otherwise done in a microtask at the latest. */
  flush(): void {
    this.#intake.publish();
  }

  /** Tells sinks of what has ended: otherwise done soon. Answers how many. */
  drain(): number {
    let count = 0;
    for (let worker = 0; worker < this.workers; worker++) {
      count += this.#takeFrom(worker);
      this.#core.sweep(worker);
    }
    this.#check();
    return count;
  }

  /** Blocks this thread until something has ended; false when the time was over first. `drain` then. */
  waitSync(timeoutMs?: number | null): boolean {
    const ms = checkTimeout("wait for a task", timeoutMs);
    this.flush();
    this.#core.bell.arm();
    return this.#core.hasEvents || this.#core.bell.wait(ms) && this.#core.hasEvents;
  }

  /** Tasks that have not settled. */
  get inFlight(): number {
    return this.#settlement.live;
  }

  /** Those that wait for a worker. O(capacity). */
  get queued(): number {
    return this.#core.queued;
  }

  /** Whether `submit` would find a slot. */
  get hasRoom(): boolean {
    return this.#table.free > 0;
  }

  /** Resolves when there is a slot, in the order of asking. */
  room(): Promise<void> {
    return this.hasRoom && this.#room.size === 0 ? Promise.resolve() : this.#room.wait();
  }

  /** Resolves when nothing is in flight. */
  whenIdle(): Promise<void> {
    return this.inFlight === 0 ? Promise.resolve() : this.#idle.wait();
  }

  /** Reserves a place for a worker: its number; or FULL. */
  openWorker(): number | typeof FULL {
    const worker = this.#core.open();
    return worker < 0 ? FULL : worker;
  }

  /** A worker leaves when it is done with what it runs. What it has claimed goes to others. */
  stopWorker(worker: number): void {
    this.#checkWorker("stop a worker", worker);
    this.#core.places.stop(worker);
  }

  /**
   * A worker is lost, or one that was stopped has ended. Answers what it was running: their sinks will not be
   * called. All else goes on. With `ended` its thread is gone, and its place is free. Otherwise it was given up:
   * it may wake up at any time, and will find that it was; until then its place, and the memory of its tasks,
   * stay out of use. Leases that its tasks had may be written to until then.
   */
  workerLost(worker: number, ended: boolean): LostTask[] {
    this.#checkWorker("give up a worker", worker);
    this.#takeFrom(worker);
    this.#core.lost(worker, ended);
    this.#check();
    this.#wait.begin(true);
    return this.#settlement.takeLosses();
  }

  /** Wakes a worker: for a message that it should look at. */
  wake(worker: number): void {
    this.#checkWorker("wake a worker", worker);
    this.#core.places.wake(worker);
  }

  /** Every message of a worker: true when it was meant for the dispatcher. */
  receive(worker: number, message: unknown): boolean {
    if (!isDispatchMessage(message)) return false;
    if (message.dispatch !== "result" || !this.#core.places.isHeard(worker)) return true;
    const slot = this.#table.slotOf(message.ref);
    if (slot < 0 || ownerOf(this.#core.stateOf(slot)) !== worker) return true;
    this.#settlement.deliverMessage(slot, message.threw, message.value);
    this.#check();
    return true;
  }

  /** What a worker has done. */
  counters(worker: number): WorkerCounters {
    this.#checkWorker("read a worker's counters", worker);
    return this.#core.region.counters(worker);
  }

  /** What a worker is at. O(capacity). */
  activity(worker: number): WorkerActivity {
    this.#checkWorker("look at a worker", worker);
    const state = this.#core.places.stateOf(worker);
    if (state === "lost") return "lost";
    if (!this.#core.places.isHeard(worker)) return "absent";
    if (this.#core.runningOn(worker).length > 0) return "running";
    return this.isPaused ? "paused" : "idle";
  }

  /** What a worker is running. O(capacity). */
  runningOn(worker: number): Ref[] {
    this.#checkWorker("look at a worker", worker);
    return this.#core.runningOn(worker).map((slot) => this.#table.refOf(slot));
  }

  /** From now on no worker begins a task. */
  pause(): void {
    this.flush();
    this.#core.places.pause();
  }

  /** Workers go on. */
  resume(): void {
    this.#core.places.resume();
    this.#wait.begin(true);
  }

  /** Whether `pause` was called, and `resume` not yet. */
  get isPaused(): boolean {
    return this.#core.places.isPaused;
  }

  /**
   * Whether no task is being run. In a pause false for moments: a worker that is about to begin a task takes it,
   * sees the pause, and puts it back. O(capacity).
   */
  get isQuiet(): boolean {
    return this.#core.isQuiet;
  }

  /** Resolves when, after `pause`, no task is being run. */
  whenQuiet(): Promise<void> {
    return this.isQuiet ? Promise.resolve() : this.#quiet.wait();
  }

  /**
   * Stops all workers, as `stopWorker` does, and keeps the program alive no longer. What is queued stays queued:
   * `cancel` it, or wait until it has ended.
   */
  close(): void {
    this.#intake.close();
    for (let worker = 0; worker < this.workers; worker++) this.#core.places.stop(worker);
  }

  /** From now on all workers have this buffer: typed arrays over it go by reference. */
  share(buffer: SharedArrayBuffer): void {
    if (!this.#area.buffers.add(buffer)) return;
    for (let worker = 0; worker < this.workers; worker++) {
      if (!this.#core.places.isHeard(worker)) continue;
      this.#options.post?.(worker, { dispatch: "share", buffer }, []);
    }
  }

  /** Leases shared memory, 1 MiB at most; FULL when there is none left. Typed arrays over it go by reference. */
  lease(bytes: number): Lease | typeof FULL {
    return this.#area.leases.take(bytes);
  }

  /** The lease that a view is over: of `lease`, or of a result that a worker leased. */
  leaseOf(view: ArrayBufferView): Lease | undefined {
    return this.#area.leases.of(view);
  }

  /** Blocks leased now, by all. O(blocks). */
  get blocksInUse(): number {
    return this.#area.blocks.used;
  }

  /** As many events as there can be tasks, so that no flow of them keeps this thread for ever. */
  #takeFrom(worker: number): number {
    const core = this.#core;
    const most = 2 * this.capacity;
    for (let count = 0; count < most; count++) {
      const event = core.nextEvent(worker);
      if (event < 0) return count;
      const slot = event & EVENT_SLOT;
      if (event >>> EVENT_SHIFT === EVENT_FETCH) {
        this.#settlement.fetch(slot, worker);
        core.places.wake(worker);
      } else this.#settlement.deliver(slot, worker);
    }
    return most;
  }

  /** After something has ended: who waits for that. */
  #check(): void {
    if (this.#settlement.live === 0) {
      this.#intake.rest();
      this.#idle.wakeAll();
    }
    if (this.#isAwaitedQuiet) this.#quiet.wakeAll();
  }

  get #isAwaitedQuiet(): boolean {
    return this.#quiet.size > 0 && this.isQuiet;
  }

  #checkWorker(action: string, worker: number): void {
    checkInteger(action, "the worker", worker, 0, this.workers - 1);
  }
}

function checkFunction(fn: number): void {
  if ((fn | 0) === fn && fn >= 0 && fn < MOST_FUNCTIONS) return;
  checkInteger("submit a task", "the function's number", fn, 0, MOST_FUNCTIONS - 1);
}
