/**
 * Stacks, free list, slab and epochs, under every interleaving of few calls, at capacity 2 to 4.
 *
 * Where calls are recorded, every history is linearizable; elsewhere nothing is lost and nothing comes twice.
 *
 * @module
 */
import { explored } from "../support/explored.ts";

/** Both stacks have 8 and 9 at first. A call is a value to push, or 0 to pop. */
const ON_STACK = `
export const model = { ...stackModel(), initial: [8, 9] };
const checkItems = (stack, history) => {
  const popped = history.filter(({ name }) => name === "pop").map(({ output }) => output);
  const pushed = history.filter(({ output }) => output === true).map(({ input }) => input);
  const left = [];
  for (let value = stack.pop(); value !== EMPTY && left.length < 9; value = stack.pop()) left.push(value);
  equal(numbers(popped, left), numbers(8, 9, pushed), "items");
};
const callAll = (stack, calls, call) => {
  calls.forEach((value) =>
    value > 0
      ? call("push", value, () => stack.push(value) === true ? true : "RETRY")
      : call("pop", undefined, () => stack.pop())
  );
};
`;

const STACK = (threads: string) =>
  `${ON_STACK}
export const setup = () => {
  const stack = LockFreeStack.create(3, { tag: -1 });
  stack.push(8);
  stack.push(9);
  return stack.handle;
};
export const check = (handle, _, history) => {
  const stack = LockFreeStack.attach(handle);
  checkItems(stack, history);
  equal([1, 2, 3, 4].filter((value) => stack.push(value) === true).length, 3, "room");
};
const run = (...calls) => (handle, call) => {
  const stack = LockFreeStack.attach(handle);
  callAll(stack, calls, call);
};
export const threads = [${threads}];
`;

explored({
  name: "LockFreeStack, two threads (no ABA)",
  uses: "LockFreeStack",
  threads: 2,
  text: STACK("run(0, 0), run(0, 1, 0)"),
});

explored({
  name: "LockFreeStack, three threads (no ABA)",
  uses: "LockFreeStack",
  threads: 3,
  text: STACK("run(0), run(0, 0), run(1)"),
});

explored({
  name: "FreeList, a number has one owner",
  uses: "FreeList",
  threads: 3,
  text: `
export const setup = () => ({ list: FreeList.create(2).handle, owned: words(2) });
const run = (times) => ({ list: handle, owned }) => {
  const list = FreeList.attach(handle);
  for (let i = 0; i < times; i++) {
    const one = list.take();
    if (one === EMPTY) continue;
    equal(Atomics.exchange(owned, one, 1), 0, "owners of " + one);
    Atomics.store(owned, one, 0);
    list.give(one);
  }
};
export const threads = [run(2), run(1), run(1)];
export const check = ({ list: handle }) => {
  const list = FreeList.attach(handle);
  equal([list.take(), list.take()].sort(), [0, 1], "free");
};
`,
});

explored({
  name: "FreeList, given back in another order (no ABA)",
  uses: "FreeList",
  threads: 2,
  text: `
export const setup = () => FreeList.create(3, { tag: -1 }).handle;
export const threads = [
  (handle) => {
    const list = FreeList.attach(handle);
    return [list.take(), list.take()];
  },
  (handle) => {
    const list = FreeList.attach(handle);
    const [a, b] = [list.take(), list.take()];
    if (a !== EMPTY) list.give(a);
    return b;
  },
];
export const check = (handle, got) => {
  const list = FreeList.attach(handle);
  const left = [];
  for (let one = list.take(); one !== EMPTY; one = list.take()) left.push(one);
  equal(numbers(got, left), [0, 1, 2], "numbers");
};
`,
});

explored({
  name: "SlotSlab, each life ends once",
  uses: "SlotSlab",
  threads: 2,
  text: `
export const setup = () => {
  const slab = SlotSlab.create(2);
  return { slab: slab.handle, ref: slab.allocate() };
};
const run = ({ slab: handle, ref }) => {
  const slab = SlotSlab.attach(handle);
  const freed = slab.free(ref);
  const mine = slab.allocate();
  const live = mine !== FULL && slab.isLive(mine);
  const stale = slab.isLive(ref);
  return [freed, mine, live, slab.free(ref), stale];
};
export const threads = [run, run];
export const check = ({ slab: handle }, [a, b]) => {
  equal(Number(a[0]) + Number(b[0]) + Number(a[3]) + Number(b[3]), 1, "frees");
  equal([a[2], b[2]], [a[1] !== "FULL", b[1] !== "FULL"], "live");
  if (a[0]) equal(a[4], false, "stale");
  equal(a[1] === b[1], false, "same Ref");
  equal(SlotSlab.attach(handle).size, numbers(a[1], b[1]).length, "size");
};
`,
});

const EBR = (threads: string) =>
  `${ON_STACK}
export const setup = () => {
  const epochs = EpochReclamation.create({ slots: 4, threshold: 1 });
  const me = epochs.join();
  const stack = LockFreeStackEBR.create(3, me);
  stack.push(8);
  stack.push(9);
  me.leave();
  return { epochs: epochs.handle, stack: stack.handle };
};
export const check = ({ epochs, stack: handle }, _, history) => {
  const stack = LockFreeStackEBR.attach(handle, EpochReclamation.attach(epochs).join());
  checkItems(stack, history);
};
const run = (...calls) => ({ epochs, stack: handle }, call) => {
  const me = EpochReclamation.attach(epochs).join();
  const stack = LockFreeStackEBR.attach(handle, me);
  callAll(stack, calls, call);
};
export const threads = [${threads}];
`;

explored({
  name: "LockFreeStackEBR, two threads (no ABA)",
  uses: "EpochReclamation, LockFreeStackEBR",
  threads: 2,
  text: EBR("run(0), run(0, 1, 0)"),
});

explored({
  name: "LockFreeStackEBR, three threads (no ABA)",
  uses: "EpochReclamation, LockFreeStackEBR",
  threads: 3,
  text: EBR("run(0), run(0, 0), run(1)"),
});

explored({
  name: "EpochReclamation frees nothing that is held",
  uses: "EpochReclamation",
  threads: 2,
  text: `
export const setup = () => {
  const w = words(3); // which block is current, then the blocks
  w.set([1, 10, 11]);
  return { epochs: EpochReclamation.create({ slots: 2, threshold: 1 }).handle, w };
};
export const threads = [
  ({ epochs, w }) => {
    const me = EpochReclamation.attach(epochs).join();
    const got = [];
    for (let i = 0; i < 2; i++) {
      me.pinned(() => got.push(Atomics.load(w, Atomics.load(w, 0))));
    }
    me.leave();
    return got;
  },
  ({ epochs, w }) => {
    const me = EpochReclamation.attach(epochs).join();
    const old = Atomics.exchange(w, 0, 2);
    me.retire(old, (block) => Atomics.store(w, block, -1));
    for (let i = 0; i < 3; i++) me.collect();
    return me.leave();
  },
];
export const check = (_, [got]) => equal(got.every((value) => value > 0), true, "read " + got + ":");
`,
});
