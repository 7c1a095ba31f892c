/**
 * An arena: memory that is taken piece by piece and given back all at once, or back to a mark.
 *
 * Invariant: marks nest. Each opens a frame under a serial of its own, and a block remembers the frame
 * and serial it was made under. Releasing a mark takes the serial from its frame and all inside it,
 * so exactly the blocks made since are stale, in O(frames), and nothing is kept per block.
 *
 * Source: Hanson, "Fast allocation and deallocation of memory based on object lifetimes" (Software:
 * Practice and Experience 20, 1990); marks as in Pascal's mark/release.
 *
 * @module
 */
import { checkInteger, checkOptions } from "../check.ts";
import { ArenaChunks } from "./arena_chunks.ts";
import { type ArenaMark, frameOf, makeMark } from "./arena_mark.ts";
import type { ArenaAllocatorOptions, ArenaStats } from "./arena_options.ts";
import { type Block, type Ledger, makeBlock } from "./block.ts";
import { checkAlignment, MOST_BYTES, refuseSize } from "./checks.ts";
import { OutOfMemoryError, StaleBlockError } from "./errors.ts";
import { openRegion } from "./region.ts";

/**
 * Memory that is taken by moving one number, and given back all at once or back to a mark.
 *
 * Owned by one thread. What is allocated is a {@linkcode Block}: using it after the release throws
 * `StaleBlockError`. Views taken from it before cannot know, and show what is written there next.
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { ArenaAllocator, StaleBlockError } from "@vais/runtime/memory";
 *
 * const arena = new ArenaAllocator({ size: 4096, maxSize: Infinity });
 * const kept = arena.allocate(10);
 * const mark = arena.mark();
 * const scratch = arena.allocate(10_000);
 * arena.release(mark);
 * assertEquals([kept.isLive, scratch.isLive], [true, false]);
 * assertThrows(() => scratch.bytes, StaleBlockError);
 * arena.reset();
 * assertEquals([kept.isLive, arena.stats().usedBytes], [false, 0]);
 * ```
 */
export class ArenaAllocator {
  readonly #chunks: ArenaChunks;
  readonly #mask: number;
  /** What can be asked for. */
  readonly #most: number;
  readonly #ledger: Ledger;
  /** By frame, 0 outside all marks: its serial, or 0 when closed. */
  readonly #serials = [1];
  /** By frame: the position and chunk at its mark. */
  readonly #tops: number[];
  readonly #chunkNumbers = [0];
  #frame = 0;
  #lastSerial = 1;
  /** The next position to give out, and the end of the current chunk. */
  #top: number;
  #limit: number;
  #high = 0;

  /**
   * An arena over a buffer of its own, or over part of a given one.
   *
   * @throws {TypeError} If an option is of the wrong type, or the buffer resizable
   * @throws {RangeError} If a size, offset or alignment is out of range
   */
  constructor(options: ArenaAllocatorOptions) {
    const action = "create an ArenaAllocator";
    const { alignment = 8, maxSize } = checkOptions(action, options);
    this.#mask = (1 << checkAlignment(action, alignment)) - 1;
    const { buffer, byteOffset, byteLength } = openRegion(action, options, alignment);
    const size = byteLength & ~this.#mask;
    let most = maxSize ?? size;
    if (most !== Infinity) {
      checkInteger(action, "the maxSize", most, size, Number.MAX_SAFE_INTEGER);
      most -= most % alignment;
    }
    this.#chunks = new ArenaChunks({ buffer, byteOffset, byteLength: size }, most);
    this.#most = Math.min(Math.max(size, most - size), MOST_BYTES) & ~this.#mask;
    this.#top = byteOffset;
    this.#limit = byteOffset + size;
    this.#tops = [byteOffset];
    this.#ledger = {
      name: "this arena",
      serials: this.#serials,
      generation: 0,
      offsetOf: (position) => this.#viewOf(position, 0).byteOffset,
      viewOf: (position, length) => this.#viewOf(position, length),
      release: () => {},
    };
  }

  /** The buffer of the first chunk, the only one unless it grows. */
  get buffer(): ArrayBufferLike {
    return this.#chunks.first.buffer;
  }

  /** Bytes behind which the next allocation comes, with what was lost to alignment and at chunk ends. */
  get usedBytes(): number {
    return this.#top - this.#chunks.first.position;
  }

  /**
   * Takes `bytes` bytes, until the innermost mark is released. They are not zeroed. O(1), but for
   * a new chunk.
   *
   * @throws {RangeError} If `bytes` is not a whole number above 0, or more than there can ever be
   * @throws {OutOfMemoryError} If there is no room now
   */
  allocate(bytes: number): Block {
    const position = this.allocateOffset(bytes);
    if (position < 0) {
      const here = this.#limit - this.#top;
      const { growable } = this.#chunks;
      throw new OutOfMemoryError(bytes, here + growable, Math.max(here, growable));
    }
    return makeBlock(this.#ledger, this.#frame, position, bytes);
  }

  /**
   * As {@linkcode ArenaAllocator.allocate} without an object: answers the offset of the first byte in
   * {@linkcode ArenaAllocator.buffer}, or -1 when there is no room. In an arena that grows the numbers
   * run on through all chunks: use {@linkcode ArenaAllocator.bytesAt}. No garbage. O(1).
   *
   * @throws {RangeError} If `bytes` is not a whole number above 0, or more than there can ever be
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { ArenaAllocator } from "@vais/runtime/memory";
   *
   * const arena = new ArenaAllocator({ size: 1024 });
   * assertEquals([arena.allocateOffset(5), arena.allocateOffset(5)], [0, 8]);
   * assertEquals(arena.bytesAt(8, 5).byteOffset, 8);
   * ```
   */
  allocateOffset(bytes: number): number {
    if (typeof bytes !== "number" || (bytes | 0) !== bytes || bytes < 1 || bytes > this.#most) {
      refuseSize(bytes, this.#most);
    }
    const position = this.#top;
    const top = position + ((bytes + this.#mask) & ~this.#mask);
    if (top > this.#limit) return this.#allocateInNext(bytes);
    this.#top = top;
    return position;
  }

  /**
   * A view of bytes that {@linkcode ArenaAllocator.allocateOffset} gave out. Whether they have been
   * released and given out again it cannot tell: where that can happen, use blocks. O(log chunks).
   *
   * @throws {TypeError} If a number is none
   * @throws {RangeError} If the bytes are not in one chunk
   * @throws {StaleBlockError} If they are not in use
   */
  bytesAt(offset: number, length: number): Uint8Array {
    const action = "view bytes";
    const start = this.#chunks.first.position;
    checkInteger(action, "the offset", offset, start, Number.MAX_SAFE_INTEGER);
    checkInteger(action, "the length", length, 0, MOST_BYTES);
    if (offset + length > this.#top) {
      throw new StaleBlockError(
        `Cannot ${action}: bytes ${offset} to ${offset + length} are not in use ` +
          `(in use are ${start} to ${this.#top})`,
      );
    }
    const { position, byteLength } = this.#chunks.at(offset);
    if (offset + length > position + byteLength) {
      throw new RangeError(
        `Cannot ${action}: the length is ${length} (the chunk ends after ${
          position + byteLength - offset
        })`,
      );
    }
    return this.#viewOf(offset, length);
  }

  /** Marks the place, to go back to it with {@linkcode ArenaAllocator.release}. Marks nest. O(1). */
  mark(): ArenaMark {
    const frame = ++this.#frame;
    this.#serials[frame] = ++this.#lastSerial;
    this.#tops[frame] = this.#top;
    this.#chunkNumbers[frame] = this.#chunks.current;
    return makeMark(this.#ledger, frame);
  }

  /**
   * Gives back exactly what was allocated since the mark, and the marks made since. Chunks are
   * kept. O(marks released).
   *
   * @throws {TypeError} If `mark` is not a mark of this arena
   * @throws {StaleMarkError} If it has been released: by itself, with an outer one or by a reset
   */
  release(mark: ArenaMark): void {
    this.#backTo(frameOf(mark, this.#ledger));
    this.#frame--;
  }

  /** Gives back everything. Chunks are kept. O(marks). */
  reset(): void {
    this.#backTo(0);
    this.#serials[0] = ++this.#lastSerial;
  }

  /** Lets go of the chunks that are not in use. O(chunks). */
  trim(): void {
    this.#chunks.trim();
  }

  /** Figures as of now. O(1). */
  stats(): ArenaStats {
    const usedBytes = this.usedBytes;
    return {
      capacityBytes: this.#chunks.capacity,
      usedBytes,
      highWaterBytes: Math.max(this.#high, usedBytes),
      chunks: this.#chunks.count,
      marks: this.#frame,
    };
  }

  #allocateInNext(bytes: number): number {
    const size = (bytes + this.#mask) & ~this.#mask;
    const chunk = this.#chunks.next(size);
    if (chunk === undefined) return -1;
    this.#limit = chunk.position + chunk.byteLength;
    this.#top = chunk.position + size;
    return chunk.position;
  }

  /** Closes the frames from `frame` on, which stays the current one. */
  #backTo(frame: number): void {
    this.#high = Math.max(this.#high, this.usedBytes);
    for (let i = this.#frame; i >= frame; i--) this.#serials[i] = 0;
    this.#frame = frame;
    this.#top = this.#tops[frame]!;
    const chunk = this.#chunks.backTo(this.#chunkNumbers[frame]!);
    this.#limit = chunk.position + chunk.byteLength;
  }

  #viewOf(position: number, length: number): Uint8Array {
    const chunk = this.#chunks.at(position);
    return new Uint8Array(chunk.buffer, chunk.byteOffset + position - chunk.position, length);
  }
}
