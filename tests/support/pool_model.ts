/**
 * A memory pool as simple as can be: a list of what is used, sorted by address.
 *
 * It does not choose where a block goes; it is told, and says whether that was right.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Block, FitStrategy, MemoryPool, PoolRange } from "@vais/runtime/memory";

/** A block in use. */
export interface Used {
  offset: number;
  /** As set aside. */
  readonly size: number;
  /** As asked for. */
  readonly asked: number;
  readonly movable: boolean;
  /** What its bytes are filled with. */
  readonly fill: number;
  /** Absent for a bare offset. */
  readonly block?: Block;
}

/** See the head of this file. */
export class PoolModel {
  readonly used: Used[] = [];
  allocations = 0;
  frees = 0;
  failures = 0;
  high = 0;
  readonly pool: MemoryPool;
  readonly strategy: FitStrategy;
  readonly base: number;
  readonly alignment: number;

  constructor(pool: MemoryPool, strategy: FitStrategy, base: number, alignment: number) {
    this.pool = pool;
    this.strategy = strategy;
    this.base = base;
    this.alignment = alignment;
  }

  /** Free and used ranges by address. */
  ranges(): PoolRange[] {
    const found: PoolRange[] = [];
    let at = this.base;
    const end = this.base + this.pool.capacityBytes;
    for (const { offset, size, movable } of this.used) {
      if (offset > at) found.push({ offset: at, size: offset - at, state: "free" });
      found.push({ offset, size, state: movable ? "movable" : "fixed" });
      at = offset + size;
    }
    if (end > at) found.push({ offset: at, size: end - at, state: "free" });
    return found;
  }

  /** Bytes set aside for `asked`. */
  rounded(asked: number): number {
    return Math.ceil(asked / this.alignment) * this.alignment;
  }

  /** Free ranges that hold `asked` bytes. */
  fits(asked: number): PoolRange[] {
    const size = this.rounded(asked);
    return this.ranges().filter((range) => range.state === "free" && range.size >= size);
  }

  /** The pool found no room. */
  refused(asked: number): void {
    this.failures++;
    assertEquals(this.fits(asked), [], "there was room");
  }

  /** The pool gave out a block. */
  given(offset: number, asked: number, movable: boolean, block?: Block): void {
    const fits = this.fits(asked);
    const chosen = fits.find((range) => range.offset === offset);
    assert(chosen !== undefined, `${offset} is not the start of a free range that fits`);
    const sizes = fits.map((range) => range.size);
    if (this.strategy === "first_fit") assertEquals(chosen, fits[0]);
    if (this.strategy === "best_fit") assertEquals(chosen.size, Math.min(...sizes));
    if (this.strategy === "worst_fit") assertEquals(chosen.size, Math.max(...sizes));
    const fill = this.allocations++ & 255;
    const size = this.rounded(asked);
    this.used.push({ offset, size, asked, movable, fill, ...(block && { block }) });
    this.used.sort((a, b) => a.offset - b.offset);
    this.high = Math.max(this.high, this.usedBytes());
    new Uint8Array(this.pool.buffer, offset, asked).fill(fill);
  }

  /** A block's bytes are as they were left. */
  checkContent({ offset, asked, fill, block }: Used): void {
    const bytes = block === undefined ? this.pool.bytesAt(offset, asked) : block.bytes;
    assertEquals([bytes.byteOffset, bytes.length], [offset, asked]);
    const step = Math.max(1, Math.floor(asked / 32));
    for (let i = 0; i < asked; i += step) assertEquals(bytes[i], fill);
    assertEquals(bytes[asked - 1], fill);
  }

  /** Frees one, by number. */
  free(number: number): void {
    const [one] = this.used.splice(number % this.used.length, 1);
    if (one === undefined) return;
    this.checkContent(one);
    if (one.block === undefined) this.pool.freeOffset(one.offset);
    else this.pool.free(one.block);
    this.frees++;
  }

  /** Slides movable blocks down, each as far as the one before allows. Answers bytes moved. */
  slide(): number {
    let at = this.base;
    let moved = 0;
    for (const one of this.used) {
      if (one.movable && one.offset > at) {
        one.offset = at;
        moved += one.size;
      }
      at = one.offset + one.size;
    }
    return moved;
  }

  usedBytes(): number {
    return this.used.reduce((sum, { size }) => sum + size, 0);
  }

  /** The pool says the same of itself. */
  checkAll(): void {
    const ranges = this.ranges();
    assertEquals(this.pool.ranges(), ranges);
    const free = ranges.filter((range) => range.state === "free").map((range) => range.size);
    const freeBytes = free.reduce((sum, size) => sum + size, 0);
    const largest = Math.max(0, ...free);
    const stats = this.pool.stats();
    const { defragmentations: _, movedBytes: __, lowWaterBytes: ___, ...rest } = stats;
    assertEquals(rest, {
      capacityBytes: this.pool.capacityBytes,
      usedBytes: this.usedBytes(),
      freeBytes,
      largestFreeBytes: largest,
      fragmentation: freeBytes === 0 ? 0 : 1 - largest / freeBytes,
      liveBlocks: this.used.length,
      freeRanges: free.length,
      allocations: this.allocations,
      frees: this.frees,
      failures: this.failures,
      highWaterBytes: this.high,
    });
  }
}
