/**
 * What the two ends of a stream say to each other.
 *
 * A stream is a task whose function yields. Each item is a message; the worker sends no more of them than it was
 * granted, so an unread stream holds a fixed number of items. The end is a message too, after the last
 * item: the task's own result, which comes another way, may overtake both.
 *
 * @module
 */

import type { EncodedThrown } from "./error_codec.ts";
import type { ENGINE_MESSAGE } from "./thread_setup.ts";

/** From the worker: an item, the end, or an error; encoded, unless it comes from the same thread. */
export type StreamNews =
  | readonly [typeof ENGINE_MESSAGE, "item", stream: number, value: unknown]
  | readonly [typeof ENGINE_MESSAGE, "end", stream: number]
  | readonly [typeof ENGINE_MESSAGE, "failed", stream: number, encoded: EncodedThrown]
  | readonly [typeof ENGINE_MESSAGE, "threw", stream: number, error: unknown];

/** To the worker: it may send `count` more. */
export type StreamOrder = readonly [
  typeof ENGINE_MESSAGE,
  "grant",
  stream: number,
  count: number,
];
