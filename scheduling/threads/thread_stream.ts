/**
 * What a function on another thread yields, as it yields it.
 *
 * Invariant: the sender has been granted, and has not used, as many items as there is room for here; so what it sends
 * always fits. Grants go out for half a window at once. The end comes after the last item.
 *
 * @module
 */

import type { Host } from "../../runtime/host.ts";
import type { Division, StreamEnd } from "./division.ts";
import type { EngineCore } from "./engine_core.ts";
import type { EngineTask } from "./engine_task.ts";
import { decodeThrown } from "./error_codec.ts";
import {
  checkArgs,
  checkRunOptions,
  checkStreamWindow,
  type StreamOptions,
} from "./run_options.ts";
import { ERROR, OK, Settling, type SettlingPhase } from "./settling.ts";
import type { StreamNews } from "./stream_messages.ts";
import { ENGINE_MESSAGE } from "./thread_setup.ts";
import { WorkerLostError } from "./worker_errors.ts";
import type { Operation } from "../operation.ts";

type Step<T> = IteratorResult<T, undefined>;

/**
 * The items of a stream: `for await` it. Leaving the loop stops the function at its next `yield`.
 *
 * `next()` can be awaited, or taken with `yield*` in a generator task.
 */
export interface ThreadStream<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** The next item; several may be asked for at once. */
  next(): Operation<IteratorResult<T, undefined>>;
  /** Stops the function; what was asked for and has not come ends too. */
  return(): Operation<IteratorResult<T, undefined>>;
}

/** The reading end of a stream. */
class EngineStream<T> implements ThreadStream<T>, StreamEnd {
  readonly #division: Division;
  /** What the two ends call it. */
  readonly id: number;
  readonly #window: number;
  readonly #items: T[] = [];
  readonly #readers: NextItem<T>[] = [];
  #task: EngineTask<unknown> | undefined;
  #worker = -1;
  /** Items taken since the last grant. */
  #taken = 0;
  #end: { readonly error?: unknown } | undefined;
  /** The failure has been thrown once. */
  #isTold = false;

  constructor(division: Division, id: number, window: number) {
    this.#division = division;
    this.id = id;
    this.#window = window;
    division.openStream(id, this);
  }

  /** The task that sends. Its failure is thrown by `next`. */
  begun(task: EngineTask<unknown>): void {
    this.#task = task;
    task.observe();
  }

  /** The task has its outcome. What it returned comes as a message too, after the last item. */
  taskSettled(error: unknown): void {
    if (error !== undefined) this.#finish({ error });
  }

  receive(news: StreamNews): void {
    if (this.#end !== undefined) return;
    const worker = this.#task!.worker;
    if (worker >= 0) this.#worker = worker;
    switch (news[1]) {
      case "item":
        return this.#push(news[3] as T);
      case "end":
        return this.#finish({});
      case "failed":
        return this.#finish({ error: decodeThrown(news[3]) });
      case "threw":
        return this.#finish({ error: news[3] });
    }
  }

  workerGone(worker: number): void {
    if (worker !== this.#worker || this.#task?.isFreed !== true) return;
    this.#finish({ error: new WorkerLostError(`${worker}`, "exited", { task: this.#name }) });
  }

  #push(item: T): void {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#items.push(item);
    else this.#give(reader, item);
  }

  #give(reader: NextItem<T>, item: T): void {
    if (++this.#taken * 2 >= this.#window) {
      this.#division.order(this.#task!, [ENGINE_MESSAGE, "grant", this.id, this.#taken]);
      this.#taken = 0;
    }
    reader.end(OK, { done: false, value: item });
  }

  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#division.closeStream(this.id);
    for (const reader of this.#readers.splice(0)) this.#tellEnd(reader);
  }

  #tellEnd(reader: NextItem<T>): void {
    const end = this.#end!;
    if ("error" in end && !this.#isTold) {
      this.#isTold = true;
      reader.end(ERROR, end.error);
    } else reader.end(OK, DONE);
  }

  next(): Operation<Step<T>> {
    const reader = new NextItem<T>(this, this.#division.host, this.#name);
    if (this.#items.length > 0) this.#give(reader, this.#items.shift()!);
    else if (this.#end !== undefined) this.#tellEnd(reader);
    else this.#readers.push(reader);
    return reader;
  }

  /** A reader gave up: its item goes to the next one. */
  withdraw(reader: NextItem<T>): void {
    const at = this.#readers.indexOf(reader);
    if (at >= 0) this.#readers.splice(at, 1);
  }

  return(): Operation<Step<T>> {
    const reader = new NextItem<T>(this, this.#division.host, this.#name);
    reader.end(OK, DONE);
    if (this.#end === undefined) {
      this.#finish({});
      this.#task!.cancel({ kind: "requested", by: "its reader", note: "the loop was left" });
    }
    this.#items.length = 0;
    return reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get #name(): string {
    return this.#task?.name ?? "stream";
  }
}

// deno-lint-ignore no-explicit-any -- of every stream
const DONE: IteratorResult<any, undefined> = Object.freeze({ done: true, value: undefined });

/** An item that somebody waits for. */
class NextItem<T> extends Settling<Step<T>> {
  readonly #stream: EngineStream<T>;
  readonly #host: Host;
  readonly name: string;

  constructor(stream: EngineStream<T>, host: Host, name: string) {
    super();
    this.#stream = stream;
    this.#host = host;
    this.name = name;
  }

  end(phase: SettlingPhase, result: unknown): void {
    this.settle(phase, result);
  }

  protected override left(): void {
    this.#stream.withdraw(this);
  }

  protected get reporter(): { readonly host: Host; readonly id: number } {
    return { host: this.#host, id: -1 };
  }

  override describe(): string {
    return `the next item of ${this.name}`;
  }
}

/**
 * Begins a stream.
 *
 * @throws {TypeError | RangeError} If there is no such function, or an option is wrong
 */
export function beginStream<T>(
  core: EngineCore,
  fn: unknown,
  args: unknown,
  options: StreamOptions | undefined,
): ThreadStream<T> {
  const { work } = core;
  const number = work.functions.numberOf(fn, "stream", "stream");
  const given = checkArgs(args, "stream");
  const checked = options === undefined ? undefined : checkRunOptions(options, "stream");
  const window = checkStreamWindow(options);
  const stream = new EngineStream<T>(work, core.newStream(), window);
  stream.begun(core.begin(work, {
    fn: number,
    args: [stream.id, window, ...given],
    options: checked,
    whenSettled: (error) => stream.taskSettled(error),
  }));
  return stream;
}
