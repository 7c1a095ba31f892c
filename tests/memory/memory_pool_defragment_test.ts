/**
 * Handles: what defragmentation moves, what it leaves, and when `autoDefrag` does it.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  DoubleFreeError,
  MemoryPool,
  OutOfMemoryError,
  PoolHandle,
  StaleBlockError,
} from "@vais/runtime/memory";
import fc from "fast-check";
import { test } from "../support/test.ts";

test("defragment() moves handles only, and their bytes with them", () => {
  const pool = new MemoryPool({ size: 1024, strategy: "first_fit" });
  const gap = pool.allocate(64);
  const low = pool.allocateHandle(100);
  const fixed = pool.allocate(16);
  const hole = pool.allocate(32);
  const high = pool.allocateHandle(50);
  low.bytes.fill(1);
  fixed.bytes.fill(2);
  high.bytes.fill(3);
  const [oldView, fixedAt] = [low.bytes, fixed.offset];
  pool.free(gap);
  pool.free(hole);
  assertEquals(pool.defragment(), 112 + 64);
  assertEquals([low.offset, fixed.offset, high.offset], [0, fixedAt, fixedAt + 16]);
  assertEquals([...low.bytes], new Array(100).fill(1));
  assertEquals([...fixed.bytes], new Array(16).fill(2));
  assertEquals([...high.bytes], new Array(50).fill(3));
  assert(oldView !== low.bytes, "the view is the old one");
  assertEquals(pool.ranges().map(({ size, state }) => `${state} ${size}`), [
    "movable 112",
    "free 64",
    "fixed 16",
    "movable 64",
    "free 768",
  ]);
  assertEquals([pool.stats().defragmentations, pool.stats().movedBytes], [1, 176]);
  assertEquals(pool.defragment(), 0);
});

test("views hold where nothing was moved", () => {
  const pool = new MemoryPool({ size: 1024 });
  const handle = pool.allocateHandle(10);
  const view = handle.bytes;
  pool.defragment();
  assert(handle.bytes === view);
});

test("a handle is told from a block, freed like one, and stale then", () => {
  const pool = new MemoryPool({ size: 1024 });
  const handle = pool.allocateHandle(10);
  assert(handle instanceof PoolHandle && handle.isMovable);
  pool.free(handle);
  assertThrows(() => handle.bytes, StaleBlockError);
  assertThrows(() => handle.offset, StaleBlockError);
  assertThrows(() => pool.free(handle), DoubleFreeError);
  {
    using _other = pool.allocateHandle(10);
  }
  const late = pool.allocateHandle(10);
  pool.reset();
  assertThrows(() => pool.free(late), StaleBlockError);
  assertEquals(pool.stats().liveBlocks, 0);
});

/** A pool full of handles of 64 bytes, of which every other one is freed. */
function halfFull(autoDefrag: boolean, threshold: number): [MemoryPool, PoolHandle[]] {
  const pool = new MemoryPool({ size: 1024, autoDefrag, defragThreshold: threshold });
  const handles = Array.from({ length: 16 }, (_, i) => {
    const handle = pool.allocateHandle(64);
    handle.bytes.fill(i);
    return handle;
  });
  for (let i = 0; i < 16; i += 2) pool.free(handles[i]!);
  return [pool, handles.filter((handle) => handle.isLive)];
}

test("autoDefrag makes room for what would not fit, and only then when the threshold is 1", () => {
  const [off] = halfFull(false, 1);
  assertThrows(() => off.allocate(65), OutOfMemoryError);
  const [pool, kept] = halfFull(true, 1);
  pool.free(pool.allocate(64));
  assertEquals(pool.stats().defragmentations, 0);
  assertEquals(pool.allocate(512).offset, 512);
  assertEquals(pool.stats().defragmentations, 1);
  kept.forEach((handle, i) => assertEquals(handle.bytes[63], 2 * i + 1));
  assertThrows(() => pool.allocate(64), OutOfMemoryError);
  assertEquals(pool.stats().defragmentations, 1);
});

test("autoDefrag also tidies when the fragmentation passes the threshold, once", () => {
  const [pool] = halfFull(true, 0.5);
  assert(pool.stats().fragmentation > 0.5);
  const block = pool.allocate(16);
  assertEquals([pool.stats().defragmentations, block.offset], [1, 512]);
  pool.allocate(16);
  assertEquals(pool.stats().defragmentations, 1);
  assertEquals(pool.stats().fragmentation, 0);
});

test("autoDefrag never runs where there is nothing movable, or nothing was freed", () => {
  const pool = new MemoryPool({ size: 256, autoDefrag: true, defragThreshold: 0 });
  const blocks = [0, 1, 2, 3].map(() => pool.allocate(64));
  pool.free(blocks[0]!);
  pool.free(blocks[2]!);
  assertThrows(() => pool.allocate(65), OutOfMemoryError);
  const full = new MemoryPool({ size: 256, autoDefrag: true });
  full.allocateHandle(200);
  assertThrows(() => full.allocate(100), OutOfMemoryError);
  assertEquals([pool.stats().defragmentations, full.stats().defragmentations], [0, 0]);
});

test("autoDefrag tries once for what a fixed block keeps apart, and again after a free", () => {
  const pool = new MemoryPool({ size: 320, autoDefrag: true, strategy: "first_fit" });
  const [a, , c, d] = [
    pool.allocateHandle(64),
    pool.allocate(64),
    pool.allocate(64),
    pool.allocateHandle(64),
  ];
  pool.free(a!);
  const runs = () => pool.stats().defragmentations;
  for (let i = 0; i < 3; i++) assertThrows(() => pool.allocate(128), OutOfMemoryError);
  assertEquals(runs(), 1);
  pool.free(c!);
  assertEquals(pool.allocate(128).offset, 192);
  assertEquals([runs(), d!.offset], [2, 128]);
});

test("autoDefrag rests once the last handle is freed", () => {
  const pool = new MemoryPool({ size: 256, autoDefrag: true, strategy: "first_fit" });
  const [a, b, c] = [pool.allocate(64), pool.allocate(64), pool.allocateHandle(64)];
  pool.allocate(64);
  pool.free(c);
  pool.free(a);
  assertThrows(() => pool.allocate(128), OutOfMemoryError);
  assertEquals([pool.stats().defragmentations, b.isLive], [0, true]);
});

test("with autoDefrag an allocation fails only if no slide makes room, and no byte is lost", () => {
  const step = fc.tuple(fc.constantFrom("block", "handle", "free", "free"), fc.nat());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const pool = new MemoryPool({ size: 4096, autoDefrag: true, strategy: "best_fit" });
      const live = new Map<number, { bytes: Uint8Array } & Disposable>();
      steps.forEach(([kind, number], i) => {
        if (kind === "free") {
          const [id] = [...live.keys()].splice(number % Math.max(1, live.size), 1);
          if (id === undefined) return;
          live.get(id)![Symbol.dispose]();
          live.delete(id);
          return;
        }
        const bytes = 1 + number % 700;
        try {
          const block = kind === "block" ? pool.allocate(bytes) : pool.allocateHandle(bytes);
          block.bytes.fill(i & 255);
          live.set(i, block);
        } catch (error) {
          assert(error instanceof OutOfMemoryError);
          assert(largestAfterSlide(pool) < bytes, "a slide would have made room");
        }
        for (const [id, { bytes }] of live) {
          assertEquals([bytes[0], bytes.at(-1)], [id & 255, id & 255]);
        }
      });
      assertEquals(pool.stats().liveBlocks, live.size);
    }),
    { numRuns: 100 },
  );
});

/** The largest free range if all movable blocks were moved down. */
function largestAfterSlide(pool: MemoryPool): number {
  let free = 0;
  let largest = 0;
  for (const { size, state } of pool.ranges()) {
    if (state === "fixed") free = 0;
    if (state === "free") free += size;
    largest = Math.max(largest, free);
  }
  return largest;
}
