/**
 * The explorer against plain enumeration: random small programs, every outcome there is.
 *
 * For each outcome of all interleavings, and the fewest preemptions it takes, the explorer must come to it
 * with exactly as many; and to no other. So what it leaves out (states seen before, steps that
 * commute, plain accesses in order) never was needed.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { exploreInterleavings, InterleavingError } from "@vais/runtime/testing";
import { test } from "../support/test.ts";

/** A step: what it does to word `word` with `value`; `skip`: how many steps to skip if it answers 0. */
interface Op {
  readonly kind: "load" | "store" | "add" | "cas" | "read" | "write";
  readonly word: number;
  readonly value: number;
  readonly skip: number;
}

const WORDS = 3;

/** Seeded: mulberry32. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, seed | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) % below;
  };
}

function randomProgram(seed: number, threads: number, steps: number): Op[][] {
  const below = random(seed);
  const kinds = ["load", "store", "add", "cas", "read", "write"] as const;
  return Array.from(
    { length: threads },
    () =>
      Array.from({ length: steps }, () => ({
        kind: kinds[below(kinds.length)]!,
        word: below(WORDS),
        value: 1 + below(2),
        skip: below(4) === 0 ? 1 : 0,
      })),
  );
}

function apply({ kind, word, value }: Op, memory: number[]): number {
  const before = memory[word]!;
  if (kind === "store" || kind === "write") memory[word] = value;
  else if (kind === "add") memory[word] = before + value;
  else if (kind === "cas" && before === 0) memory[word] = value;
  return kind === "store" || kind === "write" ? value : before;
}

/** Every outcome, with the fewest preemptions it takes. */
function outcomesOf(program: readonly Op[][]): Map<string, number> {
  const outcomes = new Map<string, number>();
  const seen = new Map<string, number>();
  const visit = (at: number[], memory: number[], got: number[][], last: number, used: number) => {
    const state = JSON.stringify([at, memory, got, last]);
    if ((seen.get(state) ?? Infinity) <= used) return;
    seen.set(state, used);
    const left = program.map((_, t) => t).filter((t) => at[t]! < program[t]!.length);
    if (left.length === 0) {
      const outcome = JSON.stringify([got, memory]);
      outcomes.set(outcome, Math.min(used, outcomes.get(outcome) ?? Infinity));
    }
    for (const t of left) {
      const op = program[t]![at[t]!]!;
      const [nextMemory, nextAt] = [[...memory], [...at]];
      const answer = apply(op, nextMemory);
      nextAt[t]! += answer === 0 ? 1 + op.skip : 1;
      visit(
        nextAt,
        nextMemory,
        got.map((list, u) => u === t ? [...list, answer] : list),
        t,
        used + Number(last !== t && left.includes(last)),
      );
    }
  };
  visit(program.map(() => 0), new Array(WORDS).fill(0), program.map(() => []), -1, 0);
  return outcomes;
}

/** The same program for the explorer; fails where `fails(outcome)`, an expression. */
function textOf(program: readonly Op[][], fails: string): string {
  return `
const program = ${JSON.stringify(program)};
export const setup = () => new Int32Array(new SharedArrayBuffer(${4 * WORDS}));
const steps = {
  load: (w, i) => Atomics.load(w, i),
  store: (w, i, v) => Atomics.store(w, i, v),
  add: (w, i, v) => Atomics.add(w, i, v),
  cas: (w, i, v) => Atomics.compareExchange(w, i, 0, v),
  read: (w, i) => w[i],
  write: (w, i, v) => w[i] = v,
};
export const threads = program.map((ops) => (w) => {
  const got = [];
  for (let at = 0; at < ops.length;) {
    const { kind, word, value, skip } = ops[at];
    const answer = steps[kind](w, word, value);
    got.push(answer);
    at += answer === 0 ? 1 + skip : 1;
  }
  return got;
});
export function check(w, got) {
  const outcome = JSON.stringify([got, [...w]]);
  if (${fails}) throw new Error(outcome);
}`;
}

const SEEDS = 5;

for (const [threads, steps] of [[2, 5], [3, 3]] as const) {
  test(`${SEEDS} random programs of ${threads} threads come to every outcome, and to no other`, async () => {
    let outcomes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const program = randomProgram(seed * 1000 + threads, threads, steps);
      const expected = outcomesOf(program);
      const all = JSON.stringify([...expected.keys()]);
      const result = await exploreInterleavings(
        textOf(program, `!${all}.includes(outcome)`),
        { preemptions: 20 },
      );
      assert(result.exhaustive);
      // Each of a few outcomes, with as few preemptions as it takes.
      const sample = [...expected].sort(([, a], [, b]) => b - a).filter((_, i) =>
        i < 2 || i % 5 === 0
      );
      for (const [outcome, preemptions] of sample.slice(0, 6)) {
        outcomes++;
        const text = textOf(program, `outcome === ${JSON.stringify(outcome)}`);
        const found = await assertRejects(
          () => exploreInterleavings(text, { preemptions: 20 }),
          InterleavingError,
          undefined,
          `seed ${seed}: never ${outcome}`,
        );
        assertEquals(found.preemptions, preemptions, `seed ${seed}: ${found.message}`);
      }
    }
    console.log(`${outcomes} outcomes`);
  });
}
