/**
 * Bad input to the allocators: TypeError for the wrong kind, RangeError for out of range, both in the
 * form `Cannot <action>: <what is> (<what is required>)`, and nothing has changed afterwards.
 *
 * @module
 */
import { assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import {
  ArenaAllocator,
  Block,
  DoubleFreeError,
  FixedPool,
  ForeignBlockError,
  MemoryPool,
  OutOfMemoryError,
  ScopedArena,
  SlabAllocator,
  StaleBlockError,
  StaleMarkError,
} from "@vais/runtime/memory";
import { type Call, FORM, wrong } from "../support/bad_input.ts";
import { test } from "../support/test.ts";

const pool = new MemoryPool({ size: 1024 });
const fixed = new FixedPool(64, 4);
const slab = new SlabAllocator({ classes: [64], blocksPerClass: 2, backingSize: 128 });
const bare = new SlabAllocator({ classes: [64], blocksPerClass: 2 });
const arena = new ArenaAllocator({ size: 1024 });
const scoped = new ScopedArena(arena);
const kept = [pool.allocateOffset(8), fixed.allocateOffset(), slab.allocateOffset(8)];
const inArena = arena.allocateOffset(8);

function resizable(): ArrayBuffer {
  const options = { maxByteLength: 2048 };
  return new (ArrayBuffer as new (length: number, options: unknown) => ArrayBuffer)(1024, options);
}

const NOT_NUMBERS: [string, unknown][] = [
  ["nothing", undefined],
  ["null", null],
  ["text", "8"],
  ["a bigint", 8n],
  ["an object", {}],
  ["a symbol", Symbol("8")],
];
const NOT_SIZES = [0, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 32 + 8, -(2 ** 32) + 8];
const NOT_OPTIONS: [string, unknown][] = [["null", null], ["5", 5], ["text", "text"]];
const NOT_BLOCKS: [string, unknown][] = [
  ...NOT_NUMBERS,
  ["a view", new Uint8Array(8)],
  ["a look-alike", Object.create(Block.prototype)],
];

const WRONG_TYPE: Record<string, Call> = {};
const OUT_OF_RANGE: Record<string, Call> = {};

const SIZED: Record<string, (bytes: never) => unknown> = {
  "pool.allocate": (bytes) => pool.allocate(bytes),
  "pool.tryAllocate": (bytes) => pool.tryAllocate(bytes),
  "pool.allocateHandle": (bytes) => pool.allocateHandle(bytes),
  "pool.allocateOffset": (bytes) => pool.allocateOffset(bytes),
  "slab.allocate": (bytes) => slab.allocate(bytes),
  "slab.tryAllocate": (bytes) => slab.tryAllocate(bytes),
  "slab.allocateOffset": (bytes) => slab.allocateOffset(bytes),
  "arena.allocate": (bytes) => arena.allocate(bytes),
  "arena.allocateOffset": (bytes) => arena.allocateOffset(bytes),
  "scoped.allocate": (bytes) => scoped.allocate(bytes),
  "scoped.allocateOffset": (bytes) => scoped.allocateOffset(bytes),
  "new MemoryPool size": (size) => new MemoryPool({ size }),
  "new ArenaAllocator size": (size) => new ArenaAllocator({ size }),
  "new FixedPool blockSize": (size) => new FixedPool(size, 1),
  "new FixedPool blockCount": (count) => new FixedPool(1, count),
};
for (const [name, call] of Object.entries(SIZED)) {
  for (const [kind, value] of NOT_NUMBERS) {
    WRONG_TYPE[`${name}: ${kind}`] = () => call(wrong(value));
  }
  for (const value of NOT_SIZES) OUT_OF_RANGE[`${name}: ${value}`] = () => call(wrong(value));
}
for (const name of Object.keys(SIZED).filter((name) => !name.startsWith("new"))) {
  OUT_OF_RANGE[`${name}: 1025, which never fits`] = () => SIZED[name]!(wrong(1025));
}

const AT: Record<string, (offset: never) => unknown> = {
  "pool.freeOffset": (offset) => pool.freeOffset(offset),
  "pool.bytesAt": (offset) => pool.bytesAt(offset),
  "fixed.freeOffset": (offset) => fixed.freeOffset(offset),
  "fixed.bytesAt": (offset) => fixed.bytesAt(offset),
  "slab.freeOffset": (offset) => slab.freeOffset(offset),
  "slab.bytesAt": (offset) => slab.bytesAt(offset),
  "slab without a pool.freeOffset": (offset) => bare.freeOffset(offset),
  "slab without a pool.bytesAt": (offset) => bare.bytesAt(offset),
  "arena.bytesAt": (offset) => arena.bytesAt(offset, 8),
};
for (const [name, call] of Object.entries(AT)) {
  for (const [kind, value] of NOT_NUMBERS) {
    WRONG_TYPE[`${name}: ${kind}`] = () => call(wrong(value));
  }
}
for (const [name, value] of NOT_NUMBERS.slice(1)) {
  WRONG_TYPE[`pool.bytesAt length: ${name}`] = () => pool.bytesAt(kept[0]!, wrong(value ?? "null"));
  WRONG_TYPE[`slab.bytesAt length: ${name}`] = () => slab.bytesAt(kept[2]!, wrong(value ?? "null"));
  WRONG_TYPE[`arena.bytesAt length: ${name}`] = () => arena.bytesAt(inArena, wrong(value));
}
for (const value of [-1, 0.5, NaN, Infinity, 65]) {
  OUT_OF_RANGE[`pool.bytesAt length: ${value}`] = () => pool.bytesAt(kept[0]!, value);
  OUT_OF_RANGE[`slab.bytesAt length: ${value}`] = () => slab.bytesAt(kept[2]!, value);
  if (value === 65) continue;
  OUT_OF_RANGE[`arena.bytesAt length: ${value}`] = () => arena.bytesAt(inArena, value);
  OUT_OF_RANGE[`arena.bytesAt offset: ${value}`] = () => arena.bytesAt(value, 8);
}

for (const [kind, value] of NOT_BLOCKS) {
  WRONG_TYPE[`pool.free: ${kind}`] = () => pool.free(wrong(value));
  WRONG_TYPE[`fixed.free: ${kind}`] = () => fixed.free(wrong(value));
  WRONG_TYPE[`slab.free: ${kind}`] = () => slab.free(wrong(value));
  WRONG_TYPE[`slab without a pool.free: ${kind}`] = () => bare.free(wrong(value));
  WRONG_TYPE[`arena.release: ${kind}`] = () => arena.release(wrong(value));
  WRONG_TYPE[`new ScopedArena: ${kind}`] = () => new ScopedArena(wrong(value));
}
for (const [kind, value] of NOT_OPTIONS) {
  WRONG_TYPE[`new MemoryPool: ${kind}`] = () => new MemoryPool(wrong(value));
  WRONG_TYPE[`new FixedPool: ${kind}`] = () => new FixedPool(8, 8, wrong(value));
  WRONG_TYPE[`new SlabAllocator: ${kind}`] = () => new SlabAllocator(wrong(value));
  WRONG_TYPE[`new ArenaAllocator: ${kind}`] = () => new ArenaAllocator(wrong(value));
}

/** Makers that take a region of 1024 bytes and more. */
const MAKERS: Record<string, (options: Record<string, unknown>) => unknown> = {
  "new MemoryPool": (options) => new MemoryPool(wrong(options)),
  "new ArenaAllocator": (options) => new ArenaAllocator(wrong(options)),
  "new FixedPool": ({ size: _, ...options }) => new FixedPool(64, 16, wrong(options)),
  "new SlabAllocator": ({ size: _, ...options }) =>
    new SlabAllocator(wrong({ classes: [64], blocksPerClass: 16, ...options })),
};
for (const [name, make] of Object.entries(MAKERS)) {
  const buffer = new ArrayBuffer(2048);
  WRONG_TYPE[`${name}, shared: 1`] = () => make({ size: 1024, shared: 1 });
  WRONG_TYPE[`${name}, buffer: a view`] = () => make({ buffer: new Uint8Array(1024) });
  WRONG_TYPE[`${name}, buffer: null`] = () => make({ buffer: null });
  WRONG_TYPE[`${name}, buffer: resizable`] = () => make({ buffer: resizable() });
  WRONG_TYPE[`${name}, shared against the buffer`] = () => make({ buffer, shared: true });
  WRONG_TYPE[`${name}, byteOffset without a buffer`] = () => make({ size: 1024, byteOffset: 16 });
  WRONG_TYPE[`${name}, byteOffset: text`] = () => make({ buffer, byteOffset: "16" });
  OUT_OF_RANGE[`${name}, byteOffset: -16`] = () => make({ buffer, byteOffset: -16 });
  OUT_OF_RANGE[`${name}, byteOffset: NaN`] = () => make({ buffer, byteOffset: NaN });
  OUT_OF_RANGE[`${name}, byteOffset: the end`] = () => make({ buffer, byteOffset: 2048 });
  OUT_OF_RANGE[`${name}, an empty buffer`] = () => make({ buffer: new ArrayBuffer(0) });
  if (name !== "new FixedPool") {
    OUT_OF_RANGE[`${name}, byteOffset: 20`] = () => make({ buffer, byteOffset: 20 });
  }
  if (name === "new FixedPool" || name === "new SlabAllocator") {
    OUT_OF_RANGE[`${name}, too little buffer`] = () => make({ buffer: new ArrayBuffer(1023) });
    continue;
  }
  OUT_OF_RANGE[`${name}, size: more than the buffer`] = () => make({ buffer, size: 2049 });
  OUT_OF_RANGE[`${name}, size: more than the rest`] = () =>
    make({ buffer, byteOffset: 1024, size: 1025 });
  WRONG_TYPE[`${name}, alignment: text`] = () => make({ size: 1024, alignment: "16" });
  for (const alignment of [0, 4, 24, 2 ** 17, -16, NaN, 8.5]) {
    OUT_OF_RANGE[`${name}, alignment: ${alignment}`] = () => make({ size: 1024, alignment });
  }
  OUT_OF_RANGE[`${name}, size: below the alignment`] = () => make({ size: 32, alignment: 64 });
}

Object.assign(WRONG_TYPE, {
  "new MemoryPool, strategy: next_fit": () =>
    new MemoryPool({ size: 64, strategy: wrong("next_fit") }),
  "new MemoryPool, strategy: 5": () => new MemoryPool({ size: 64, strategy: wrong(5) }),
  "new MemoryPool, autoDefrag: 1": () => new MemoryPool({ size: 64, autoDefrag: wrong(1) }),
  "new MemoryPool, defragThreshold: text": () =>
    new MemoryPool({ size: 64, defragThreshold: wrong("1") }),
  "pool.explain: text": () => pool.explain(wrong("64")),
  "new ArenaAllocator, maxSize: text": () => new ArenaAllocator({ size: 64, maxSize: wrong("64") }),
  "new SlabAllocator, classes: 5": () => new SlabAllocator({ classes: wrong(5) }),
  "new SlabAllocator, classes: [text]": () => new SlabAllocator({ classes: wrong(["64"]) }),
  "new SlabAllocator, blocksPerClass: text": () =>
    new SlabAllocator({ blocksPerClass: wrong("64") }),
  "new SlabAllocator, backingSize: text": () => new SlabAllocator({ backingSize: wrong("64") }),
});
Object.assign(OUT_OF_RANGE, {
  "new MemoryPool, defragThreshold: 1.1": () => new MemoryPool({ size: 64, defragThreshold: 1.1 }),
  "new MemoryPool, defragThreshold: -1": () => new MemoryPool({ size: 64, defragThreshold: -1 }),
  "new MemoryPool, defragThreshold: NaN": () => new MemoryPool({ size: 64, defragThreshold: NaN }),
  "pool.explain: 0": () => pool.explain(0),
  "pool.explain: 1001": () => pool.explain(1001),
  "new FixedPool, 2 GiB": () => new FixedPool(2 ** 20, 2 ** 11),
  "new ArenaAllocator, maxSize below size": () => new ArenaAllocator({ size: 64, maxSize: 63 }),
  "new ArenaAllocator, maxSize: NaN": () => new ArenaAllocator({ size: 64, maxSize: NaN }),
  "new ArenaAllocator, maxSize: -Infinity": () =>
    new ArenaAllocator({ size: 64, maxSize: -Infinity }),
  "new SlabAllocator, no classes": () => new SlabAllocator({ classes: [] }),
  "new SlabAllocator, 65 classes": () =>
    new SlabAllocator({ classes: Array.from({ length: 65 }, (_, i) => 8 * (i + 1)) }),
  "new SlabAllocator, classes descend": () => new SlabAllocator({ classes: [128, 64] }),
  "new SlabAllocator, equal classes": () => new SlabAllocator({ classes: [64, 64] }),
  "new SlabAllocator, a class of 60": () => new SlabAllocator({ classes: [60] }),
  "new SlabAllocator, a class of 2 MiB": () => new SlabAllocator({ classes: [2 ** 21] }),
  "new SlabAllocator, blocksPerClass: 0": () => new SlabAllocator({ blocksPerClass: 0 }),
  "new SlabAllocator, blocksPerClass: [1]": () => new SlabAllocator({ blocksPerClass: [1] }),
  "new SlabAllocator, backingSize: 15": () => new SlabAllocator({ backingSize: 15 }),
  "new SlabAllocator, backingSize: -1": () => new SlabAllocator({ backingSize: -1 }),
  "new SlabAllocator, 2 GiB": () => new SlabAllocator({ blocksPerClass: 2 ** 20 }),
});

const state = () => [pool.stats(), fixed.available, slab.stats(), bare.stats(), arena.stats()];
const before = state();

for (const [kind, calls] of [[TypeError, WRONG_TYPE], [RangeError, OUT_OF_RANGE]] as const) {
  for (const [name, call] of Object.entries(calls)) {
    test(`${kind.name}: ${name}`, () => {
      const error = assertThrows(call);
      assertInstanceOf(error, kind);
      assertMatch(error.message, FORM);
      assertEquals(state(), before, "something has changed");
    });
  }
}

test("the errors that callers catch have a name, a code and a text that says what is required", () => {
  const one = new MemoryPool({ size: 64 });
  const block = one.allocate(64);
  const mark = arena.mark();
  arena.release(mark);
  const found: [Call, string, string][] = [
    [() => one.allocate(1), "OutOfMemoryError", "ERR_OUT_OF_MEMORY"],
    [() => (one.free(block), one.free(block)), "DoubleFreeError", "ERR_DOUBLE_FREE"],
    [() => one.free(pool.allocate(8)), "ForeignBlockError", "ERR_FOREIGN_BLOCK"],
    [() => block.bytes, "StaleBlockError", "ERR_STALE_BLOCK"],
    [() => arena.release(mark), "StaleMarkError", "ERR_STALE_MARK"],
  ];
  const classes = [
    OutOfMemoryError,
    DoubleFreeError,
    ForeignBlockError,
    StaleBlockError,
    StaleMarkError,
  ];
  found.forEach(([call, name, code], i) => {
    const error = assertThrows(call) as Error & { code: string };
    assertInstanceOf(error, classes[i]!);
    assertEquals([error.name, error.code], [name, code]);
    assertMatch(error.message, FORM);
  });
});
