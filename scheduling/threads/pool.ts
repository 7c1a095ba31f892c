/**
 * Workers and the tasks they take: threads are started, their ends are heard, the lost ones replaced.
 *
 * Invariant: a place belongs to one worker from `openWorker` until its thread is known to be gone. A task that was
 * running on a thread that ended, or was given up, is told lost exactly once; what was only queued there
 * goes on elsewhere. Threads that end before they have done anything are replaced later and later.
 *
 * The engine, the agenda and the multi-threaded runtime are faces of this one pool.
 *
 * @module
 */

import { FULL } from "../../memory/answers.ts";
import { systemClock } from "../../runtime/clock.ts";
import { reportToConsole } from "../../runtime/observer.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { LostTask } from "./dispatch_types.ts";
import type { WorkerEndInfo } from "./engine_hooks.ts";
import { decodeThrown, type EncodedThrown } from "./error_codec.ts";
import { KeepAlive } from "./pool_keep_alive.ts";
import type { PoolCounts } from "./pool_counts.ts";
import type { PoolOptions } from "./pool_options.ts";
import { PoolWorker } from "./pool_worker.ts";
import { RestartPause } from "./restart_pause.ts";
import {
  type DefineMessage,
  ENGINE_MESSAGE,
  isEngineMessage,
  type ThreadReport,
  type ThreadSetup,
} from "./thread_setup.ts";
import type { FunctionSource } from "./function_source.ts";
import { startWorker, type WorkerEnd } from "./worker_host.ts";

/** Whether this host ends a thread whatever it is doing. */
function canEndThreads(): boolean {
  return !("Deno" in globalThis);
}

/** A pool of workers over one dispatcher. */
export class ThreadPool {
  readonly dispatcher: Dispatcher;
  readonly #options: PoolOptions;
  readonly #workers = new Map<number, PoolWorker>();
  readonly #functions: FunctionSource[] = [];
  readonly #pause: RestartPause;
  readonly #keepAlive: KeepAlive;
  #min: number;
  #max: number;
  #starting = 0;
  #abandoned = 0;
  #died = 0;
  #isClosed = false;
  #isAsked = false;
  /** Tasks that workers which have ended had stolen. */
  #stolen = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#min = options.min;
    this.#max = options.max;
    this.#pause = new RestartPause(options.timers, () => this.grow());
    this.#keepAlive = new KeepAlive(options.timers, options.keepAliveMs, () => this.#retire());
    this.dispatcher = Dispatcher.create({
      workers: Math.min(128, options.most + options.maxAbandoned),
      capacity: options.capacity,
      claim: options.claim,
      strictLanes: options.strictLanes,
      steal: options.steal !== "none",
      latency: options.latency,
      copyBuffers: options.copyBuffers,
      post: (index, message, transfer) => this.post(index, message, transfer),
      decodeError: (encoded) => decodeThrown(encoded as EncodedThrown),
    });
  }

  /** Starts the workers that are kept; rejects with what the first one says that does not start. */
  async start(): Promise<void> {
    const starts = Array.from({ length: this.#min }, () => this.#open());
    const failed = (await Promise.allSettled(starts)).find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  // ---- starting -----------------------------------------------------------------------------------

  /** A task was submitted: soon it is seen whether it needs one more worker. */
  wanted(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    queueMicrotask(() => {
      this.#isAsked = false;
      this.grow();
    });
  }

  /** Starts workers while fewer than wanted are there, or tasks wait and none is idle. */
  grow(): void {
    if (this.#isClosed || this.#pause.isOn) return;
    let missing = this.#min - this.alive;
    if (missing <= 0 && this.alive < this.#max) {
      missing = this.dispatcher.queued - this.#starting - this.#idle;
    }
    missing = Math.min(missing, this.#max - this.alive);
    // What does not start is told by the pause, or by `broken`.
    for (; missing > 0; missing--) this.#open().catch(() => {});
  }

  async #open(): Promise<void> {
    const index = this.dispatcher.openWorker();
    if (index === FULL) return; // every place is taken by a thread that cannot be ended
    const { name, startTimeoutMs: timeoutMs, resourceLimits, listener } = this.#options;
    const worker = new PoolWorker(index, `${name} worker ${index}`, this.#executedBy(index));
    this.#workers.set(index, worker);
    this.#starting++;
    listener.workersChanged();
    try {
      const start = { name: worker.name, setup: this.#setupOf(index), timeoutMs, resourceLimits };
      const hosted = await startWorker(start, {
        onMessage: (message) => this.#receive(worker, message),
        onEnd: (end) => this.#onEnd(worker, end),
      });
      if (!this.#isClosed) hosted.unref(); // else its end is waited for
      worker.started(hosted);
    } catch (error) {
      this.#starting--;
      this.#workers.delete(index);
      this.dispatcher.workerLost(index, true);
      this.#over(worker, "over");
      this.#startFailed(error as Error);
      throw error;
    }
    this.#starting--;
    if (worker.isOver) return void worker.hosted!.terminate(); // it ended at once, or came too late
    worker.state = "running";
    worker.readyMs = systemClock.now();
    listener.workerStarted({ worker: index, name: worker.name });
    if (this.#isClosed) this.#stop(worker);
    else if (this.alive > this.#min) this.#keepAlive.watch();
    this.grow();
  }

  #setupOf(index: number): ThreadSetup {
    const { module, concurrency, steal, seed, cpus } = this.#options;
    return {
      dispatch: this.dispatcher.handle(),
      index,
      module,
      functions: [...this.#functions],
      concurrency,
      steal: typeof steal === "string" ? undefined : steal,
      seed: seed + index,
      cpu: cpus?.[index % cpus.length],
    };
  }

  #startFailed(error: Error): void {
    if (this.#isClosed) return;
    if (this.#pause.failed() && this.alive === 0) this.#options.listener.broken(error);
  }

  // ---- ending -------------------------------------------------------------------------------------

  /** A thread is gone, or will not be heard of any more: which of the two, `terminate` says. */
  #onEnd(worker: PoolWorker, end: WorkerEnd): void {
    if (worker.state === "killing") worker.end = end;
    else if (!worker.isOver) this.#gone(worker, end);
  }

  #gone(worker: PoolWorker, end: WorkerEnd): void {
    const { index } = worker;
    const wasTold = worker.state === "stopping";
    this.#workers.delete(index);
    this.#stolen += this.dispatcher.counters(index).stolen;
    this.#over(worker, "over");
    const lost = this.dispatcher.workerLost(index, true);
    const isStop = wasTold && end.how === "exited" && lost.length === 0;
    this.#told(worker, isStop ? "stopped" : end.how, end, lost);
    if (!wasTold) {
      this.#died++;
      this.#pause.ended(worker.readyMs, lost.length > 0 || this.#hasWorked(worker));
    }
    this.grow();
  }

  /** Its thread goes on, and cannot be ended: it keeps its place, and what it was running is lost. */
  #giveUp(worker: PoolWorker): void {
    this.#workers.delete(worker.index);
    this.#abandoned++;
    this.#died++;
    const lost = this.dispatcher.workerLost(worker.index, false);
    this.#over(worker, "abandoned");
    this.#told(worker, "abandoned", worker.end ?? { how: "terminated" }, lost);
    if (this.#abandoned === this.#options.maxAbandoned) {
      reportToConsole(
        `${this.#options.name} has given up ${this.#abandoned} threads that this host cannot end; ` +
          "they may keep CPUs busy, and no more will be given up (maxAbandoned)",
      );
    }
    this.grow();
  }

  #over(worker: PoolWorker, state: "over" | "abandoned"): void {
    worker.over(state);
    this.#options.listener.workersChanged();
  }

  #told(
    worker: PoolWorker,
    how: WorkerEndInfo["how"],
    end: WorkerEnd,
    lost: readonly LostTask[],
  ): void {
    const { index, name } = worker;
    const { listener } = this.#options;
    if (lost.length > 0) listener.tasksLost(lost, { worker: index, name }, end);
    listener.workerEnded({
      worker: index,
      name,
      how,
      error: end.error,
      lostTasks: lost.length,
    });
  }

  /**
   * Ends a worker's thread, whatever it is doing; what it runs is lost, and it is replaced. If it is not `isMeant`
   * any more, it is replaced too, and nothing is lost. False when there is no such worker, or it would have to be
   * given up, and as many threads as `maxAbandoned` have been.
   */
  async kill(index: number, isMeant: () => boolean = () => true): Promise<boolean> {
    const worker = this.#workers.get(index);
    if (worker?.hosted === undefined || worker.isOver || worker.state === "killing") return false;
    if (!canEndThreads() && this.#abandoned >= this.#options.maxAbandoned) return false;
    // It takes no other task from here on: none is ended in place of the one that was meant.
    this.#stop(worker);
    if (isMeant()) await this.#force(worker);
    return true;
  }

  async #force(worker: PoolWorker): Promise<void> {
    const { hosted } = worker;
    if (hosted === undefined) return this.#over(worker, "over"); // ended when it has started
    worker.state = "killing";
    const answer = await hosted.terminate();
    if (answer === "ended") this.#gone(worker, worker.end ?? { how: "terminated" });
    else this.#giveUp(worker);
  }

  /** It ends when it has done what it is running. */
  #stop(worker: PoolWorker): void {
    if (worker.state !== "running") return;
    worker.state = "stopping";
    this.dispatcher.stopWorker(worker.index);
  }

  /** Stops those that had nothing to do since this was called last; answers whether there may be more. */
  #retire(): boolean {
    for (const worker of [...this.#workers.values()].reverse()) {
      if (worker.state !== "running" || this.alive <= this.#min) continue;
      const executed = this.#executedBy(worker.index);
      const isIdle = this.dispatcher.activity(worker.index) === "idle";
      if (isIdle && executed === worker.seenExecuted && this.dispatcher.queued === 0) {
        this.#stop(worker);
      }
      worker.seenExecuted = executed;
    }
    return this.alive > this.#min && !this.#isClosed;
  }

  /** From now on so many workers: those too many end when they are done, those missing start. */
  resize(min: number, max: number): void {
    this.#min = min;
    this.#max = max;
    const running = [...this.#workers.values()].filter((worker) => worker.state === "running");
    for (let i = running.length - 1; i >= 0 && this.alive > max; i--) this.#stop(running[i]!);
    if (this.alive > min) this.#keepAlive.watch();
    this.grow();
  }

  /**
   * Stops all workers, and resolves when their threads are gone, or given up. Nothing may be in flight that somebody
   * still waits for. Threads that do not end within `graceMs` are ended.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#pause.stop();
    this.#keepAlive.stop();
    const workers = [...this.#workers.values()];
    for (const worker of workers) {
      worker.hosted?.ref(); // else the process may end before this is over
      this.#stop(worker);
    }
    const alarm = graceMs === Infinity ? undefined : this.#options.timers.start(graceMs, () => {
      for (const worker of workers) {
        if (!worker.isOver && worker.state !== "killing") void this.#force(worker);
      }
    });
    await Promise.all(workers.map((worker) => worker.ended));
    if (alarm !== undefined) this.#options.timers.stop(alarm);
    this.dispatcher.close();
  }

  // ---- messages -----------------------------------------------------------------------------------

  /** Makes a function known to all workers, those to come included. */
  define(source: FunctionSource): void {
    this.#functions.push(source);
    const message: DefineMessage = [ENGINE_MESSAGE, "define", source];
    for (const worker of this.#workers.values()) worker.post(message);
  }

  /** Sends a message to a worker, and wakes it to see it. */
  send(index: number, message: unknown): void {
    this.post(index, message);
    this.dispatcher.wake(index);
  }

  /** Sends a message to a worker, now or when it is ready. */
  post(index: number, message: unknown, transfer: readonly Transferable[] = []): void {
    this.#workers.get(index)?.post(message, transfer);
  }

  #receive(worker: PoolWorker, message: unknown): void {
    if (this.dispatcher.receive(worker.index, message)) return;
    if (isEngineMessage(message) && message[1] === "report") {
      const report = message[2] as ThreadReport;
      worker.isPinned = report.isPinned;
      this.#options.listener.reported(report);
    } else this.#options.listener.message(worker.index, message);
  }

  // ---- looking ------------------------------------------------------------------------------------

  /** Workers that are ready, or on their way. */
  get alive(): number {
    let alive = 0;
    for (const worker of this.#workers.values()) if (worker.isServing) alive++;
    return alive;
  }

  get #idle(): number {
    let idle = 0;
    for (const { index, state } of this.#workers.values()) {
      if (state === "running" && this.dispatcher.activity(index) === "idle") idle++;
    }
    return idle;
  }

  /** Whether it has begun a task since it started. */
  #hasWorked(worker: PoolWorker): boolean {
    return this.#executedBy(worker.index) !== worker.firstExecuted;
  }

  #executedBy(index: number): number {
    return this.dispatcher.counters(index).executed;
  }

  /** Workers whose threads are there, by number. */
  get workers(): readonly PoolWorker[] {
    return [...this.#workers.values()];
  }

  /** Whether there are as many workers as there may be. */
  get isWhole(): boolean {
    return this.#workers.size >= this.#max;
  }

  /** Tasks that workers took from one another. */
  get stolen(): number {
    let stolen = this.#stolen;
    for (const { index } of this.#workers.values()) {
      stolen += this.dispatcher.counters(index).stolen;
    }
    return stolen;
  }

  counts(): PoolCounts {
    const workers = [...this.#workers.values()];
    return {
      running: workers.filter((worker) => worker.state === "running").length,
      starting: this.#starting,
      abandoned: this.#abandoned,
      died: this.#died,
      pinned: workers.filter((worker) => worker.isPinned === true).length,
    };
  }
}
