/**
 * How a slab allocator is asked for, and how its classes are laid out: one slab after the other, by
 * size, then the backing pool.
 *
 * @module
 */
import { checkInteger, checkOptions, shown } from "../check.ts";
import { MOST_BYTES } from "./checks.ts";
import { FixedBlocks } from "./fixed_blocks.ts";
import { openRegion, type Region, type RegionOptions } from "./region.ts";

/** Options of a `SlabAllocator`: classes, and where they are. Default: in a buffer of its own. */
export interface SlabAllocatorOptions extends Omit<RegionOptions, "size"> {
  /**
   * Block sizes in bytes, ascending: at most 64, multiples of 8, up to 1 MiB.
   * Default 64, 128, 256, 512, 1024, 2048, 4096.
   */
  readonly classes?: readonly number[];
  /** Blocks of each class, or a number for each. Default 64. */
  readonly blocksPerClass?: number | readonly number[];
  /** Bytes of the pool that serves what the classes cannot; 0 refuses it. Default 0. */
  readonly backingSize?: number;
}

/** A class of blocks. */
export interface SlabClass {
  readonly blockSize: number;
  /** Offset of its first block. */
  readonly base: number;
  readonly blocks: FixedBlocks;
  hits: number;
  misses: number;
}

/** What options come to. */
export interface SlabLayout {
  readonly region: Region;
  readonly classes: readonly SlabClass[];
  /** By size in steps of 8 bytes, rounded up: the index of the smallest class that holds it. */
  readonly classOf: Uint8Array;
  /** Where the backing pool is; its size may be 0. */
  readonly backingOffset: number;
  readonly backingSize: number;
}

const DEFAULT_CLASSES = [64, 128, 256, 512, 1024, 2048, 4096];
const MOST_CLASSES = 64;
const MOST_BLOCK = 2 ** 20;

/** Checks options, makes the buffer, lays out the classes. */
export function slabLayout(action: string, given: SlabAllocatorOptions | undefined): SlabLayout {
  const options = checkOptions(action, given);
  const { backingSize = 0, blocksPerClass = 64 } = options;
  const sizes = checkClasses(action, options.classes ?? DEFAULT_CLASSES);
  const counts = checkCounts(action, blocksPerClass, sizes.length);
  checkInteger(action, "the backingSize", backingSize, backingSize === 0 ? 0 : 16, MOST_BYTES);
  const slabBytes = sizes.reduce((sum, size, i) => sum + size * counts[i]!, 0);
  const backingStart = 16 * Math.ceil(slabBytes / 16);
  const size = backingStart + backingSize;
  const region = openRegion(action, { ...options, size }, 16, size);
  let base = region.byteOffset;
  const classes = sizes.map((blockSize, i) => {
    const blocks = new FixedBlocks(counts[i]!);
    const slab: SlabClass = { blockSize, base, blocks, hits: 0, misses: 0 };
    base += blockSize * blocks.count;
    return slab;
  });
  const classOf = new Uint8Array(sizes.at(-1)! / 8 + 1);
  for (let i = classes.length - 1; i >= 0; i--) classOf.fill(i, 0, sizes[i]! / 8 + 1);
  return { region, classes, classOf, backingOffset: region.byteOffset + backingStart, backingSize };
}

function checkClasses(action: string, classes: readonly number[]): readonly number[] {
  if (!Array.isArray(classes)) {
    throw new TypeError(`Cannot ${action}: classes is ${shown(classes)} (pass an array)`);
  }
  checkInteger(action, "the number of classes", classes.length, 1, MOST_CLASSES);
  let last = 0;
  for (const size of classes) {
    checkInteger(action, "a class", size, 8, MOST_BLOCK);
    if (size % 8 !== 0 || size <= last) {
      throw new RangeError(
        `Cannot ${action}: a class of ${size} follows ${last} (pass ascending multiples of 8)`,
      );
    }
    last = size;
  }
  return [...classes];
}

function checkCounts(
  action: string,
  counts: number | readonly number[],
  classes: number,
): readonly number[] {
  const each = Array.isArray(counts) ? counts : new Array<number>(classes).fill(counts as number);
  if (each.length !== classes) {
    throw new RangeError(
      `Cannot ${action}: blocksPerClass has ${each.length} numbers (pass one for each of ${classes})`,
    );
  }
  for (const count of each) {
    checkInteger(action, "the number of blocks per class", count, 1, MOST_BYTES / 8);
  }
  return [...each];
}
