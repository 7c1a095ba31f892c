/**
 * How large the parts of a shared map are.
 *
 * @module
 */

import { checkInteger, exactCapacity, roundCapacity } from "./check.ts";
import { type ByteKey, ByteKeys, IntKeys, type KeyCodec } from "./key_codec.ts";

const ACTION = "create a ShardedMap";
const INT_KEYS = -1;

/** What the header of a map says: shards and slots are powers of two, -1 key bytes mean int32 keys. */
export type Sizes = [shards: number, slots: number, keyBytes: number];

/** Standard deviations that a shard may have more than its share. */
const DEVIATIONS = 6;

/** Sizes for room for `capacity`, however chance spreads them. */
export function sizesOf(capacity: unknown, keyBytes: number | undefined, shards: unknown): Sizes {
  checkInteger(ACTION, "the number of shards", shards, 1, 256);
  const count = roundCapacity(ACTION, shards, 1);
  const share = exactCapacity(ACTION, capacity) / count;
  const each = count === 1 ? share : Math.ceil(share + DEVIATIONS * Math.sqrt(share)) + 2;
  return [count, roundCapacity(ACTION, Math.ceil(each * 8 / 7) + 1, 4), keyBytes ?? INT_KEYS];
}

/** The codec for such keys. */
export function codecOf(keyBytes: number): KeyCodec<number> | KeyCodec<ByteKey> {
  return keyBytes === INT_KEYS ? new IntKeys() : new ByteKeys(keyBytes);
}
