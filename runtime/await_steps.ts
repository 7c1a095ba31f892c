/**
 * The steps of `yield*` on a future.
 *
 * @module
 */

/** Steps through a future once, then to the value it was sent. */
export class AwaitSteps<F, T> implements Iterator<F, T, unknown> {
  #future: F | undefined;

  constructor(future: F) {
    this.#future = future;
  }

  next(value: unknown): IteratorResult<F, T> {
    const future = this.#future;
    if (future === undefined) return { done: true, value: value as T };
    this.#future = undefined;
    return { done: false, value: future };
  }

  throw(error: unknown): IteratorResult<F, T> {
    throw error;
  }

  return(value: T): IteratorResult<F, T> {
    return { done: true, value };
  }
}
