/**
 * Where things lie in shared memory, and how a thread hands them to another.
 *
 * A structure is a {@linkcode View}: a class over (SharedArrayBuffer, byteOffset). Its region begins
 * with a header line that says what lies there: the kind, the length, then the parameters. The
 * header is written before the handle leaves `create` and never again: so it alone is read
 * without `Atomics`. Words that different threads write are {@linkcode LINE_BYTES} apart, because
 * of the adjacent line prefetch (Intel, 64 and IA-32 Architectures Optimization Manual, 2023).
 *
 * @module
 */

import { checkInteger, checkOptions, checkStart, shown } from "./check.ts";

/** Bytes between words that different threads write: two cache lines, since they are fetched in pairs. */
export const LINE_BYTES = 128;
/** The same in int32 words. A region's header takes the first of these. */
export const LINE_WORDS: number = LINE_BYTES / 4;

/** A region's length, and every index into it, is an int32. */
const MOST_BYTES = 2 ** 31 - LINE_BYTES;

/** What is posted to a worker: there, `attach(handle)` makes a view of the same structure. */
export interface Handle<K extends string = string> {
  /** The class. */
  readonly kind: K;
  /** The memory. */
  readonly buffer: SharedArrayBuffer;
  /** Where in it. */
  readonly byteOffset: number;
}

/** Where to make a structure; without one it gets memory of its own. */
export interface Place {
  /** The memory. */
  readonly buffer: SharedArrayBuffer;
  /** Where in it: a multiple of {@linkcode LINE_BYTES}. Default 0. */
  readonly byteOffset?: number;
}

/** What every structure over shared memory has. */
export abstract class View<K extends string = string> {
  /** Post it to a worker and `attach` there. Wait-free, O(1). */
  readonly handle: Handle<K>;

  /** Over the region of `handle`. */
  protected constructor(handle: Handle<K>) {
    this.handle = handle;
  }
}

/**
 * Adds up regions, so that many structures share one buffer.
 *
 * Effect: none but counting; `allocate` makes the buffer. O(1) each. Bad lengths are a `RangeError`.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Layout, MpmcQueue } from "@vais/runtime/memory";
 *
 * const layout = new Layout();
 * const first = layout.add(MpmcQueue.byteLength(64));
 * const second = layout.add(MpmcQueue.byteLength(64));
 * const buffer = layout.allocate();
 * const jobs = MpmcQueue.create(64, { at: { buffer, byteOffset: first } });
 * const results = MpmcQueue.create(64, { at: { buffer, byteOffset: second } });
 * jobs.push(1);
 * assert(results.isEmpty && jobs.size === 1);
 * ```
 */
export class Layout {
  #bytes = 0;

  /** Reserves so many bytes, rounded up to lines; answers their offset. */
  add(byteLength: number): number {
    checkInteger("add to the layout", "the length", byteLength, 0, 2 ** 31 - LINE_BYTES);
    const offset = this.#bytes;
    this.#bytes += roundToLine(byteLength);
    return offset;
  }

  /** Bytes reserved so far. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** A buffer of that length. Throws what the host throws when there is no memory. */
  allocate(): SharedArrayBuffer {
    return newBuffer("allocate the layout", this.#bytes);
  }
}

/** The next multiple of a line. */
export function roundToLine(byteLength: number): number {
  return Math.ceil(byteLength / LINE_BYTES) * LINE_BYTES;
}

/** Zeroed memory at `at`, or new, with its header. The words after the header are 0. */
export function createRegion<K extends string>(
  kind: K,
  byteLength: number,
  params: readonly number[],
  at: Place | undefined,
): Handle<K> {
  const action = `create a ${kind}`;
  if (byteLength > MOST_BYTES) {
    throw new RangeError(
      `Cannot ${action}: it takes ${byteLength} bytes (at most ${MOST_BYTES}: ask for less capacity)`,
    );
  }
  const buffer = at === undefined ? newBuffer(action, byteLength) : checkOptions(action, at).buffer;
  const byteOffset = at?.byteOffset ?? 0;
  checkBuffer(action, buffer, byteOffset, byteLength);
  const words = new Int32Array(buffer, byteOffset, byteLength / 4);
  if (at !== undefined) words.fill(0);
  words[1] = byteLength;
  words.set(params, 2);
  words[0] = magicOf(kind);
  return Object.freeze({ kind, buffer, byteOffset });
}

/**
 * Memory for a ring of `capacity`: a header, two counters on the two lines after it, and the rest. Both
 * counters begin at `start`, rounded down to a multiple of `step` (a power of two).
 */
export function createRing<K extends string>(
  kind: K,
  byteLength: number,
  capacity: number,
  options: { readonly at?: Place; readonly start?: number } | undefined,
  step = 1,
): Handle<K> {
  const action = `create a ${kind}`;
  const { at, start = 0 } = checkOptions(action, options);
  checkStart(action, start);
  const handle = createRegion(kind, byteLength, [capacity], at);
  const words = openRegion(kind, handle);
  for (const line of [1, 2]) Atomics.store(words, line * LINE_WORDS, start & -step);
  return handle;
}

/** The words of the region of `handle`, header included; throws unless such a one lies there. */
export function openRegion<K extends string>(kind: K, handle: Handle<K>): Int32Array {
  const action = `attach a ${kind}`;
  if (typeof handle !== "object" || handle === null || handle.kind !== kind) {
    const is = (handle as Handle | null | undefined)?.kind ?? shown(handle);
    throw new TypeError(`Cannot ${action}: the handle is ${is} (pass the handle of a ${kind})`);
  }
  checkBuffer(action, handle.buffer, handle.byteOffset, LINE_BYTES);
  const header = new Int32Array(handle.buffer, handle.byteOffset, LINE_WORDS);
  const byteLength = header[1]!;
  if (header[0] !== magicOf(kind) || byteLength < LINE_BYTES) {
    throw new RangeError(
      `Cannot ${action}: there is none at byte ${handle.byteOffset} (pass a handle that create made)`,
    );
  }
  checkBuffer(action, handle.buffer, handle.byteOffset, byteLength);
  return new Int32Array(handle.buffer, handle.byteOffset, byteLength / 4);
}

/** A parameter of the header, by its place in the list given to `createRegion`. */
export function paramOf(words: Int32Array, index: number): number {
  return words[2 + index]!;
}

function checkBuffer(action: string, buffer: unknown, byteOffset: number, byteLength: number) {
  if (Object.prototype.toString.call(buffer) !== "[object SharedArrayBuffer]") {
    throw new TypeError(
      `Cannot ${action}: the buffer is ${shown(buffer)} (pass a SharedArrayBuffer)`,
    );
  }
  const most = (buffer as SharedArrayBuffer).byteLength - byteLength;
  if (most < 0) {
    throw new RangeError(
      `Cannot ${action}: the buffer has ${most + byteLength} bytes (${byteLength} are needed)`,
    );
  }
  checkInteger(action, "the offset", byteOffset, 0, most);
  if (byteOffset % LINE_BYTES === 0) return;
  throw new RangeError(
    `Cannot ${action}: the offset is ${byteOffset} (pass a multiple of ${LINE_BYTES})`,
  );
}

function newBuffer(action: string, byteLength: number): SharedArrayBuffer {
  if (typeof SharedArrayBuffer === "function") return new SharedArrayBuffer(byteLength);
  throw new TypeError(
    `Cannot ${action}: SharedArrayBuffer is missing (a page must be cross-origin isolated)`,
  );
}

/** FNV-1a, never 0: fresh memory is no structure. */
function magicOf(kind: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < kind.length; i++) hash = Math.imul(hash ^ kind.charCodeAt(i), 0x01000193);
  return hash | 1;
}
