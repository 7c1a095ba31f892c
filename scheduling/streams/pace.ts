/**
 * Streams that come too fast: the latest value after a silence, or one in a while.
 *
 * @module
 */

import { checkDuration, typeOf } from "../../runtime/clock.ts";
import { select } from "../../runtime/globals.ts";
import { Channel } from "../channels/channel.ts";
import { type Emit, scopedIterable, type ScopedIterator } from "../scoped_iterable.ts";
import type { Scope } from "../scope.ts";
import { spawnFeeder } from "./feeder.ts";
import { checkSource, reading, type Source } from "./source_reader.ts";

/**
 * The latest value, once `ms` have passed without another; and the last one when the source ends.
 *
 * The source is read as fast as it comes. Leaving the loop closes it; its error is thrown at the
 * consumer, and a value that was held back is then lost.
 *
 * @param ms Silence, in ms of the runtime's clock
 * @throws {TypeError} If the source is not iterable, or `ms` no number
 * @throws {RangeError} If `ms` is negative or not finite
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { debounce, sleep } from "@vais/runtime";
 *
 * async function* typing() {
 *   yield "h";
 *   yield "he";
 *   await sleep(40);
 *   yield "hey";
 * }
 * const searches: string[] = [];
 * for await (const text of debounce(typing(), 10)) searches.push(text);
 * assertEquals(searches, ["he", "hey"]);
 * ```
 */
export function debounce<T>(source: Source<T>, ms: number): ScopedIterator<T> {
  return paced(source, ms, "debounce", function* (latest, emit, s) {
    for (let next; !(next = yield* latest.next()).done;) {
      let { value } = next;
      for (;;) {
        const moved = yield* select(latest.next(), s.sleep(ms));
        if (moved.index === 1) break;
        const newer = moved.value as IteratorResult<T, undefined>;
        if (newer.done) break;
        value = newer.value;
      }
      yield* emit(value);
    }
  });
}

/** How to {@linkcode throttle}. */
export interface ThrottleOptions {
  /**
   * What comes within the `ms`: of it the latest value follows when they are over (`true`, the
   * default), or none.
   */
  readonly trailing?: boolean;
}

/**
 * At most one value each `ms`: the first at once, then the latest of those that came meanwhile.
 *
 * The source is read as fast as it comes. Leaving the loop closes it; its error is thrown at the
 * consumer, and a value that was held back is then lost.
 *
 * @param ms Distance of two values, in ms of the runtime's clock
 * @throws {TypeError} If an argument has the wrong type
 * @throws {RangeError} If `ms` is negative or not finite
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { throttle } from "@vais/runtime";
 *
 * const shown: number[] = [];
 * for await (const percent of throttle([1, 2, 50, 99, 100], 10)) shown.push(percent);
 * assertEquals(shown, [1, 100]);
 * ```
 */
export function throttle<T>(
  source: Source<T>,
  ms: number,
  options: ThrottleOptions = {},
): ScopedIterator<T> {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot throttle: options is ${typeOf(options)} (must be an object)`);
  }
  const { trailing = true } = options;
  if (typeof trailing !== "boolean") {
    throw new TypeError(`Cannot throttle: trailing is ${typeOf(trailing)} (must be a boolean)`);
  }
  return paced(source, ms, "throttle", function* (latest, emit, s) {
    for (let next; !(next = yield* latest.next()).done;) {
      yield* emit(next.value);
      yield* s.sleep(ms);
      if (!trailing && latest.size > 0) latest.tryReceive();
    }
  });
}

/** A child reads the source, and keeps the latest value where `pace` finds it. */
function paced<T>(
  source: Source<T>,
  ms: number,
  action: string,
  pace: (latest: Channel<T>, emit: Emit<T>, s: Scope) => Generator<unknown, void>,
): ScopedIterator<T> {
  checkSource(source, action);
  checkDuration(ms, action, "ms");
  return scopedIterable<T>((emit, s) => {
    const latest = new Channel<T>({ capacity: 1, overflow: "drop-oldest" });
    const reader = spawnFeeder(s, latest, () =>
      reading([source], function* ([reader]) {
        for (let next; !(next = yield* reader!.next()).done;) latest.trySend(next.value);
      }));
    return (function* () {
      try {
        yield* pace(latest, emit, s);
      } finally {
        reader.cancel();
      }
    })();
  }, { name: action })[Symbol.asyncIterator]();
}
