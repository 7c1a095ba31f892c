/**
 * Keys of a shared map as words: a tag, a hash, then the key itself, padded with zeros.
 *
 * Invariant: two keys are equal exactly if their tags and words are. A tag is never 0, which is no key.
 *
 * The hash: Austin Appleby, "MurmurHash3" (2011).
 *
 * @module
 */

import { checkInteger, isInt32, shown } from "./check.ts";

/** What keys of bytes can be given as; a string stands for its UTF-8, in which a lone surrogate is U+FFFD. */
export type ByteKey = string | Uint8Array;

/** Internal: turns a key into `tag`, `hash` and `words`, which hold until the next. */
export abstract class KeyCodec<K> {
  /** 1 and more. */
  tag = 0;
  /** An int32. */
  hash = 0;
  /** The key. */
  readonly words: Int32Array;

  /** For keys of so many words. */
  constructor(words: number) {
    this.words = new Int32Array(words);
  }

  /** Takes a key in; throws when it is none. */
  abstract encode(action: string, key: K): void;
  /** The key that a tag and words (as in `words`) stand for. */
  abstract decode(tag: number): number | Uint8Array<ArrayBuffer>;

  protected rehash(): void {
    let hash = this.tag;
    for (let i = 0; i < this.words.length; i++) {
      let k = Math.imul(this.words[i]!, 0xcc9e2d51);
      k = (k << 15) | (k >>> 17);
      hash ^= Math.imul(k, 0x1b873593);
      hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    this.hash = hash ^ (hash >>> 16);
  }
}

/** Keys that are int32. */
export class IntKeys extends KeyCodec<number> {
  constructor() {
    super(1);
    this.tag = 1;
  }

  encode(action: string, key: number): void {
    if (!isInt32(key)) checkInteger(action, "the key", key, -(2 ** 31), 2 ** 31 - 1);
    this.words[0] = key;
    this.rehash();
  }

  decode(): number {
    return this.words[0]!;
  }
}

/** Keys that are bytes, up to so many; a string stands for its UTF-8. */
export class ByteKeys extends KeyCodec<ByteKey> {
  readonly #bytes: Uint8Array;
  readonly #most: number;
  readonly #encoder = new TextEncoder();

  constructor(most: number) {
    super(Math.max(1, Math.ceil(most / 4)));
    this.#bytes = new Uint8Array(this.words.buffer);
    this.#most = most;
  }

  encode(action: string, key: ByteKey): void {
    const bytes = typeof key === "string" ? this.#encoder.encode(key) : key;
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(
        `Cannot ${action}: the key is ${shown(key)} (pass a string or a Uint8Array)`,
      );
    }
    if (bytes.length > this.#most) {
      throw new RangeError(
        `Cannot ${action}: the key has ${bytes.length} bytes (at most ${this.#most} fit)`,
      );
    }
    this.words.fill(0);
    this.#bytes.set(bytes);
    this.tag = bytes.length + 1;
    this.rehash();
  }

  decode(tag: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes.subarray(0, tag - 1));
  }
}
