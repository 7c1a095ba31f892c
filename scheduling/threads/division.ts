/**
 * One pool with the tasks on their way into it: an engine has one for its work, and one for blocking calls.
 *
 * @module
 */

import type { Host } from "../../runtime/host.ts";
import type { LostTask } from "./dispatch_types.ts";
import type { EngineWatch, WorkerEndInfo, WorkerInfo } from "./engine_hooks.ts";
import type { EngineSink, EngineTask } from "./engine_task.ts";
import type { EngineTimers } from "./engine_timers.ts";
import { FunctionTable } from "./function_table.ts";
import { InlineRunner } from "./inline_runner.ts";
import { keepAlive } from "./keep_alive.ts";
import { ThreadPool } from "./pool.ts";
import { NO_WORKERS, type PoolCounts } from "./pool_counts.ts";
import type { PoolListener } from "./pool_options.ts";
import type { PoolPlan } from "./pool_plan.ts";
import type { StreamNews, StreamOrder } from "./stream_messages.ts";
import { type QueueOwner, TaskQueue } from "./task_queue.ts";
import type { TaskRunner } from "./task_runner.ts";
import { isEngineMessage, type ThreadReport } from "./thread_setup.ts";
import type { WorkerEnd } from "./worker_host.ts";
import { WorkerLostError } from "./worker_errors.ts";

/** What a division needs of its engine. */
export interface DivisionOwner {
  readonly name: string;
  readonly host: Host;
  readonly timers: EngineTimers;
  readonly watch: EngineWatch;
  readonly graceMs: number;
  tell(tell: () => void): void;
  settled(task: EngineTask<unknown>, error: unknown): void;
  /** Its load, or its workers, changed. */
  changed(): void;
  /** A worker is ready, or gone. */
  workersChanged(): void;
}

/** Who hears of one stream. */
export interface StreamEnd {
  receive(news: StreamNews): void;
  /** The worker that sent is gone: nothing more comes. */
  workerGone(worker: number): void;
}

/** A pool and its queue. */
export class Division implements PoolListener, QueueOwner {
  readonly #owner: DivisionOwner;
  readonly #pool: ThreadPool | undefined;
  readonly #most: number;
  readonly #inline: InlineRunner | undefined;
  readonly queue: TaskQueue;
  readonly functions: FunctionTable;
  readonly #streams = new Map<number, StreamEnd>();
  /** The end of a stream may come after the end of its task. */
  readonly #holdProcess = keepAlive();

  /** With a pool; or, when `plan` has no place for a worker, on the calling thread. */
  constructor(owner: DivisionOwner, maxTasks: number, plan: PoolPlan, isInlineToo: boolean) {
    this.#owner = owner;
    const { module } = plan;
    this.#most = plan.most;
    const pool = this.#pool = plan.most === 0
      ? undefined
      : new ThreadPool({ ...plan, timers: owner.timers, listener: this });
    const inline = this.#inline = pool !== undefined && !isInlineToo
      ? undefined
      : new InlineRunner(module, (news) => this.message(-1, news));
    this.functions = new FunctionTable(module, (source) => {
      pool?.define(source);
      inline?.define(source);
    });
    const runner: TaskRunner = pool?.dispatcher ?? inline!;
    this.queue = new TaskQueue(this, runner, maxTasks, pool === undefined ? undefined : inline);
  }

  /** Starts what is needed from the beginning. */
  async start(): Promise<void> {
    const inline = this.#inline;
    await Promise.all([this.#pool?.start(), inline?.load()]);
    if (inline !== undefined) this.functions.exports = inline.exports;
  }

  /** Tells tasks that have ended so, now. */
  drain(): void {
    this.#pool?.dispatcher.drain();
  }

  get pool(): ThreadPool | undefined {
    return this.#pool;
  }

  // ---- as the owner of a queue --------------------------------------------------------------------

  get name(): string {
    return this.#owner.name;
  }

  get host(): Host {
    return this.#owner.host;
  }

  get timers(): EngineTimers {
    return this.#owner.timers;
  }

  get graceMs(): number {
    return this.#owner.graceMs;
  }

  tell(tell: () => void): void {
    this.#owner.tell(tell);
  }

  settled(task: EngineTask<unknown>, error: unknown): void {
    this.#owner.settled(task, error);
  }

  loaded(): void {
    this.#owner.changed();
    if (this.#pool !== undefined && !this.#pool.isWhole) this.#pool.wanted();
  }

  full(): void {
    this.#owner.watch.tell("onFull");
  }

  roomy(): void {
    this.#owner.watch.tell("onRoom");
  }

  async kill(queue: TaskQueue, worker: number, task: EngineTask<unknown>): Promise<boolean> {
    if (this.#pool === undefined) return false;
    return await this.#pool.kill(worker, () => queue.workerOf(task) === worker);
  }

  // ---- as the listener of a pool ------------------------------------------------------------------

  workerStarted(worker: WorkerInfo): void {
    this.#owner.watch.tell("onWorkerStart", worker);
  }

  workerEnded(end: WorkerEndInfo): void {
    for (const stream of [...this.#streams.values()]) stream.workerGone(end.worker);
    this.#owner.watch.tell("onWorkerEnd", end);
  }

  workersChanged(): void {
    this.#owner.workersChanged();
  }

  tasksLost(lost: readonly LostTask[], worker: WorkerInfo, { how, error, exitCode }: WorkerEnd) {
    for (const { sink, tag } of lost) {
      (sink as EngineSink).taskLost(
        new WorkerLostError(worker.name, how, {
          ...(exitCode === undefined ? {} : { exitCode }),
          ...(error === undefined ? {} : { cause: error }),
          task: (sink as { readonly name?: string }).name ?? "task",
        }),
        tag,
      );
    }
  }

  reported(report: ThreadReport): void {
    this.functions.exports = report.exports;
  }

  message(_worker: number, message: unknown): void {
    if (!isEngineMessage(message)) return;
    const news = message as unknown as StreamNews;
    this.#streams.get(news[2])?.receive(news);
  }

  broken(error: Error): void {
    this.queue.clear(() => error);
  }

  // ---- streams, counters, the end -----------------------------------------------------------------

  /** A stream begins. */
  openStream(id: number, end: StreamEnd): void {
    if (this.#streams.size === 0) this.#holdProcess(true);
    this.#streams.set(id, end);
  }

  /** It has ended. */
  closeStream(id: number): void {
    if (this.#streams.delete(id) && this.#streams.size === 0) this.#holdProcess(false);
  }

  /** Tells the sender of a stream something. */
  order(task: EngineTask<unknown>, order: StreamOrder): void {
    const worker = task.worker;
    if (worker >= 0) this.#pool!.send(worker, order);
    else this.#inline?.receive(order);
  }

  counts(): PoolCounts {
    return this.#pool?.counts() ?? NO_WORKERS;
  }

  get stolen(): number {
    return this.#pool?.stolen ?? 0;
  }

  /** Its end begins: takes out what is in the queue; a worker that is ended now is not replaced. */
  clear(error: () => Error): void {
    this.queue.clear(error);
    this.#pool?.resize(0, this.#most);
  }

  /** Ends the workers: nothing is in flight that somebody waits for. */
  async close(graceMs: number): Promise<void> {
    await this.#pool?.close(graceMs);
    this.#holdProcess.end?.();
  }
}
