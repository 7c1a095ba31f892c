/**
 * Workers that end in the middle of what they do with a structure, and what must be there afterwards.
 *
 * A victim pushes 0, 1, 2 … and pops at random; it ends before an access to shared memory that a seed
 * chooses, or, where the host can, is terminated from outside while it runs. It logs what it is about to do
 * and what it has done, so that afterwards each value must be there once, but for the one in its hand.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { EMPTY, type Handle } from "@vais/runtime/memory";
import { newTally } from "./memory_threads.ts";
import { test } from "./test.ts";
import { CAN_TERMINATE, endsItself, isTerminated } from "./victims.ts";

/** Values a victim may push. */
const VALUES = 2 ** 18;
/** How often each is ended. */
export const ENDS = 4;

/** What a victim does. `push` and `pop` are given by the structure; pop answers a number, or something else. */
const WORK = `
const next = random(job.seed);
begin();
for (let i = 0; i < ${VALUES};) {
  Atomics.store(job.log, 0, i + 1);
  if (push(i) === true) Atomics.store(job.log, 1, ++i);
  if (next() % 5 < 2) continue;
  Atomics.store(job.log, 2, 1);
  const value = pop();
  if (typeof value === "number") Atomics.add(job.tally, value, 1);
  Atomics.store(job.log, 2, 0);
}
for (;;) Atomics.wait(job.log, 3, 0);
`;

/** A structure, and how it is used by a victim and afterwards. */
export interface Case<S> {
  /** What is posted, and what is looked at afterwards. */
  readonly make: () => S;
  readonly handleOf: (structure: S) => unknown;
  /** In the victim: defines push and pop. */
  readonly victim: string;
  /** What the docs say is to be done after a death. */
  readonly mend: (structure: S) => unknown;
  /** Takes one: a number, or EMPTY. */
  readonly take: (structure: S) => unknown;
  /** Whether a push may move another value, and so have that one in hand. */
  readonly moves?: boolean;
  /** Adds one, which must be possible when it is empty. */
  readonly add: (structure: S, value: number) => unknown;
}

/** Registers the tests in which workers end in the middle of calls of `one`. */
export function dies<S>(name: string, one: Case<S>): void {
  const check = async (kill: (job: Record<string, unknown>, seed: number) => Promise<void>) => {
    for (let seed = 1; seed <= ENDS; seed++) {
      const structure = one.make();
      const [log, tally] = [newTally(4), newTally(VALUES + 1)];
      await kill({ handle: one.handleOf(structure), log, tally, seed }, seed);
      one.mend(structure);
      for (let value = one.take(structure); value !== EMPTY; value = one.take(structure)) {
        assert(typeof value === "number", String(value));
        tally[value]!++;
      }
      const [tried, pushed, popping] = log as unknown as [number, number, number];
      const wrong = tally.subarray(0, pushed).filter((count) => count !== 1);
      const inHand = one.moves === true && tried > pushed ? 1 : popping;
      assert(wrong.length <= inHand && wrong.every((count) => count === 0), `${wrong}`);
      assert(tally[pushed]! <= tried - pushed && tally[pushed]! <= 1, "the one in hand");
      assert(tally.subarray(pushed + 1).every((count) => count === 0), "what was never pushed");
      for (let i = 0; i < 50; i++) {
        assertEquals([one.add(structure, i), one.take(structure)], [true, i]);
      }
      assertEquals(one.take(structure), EMPTY);
    }
  };
  test(`${name}: a worker that ends by itself in the middle of a call`, async () => {
    await check((job, seed) =>
      endsItself(one.victim + WORK, { ...job, access: (seed * 7919) % 397 })
    );
  });
  if (CAN_TERMINATE) {
    test(`${name}: a worker that is terminated while it runs`, async () => {
      await check((job, seed) => isTerminated(one.victim + WORK, job, seed % 3));
    });
  }
}

/** What is posted of a structure. */
export const handleOf = ({ handle }: { handle: Handle }) => handle;
