/**
 * Blocks of shared memory: leased to one at a time, handed over, reclaimed.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FULL } from "@vais/runtime/memory";
import { Leases } from "../../scheduling/threads/lease.ts";
import {
  BLOCK_BYTES,
  FIRST_WORKER,
  MAIN_OWNER,
  NO_BLOCK,
  SharedBlocks,
} from "../../scheduling/threads/shared_blocks.ts";
import { test } from "../support/test.ts";

const BYTES = 2 ** 23;

function makeBlocks() {
  const blocks = SharedBlocks.create(BYTES, 64);
  return { blocks, data: new SharedArrayBuffer(64 + SharedBlocks.dataBytes(BYTES)) };
}

test("property: a block has one owner, lies nowhere else, and comes back", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          what: fc.constantFrom("take", "give", "hand", "reclaim"),
          size: fc.constantFrom(1, 4096, 4097, 65_536, 65_537, 2 ** 20),
          owner: fc.integer({ min: 1, max: 4 }),
          which: fc.nat(30),
        }),
        { maxLength: 80 },
      ),
      (steps) => {
        const { blocks, data } = makeBlocks();
        const owners = new Map<number, number>();
        for (const { what, size, owner, which } of steps) {
          const block = [...owners.keys()][which];
          if (what === "take") {
            const taken = blocks.take(size, owner);
            if (taken === NO_BLOCK) continue;
            assert(!owners.has(taken));
            assert(blocks.bytesOf(taken) >= size);
            owners.set(taken, owner);
          } else if (what === "reclaim") {
            const his = [...owners].filter(([, one]) => one === owner).map(([one]) => one);
            assertEquals(blocks.reclaim(owner), his.length);
            his.forEach((one) => owners.delete(one));
          } else if (block !== undefined) {
            const isHis = owners.get(block) === owner;
            if (what === "give") {
              assertEquals(blocks.give(block, owner), isHis);
              if (isHis) owners.delete(block);
            } else {
              assertEquals(blocks.hand(block, owner, 5), isHis);
              if (isHis) owners.set(block, 5);
            }
          }
          assertEquals(blocks.used, owners.size);
        }
        const ranges = [...owners.keys()].map((one) => blocks.offsetOf(one)).sort((a, b) => a - b);
        for (const [one] of owners) {
          const from = blocks.offsetOf(one);
          const end = from + blocks.bytesOf(one);
          assert(from >= 64 && end <= data.byteLength);
          assertEquals(ranges.filter((other) => other >= from && other < end), [from]);
          assertEquals([blocks.blockAt(from), blocks.blockAt(end - 1)], [one, one]);
        }
      },
    ),
    { numRuns: 300, seed: 11 },
  );
});

test("blocks run out by size, larger ones stand in", () => {
  const { blocks } = makeBlocks();
  const taken: number[] = [];
  for (let block = 0; (block = blocks.take(1, 1)) !== NO_BLOCK;) taken.push(block);
  assertEquals(taken.length, blocks.count);
  assertEquals(
    BLOCK_BYTES.map((size) => taken.filter((one) => blocks.bytesOf(one) === size).length),
    [
      128,
      56,
      4,
    ],
  );
  assertEquals(blocks.blockAt(0), NO_BLOCK);
  for (const block of taken) assert(blocks.give(block, 1));
  assertEquals(blocks.take(2 ** 20 + 1, 1), NO_BLOCK);
});

test("a lease is released once, and a view says which it is over", () => {
  const { blocks, data } = makeBlocks();
  const leases = new Leases(data, blocks, MAIN_OWNER);
  const lease = leases.take(5000);
  assert(lease !== FULL);
  assertEquals(lease.bytes.length, 5000);
  assertEquals(leases.of(lease.bytes.subarray(4000)), lease);
  assertEquals(leases.of(new Uint8Array(8)), undefined);
  lease.release();
  const next = leases.take(5000);
  assert(next !== FULL);
  lease.release(); // the block is another's now
  assertEquals(leases.of(next.bytes), next);
  assertEquals(blocks.used, 1);
  assertThrows(() => leases.take(2 ** 20 + 1), RangeError, "length is 1048577");
  assertThrows(() => leases.take("1" as unknown as number), TypeError, "lease shared memory");
});

test("what a worker leased and handed over is the owner's to release", () => {
  const { blocks, data } = makeBlocks();
  const worker = new Leases(data, SharedBlocks.attach(blocks.handle), FIRST_WORKER);
  const owner = new Leases(data, blocks, MAIN_OWNER);
  const lease = worker.take(100);
  assert(lease !== FULL);
  const view = lease.bytes.subarray(10, 20);
  owner.adopt(view, FIRST_WORKER);
  worker.forget(view);
  lease.release(); // not its own any more
  assertEquals(blocks.used, 1);
  assertEquals(blocks.reclaim(FIRST_WORKER), 0);
  owner.of(view)!.release();
  assertEquals(blocks.used, 0);
  owner.adopt(view, FIRST_WORKER); // it was never handed over
  assertEquals(owner.of(view), undefined);
});
