/**
 * SlabAllocator: classes, misses, the pool behind, figures.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Block,
  DoubleFreeError,
  ForeignBlockError,
  MemoryPool,
  OutOfMemoryError,
  SlabAllocator,
  StaleBlockError,
} from "@vais/runtime/memory";
import fc from "fast-check";
import { test } from "../support/test.ts";

test("the classes are 64 to 4096, doubling, unless others are asked for", () => {
  const sizes = (slab: SlabAllocator) => slab.stats().classes.map((one) => one.blockSize);
  assertEquals(sizes(new SlabAllocator()), [64, 128, 256, 512, 1024, 2048, 4096]);
  const own = new SlabAllocator({ classes: [24, 40, 1000], blocksPerClass: [1, 2, 3] });
  assertEquals(sizes(own), [24, 40, 1000]);
  assertEquals(own.stats().capacityBytes, 24 + 80 + 3000);
  assertEquals(own.stats().classes.map((one) => one.blocks), [1, 2, 3]);
});

test("a size is served by the smallest class that holds it", () => {
  const slab = new SlabAllocator({ classes: [8, 24, 64, 72], blocksPerClass: 100 });
  for (let bytes = 1; bytes <= 72; bytes++) {
    const offset = slab.allocateOffset(bytes);
    assertEquals(slab.bytesAt(offset).length, [8, 24, 64, 72].find((size) => size >= bytes));
    slab.freeOffset(offset);
  }
});

test("blocks never overlap, contents survive, figures agree: against a list", () => {
  const bytes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2000 }));
  const step = fc.tuple(fc.constantFrom("block", "offset", "free"), fc.nat(), bytes);
  fc.assert(
    fc.property(
      fc.constantFrom(0, 4000),
      fc.array(step, { maxLength: 120, size: "max" }),
      (backingSize, steps) => {
        const slab = new SlabAllocator({
          classes: [64, 128, 256],
          blocksPerClass: [4, 3, 2],
          backingSize,
          shared: backingSize > 0,
        });
        const live: { offset: number; bytes: number; fill: number; block?: Block }[] = [];
        let [allocations, frees] = [0, 0];
        steps.forEach(([kind, number, wanted], fill) => {
          if (kind === "free") {
            const [one] = live.splice(number % Math.max(1, live.length), 1);
            if (one === undefined) return;
            const bytes = one.block?.bytes ?? slab.bytesAt(one.offset, one.bytes);
            assertEquals([...bytes], new Array(one.bytes).fill(one.fill));
            if (one.block === undefined) slab.freeOffset(one.offset);
            else slab.free(one.block);
            frees++;
          } else {
            const bytes = backingSize === 0 ? Math.min(wanted, 256) : wanted;
            const block = kind === "block" ? slab.tryAllocate(bytes) : undefined;
            const offset = kind === "block" ? block?.offset ?? -1 : slab.allocateOffset(bytes);
            if (offset < 0) return;
            allocations++;
            for (const one of live) {
              assert(
                offset + bytes <= one.offset || one.offset + one.bytes <= offset,
                "blocks overlap",
              );
            }
            new Uint8Array(slab.buffer, offset, bytes).fill(fill);
            live.push({ offset, bytes, fill, ...(block && { block }) });
          }
          const stats = slab.stats();
          assertEquals([stats.allocations, stats.frees], [allocations, frees]);
          assertEquals(stats.usedBytes + stats.freeBytes, stats.capacityBytes);
          assertEquals(stats.hits + stats.misses - stats.failures, allocations);
        });
        for (const { block, offset } of live) {
          if (block === undefined) slab.freeOffset(offset);
          else slab.free(block);
        }
        assertEquals(slab.stats().usedBytes, 0);
        assertEquals(slab.stats().backing?.freeRanges, backingSize === 0 ? undefined : 1);
      },
    ),
    { numRuns: 150 },
  );
});

test("an empty class is a miss: refused without a pool behind, served by it otherwise", () => {
  const bare = new SlabAllocator({ classes: [64, 128], blocksPerClass: 1 });
  bare.allocate(64);
  const error = assertThrows(() => bare.allocate(60), OutOfMemoryError);
  assertEquals([error.requestedBytes, error.freeBytes, error.largestFreeBytes], [60, 128, 128]);
  assertEquals([bare.tryAllocate(60), bare.allocateOffset(60)], [undefined, -1]);
  const { classes: [first], misses, failures } = bare.stats();
  assertEquals([first?.misses, first?.hits, first?.utilisation, misses, failures], [3, 1, 1, 3, 3]);

  const backed = new SlabAllocator({ classes: [64], blocksPerClass: 1, backingSize: 256 });
  const [a, b] = [backed.allocate(64), backed.allocate(64)];
  const large = backed.allocateOffset(128);
  assertEquals([a.offset, b.offset, large], [0, 64, 128]);
  assertEquals([backed.stats().hits, backed.stats().misses, backed.stats().failures], [1, 2, 0]);
  assertEquals(backed.tryAllocate(128), undefined);
  backed.free(b);
  backed.freeOffset(large);
  backed.free(a);
  assertEquals([backed.stats().usedBytes, backed.stats().frees], [0, 3]);
});

test("what no class and no pool can ever hold is out of range", () => {
  const bare = new SlabAllocator();
  assertThrows(() => bare.allocate(4097), RangeError, "from 1 to 4096");
  const small = new SlabAllocator({ classes: [512], blocksPerClass: 1, backingSize: 64 });
  small.allocate(512);
  assertEquals(small.tryAllocate(65), undefined);
  assertEquals(small.allocateOffset(512), -1);
  assertThrows(() => small.allocate(513), RangeError, "from 1 to 512");
});

test("double, foreign and stale are told apart, in classes and in the pool", () => {
  const slab = new SlabAllocator({ classes: [64], blocksPerClass: 2, backingSize: 1024 });
  for (const bytes of [64, 500]) {
    const block = slab.allocate(bytes);
    const offset = slab.allocateOffset(bytes);
    assertThrows(() => slab.freeOffset(block.offset), ForeignBlockError);
    assertThrows(() => slab.freeOffset(offset + 1), ForeignBlockError);
    assertThrows(() => slab.bytesAt(offset + 8), ForeignBlockError);
    slab.free(block);
    slab.freeOffset(offset);
    assertThrows(() => slab.free(block), DoubleFreeError);
    assertThrows(() => slab.freeOffset(offset), DoubleFreeError);
    assertThrows(() => slab.bytesAt(offset), DoubleFreeError);
    assertThrows(() => block.bytes, StaleBlockError);
  }
  const bare = new SlabAllocator();
  for (const other of [slab.allocate(64), slab.allocate(500)]) {
    assertThrows(() => bare.free(other), ForeignBlockError);
    assertThrows(() => new MemoryPool({ size: 64 }).free(other), ForeignBlockError);
  }
  for (const at of [-1, -64, 0.5, 1e9, NaN, Infinity]) {
    assertThrows(() => bare.freeOffset(at), ForeignBlockError, undefined, `${at}`);
    assertThrows(() => slab.freeOffset(at), ForeignBlockError, undefined, `${at}`);
    assertThrows(() => bare.bytesAt(at), ForeignBlockError, undefined, `${at}`);
  }
});

test("it works inside a given buffer, and only there", () => {
  const buffer = new ArrayBuffer(4096);
  new Uint8Array(buffer).fill(9);
  const slab = new SlabAllocator({
    buffer,
    byteOffset: 1024,
    classes: [64],
    blocksPerClass: 4,
    backingSize: 256,
  });
  const blocks = [64, 64, 64, 64, 256].map((bytes) => slab.allocate(bytes));
  for (const block of blocks) block.bytes.fill(1);
  const bytes = new Uint8Array(buffer);
  assertEquals([bytes[1023], bytes[1024], bytes[1535], bytes[1536]], [9, 1, 1, 9]);
  {
    using _none = blocks[0];
    using _large = blocks[4];
  }
  assertEquals(slab.stats().usedBytes, 192);
});
