/**
 * Iterables that must be closed: file watchers, listeners, database cursors.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { iterateOpen, type ScopedIterator } from "../scoped_iterable.ts";
import { reading } from "../streams/source_reader.ts";

/** An async iterable that holds something until it is closed: `Deno.FsWatcher`, and its like. */
export interface Closable<T> extends AsyncIterable<T> {
  /** Ends the iteration, also while its `next()` is pending. */
  close(): unknown;
}

/**
 * The values of an iterable that is closed when the loop is left, by whatever way: also by a cancel
 * while it waits for the next one, or before it has begun.
 *
 * @throws {TypeError} If it is not async iterable, or has no `close()`
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { closing, moveOnAfter } from "@vais/runtime";
 *
 * const folder = await Deno.makeTempDir();
 * const watcher = Deno.watchFs(folder);
 * const changed = await moveOnAfter(20, async () => {
 *   for await (const event of closing(watcher)) return event;
 * });
 * assertEquals(changed.timedOut, true); // nothing changed, and the watcher is closed
 * await Deno.remove(folder);
 * ```
 */
export function closing<T>(source: Closable<T>): ScopedIterator<T> {
  const { close } = Object(source);
  if (!(Symbol.asyncIterator in Object(source)) || typeof close !== "function") {
    throw new TypeError(
      `Cannot iterate: source is ${typeOf(source)} (must be an async iterable with close())`,
    );
  }
  return iterateOpen<T>(
    (emit) =>
      reading(
        [source],
        function* ([reader]) {
          for (let next; !(next = yield* reader!.next()).done;) yield* emit(next.value);
        },
        // First this: it is what ends a pending `next()`.
        () => void source.close(),
      ),
    "closing",
  );
}
