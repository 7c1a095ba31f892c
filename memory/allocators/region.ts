/**
 * The bytes an allocator gives out: a part of an ArrayBuffer or SharedArrayBuffer.
 *
 * Offsets are always counted from the start of the buffer, as `byteOffset` of a typed array is, so
 * that one thread's offset is another thread's view. What an allocator knows about its bytes is kept
 * outside of them: nobody can corrupt it by writing through an old view.
 *
 * @module
 */
import { checkInteger, checkOptions, shown } from "../check.ts";
import { checkFlag, MOST_BYTES } from "./checks.ts";

/** Where an allocator's bytes are: `size` for a buffer of its own, or `buffer`. */
export interface RegionOptions {
  /** Bytes; with `buffer` the default is all that follow `byteOffset`. At most 2 GiB - 64 KiB. */
  readonly size?: number;
  /** A buffer to work in; nobody else may write to what is not given out. Not a resizable one. */
  readonly buffer?: ArrayBufferLike;
  /** Where in `buffer` to begin; a multiple of the alignment. Default 0. */
  readonly byteOffset?: number;
  /** Whether the allocator's own buffer is a SharedArrayBuffer. Default false. */
  readonly shared?: boolean;
}

/** Bytes, found or made. */
export interface Region {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Finds or makes the bytes that `options` ask for: `size` of them, if given, and at least `least`. */
export function openRegion(
  action: string,
  given: RegionOptions,
  alignment: number,
  least: number = alignment,
): Region {
  const options = checkOptions(action, given);
  const { buffer, size, shared } = options;
  checkFlag(action, "shared", shared);
  if (buffer === undefined) {
    if (options.byteOffset !== undefined) {
      throw new TypeError(`Cannot ${action}: there is a byteOffset but no buffer (pass both)`);
    }
    checkInteger(action, "the size", size, least, MOST_BYTES);
    return { buffer: newBuffer(size, shared === true), byteOffset: 0, byteLength: size };
  }
  checkBuffer(action, buffer);
  if (shared !== undefined && shared !== isShared(buffer)) {
    throw new TypeError(
      `Cannot ${action}: shared is ${shared}, but not so the buffer (leave shared out)`,
    );
  }
  const byteOffset = options.byteOffset ?? 0;
  const end = Math.min(buffer.byteLength, MOST_BYTES);
  if (end < least) {
    throw new RangeError(`Cannot ${action}: the buffer has ${end} bytes (${least} are needed)`);
  }
  checkInteger(action, "the byteOffset", byteOffset, 0, end - least);
  if (byteOffset % alignment !== 0) {
    throw new RangeError(
      `Cannot ${action}: the byteOffset is ${byteOffset} (pass a multiple of ${alignment})`,
    );
  }
  const byteLength = size ?? end - byteOffset;
  checkInteger(action, "the size", byteLength, least, end - byteOffset);
  return { buffer, byteOffset, byteLength };
}

/** A buffer of zeros. */
export function newBuffer(bytes: number, shared: boolean): ArrayBufferLike {
  return shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}

function isShared(buffer: unknown): boolean {
  return Object.prototype.toString.call(buffer) === "[object SharedArrayBuffer]";
}

function checkBuffer(action: string, buffer: ArrayBufferLike): void {
  if (!isShared(buffer) && Object.prototype.toString.call(buffer) !== "[object ArrayBuffer]") {
    throw new TypeError(
      `Cannot ${action}: the buffer is ${shown(buffer)} ` +
        `(pass an ArrayBuffer or a SharedArrayBuffer)`,
    );
  }
  const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean };
  if (resizable === true || growable === true) {
    throw new TypeError(`Cannot ${action}: the buffer is resizable (pass one of fixed length)`);
  }
}
