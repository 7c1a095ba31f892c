/**
 * Reading from any iterable inside a task: sync or async, and closed when the task is done with it.
 *
 * @module
 */

import { callAs } from "../../runtime/async_context.ts";
import { typeOf } from "../../runtime/clock.ts";
import { addFailure, type Failure, rememberFailures } from "../../runtime/failures.ts";
import { Future } from "../../runtime/future.ts";
import { currentTask } from "../../runtime/host.ts";
import { isPromiseLike } from "../../runtime/poll.ts";

/** What the functions over streams take. */
export type Source<T> = Iterable<T | PromiseLike<T>> | AsyncIterable<T>;

/** The type of the values of a source. */
export type ValueOfSource<S> = S extends AsyncIterable<infer T> ? T
  : S extends Iterable<infer T> ? Awaited<T>
  : never;

interface AnyIterator {
  next(): PromiseLike<IteratorResult<unknown>> | IteratorResult<unknown>;
  return?(): PromiseLike<unknown> | unknown;
}

/** Throws unless it is an iterable. */
export function checkSource(source: unknown, action: string, what = "source"): void {
  if (Symbol.asyncIterator in Object(source) || Symbol.iterator in Object(source)) return;
  throw new TypeError(
    `Cannot ${action}: ${what} is ${typeOf(source)} (must be an iterable or async iterable)`,
  );
}

/** One iteration of a source. */
export class SourceReader<T> {
  readonly #iterator: AnyIterator;
  readonly #isAsync: boolean;
  #isPending = false;
  #isOver = false;

  constructor(source: Source<T>) {
    this.#isAsync = Symbol.asyncIterator in Object(source);
    this.#iterator = this.#isAsync
      ? (source as AsyncIterable<T>)[Symbol.asyncIterator]()
      : (source as Iterable<T>)[Symbol.iterator]();
  }

  /** The next value. Called at once, not when it is awaited; one at a time. */
  next(): Future<IteratorResult<T, undefined>> {
    const step = this.#step();
    if (!isPromiseLike(step)) return this.#took(step as IteratorResult<T, undefined>);
    this.#isPending = true;
    return Future.from(step as PromiseLike<IteratorResult<T, undefined>>)
      .catch((error): never => this.#failed(error))
      .andThen((step) => this.#took(step));
  }

  /** An async source goes on as part of the task that reads it: it is cancelled with it. */
  #step(): ReturnType<AnyIterator["next"]> {
    const task = this.#isAsync ? currentTask() : undefined;
    try {
      return task === undefined ? this.#iterator.next() : callAs(task, () => this.#iterator.next());
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** An iterator that threw is over, and must not be closed. */
  #failed(error: unknown): never {
    this.#isOver = true;
    throw error;
  }

  #took(step: IteratorResult<T, undefined>): Future<IteratorResult<T, undefined>> {
    this.#isPending = false;
    if (step.done) {
      this.#isOver = true;
      return Future.ready({ done: true, value: undefined });
    }
    const { value } = step;
    if (!isPromiseLike(value)) return Future.ready(step);
    return Future.from(value as PromiseLike<T>).map((value) => ({ done: false, value }));
  }

  /**
   * Ends the iteration, unless it is over, and waits until its source has cleaned up.
   *
   * A source that is in the middle of `next()` is only told: an async generator that is stuck there
   * cannot be stopped, and must not hold up whoever leaves. What it throws then has nobody to go to.
   */
  *close(): Generator<Future<unknown>, void, unknown> {
    if (this.#isOver) return;
    this.#isOver = true;
    const closing = this.#iterator.return?.();
    if (!isPromiseLike(closing)) return;
    if (this.#isPending) closing.then(undefined, () => {});
    else yield* Future.from(closing as PromiseLike<unknown>);
  }
}

/**
 * Runs `use` over a reader of each source, and closes those that are not over.
 *
 * The first error is thrown; those of the closing are behind it, in `failuresOf`.
 */
export function* reading<T>(
  sources: readonly Source<T>[],
  use: (readers: readonly SourceReader<T>[]) => Generator<unknown, void>,
): Generator<unknown, void> {
  const readers: SourceReader<T>[] = [];
  const failures: Failure[] = [];
  const task = currentTask();
  const { id = -1, name = "source" } = task ?? {};
  const failed = (error: unknown, during: "body" | "cleanup"): void =>
    addFailure(failures, { error, task: { id, name }, during }, task);
  try {
    for (const source of sources) readers.push(new SourceReader(source));
    yield* use(readers);
  } catch (error) {
    failed(error, "body");
  }
  for (const reader of readers) {
    try {
      yield* reader.close();
    } catch (error) {
      failed(error, "cleanup");
    }
  }
  if (failures.length === 0) return;
  const { error } = failures[0]!;
  if (failures.length > 1) rememberFailures(error, failures, task);
  throw error;
}
