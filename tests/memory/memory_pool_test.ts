/**
 * MemoryPool against a list: nothing overlaps, nothing is lost, each strategy is exact.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Block,
  DoubleFreeError,
  type FitStrategy,
  ForeignBlockError,
  MemoryPool,
  OutOfMemoryError,
  StaleBlockError,
} from "@vais/runtime/memory";
import fc from "fast-check";
import { PoolModel } from "../support/pool_model.ts";
import { test } from "../support/test.ts";

const STRATEGIES: FitStrategy[] = ["first_fit", "best_fit", "worst_fit"];

type Step =
  | { kind: "block" | "try" | "handle" | "offset"; bytes: number }
  | { kind: "free"; number: number }
  | { kind: "defragment" | "reset" };

/** Steps; `small` sizes stay in the bins, others reach the tree of large ranges. */
function steps(most: number): fc.Arbitrary<Step[]> {
  const bytes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: most }));
  const kind = fc.constantFrom(
    "block" as const,
    "try" as const,
    "handle" as const,
    "offset" as const,
  );
  return fc.array(
    fc.oneof(
      { weight: 50, arbitrary: fc.record({ kind, bytes }) },
      {
        weight: 40,
        arbitrary: fc.record({ kind: fc.constant("free" as const), number: fc.nat() }),
      },
      { weight: 5, arbitrary: fc.constant<Step>({ kind: "defragment" }) },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: "reset" }) },
    ),
    { maxLength: 150, size: "max" },
  );
}

function run(model: PoolModel, step: Step): void {
  const { pool } = model;
  switch (step.kind) {
    case "offset": {
      const offset = pool.allocateOffset(step.bytes);
      return offset < 0 ? model.refused(step.bytes) : model.given(offset, step.bytes, false);
    }
    case "block":
    case "handle": {
      let block: Block;
      try {
        block = step.kind === "block" ? pool.allocate(step.bytes) : pool.allocateHandle(step.bytes);
      } catch (error) {
        assert(error instanceof OutOfMemoryError, String(error));
        return model.refused(step.bytes);
      }
      return model.given(block.offset, step.bytes, step.kind === "handle", block);
    }
    case "try": {
      const block = pool.tryAllocate(step.bytes);
      if (block === undefined) return model.refused(step.bytes);
      return model.given(block.offset, step.bytes, false, block);
    }
    case "free":
      return model.free(step.number);
    case "defragment":
      assertEquals(pool.defragment(), model.slide());
      return model.used.forEach((one) => model.checkContent(one));
    case "reset": {
      const old = model.used.splice(0);
      model.frees += old.length;
      pool.reset();
      for (const { block, offset } of old) {
        if (block !== undefined) assertThrows(() => pool.free(block), StaleBlockError);
        else assertThrows(() => pool.freeOffset(offset), ForeignBlockError);
      }
    }
  }
}

for (const strategy of STRATEGIES) {
  for (
    const { size, most, alignment, base } of [
      { size: 4_000, most: 1_500, alignment: 16, base: 0 },
      { size: 300_000, most: 60_000, alignment: 8, base: 64 },
      { size: 64 * 1024, most: 20_000, alignment: 256, base: 512 },
    ]
  ) {
    test(`${strategy} is exact, and frees join, in ${size} bytes aligned to ${alignment}`, () => {
      fc.assert(
        fc.property(steps(most), fc.boolean(), (program, shared) => {
          const bytes = base + size;
          const buffer = shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
          const pool = new MemoryPool({ buffer, byteOffset: base, size, strategy, alignment });
          const model = new PoolModel(pool, strategy, base, alignment);
          for (const step of program) {
            run(model, step);
            model.checkAll();
          }
          while (model.used.length > 0) model.free(7);
          model.checkAll();
          assertEquals(pool.ranges().length, 1);
        }),
        { numRuns: 200 },
      );
    });
  }

  test(`${strategy} with many ranges: the index stays exact through 20 000 steps`, () => {
    const pool = new MemoryPool({ size: 1 << 22, strategy });
    const held: { offset: number; bytes: number }[] = [];
    let seed = 1;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % n;
    };
    for (let i = 0; i < 20_000; i++) {
      if (held.length > 1_500 || (held.length > 0 && random(5) < 2)) {
        const [one] = held.splice(random(held.length), 1);
        pool.freeOffset(one!.offset);
      } else {
        const bytes = random(8) === 0 ? 1 + random(40_000) : 1 + random(500);
        const size = Math.ceil(bytes / 16) * 16;
        const free = i % 16 === 0
          ? pool.ranges().filter((range) => range.state === "free" && range.size >= size)
          : undefined;
        const offset = pool.allocateOffset(bytes);
        if (offset >= 0) held.push({ offset, bytes });
        if (free === undefined) continue;
        const chosen = free.find((range) => range.offset === offset);
        const sizes = free.map((range) => range.size);
        if (strategy === "first_fit") assertEquals(chosen, free[0]);
        else if (strategy === "best_fit") {
          assertEquals(chosen?.size ?? Infinity, Math.min(...sizes));
        } else assertEquals(chosen?.size ?? -Infinity, Math.max(...sizes));
      }
    }
    for (const { offset } of held) pool.freeOffset(offset);
    assertEquals(pool.ranges(), [{ offset: 0, size: 1 << 22, state: "free" }]);
  });
}

test("a freed block is refused, and so is every use of it, also when its bytes are given out again", () => {
  const pool = new MemoryPool({ size: 1024 });
  const old = pool.allocate(100);
  pool.free(old);
  const now = pool.allocate(100);
  assertEquals(now.offset, 0);
  assertThrows(() => pool.free(old), DoubleFreeError, "has been freed");
  assertThrows(() => old.bytes, StaleBlockError, "Cannot read bytes: the block is stale");
  assertThrows(() => old.offset, StaleBlockError, "Cannot read offset");
  assertEquals([old.isLive, old.size, now.isLive, pool.stats().frees], [false, 100, true, 1]);
});

test("a block of another pool is refused by both", () => {
  const one = new MemoryPool({ size: 1024 });
  const two = new MemoryPool({ size: 1024 });
  const block = one.allocate(100);
  assertThrows(() => two.free(block), ForeignBlockError, "another allocator");
  one.free(block);
  assertThrows(() => two.free(block), ForeignBlockError);
});

test("a block and an offset cannot free each other", () => {
  const pool = new MemoryPool({ size: 1024 });
  const block = pool.allocate(32);
  const offset = pool.allocateOffset(32);
  assertThrows(() => pool.freeOffset(block.offset), ForeignBlockError, "nothing was given out at");
  assertThrows(() => pool.bytesAt(block.offset), ForeignBlockError);
  pool.freeOffset(offset);
  assertThrows(() => pool.freeOffset(offset), DoubleFreeError);
  assertThrows(() => pool.bytesAt(offset), DoubleFreeError);
  const again = pool.allocate(32);
  assertEquals(again.offset, offset);
  assertThrows(() => pool.freeOffset(offset), DoubleFreeError);
  assertEquals(pool.stats().liveBlocks, 2);
});

test("offsets that were never given out are refused: inside a block, beside the pool, no whole number", () => {
  const pool = new MemoryPool({ buffer: new ArrayBuffer(4096), byteOffset: 1024, size: 1024 });
  assertThrows(() => pool.freeOffset(1024), ForeignBlockError);
  const offset = pool.allocateOffset(64);
  pool.freeOffset(pool.allocateOffset(64));
  const wrong = [
    offset + 16,
    offset + 1,
    0,
    -1,
    2048,
    4096,
    offset + 2 ** 32,
    offset + 64.5,
    offset + 0.5,
    NaN,
    Infinity,
    -Infinity,
  ];
  for (const at of wrong) {
    assertThrows(() => pool.freeOffset(at), ForeignBlockError, `${at}`);
    assertThrows(() => pool.bytesAt(at), ForeignBlockError, `${at}`);
  }
  pool.freeOffset(offset);
  assertEquals(pool.stats().usedBytes, 0);
});

test("what is out of room is told with figures, and counted", () => {
  const pool = new MemoryPool({ size: 160 });
  const blocks = [0, 1, 2, 3, 4].map(() => pool.allocate(32));
  pool.free(blocks[1]!);
  pool.free(blocks[3]!);
  const error = assertThrows(() => pool.allocate(33), OutOfMemoryError, "33 bytes do not fit");
  assertEquals(
    [error.code, error.requestedBytes, error.freeBytes, error.largestFreeBytes],
    ["ERR_OUT_OF_MEMORY", 33, 64, 32],
  );
  assertEquals(pool.tryAllocate(33), undefined);
  assertEquals(pool.allocateOffset(33), -1);
  assertThrows(() => pool.allocateHandle(33), OutOfMemoryError);
  assertEquals([pool.stats().failures, pool.stats().fragmentation], [4, 0.5]);
});

test("using gives a block back, once", () => {
  const pool = new MemoryPool({ size: 1024 });
  let kept: Block;
  {
    using block = pool.allocate(10);
    kept = block;
    assertEquals(pool.stats().liveBlocks, 1);
  }
  assertEquals([kept.isLive, pool.stats().liveBlocks], [false, 0]);
  {
    using block = pool.allocate(10);
    pool.free(block);
  }
  {
    using _stale = pool.allocate(10);
    pool.reset();
  }
  assertEquals([pool.stats().liveBlocks, pool.stats().frees], [0, 3]);
});

test("water marks are the most and the least in use since they were reset", () => {
  const pool = new MemoryPool({ size: 1024 });
  const a = pool.allocate(512);
  const b = pool.allocate(256);
  pool.free(b);
  const marks = () => [pool.stats().highWaterBytes, pool.stats().lowWaterBytes];
  assertEquals(marks(), [768, 0]);
  pool.resetWaterMarks();
  assertEquals(marks(), [512, 512]);
  const c = pool.allocate(64);
  pool.free(a);
  assertEquals(marks(), [576, 64]);
  pool.free(c);
  assertEquals(marks(), [576, 0]);
});

test("a view is as long as asked, shared while it is live, and the same each time", () => {
  const pool = new MemoryPool({ size: 1024, shared: true });
  const block = pool.allocate(5);
  assert(pool.buffer instanceof SharedArrayBuffer);
  assertEquals([block.bytes.length, block.bytes.buffer === pool.buffer], [5, true]);
  assert(block.bytes === block.bytes);
  const offset = pool.allocateOffset(5);
  assertEquals([pool.bytesAt(offset).length, pool.bytesAt(offset, 0).length], [16, 0]);
});

test("a rest smaller than the alignment is not used", () => {
  const pool = new MemoryPool({ size: 1000, alignment: 64 });
  assertEquals(pool.capacityBytes, 960);
  assertEquals(pool.allocate(960).offset, 0);
});

test("explain() draws a map", () => {
  const pool = new MemoryPool({ size: 1024, strategy: "first_fit" });
  pool.allocate(256);
  pool.allocateHandle(256);
  pool.allocateHandle(16);
  const text = pool.explain(16);
  assertStringIncludes(text, "first_fit pool: 528 of 1024 B in 3 blocks");
  assertStringIncludes(text, "[####mmmm+.......]");
});
