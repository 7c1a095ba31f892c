/**
 * ArenaAllocator and ScopedArena against a stack of lists.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ArenaAllocator,
  type ArenaMark,
  type Block,
  ForeignBlockError,
  MemoryPool,
  OutOfMemoryError,
  ScopedArena,
  StaleBlockError,
  StaleMarkError,
} from "@vais/runtime/memory";
import fc from "fast-check";
import { test } from "../support/test.ts";

interface Frame {
  readonly mark: ArenaMark | undefined;
  readonly used: number;
  readonly blocks: { block: Block; fill: number }[];
}

test("a release gives back exactly what came since its mark: against a stack", () => {
  const step = fc.tuple(
    fc.constantFrom(
      "allocate",
      "allocate",
      "allocate",
      "mark",
      "release",
      "outer",
      "reset",
      "trim",
    ),
    fc.integer({ min: 1, max: 200 }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(512, 4096, Infinity),
      fc.boolean(),
      fc.array(step, { maxLength: 150, size: "max" }),
      (maxSize, shared, steps) => {
        const arena = new ArenaAllocator({ size: 512, maxSize, shared });
        const frames: Frame[] = [{ mark: undefined, used: 0, blocks: [] }];
        const dead: { block: Block; mark?: ArenaMark }[] = [];
        let high = 0;
        const end = (frame: Frame) => {
          for (const { block } of frame.blocks) {
            dead.push({ block, ...(frame.mark && { mark: frame.mark }) });
          }
        };
        steps.forEach(([kind, number], fill) => {
          const top = frames.at(-1)!;
          if (kind === "allocate") {
            try {
              const block = arena.allocate(number);
              block.bytes.fill(fill);
              top.blocks.push({ block, fill });
            } catch (error) {
              assert(error instanceof OutOfMemoryError);
              assert(error.largestFreeBytes < number && maxSize !== Infinity);
            }
          } else if (kind === "mark") {
            frames.push({ mark: arena.mark(), used: arena.usedBytes, blocks: [] });
          } else if (kind === "trim") {
            arena.trim();
          } else if (kind === "reset") {
            arena.reset();
            frames.splice(1).forEach(end);
            end({ ...frames[0]!, blocks: frames[0]!.blocks.splice(0) });
            assertEquals(arena.usedBytes, 0);
          } else if (frames.length > 1) {
            const at = kind === "release" ? frames.length - 1 : 1 + number % (frames.length - 1);
            const { mark, used } = frames[at]!;
            arena.release(mark!);
            frames.splice(at).forEach(end);
            assertEquals(arena.usedBytes, used);
          }
          high = Math.max(high, arena.usedBytes);
          for (const { blocks } of frames) {
            for (const { block, fill } of blocks) {
              assertEquals([block.bytes[0], block.bytes.at(-1)], [fill & 255, fill & 255]);
            }
          }
          assertEquals(arena.stats().highWaterBytes, high);
          assertEquals(arena.stats().marks, frames.length - 1);
          assert(arena.stats().capacityBytes <= maxSize);
        });
        for (const { block, mark } of dead) {
          assertEquals(block.isLive, false);
          assertThrows(() => block.bytes, StaleBlockError);
          assertThrows(() => block.offset, StaleBlockError);
          if (mark !== undefined) assertThrows(() => arena.release(mark), StaleMarkError);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("offsets are those of the buffer, aligned, and -1 when there is no room", () => {
  const buffer = new ArrayBuffer(256);
  const arena = new ArenaAllocator({ buffer, byteOffset: 64, alignment: 64 });
  assertEquals([1, 64, 65].map((bytes) => arena.allocateOffset(bytes)), [64, 128, -1]);
  assertEquals(arena.allocate(64).offset, 192);
  assertThrows(() => arena.allocate(1), OutOfMemoryError);
  assertEquals(arena.bytesAt(192, 64).byteOffset, 192);
  assertEquals(arena.usedBytes, 192);
});

test("a view beyond what is in use, or across chunks, is refused", () => {
  const arena = new ArenaAllocator({ size: 64, maxSize: 256 });
  const mark = arena.mark();
  assertEquals(arena.allocateOffset(32), 0);
  assertEquals(arena.bytesAt(0, 32).length, 32);
  assertThrows(() => arena.bytesAt(0, 33), StaleBlockError, "bytes 0 to 33 are not in use");
  assertEquals(arena.allocateOffset(64), 64);
  assertEquals([arena.bytesAt(64, 64).byteOffset, arena.stats().chunks], [0, 2]);
  assert(arena.bytesAt(64, 64).buffer !== arena.buffer);
  assertThrows(() => arena.bytesAt(0, 100), RangeError, "the chunk ends after 64");
  arena.release(mark);
  assertThrows(() => arena.bytesAt(0, 32), StaleBlockError, "in use are 0 to 0");
});

test("it grows by chunks, larger where asked, up to maxSize, and keeps them", () => {
  const arena = new ArenaAllocator({ size: 100, maxSize: 1000, alignment: 8 });
  assertEquals(arena.stats().capacityBytes, 96);
  arena.allocate(96);
  arena.allocate(1);
  assertEquals([arena.stats().chunks, arena.stats().capacityBytes], [2, 192]);
  const block = arena.allocate(500);
  assertEquals([arena.stats().chunks, arena.stats().capacityBytes, block.offset], [3, 696, 0]);
  const error = assertThrows(() => arena.allocate(500), OutOfMemoryError);
  assertEquals([error.freeBytes, error.largestFreeBytes], [304, 304]);
  arena.allocate(304);
  assertEquals(arena.stats().capacityBytes, 1000);
  arena.reset();
  assertEquals([arena.stats().chunks, arena.stats().usedBytes], [4, 0]);
  arena.trim();
  assertEquals([arena.stats().chunks, arena.stats().highWaterBytes], [1, 1000]);
  arena.allocate(90);
  arena.allocate(900);
  assertThrows(() => arena.allocate(905), RangeError, "from 1 to 904");
});

test("a kept chunk that is too small is replaced, and the limit still holds", () => {
  const arena = new ArenaAllocator({ size: 64, maxSize: 256 });
  for (let i = 0; i < 4; i++) arena.allocate(64);
  arena.reset();
  arena.allocate(64);
  assertEquals(arena.allocate(192).bytes.length, 192);
  assertEquals([arena.stats().chunks, arena.stats().capacityBytes], [2, 256]);
  assertThrows(() => arena.allocate(8), OutOfMemoryError);
});

test("a mark is good for one release, and only in its arena", () => {
  const arena = new ArenaAllocator({ size: 1024 });
  const outer = arena.mark();
  const inner = arena.mark();
  assertThrows(() => new ArenaAllocator({ size: 8 }).release(outer), TypeError, "another arena");
  assertEquals([outer.isLive, inner.isLive], [true, true]);
  arena.release(outer);
  assertEquals([outer.isLive, inner.isLive], [false, false]);
  for (const mark of [inner, outer]) {
    const error = assertThrows(() => arena.release(mark), StaleMarkError, "has been released");
    assertEquals(error.code, "ERR_STALE_MARK");
  }
  const before = arena.mark();
  arena.reset();
  assertThrows(() => arena.release(before), StaleMarkError);
});

test("blocks allocated after a release belong to the mark outside it", () => {
  const arena = new ArenaAllocator({ size: 1024 });
  const outer = arena.mark();
  arena.release(arena.mark());
  const block = arena.allocate(8);
  const inner = arena.mark();
  arena.release(inner);
  assert(block.isLive);
  arena.release(outer);
  assert(!block.isLive);
});

test("an arena's blocks are not freed one by one", () => {
  const arena = new ArenaAllocator({ size: 1024 });
  const pool = new MemoryPool({ size: 1024 });
  const block = arena.allocate(8);
  assertThrows(() => pool.free(block), ForeignBlockError);
  block[Symbol.dispose]();
  assert(block.isLive && arena.usedBytes === 8);
});

test("ScopedArena restores the arena exactly: what was there before stays", () => {
  const arena = new ArenaAllocator({ size: 64, maxSize: Infinity });
  const kept = arena.allocate(60);
  kept.bytes.fill(7);
  let inside: Block;
  {
    using scope = new ScopedArena(arena);
    inside = scope.allocate(100);
    {
      using inner = new ScopedArena(arena);
      assertEquals(inner.allocateOffset(8), 168);
      assertEquals([inner.usedBytes, scope.usedBytes], [8, 112]);
    }
    assertEquals(scope.usedBytes, 104);
    assert(inside.isLive);
  }
  assertEquals([kept.isLive, inside.isLive, arena.usedBytes], [true, false, 64]);
  assertEquals([...kept.bytes], new Array(60).fill(7));
});

test("an ended scope refuses; ending it again, or after an outer one, does nothing", () => {
  const arena = new ArenaAllocator({ size: 1024 });
  const outer = new ScopedArena(arena);
  const inner = new ScopedArena(arena);
  outer[Symbol.dispose]();
  assertEquals([outer.isOpen, inner.isOpen, inner.usedBytes], [false, false, 0]);
  assertThrows(() => inner.allocate(8), StaleMarkError, "the scope has ended");
  assertThrows(() => outer.allocateOffset(8), StaleMarkError);
  const kept = arena.allocate(8);
  inner[Symbol.dispose]();
  outer[Symbol.dispose]();
  assert(kept.isLive);
});
