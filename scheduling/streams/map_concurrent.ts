/**
 * A mapper over many items at once, as a stream with back-pressure.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import type { JoinHandle } from "../../runtime/join_handle.ts";
import type { Task } from "../../runtime/task.ts";
import type { TaskScope } from "../../runtime/task_body.ts";
import { Channel } from "../channels/channel.ts";
import { type Emit, scopedIterable, type ScopedIterator } from "../scoped_iterable.ts";
import type { Scope } from "../scope.ts";
import { spawnFeeder } from "./feeder.ts";
import { checkSource, reading, type Source, type SourceReader } from "./source_reader.ts";

/** How {@linkcode mapConcurrent} goes about it. */
export interface MapConcurrentOptions {
  /** Items that are mapped, or mapped and not taken yet, at once: an integer from 1. */
  readonly limit: number;
  /** In the order of the items (the default), or as they are ready. */
  readonly ordered?: boolean;
}

/** What is done with an item: a generator, an async function, or a plain one. */
export type Mapper<A, B> = (
  item: A,
  task: TaskScope,
  index: number,
) => Generator<unknown, B> | PromiseLike<B> | B;

/**
 * Maps the items of `source`, at most `limit` at once, each in a task of its own.
 *
 * Nothing begins before the first `next()`. At most `limit` results are in work or ready and not
 * taken: a slow consumer holds up the source. Leaving the loop, or the first error (of the source, or of the mapper:
 * it is thrown at the consumer), stops pulling at once, cancels the mappers and waits for their cleanup, and
 * closes the source.
 *
 * @throws {TypeError} If an argument has the wrong type
 * @throws {RangeError} If the limit is not an integer from 1
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { mapConcurrent } from "@vais/runtime";
 *
 * const lengths: number[] = [];
 * const words = ["one", "three", "eleven"];
 * for await (
 *   const length of mapConcurrent(words, { limit: 2 }, function* (word, task) {
 *     yield* task.sleep(6 - word.length); // the longest is ready first
 *     return word.length;
 *   })
 * ) lengths.push(length);
 * assertEquals(lengths, [3, 5, 6]);
 * ```
 */
export function mapConcurrent<A, B>(
  source: Source<A>,
  options: MapConcurrentOptions,
  mapper: Mapper<A, B>,
): ScopedIterator<B> {
  const action = "map concurrently";
  checkSource(source, action);
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
  }
  const { limit, ordered = true } = options;
  if (limit !== Infinity) checkInteger(limit, 1, action, "limit");
  if (typeof ordered !== "boolean") {
    throw new TypeError(`Cannot ${action}: ordered is ${typeOf(ordered)} (must be a boolean)`);
  }
  if (typeof mapper !== "function") {
    throw new TypeError(`Cannot ${action}: mapper is ${typeOf(mapper)} (must be a function)`);
  }
  const work = ordered ? inOrder<A, B> : asReady<A, B>;
  return scopedIterable<B>(
    (emit, s) => reading([source], ([reader]) => work(reader!, limit, mapper, emit, s)),
    { name: "mapConcurrent" },
  )[Symbol.asyncIterator]();
}

/** Pulls items while there are slots, and starts `take` on each. */
function* pull<A>(
  reader: SourceReader<A>,
  slots: Channel<true>,
  take: (item: A, index: number) => void,
): Generator<unknown, void> {
  for (let index = 0;; index++) {
    yield* slots.send(true);
    const next = yield* reader.next();
    if (next.done) return;
    take(next.value, index);
  }
}

function spawnMapper<A, B>(s: Scope, mapper: Mapper<A, B>, item: A, index: number): JoinHandle<B> {
  return s.spawn((task) => mapper(item, task, index), {
    name: `${mapper.name || "item"} ${index}`,
  }) as JoinHandle<B>;
}

function* inOrder<A, B>(
  reader: SourceReader<A>,
  limit: number,
  mapper: Mapper<A, B>,
  emit: Emit<B>,
  s: Scope,
): Generator<unknown, void> {
  const slots = new Channel<true>(limit);
  const begun = Channel.unbounded<{ handle: JoinHandle<B> }>();
  const source = spawnFeeder(s, begun, () =>
    pull(reader, slots, (item, index) => {
      begun.trySend({ handle: spawnMapper(s, mapper, item, index) });
    }));
  try {
    for (let next; !(next = yield* begun.next()).done;) {
      yield* emit(yield* next.value.handle);
      slots.tryReceive();
    }
  } finally {
    source.cancel();
  }
}

function* asReady<A, B>(
  reader: SourceReader<A>,
  limit: number,
  mapper: Mapper<A, B>,
  emit: Emit<B>,
  s: Scope,
): Generator<unknown, void> {
  const slots = new Channel<true>(limit);
  yield* pull(reader, slots, (item, index) => {
    const handle = spawnMapper(s, mapper, item, index);
    const emitting = s.spawn(function* () {
      yield* emit(yield* handle);
    }) as Task<void>;
    emitting.onEnd = () => void slots.tryReceive();
  });
}
