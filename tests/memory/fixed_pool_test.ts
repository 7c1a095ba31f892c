/**
 * FixedPool against a set of free numbers.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Block,
  DoubleFreeError,
  FixedPool,
  ForeignBlockError,
  MemoryPool,
  StaleBlockError,
} from "@vais/runtime/memory";
import fc from "fast-check";
import { test } from "../support/test.ts";

test("blocks never overlap, contents survive, all come back: against a list", () => {
  const step = fc.tuple(fc.constantFrom("block", "offset", "free"), fc.nat());
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(step, { maxLength: 100, size: "max" }),
      (size, count, steps) => {
        const pool = new FixedPool(size, count, {
          buffer: new SharedArrayBuffer(size * count + 9),
          byteOffset: 5,
        });
        const live: { offset: number; fill: number; block?: Block }[] = [];
        let high = 0;
        steps.forEach(([kind, number], fill) => {
          if (kind === "free") {
            const [one] = live.splice(number % Math.max(1, live.length), 1);
            if (one === undefined) return;
            const bytes = one.block?.bytes ?? pool.bytesAt(one.offset);
            assertEquals([...bytes], new Array(size).fill(one.fill));
            if (one.block === undefined) pool.freeOffset(one.offset);
            else pool.free(one.block);
          } else {
            const block = kind === "block" ? pool.alloc() : undefined;
            const offset = block === undefined ? pool.allocateOffset() : block?.offset ?? -1;
            assertEquals(offset < 0, live.length === count, "empty exactly when all are out");
            if (offset < 0) return;
            assert(offset >= 5 && (offset - 5) % size === 0 && offset < 5 + size * count);
            assert(live.every((one) => one.offset !== offset), "given out twice");
            new Uint8Array(pool.buffer, offset, size).fill(fill);
            live.push({ offset, fill, ...(block && { block }) });
            high = Math.max(high, live.length);
          }
          assertEquals(
            [pool.available, pool.capacity, pool.highWater],
            [count - live.length, count, high],
          );
        });
      },
    ),
    { numRuns: 200 },
  );
});

test("the block freed last is given out first; null when there is none", () => {
  const pool = new FixedPool(64, 3);
  const [a, b, c] = [pool.alloc()!, pool.alloc()!, pool.alloc()!];
  assertEquals([a.offset, b.offset, c.offset, pool.alloc()], [0, 64, 128, null]);
  assertEquals(pool.allocateOffset(), -1);
  pool.free(a);
  pool.free(c);
  assertEquals([pool.alloc()?.offset, pool.alloc()?.offset], [128, 0]);
});

test("a double free is found, also when the pool is not full and when the block is out again", () => {
  const pool = new FixedPool(64, 3);
  const block = pool.alloc()!;
  pool.alloc();
  pool.free(block);
  assertThrows(() => pool.free(block), DoubleFreeError);
  assertThrows(() => block.bytes, StaleBlockError);
  const again = pool.alloc()!;
  assertEquals(again.offset, 0);
  assertThrows(() => pool.free(block), DoubleFreeError);
  assertEquals([again.isLive, pool.available], [true, 1]);
});

test("foreign blocks and offsets are refused", () => {
  const pool = new FixedPool(64, 3, { shared: true });
  assert(pool.buffer instanceof SharedArrayBuffer);
  const block = pool.alloc()!;
  const offset = pool.allocateOffset();
  assertThrows(() => pool.free(new FixedPool(64, 3).alloc()!), ForeignBlockError);
  assertThrows(() => pool.free(new MemoryPool({ size: 64 }).allocate(1)), ForeignBlockError);
  for (const at of [block.offset, offset + 1, offset + 0.5, -64, 192, NaN, Infinity, 2 ** 33]) {
    assertThrows(() => pool.freeOffset(at), ForeignBlockError, undefined, `${at}`);
    assertThrows(() => pool.bytesAt(at), ForeignBlockError, undefined, `${at}`);
  }
  pool.freeOffset(offset);
  assertThrows(() => pool.freeOffset(offset), DoubleFreeError);
  assertThrows(() => pool.freeOffset(128), DoubleFreeError);
  assertEquals(pool.available, 2);
});

test("using gives a block back", () => {
  const pool = new FixedPool(8, 1);
  {
    using block = pool.alloc();
    assertEquals([block?.size, pool.available], [8, 0]);
  }
  assertEquals(pool.available, 1);
});
