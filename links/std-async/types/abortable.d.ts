/** Types of `@std/async/abortable`, as in the original. @module */

export declare function abortable<T>(
  p: Promise<T>,
  signal: AbortSignal,
): Promise<T>;
export declare function abortable<T>(
  p: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T>;
