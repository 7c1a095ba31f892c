/**
 * Typed arrays over shared memory, by reference: a kind, a buffer's number, an offset and a length.
 *
 * @module
 */

/** Numbers a reference takes. */
export const VIEW_NUMBERS: number = 4;

type ViewClass = new (buffer: SharedArrayBuffer, byteOffset: number, length: number) => unknown;

/** The classes; their place is their number. */
const CLASSES: readonly ViewClass[] = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];
const WHOLE_BUFFER = CLASSES.length;
const NUMBERS: ReadonlyMap<unknown, number> = new Map(CLASSES.map((one, i) => [one, i]));

/** Buffers that all threads have, by number. */
export class SharedBuffers {
  readonly #ids = new Map<unknown, number>();
  readonly #buffers: SharedArrayBuffer[] = [];

  /** The first gets number 0. */
  constructor(buffers: readonly SharedArrayBuffer[]) {
    for (const buffer of buffers) this.add(buffer);
  }

  /** Gives a buffer a number; false when it has one. */
  add(buffer: SharedArrayBuffer): boolean {
    if (this.#ids.has(buffer)) return false;
    this.#ids.set(buffer, this.#buffers.length);
    this.#buffers.push(buffer);
    return true;
  }

  /** All, in the order of their numbers. */
  get all(): readonly SharedArrayBuffer[] {
    return this.#buffers;
  }

  /** Writes what names `value` to `numbers` from `at` on; false when it is nothing over a buffer known here. */
  write(value: unknown, numbers: Float64Array, at: number): boolean {
    if (ArrayBuffer.isView(value)) {
      return this.writeAs(value, value.buffer, value.byteOffset, numbers, at);
    }
    const id = this.#ids.get(value);
    if (id === undefined) return false;
    numbers[at] = WHOLE_BUFFER;
    numbers[at + 1] = id;
    return true;
  }

  /** Writes a view of the class and length of `view`, but over `buffer` from `byteOffset` on. */
  writeAs(
    view: ArrayBufferView,
    buffer: ArrayBufferLike,
    byteOffset: number,
    numbers: Float64Array,
    at: number,
  ): boolean {
    const id = this.#ids.get(buffer);
    const kind = NUMBERS.get(view.constructor);
    if (id === undefined || kind === undefined) return false;
    numbers[at] = kind;
    numbers[at + 1] = id;
    numbers[at + 2] = byteOffset;
    numbers[at + 3] = lengthOf(view);
    return true;
  }

  /** What was written there; undefined when its buffer is not known here yet. */
  read(numbers: Float64Array, at: number): unknown {
    const kind = numbers[at]!;
    const buffer = this.#buffers[numbers[at + 1]!];
    if (buffer === undefined || kind === WHOLE_BUFFER) return buffer;
    return new CLASSES[kind]!(buffer, numbers[at + 2]!, numbers[at + 3]!);
  }
}

/** Elements of a typed array, bytes of a DataView. */
function lengthOf(view: ArrayBufferView): number {
  return "length" in view ? view.length as number : view.byteLength;
}
