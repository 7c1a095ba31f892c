/**
 * Arguments and results in shared memory: what is written is what is read, and what cannot be is refused.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DispatchRegion } from "../../scheduling/threads/dispatch_region.ts";
import { isJsonExact } from "../../scheduling/threads/json_exact.ts";
import { Payload, small } from "../../scheduling/threads/payload.ts";
import { FIRST_WORKER, MAIN_OWNER, SharedBlocks } from "../../scheduling/threads/shared_blocks.ts";
import { SharedBuffers } from "../../scheduling/threads/shared_views.ts";
import { test } from "../support/test.ts";

const INLINE = 256;

/** The payloads of an owner and a worker over the same memory. */
function pair(options: { copies?: boolean; blockBytes?: number; inlineBytes?: number } = {}) {
  const { copies = false, blockBytes = 2 ** 21, inlineBytes = INLINE } = options;
  const region = DispatchRegion.create({
    capacity: 4,
    workers: 1,
    inlineBytes,
    claim: 1,
    strict: false,
    steal: false,
  });
  const areas = 4 * inlineBytes;
  const data = new SharedArrayBuffer(areas + SharedBlocks.dataBytes(blockBytes));
  const blocks = SharedBlocks.create(blockBytes, areas);
  const make = (owner: number) =>
    new Payload(DispatchRegion.attach(region.handle), {
      buffers: new SharedBuffers([data]),
      blocks: SharedBlocks.attach(blocks.handle),
      owner,
      copies,
    });
  return { owner: make(MAIN_OWNER), worker: make(FIRST_WORKER), blocks, data };
}

/** Values of all kinds, whether JSON carries them or not. */
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSparseArray: true,
  withTypedArray: true,
  withNullPrototype: true,
  withUnicodeString: true,
});

/** What JSON and its kin carry. */
const plain = fc.oneof(
  fc.jsonValue({ noUnicodeString: false }),
  fc.string({ unit: "binary" }),
  fc.double(),
  fc.constantFrom(undefined, -0, NaN, Infinity, -Infinity),
);

test("property: what is told exact, JSON carries as structured clone does", () => {
  let exact = 0;
  fc.assert(
    fc.property(fc.oneof(anything, fc.jsonValue()), (value) => {
      if (!isJsonExact(value)) return;
      exact++;
      assertEquals(JSON.parse(JSON.stringify(value)), structuredClone(value));
    }),
    { numRuns: 3000, seed: 7 },
  );
  assert(exact > 500, `${exact} of 3000`);
});

test("what JSON would change is told", () => {
  const twice = { x: 1 };
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], 1);
  const named = Object.assign([1], { name: "x" });
  class Point {
    x = 1;
  }
  const inexact: unknown[] = [
    undefined,
    NaN,
    -0,
    Infinity,
    1n,
    Symbol("s"),
    () => {},
    new Date(0),
    new Map(),
    new Point(),
    // deno-lint-ignore no-sparse-arrays -- a hole is what is tested
    [1, , 2],
    [undefined],
    { a: undefined },
    { a: { b: [NaN] } },
    named,
    cyclic,
    deep,
    [twice, twice],
    { toJSON: 1 },
    { toJSON: () => 1 },
    new Uint8Array(1),
    Array.from({ length: 20 }, () => twice),
  ];
  for (const value of inexact) assert(!isJsonExact(value), `${String(value)} of ${typeof value}`);
  const rows = Array.from({ length: 20 }, (_, i) => ({ i, half: i / 2, name: `${i}`, tags: [] }));
  for (const value of [null, true, "", "\ud800", 1e300, [], {}, rows]) assert(isJsonExact(value));
});

test("property: numbers keep their values, integers become small ones", () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      assert(Object.is(small(value), value));
    }),
    { numRuns: 2000, seed: 8 },
  );
});

for (const inlineBytes of [INLINE, 0]) {
  test(`property: arguments are read as written, or refused; ${inlineBytes} bytes inline`, () => {
    const { owner, worker, blocks } = pair({ inlineBytes });
    let written = 0;
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 8 }), fc.nat(3), (args, slot) => {
        if (!owner.writeArgs(slot, 5, args)) {
          assert(inlineBytes === 0 || !args.every(isJsonExact), "refused what fits");
          assertEquals(blocks.used, 0);
          return;
        }
        written++;
        const taken = owner.tookBlocks ? [owner.blockOf(slot), ...owner.copied] : [];
        assertEquals(worker.functionOf(slot), 5);
        assertEquals(worker.readArgs(slot), structuredClone(args));
        for (const block of taken) assert(blocks.give(block, MAIN_OWNER));
        assertEquals(blocks.used, 0);
      }),
      { numRuns: 1500, seed: 9 },
    );
    assert(written > 300, `${written} of 1500`);
  });
}

test("property: results are read as written, or refused, thrown or not", () => {
  const { owner, worker, blocks } = pair();
  fc.assert(
    fc.property(fc.oneof(plain, anything), fc.boolean(), (value, threw) => {
      if (!worker.writeResult(1, value, threw)) return assert(!isJsonExact(value));
      assertEquals(owner.kindOf(1) >= 16, threw);
      assertEquals(owner.readResult(1), structuredClone(value));
      if (blocks.used > 0) assert(blocks.give(owner.blockOf(1), FIRST_WORKER));
    }),
    { numRuns: 2000, seed: 10 },
  );
  assertEquals(blocks.used, 0);
});

test("text that does not fit the slot goes to a block; text that fits no block is refused", () => {
  const { owner, worker, blocks } = pair();
  for (const text of ["x".repeat(INLINE), "\u{1F600}".repeat(3000), "é".repeat(500_000)]) {
    assert(owner.writeArgs(0, 1, [text]));
    assertEquals(blocks.used, 1);
    assertEquals(worker.readArgs(0), [text]);
    assert(blocks.give(owner.blockOf(0), MAIN_OWNER));
  }
  assert(!owner.writeArgs(0, 1, ["x".repeat(2 ** 20)]));
  assert(!owner.writeArgs(0, 1, ["\u{1F600}".repeat(2 ** 19)]));
  assertEquals(blocks.used, 0);
});

test("views over shared memory go by reference, with others beside them", () => {
  const { owner, worker, data } = pair();
  const views = [
    new Uint8Array(data, 4096, 10),
    new Float32Array(data, 8192, 3),
    new DataView(data, 100, 7),
    new BigInt64Array(data, 4096, 2),
    data,
  ];
  assert(owner.writeArgs(2, 1, [views[0], "a", views[1], undefined, { b: 1 }, views[3]]));
  const args = worker.readArgs(2)!;
  assertEquals([args[1], args[3], args[4]], ["a", undefined, { b: 1 }]);
  for (const i of [0, 2, 5]) assertEquals((args[i] as Uint8Array).buffer, data);
  assertEquals([(args[2] as Float32Array).byteOffset, (args[2] as Float32Array).length], [8192, 3]);
  for (const view of views) {
    assert(worker.writeResult(3, view, false));
    const back = owner.readResult(3) as DataView;
    if (view === data) assert((back as unknown) === data);
    else {
      const { byteOffset, byteLength } = view as DataView;
      assert(back.constructor === view.constructor && back.buffer === data);
      assertEquals([back.byteOffset, back.byteLength], [byteOffset, byteLength]);
    }
  }
  assert(!owner.writeArgs(2, 1, [new Uint8Array(8)]), "not shared");
  assert(!owner.writeArgs(2, 1, [new Uint8Array(new SharedArrayBuffer(8))]), "not known");
  assert(!owner.writeArgs(2, 1, [{ inside: views[0] }]), "not an argument itself");
});

test("buffers are copied into blocks when that is asked for, and given back when one does not fit", () => {
  const { owner, worker, blocks, data } = pair({ copies: true });
  const floats = Float64Array.from({ length: 5000 }, (_, i) => i / 2);
  assert(owner.writeArgs(0, 1, [floats.subarray(10), 7, new Uint8Array([1, 2])]));
  const [copy, seven, bytes] = worker.readArgs(0)! as [Float64Array, number, Uint8Array];
  assertEquals([copy.buffer, bytes.buffer, seven], [data, data, 7]);
  assertEquals([...copy], [...floats.subarray(10)]);
  assertEquals([...bytes], [1, 2]);
  assertEquals(owner.copied.length, 2);
  for (const block of owner.copied) blocks.give(block, MAIN_OWNER);
  assert(!owner.writeArgs(0, 1, [floats, new Uint8Array(2 ** 21)]));
  assert(!owner.writeArgs(0, 1, [floats, new Date()]));
  assertEquals(blocks.used, 0);
});

test("without blocks, what does not fit the slot is refused", () => {
  const { owner } = pair({ blockBytes: 0 });
  assert(owner.writeArgs(0, 1, ["short"]));
  assert(!owner.writeArgs(0, 1, ["x".repeat(INLINE)]));
});
