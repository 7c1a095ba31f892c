/**
 * Runs tasks on the calling thread: for engines without workers, and for tasks that found no slot.
 *
 * A synchronous function has ended when `submit` answers. Arguments and results are not copied.
 *
 * @module
 */

import type { Ref } from "../../memory/ref.ts";
import { isPromiseLike } from "../../runtime/poll.ts";
import type { CancelAnswer, LostTask, ResultSink, TaskFunction } from "./dispatch_types.ts";
import type { FunctionSource } from "./function_source.ts";
import type { StreamNews, StreamOrder } from "./stream_messages.ts";
import { TaskFunctions } from "./task_functions.ts";
import { ENGINE_MESSAGE } from "./thread_setup.ts";
import { FlagContext, runAs, type TaskFlags, type ThreadTaskContext } from "./worker_context.ts";
import { WorkerStreams } from "./worker_streams.ts";

interface Running {
  readonly sink: ResultSink;
  readonly tag: number;
  isCancelled: boolean;
  onCancel: (() => void) | undefined;
}

/** Tasks of the calling thread. */
export class InlineRunner implements TaskFlags<Ref> {
  readonly #module: string | undefined;
  readonly #streams: WorkerStreams;
  readonly #table: TaskFunctions;
  /** Those that have not ended, by Ref. */
  readonly #running = new Map<Ref, Running>();
  #nextRef = 1;
  #isLoaded = false;

  /** Of the exports of `module`; `tell` hears of streams. */
  constructor(module: string | undefined, tell: (news: StreamNews) => void) {
    this.#module = module;
    this.#streams = new WorkerStreams(
      (news) => queueMicrotask(() => tell(news)), // later, as from a worker
      (stream, error) => [ENGINE_MESSAGE, "threw", stream, error],
    );
    this.#table = new TaskFunctions(this.#streams);
  }

  /** Imports the module. */
  async load(): Promise<void> {
    if (this.#isLoaded) return;
    await this.#table.load(this.#module);
    this.#isLoaded = true;
  }

  /** Names of the functions that the module exports. */
  get exports(): readonly string[] {
    return this.#table.exports;
  }

  /** Makes a function known. */
  define(source: FunctionSource): void {
    void this.#table.define(source);
  }

  /** Runs a task: its Ref. */
  submit(fn: number, args: readonly unknown[], sink: ResultSink, tag = 0): Ref {
    const ref = this.#nextRef++;
    const running: Running = { sink, tag, isCancelled: false, onCancel: undefined };
    this.#running.set(ref, running);
    const context = new FlagContext(this, ref, -1);
    const run = this.#table.functions[fn];
    if (run === undefined) {
      this.#table.awaited(fn).then((found) => this.#call(ref, running, found, args, context));
    } else this.#call(ref, running, run, args, context);
    return ref;
  }

  #call(
    ref: Ref,
    { sink, tag }: Running,
    run: TaskFunction,
    args: readonly unknown[],
    context: ThreadTaskContext,
  ): void {
    const done = (value: unknown) => {
      this.#running.delete(ref);
      sink.taskDone(value, tag);
    };
    const failed = (error: unknown) => {
      this.#running.delete(ref);
      sink.taskFailed("threw", error, tag);
    };
    let value: unknown;
    try {
      value = runAs(context, () => run(...args));
    } catch (error) {
      return failed(error);
    }
    if (isPromiseLike(value)) value.then(done, failed);
    else done(value);
  }

  /** The same: nothing is cloned here. */
  submitMessage(
    fn: number,
    args: readonly unknown[],
    _transfer: readonly Transferable[],
    sink: ResultSink,
    tag = 0,
  ): Ref {
    return this.submit(fn, args, sink, tag);
  }

  /** Tells a task to stop; none is ever queued. */
  cancel(ref: Ref): CancelAnswer {
    const running = this.#running.get(ref);
    if (running === undefined) return "too-late";
    const { onCancel } = running;
    running.isCancelled = true;
    running.onCancel = undefined;
    onCancel?.();
    return "flagged";
  }

  isCancelled(ref: Ref): boolean {
    return this.#running.get(ref)?.isCancelled === true;
  }

  onCancel(ref: Ref, listener: () => void): void {
    const running = this.#running.get(ref);
    if (running !== undefined) running.onCancel = listener;
  }

  /** No worker. */
  workerOf(): number {
    return -1;
  }

  /** Tasks that have not ended. */
  live(): LostTask[] {
    return [...this.#running].map(([ref, { sink, tag }]) => ({ ref, sink, tag }));
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** The reader of a stream says something. */
  receive(order: StreamOrder): void {
    this.#streams.receive(order);
  }
}
