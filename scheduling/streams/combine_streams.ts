/**
 * Several streams as one: all that come, or one of each at a time.
 *
 * @module
 */

import { Future } from "../../runtime/future.ts";
import { scopedIterable, type ScopedIterator } from "../scoped_iterable.ts";
import { checkSource, reading, type Source, type ValueOfSource } from "./source_reader.ts";

/**
 * The values of all sources as they come; over when all are over.
 *
 * Each source is read at most one value ahead of the consumer. Leaving the loop, or the first error of a
 * source, closes them all.
 *
 * @throws {TypeError} If a source is not iterable
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { merge, sleep } from "@vais/runtime";
 *
 * async function* every(ms: number, values: string[]) {
 *   for (const value of values) {
 *     await sleep(ms);
 *     yield value;
 *   }
 * }
 * const seen: string[] = [];
 * for await (const value of merge(every(4, ["a", "b"]), every(30, ["z"]))) seen.push(value);
 * assertEquals(seen, ["a", "b", "z"]);
 * ```
 */
export function merge<const S extends readonly Source<unknown>[]>(
  ...sources: S
): ScopedIterator<ValueOfSource<S[number]>> {
  sources.forEach((source, i) => checkSource(source, "merge", `source ${i}`));
  return scopedIterable<ValueOfSource<S[number]>>(
    (emit, s) =>
      sources.forEach((source, i) =>
        s.spawn(() =>
          reading(
            [source as Source<ValueOfSource<S[number]>>],
            function* ([reader]) {
              for (let next; !(next = yield* reader!.next()).done;) yield* emit(next.value);
            },
          ), { name: `source ${i}` })
      ),
    { name: "merge" },
  )[Symbol.asyncIterator]();
}

/**
 * The first values of all sources, then the second values, and so on; over when one source is over.
 *
 * The sources are read side by side, one value each. Then, when the loop is left, or on the first error of a
 * source, all are closed. What the others had read when the shortest ended is lost.
 *
 * @throws {TypeError} If a source is not iterable
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { zip } from "@vais/runtime";
 *
 * const rows: [number, string][] = [];
 * for await (const row of zip([1, 2, 3], ["one", "two"])) rows.push(row);
 * assertEquals(rows, [[1, "one"], [2, "two"]]);
 * ```
 */
export function zip<const S extends readonly Source<unknown>[]>(
  ...sources: S
): ScopedIterator<{ -readonly [K in keyof S]: ValueOfSource<S[K]> }> {
  sources.forEach((source, i) => checkSource(source, "zip", `source ${i}`));
  type Row = { -readonly [K in keyof S]: ValueOfSource<S[K]> };
  return scopedIterable<Row>(
    (emit) =>
      reading(sources, function* (readers) {
        while (readers.length > 0) {
          const row = yield* Future.all(readers.map((reader) => reader.next()));
          if (row.some((next) => next.done)) return;
          yield* emit(row.map((next) => next.value) as Row);
        }
      }),
    { name: "zip" },
  )[Symbol.asyncIterator]();
}
