/**
 * `for await` over the receiving end of something that other receivers may share.
 *
 * @module
 */

/** An iterator of what `next` answers; leaving its loop changes nothing. */
export function iterate<T>(
  next: () => Promise<IteratorResult<T, undefined>>,
): AsyncIterableIterator<T, undefined> {
  return {
    next,
    return: () => Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
