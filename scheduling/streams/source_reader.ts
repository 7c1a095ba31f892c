/**
 * Reading from any iterable inside a task: sync or async, and closed when the task is done with it.
 *
 * @module
 */

import { callAs } from "../../runtime/async_context.ts";
import { isCancellation } from "../../runtime/bodies.ts";
import { typeOf } from "../../runtime/clock.ts";
import { addFailure, type Failure, rememberFailures } from "../../runtime/failures.ts";
import { Future } from "../../runtime/future.ts";
import { currentHost } from "../../runtime/host.ts";
import { isPromiseLike } from "../../runtime/poll.ts";
import { currentTask } from "../current_task.ts";

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
  /** A step that has not come yet. */
  #pending: PromiseLike<unknown> | undefined;
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
    // One of our own stops when it is not wanted any more.
    if (!(step instanceof Future)) this.#pending = step;
    return Future.from(step as PromiseLike<IteratorResult<T, undefined>>)
      .catch((error): never => this.#failed(error))
      .andThen((step) => this.#took(step));
  }

  /**
   * An async source goes on as part of the task that reads it: it has the locals and the deadline of
   * that task. An await that it is in when the task is cancelled goes on: it is told by `close`.
   */
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
    this.#pending = undefined;
    if (Object(step) !== step) {
      this.#failed(
        new TypeError(`Cannot read source: next() answered ${typeOf(step)} (must be an object)`),
      );
    }
    if (step.done) {
      this.#isOver = true;
      return Future.ready({ done: true, value: undefined });
    }
    const { value } = step;
    if (!isPromiseLike(value)) return Future.ready(step);
    return Future.from(value as PromiseLike<T>).map((value) => ({ done: false, value }));
  }

  /**
   * Ends the iteration, unless it is over, and waits until its source has cleaned up; a cancel
   * meanwhile is thrown after that.
   *
   * A source that is stuck in the middle of `next()` is only told: an async generator that awaits
   * something there cannot be stopped, and must not hold up whoever leaves. What it throws then is reported.
   */
  *close(): Generator<Future<unknown>, void, unknown> {
    if (this.#isOver) return;
    this.#isOver = true;
    const pending = this.#pending;
    if (pending !== undefined) this.#reportLate(pending);
    const closing = this.#iterator.return?.();
    if (!isPromiseLike(closing)) return;
    const free = pending === undefined ? undefined : settlesSoon(pending);
    if (free !== undefined) closing.then(undefined, () => {}); // told below, and not unhandled till then
    let end: End | undefined, cancelled: unknown;
    // Interrupted by a cancel, it waits again: the cleanup may go on for the grace of the task.
    for (let tries = 0; end === undefined && tries < 2; tries++) {
      try {
        if (free !== undefined && !(yield* Future.from(free))) break;
        end = yield* endOf(closing);
      } catch (error) {
        cancelled = error;
      }
    }
    if (end === undefined) this.#reportLate(closing);
    else if (end.isError) throw end.error;
    if (cancelled !== undefined) throw cancelled;
  }

  /** Nobody waits for this any more: its error goes to the observer of the runtime. */
  #reportLate(promise: PromiseLike<unknown>): void {
    const host = currentHost();
    const task = { id: currentTask()?.id ?? -1, name: currentTask()?.name ?? "source" };
    promise.then(undefined, (error) => {
      if (isCancellation(error)) return;
      host.unobserved({ error, task, during: "cleanup" }, this);
    });
  }
}

/** Rounds of microtasks in which a source that only computes comes out of `next()`. */
const ROUNDS = 16;

/** Whether a step comes by itself: nothing outside has to happen first. */
async function settlesSoon(step: PromiseLike<unknown>): Promise<boolean> {
  let isSettled = false;
  const settled = (): void => void (isSettled = true);
  step.then(settled, settled);
  for (let i = 0; i < ROUNDS && !isSettled; i++) await undefined;
  return isSettled;
}

interface End {
  readonly isError: boolean;
  readonly error?: unknown;
}

/** Its end as a value, so that what the wait throws is always a cancel. */
function endOf(closing: PromiseLike<unknown>): Future<End> {
  return Future.from(closing)
    .map((): End => ({ isError: false }))
    .catch((error): End => ({ isError: true, error }));
}

/**
 * Runs `use` over a reader of each source, and closes those that are not over; before them, whatever
 * `closeFirst` closes.
 *
 * The first error is thrown, which may be one of the closing; the others are behind it, in
 * `failuresOf`. A cancellation is thrown only when nothing else is.
 */
export function* reading<T>(
  sources: readonly Source<T>[],
  use: (readers: readonly SourceReader<T>[]) => Generator<unknown, void>,
  closeFirst?: () => void,
): Generator<unknown, void> {
  const readers: SourceReader<T>[] = [];
  const failures: Failure[] = [];
  const host = currentHost();
  const task = currentTask();
  const { id = -1, name = "source" } = task ?? {};
  let cancelled: { readonly error: unknown } | undefined;
  const failed = (error: unknown, during: "body" | "cleanup"): void => {
    if (task?.cancelled !== undefined && isCancellation(error)) cancelled ??= { error };
    else addFailure(failures, { error, task: { id, name }, during }, task);
  };
  try {
    for (const source of sources) readers.push(new SourceReader(source));
    yield* use(readers);
  } catch (error) {
    failed(error, "body");
  }
  try {
    closeFirst?.();
  } catch (error) {
    failed(error, "cleanup");
  }
  for (const reader of readers) {
    try {
      yield* reader.close();
    } catch (error) {
      failed(error, "cleanup");
    }
  }
  const primary = failures[0] ?? cancelled;
  if (primary === undefined) return;
  if (failures.length > 1) {
    for (const lost of rememberFailures(primary.error, failures, task)) {
      host.unobserved(lost, readers);
    }
  }
  throw primary.error;
}
