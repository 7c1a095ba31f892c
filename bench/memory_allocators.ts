/**
 * What does it cost to get some bytes and to give them back, in ns, beside `new Uint8Array(n)`?
 *
 * `held`: 1000 pieces of 64 B to 4 KiB are alive; again and again one of them, anyone, goes and another
 * comes, and its first byte is written. `blocks` are tickets whose `bytes` are used; `offsets` are bare
 * numbers into one big view. `dropped`: pieces are taken, written to and forgotten, the arena's by a
 * reset every 4 MiB. `64 B` is the engine's best case: it keeps arrays of up to 64 bytes on its heap.
 *
 * `first_fit` etc., N live: the same exchange by offsets with N pieces alive in a pool of 1.5 times
 * what they take (worst fit: 3 times), without writing, so that the books alone are measured: how does
 * the cost grow with N?
 *
 * @module
 */
import process from "node:process";
import {
  ArenaAllocator,
  type Block,
  type FitStrategy,
  FixedPool,
  MemoryPool,
  SlabAllocator,
} from "@vais/runtime/memory";
import { type Bench, type Cell, check, collectGarbage, size } from "./bench.ts";

const STEPS = size(100_000, 20_000);
/** Steps before the first round: enough for the engine to have compiled all of it. */
const WARM = 300_000;
const HELD = 1_000;
const LIVE = [1_000, 10_000, 100_000];
const MANY = 1 << 16;

let seed = 1;
const random = (n: number) => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return (seed >>> 8) % n;
};
/** 64 B to 4 KiB, evenly. */
const sizes = Int32Array.from({ length: MANY }, () => 64 + random(4_033));
const victims = Int32Array.from({ length: MANY }, () => random(1 << 24));

/** Rounds of `steps(from)`, which does {@linkcode STEPS} steps; ns a step. Warm also in a quick run. */
function rounds(steps: (from: number) => void, finish: () => void): Cell {
  return () => {
    let from = 0;
    for (; from < WARM; from += STEPS) steps(from);
    return () => {
      const start = performance.now();
      steps(from);
      const ms = performance.now() - start;
      from += STEPS;
      finish();
      return ms * 1e6 / STEPS;
    };
  };
}

/** An exchange: `change` frees what it is given and answers what it got instead. */
function held<T>(
  count: number,
  take: (bytes: number) => T,
  change: (old: T, bytes: number) => T,
  live: () => number = () => count,
  bytesOf: (i: number) => number = (i) => sizes[i & (MANY - 1)]!,
): Cell {
  return () => {
    const kept = Array.from({ length: count }, (_, i) => take(bytesOf(i)));
    return rounds((from) => {
      for (let i = from; i < from + STEPS; i++) {
        const victim = victims[i & (MANY - 1)]! % count;
        kept[victim] = change(kept[victim]!, bytesOf(7 * i));
      }
    }, () => check(live(), count, "number of live blocks"))();
  };
}

const only64 = () => 64;

function newArrays(bytesOf?: (i: number) => number): Cell {
  const make = (bytes: number) => {
    const array = new Uint8Array(bytes);
    array[0] = 1;
    return array;
  };
  return held(HELD, make, (_, bytes) => make(bytes), undefined, bytesOf);
}

interface Allocator {
  readonly buffer: ArrayBufferLike;
  allocate(bytes: number): Block;
  free(block: Block): void;
  allocateOffset(bytes: number): number;
  freeOffset(offset: number): void;
}

function blocks(make: () => [Allocator, () => number], bytesOf?: (i: number) => number): Cell {
  return () => {
    const [from, live] = make();
    const take = (bytes: number) => {
      const block = from.allocate(bytes);
      block.bytes[0] = 1;
      return block;
    };
    const change = (old: Block, bytes: number) => {
      from.free(old);
      return take(bytes);
    };
    return held(HELD, take, change, live, bytesOf)();
  };
}

function offsets(make: () => [Allocator, () => number], bytesOf?: (i: number) => number): Cell {
  return () => {
    const [from, live] = make();
    const memory = new Uint8Array(from.buffer);
    const take = (bytes: number) => {
      const offset = from.allocateOffset(bytes);
      memory[offset] = 1;
      return offset;
    };
    const change = (old: number, bytes: number) => {
      from.freeOffset(old);
      return take(bytes);
    };
    return held(HELD, take, change, live, bytesOf)();
  };
}

function newPool(): [Allocator, () => number] {
  const pool = new MemoryPool({ size: 4 << 20 });
  return [pool, () => pool.stats().liveBlocks];
}

function newSlab(): [Allocator, () => number] {
  const slab = new SlabAllocator({ blocksPerClass: HELD });
  return [slab, () => slab.stats().allocations - slab.stats().frees];
}

function fits(strategy: FitStrategy, count: number): Cell {
  return () => {
    const pool = new MemoryPool({
      size: 2_080 * count * (strategy === "worst_fit" ? 3 : 1.5),
      strategy,
    });
    const take = (bytes: number) => pool.allocateOffset(bytes);
    const change = (old: number, bytes: number) => {
      pool.freeOffset(old);
      return take(bytes);
    };
    return held(count, take, change, () => pool.stats().liveBlocks)();
  };
}

const CHUNK = 4 << 20;

/** Takes and forgets; `take` is told when to reset. */
function dropped(
  make: () => (bytes: number, isReset: boolean) => void,
  bytesOf: (i: number) => number,
): Cell {
  return () => {
    const take = make();
    return rounds((from) => {
      let used = CHUNK;
      for (let i = from; i < from + STEPS; i++) {
        const bytes = bytesOf(i);
        used += bytes + 8;
        const isReset = used > CHUNK;
        if (isReset) used = bytes + 8;
        take(bytes, isReset);
      }
    }, () => {})();
  };
}

let last: Uint8Array;

const droppedArrays = (bytesOf: (i: number) => number) =>
  dropped(() => (bytes) => {
    last = new Uint8Array(bytes);
    last[0] = 1;
  }, bytesOf);

const arenaBlocks = (bytesOf: (i: number) => number) =>
  dropped(() => {
    const arena = new ArenaAllocator({ size: CHUNK });
    return (bytes, isReset) => {
      if (isReset) arena.reset();
      last = arena.allocate(bytes).bytes;
      last[0] = 1;
    };
  }, bytesOf);

const arenaOffsets = (bytesOf: (i: number) => number) =>
  dropped(() => {
    const arena = new ArenaAllocator({ size: CHUNK });
    const memory = new Uint8Array(arena.buffer);
    return (bytes, isReset) => {
      if (isReset) arena.reset();
      memory[arena.allocateOffset(bytes)] = 1;
    };
  }, bytesOf);

const anySize = (i: number) => sizes[i & (MANY - 1)]!;

/** Bytes of heap that a step by offsets leaves behind. */
const garbage: Cell = () => {
  const [pool] = newPool();
  const slab = newSlab()[0];
  const fixed = new FixedPool(64, HELD);
  const arena = new ArenaAllocator({ size: CHUNK });
  const each: Record<string, () => void> = {
    pool: () => exchange(pool),
    slab: () => exchange(slab),
    fixed: () => {
      for (let i = 0; i < STEPS; i++) fixed.freeOffset(fixed.allocateOffset());
    },
    arena: () => {
      for (let i = 0; i < STEPS; i++) if (arena.allocateOffset(anySize(i)) < 0) arena.reset();
    },
  };
  const exchange = (from: Allocator) => {
    for (let i = 0; i < STEPS; i++) from.freeOffset(from.allocateOffset(anySize(i)));
  };
  for (let i = 0; i < WARM; i += STEPS) Object.values(each).forEach((run) => run());
  return async () => {
    const found: Record<string, number> = {};
    for (const [name, run] of Object.entries(each)) {
      await collectGarbage();
      const before = process.memoryUsage().heapUsed;
      run();
      found[name] = (process.memoryUsage().heapUsed - before) / STEPS;
    }
    return found;
  };
};

const strategies: FitStrategy[] = ["first_fit", "best_fit", "worst_fit"];
const three = { faster: 3, than: "new Uint8Array" };
const five = { faster: 5, than: "new Uint8Array" };
const unit = "ns";

/** See the head of this file. */
export const bench: Bench = {
  cells: {
    "new Uint8Array": newArrays(),
    "pool blocks": blocks(newPool),
    "pool offsets": offsets(newPool),
    "slab blocks": blocks(newSlab),
    "slab offsets": offsets(newSlab),
    "new Uint8Array 64 B": newArrays(only64),
    "pool blocks 64 B": blocks(newPool, only64),
    "pool offsets 64 B": offsets(newPool, only64),
    "slab blocks 64 B": blocks(newSlab, only64),
    "slab offsets 64 B": offsets(newSlab, only64),
    "new Uint8Array dropped": droppedArrays(anySize),
    "arena blocks": arenaBlocks(anySize),
    "arena offsets": arenaOffsets(anySize),
    "new Uint8Array 64 B dropped": droppedArrays(only64),
    "arena blocks 64 B": arenaBlocks(only64),
    "arena offsets 64 B": arenaOffsets(only64),
    ...Object.fromEntries(
      strategies.flatMap((strategy) =>
        LIVE.map((count) => [`${strategy} ${count}`, fits(strategy, count)])
      ),
    ),
    garbage,
  },
  rows: [
    ...["pool", "slab"].flatMap((kind) =>
      ["blocks", "offsets"].map((form) => ({
        work: `${kind} allocate+free 64 B-4 KiB, 1000 held, ${form}`,
        ours: `${kind} ${form}`,
        reference: "new Uint8Array",
        unit,
        goal: three,
      }))
    ),
    ...["blocks", "offsets"].map((form) => ({
      work: `arena allocate 64 B-4 KiB, dropped, ${form}`,
      ours: `arena ${form}`,
      reference: "new Uint8Array dropped",
      unit,
      goal: five,
    })),
    ...["pool", "slab"].flatMap((kind) =>
      ["blocks", "offsets"].map((form) => ({
        work: `${kind} allocate+free 64 B, 1000 held, ${form}`,
        ours: `${kind} ${form} 64 B`,
        reference: "new Uint8Array 64 B",
        unit,
      }))
    ),
    ...["blocks", "offsets"].map((form) => ({
      work: `arena allocate 64 B, dropped, ${form}`,
      ours: `arena ${form} 64 B`,
      reference: "new Uint8Array 64 B dropped",
      unit,
    })),
    ...LIVE.map((count) => ({
      work: `best fit allocate+free, ${count} live`,
      ours: `best_fit ${count}`,
      reference: `first_fit ${count}`,
      unit,
      ...(count === LIVE.at(-1) ? { goal: { ratio: 4, of: "first fit" } } : {}),
    })),
    ...LIVE.map((count) => ({
      work: `worst fit allocate+free, ${count} live`,
      ours: `worst_fit ${count}`,
      reference: `first_fit ${count}`,
      unit,
    })),
    ...["pool", "slab", "fixed", "arena"].map((kind) => ({
      work: `heap left by ${kind} allocate+free by offset`,
      ours: `garbage.${kind}`,
      unit: "B",
      goal: { atMost: 1 },
    })),
  ],
};
