/**
 * The worker's end of streams: runs a generator, sends what it yields, never more than was granted.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { isPromiseLike } from "../../runtime/poll.ts";
import type { TaskFunction } from "./dispatch_types.ts";
import type { StreamNews, StreamOrder } from "./stream_messages.ts";
import { ENGINE_MESSAGE } from "./thread_setup.ts";
import { currentThreadTask, runAs, type ThreadTaskContext, whenAborted } from "./worker_context.ts";

interface Stream {
  granted: number;
  left: boolean;
  /** Wakes the sender. */
  wake: () => void;
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** The streams of one worker. */
export class WorkerStreams {
  readonly #post: (news: StreamNews) => void;
  readonly #failed: (stream: number, error: unknown) => StreamNews;
  readonly #streams = new Map<number, Stream>();

  /** `failed` makes the news of an error. */
  constructor(
    post: (news: StreamNews) => void,
    failed: (stream: number, error: unknown) => StreamNews,
  ) {
    this.#post = post;
    this.#failed = failed;
  }

  /** `fn` as a task that streams: its first argument is the stream's number, its second how many items it may send. */
  wrap(fn: TaskFunction): TaskFunction {
    return (stream: number, granted: number, ...args: unknown[]) =>
      this.#run(stream, granted, fn, args);
  }

  /** A message of the owner's. */
  receive(order: StreamOrder): void {
    const stream = this.#streams.get(order[2]);
    if (stream === undefined) return; // it ended
    stream.granted += order[3];
    stream.wake();
  }

  async #run(id: number, granted: number, fn: TaskFunction, args: unknown[]): Promise<void> {
    const stream: Stream = { granted, left: false, wake: () => {} };
    this.#streams.set(id, stream);
    const task = currentThreadTask(); // read now: after an await it is another one
    whenAborted(task?.signal, () => {
      stream.left = true;
      stream.wake();
    });
    try {
      const made = fn(...args);
      await this.#send(id, stream, iteratorOf(isPromiseLike(made) ? await made : made), task);
      this.#post([ENGINE_MESSAGE, "end", id]);
    } catch (error) {
      this.#post(this.#failed(id, error));
    } finally {
      this.#streams.delete(id);
    }
  }

  async #send(
    id: number,
    stream: Stream,
    iterator: AnyIterator,
    task: ThreadTaskContext | undefined,
  ): Promise<void> {
    for (;;) {
      while (stream.granted === 0 && !stream.left) {
        await new Promise<void>((resolve) => stream.wake = resolve);
      }
      if (stream.left || task?.isCancelled === true) {
        await runAs(task, () => iterator.return?.());
        return;
      }
      const made = runAs(task, () => iterator.next());
      const step = isPromiseLike(made) ? await made : made;
      if (step.done) return;
      stream.granted--;
      try {
        this.#post([ENGINE_MESSAGE, "item", id, step.value]);
      } catch (error) { // it cannot be cloned
        await runAs(task, () => iterator.return?.());
        throw error;
      }
    }
  }
}

function iteratorOf(made: unknown): AnyIterator {
  const like = made as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  const iterate = typeof made === "object" && made !== null
    ? like![Symbol.asyncIterator] ?? like![Symbol.iterator]
    : undefined;
  if (typeof iterate === "function") return (iterate as () => AnyIterator).call(made);
  throw new TypeError(
    `Cannot stream: the function answered ${
      typeOf(made)
    } (must be an iterable or async iterable, as generator functions make)`,
  );
}
