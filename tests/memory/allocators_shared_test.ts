/**
 * What an allocator over shared memory gives out is read and written by other threads.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ArenaAllocator, FixedPool, MemoryPool, SlabAllocator } from "@vais/runtime/memory";
import { test } from "../support/test.ts";
import { startThread } from "../support/threads.ts";

const DOUBLE = `
for (;;) {
  const { buffer, offset, size } = await messages.next();
  const bytes = new Uint8Array(buffer, offset, size);
  for (let i = 0; i < size; i++) bytes[i] *= 2;
  post(offset);
}`;

test("a worker works on the bytes of every allocator, told by offset", async () => {
  const thread = await startThread(DOUBLE);
  const shared = true;
  const allocators = [
    new MemoryPool({ size: 4096, shared }),
    new SlabAllocator({ shared, backingSize: 4096 }),
    new ArenaAllocator({ size: 4096, shared }),
    new FixedPool(100, 4, { shared }),
  ];
  for (const from of allocators) {
    const spare = from instanceof FixedPool ? from.alloc()! : from.allocate(100);
    const block = from instanceof FixedPool ? from.alloc()! : from.allocate(100);
    spare.bytes.fill(1);
    block.bytes.set([1, 2, 3]);
    thread.post({ buffer: from.buffer, offset: block.offset, size: block.size });
    assertEquals(await thread.next(), block.offset);
    assertEquals([...block.bytes.subarray(0, 4)], [2, 4, 6, 0]);
    assertEquals([...spare.bytes], new Array(100).fill(1));
    if (!(from instanceof ArenaAllocator)) {
      from.free(block);
      from.free(spare);
    }
  }
  await thread.end();
});
