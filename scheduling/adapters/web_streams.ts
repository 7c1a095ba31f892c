/**
 * Web streams and async iterables: each closes the other when somebody leaves.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { Future } from "../../runtime/future.ts";
import type { Operation } from "../operation.ts";
import { scope } from "../scope.ts";
import { iterateOpen, type ScopedIterator } from "../scoped_iterable.ts";
import { checkSource, reading, type Source, SourceReader } from "../streams/source_reader.ts";

/**
 * The chunks of a web stream. Leaving the loop, by whatever way, cancels the stream, waits for that,
 * and gives up its lock. Unlike the stream's own iterator it can be left while a read is pending.
 *
 * @throws {TypeError} If it is no `ReadableStream`, or locked
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fromReadable } from "@vais/runtime";
 *
 * const body = new Response("three small words").body!;
 * let bytes = 0;
 * for await (const chunk of fromReadable(body)) bytes += chunk.length;
 * assertEquals(bytes, 17);
 * ```
 */
export function fromReadable<T>(stream: ReadableStream<T>): ScopedIterator<T> {
  if (typeof Object(stream).getReader !== "function") {
    throw new TypeError(`Cannot read: stream is ${typeOf(stream)} (must be a ReadableStream)`);
  }
  if (stream.locked) throw new TypeError("Cannot read: stream is locked (it has another reader)");
  return iterateOpen<T>(function* (emit) {
    const reader = stream.getReader();
    let isOver = false;
    try {
      for (;;) {
        const { done, value } = yield* Future.from(reader.read()).catch((error) => {
          isOver = true; // a stream that failed needs no cancel
          throw error;
        });
        if (done) return void (isOver = true);
        yield* emit(value as T);
      }
    } finally {
      try {
        if (!isOver) yield* Future.from(reader.cancel("its consumer left"));
      } finally {
        reader.releaseLock();
      }
    }
  }, "readable stream");
}

/**
 * A web stream of the values of any iterable, read as the consumer asks. Cancelling the stream closes
 * the source.
 *
 * @throws {TypeError} If the source is not iterable
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { toReadable } from "@vais/runtime";
 *
 * const text = await new Response(
 *   toReadable(["a", "b"]).pipeThrough(new TextEncoderStream()),
 * ).text();
 * assertEquals(text, "ab");
 * ```
 */
export function toReadable<T>(source: Source<T>): ReadableStream<T> {
  checkSource(source, "make ReadableStream");
  const reader = new SourceReader(source);
  return new ReadableStream<T>({
    async pull(controller) {
      const next = await reader.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await scope(() => reader.close());
    },
  }, { highWaterMark: 0 });
}

/**
 * Writes all values of a source to a web stream, as fast as it takes them, then closes it.
 *
 * When the source fails, or this is cancelled, the stream is aborted with that; when the stream
 * fails, the source is closed and the error thrown. It begins at once. The lock is given up at the end.
 *
 * @throws {TypeError} If the source is not iterable, or the stream no `WritableStream`, or locked
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { pipeInto } from "@vais/runtime";
 *
 * const written: number[] = [];
 * await pipeInto([1, 2, 3], new WritableStream({ write: (n) => void written.push(n) }));
 * assertEquals(written, [1, 2, 3]);
 * ```
 */
export function pipeInto<T>(source: Source<T>, stream: WritableStream<T>): Operation<void> {
  checkSource(source, "write");
  if (typeof Object(stream).getWriter !== "function") {
    throw new TypeError(`Cannot write: stream is ${typeOf(stream)} (must be a WritableStream)`);
  }
  if (stream.locked) throw new TypeError("Cannot write: stream is locked (it has another writer)");
  return scope(function* () {
    const writer = stream.getWriter();
    writer.closed.catch(() => {}); // what fails is told by the writes
    let isClosed = false;
    try {
      yield* reading([source], function* ([reader]) {
        for (let next; !(next = yield* reader!.next()).done;) {
          yield* Future.from(writer.ready);
          writer.write(next.value).catch(() => {}); // told by `ready`, or by `close`
        }
      });
      yield* Future.from(writer.close());
      isClosed = true;
    } catch (error) {
      yield* Future.from(writer.abort(error));
      isClosed = true;
      throw error;
    } finally {
      if (!isClosed) writer.abort("it was not closed").catch(() => {});
      writer.releaseLock();
    }
  }, { name: "pipeInto" });
}
