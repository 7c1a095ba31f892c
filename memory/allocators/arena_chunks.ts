/**
 * The chunks of an arena, as one row of positions.
 *
 * Invariant: positions run on from chunk to chunk without a gap, and chunks are used in order; so
 * what lies behind the current chunk is not in use. Positions in the first chunk are offsets in its
 * buffer.
 *
 * @module
 */
import { newBuffer, type Region } from "./region.ts";

/** A chunk: where it is, and the position of its first byte. */
export interface Chunk extends Region {
  readonly position: number;
}

/** See the head of this file. */
export class ArenaChunks {
  readonly #chunks: Chunk[];
  readonly #most: number;
  readonly #shared: boolean;
  #current = 0;
  #capacity: number;

  /** One chunk, which may be followed by others, up to `most` bytes in all. */
  constructor(first: Region, most: number) {
    this.#chunks = [{ ...first, position: first.byteOffset }];
    this.#capacity = first.byteLength;
    this.#most = most;
    this.#shared = !(first.buffer instanceof ArrayBuffer);
  }

  /** Chunks there are, used or not. */
  get count(): number {
    return this.#chunks.length;
  }

  /** Bytes of all chunks. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes that the next chunk could have. */
  get growable(): number {
    let rest = this.#most - this.#capacity;
    for (let i = this.#current + 1; i < this.#chunks.length; i++) {
      rest += this.#chunks[i]!.byteLength;
    }
    return rest;
  }

  /** The first chunk. */
  get first(): Chunk {
    return this.#chunks[0]!;
  }

  /** The chunk in use, by number: 0 is the first. */
  get current(): number {
    return this.#current;
  }

  /** Goes back to a chunk; the later ones are kept for later. */
  backTo(chunk: number): Chunk {
    this.#current = chunk;
    return this.#chunks[chunk]!;
  }

  /** Goes on to a chunk of at least so many bytes; `undefined` if there can be none. */
  next(bytes: number): Chunk | undefined {
    const kept = this.#chunks[this.#current + 1];
    if (kept !== undefined && kept.byteLength >= bytes) {
      this.#current++;
      return kept;
    }
    const growable = this.growable;
    if (bytes > growable) return undefined;
    const byteLength = Math.min(Math.max(bytes, this.first.byteLength), growable);
    const buffer = newBuffer(byteLength, this.#shared);
    this.trim();
    const last = this.#chunks[this.#current]!;
    const chunk = { buffer, byteOffset: 0, byteLength, position: last.position + last.byteLength };
    this.#chunks.push(chunk);
    this.#capacity += byteLength;
    this.#current++;
    return chunk;
  }

  /** Lets go of the chunks that are not in use. */
  trim(): void {
    while (this.#chunks.length > this.#current + 1) {
      this.#capacity -= this.#chunks.pop()!.byteLength;
    }
  }

  /** The chunk of a position in use. O(log chunks). */
  at(position: number): Chunk {
    let low = 0;
    let high = this.#current;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#chunks[middle]!.position <= position) low = middle;
      else high = middle - 1;
    }
    return this.#chunks[low]!;
  }
}
