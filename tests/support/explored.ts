/**
 * Programs over the structures of `@vais/runtime/memory`, explored: bound 3 for two threads, 2 for three.
 *
 * @module
 */
import { assert } from "@std/assert";
import { exploreInterleavings } from "@vais/runtime/testing";
import { test } from "./test.ts";
import { entry } from "./threads.ts";

/** What is explored. */
export interface Explored {
  /** What must hold. */
  readonly name: string;
  /** Names imported from `@vais/runtime/memory`. */
  readonly uses: string;
  /** The rest of the module; `S` is what `setup` answers. */
  readonly text: string;
  /** How many threads it has. */
  readonly threads: 2 | 3 | 4;
  /** Preemptions; by default 3 for two threads, 2 for three, 1 for four. */
  readonly preemptions?: number;
  /** See `ExploreOptions`. */
  readonly spinLimit?: number;
}

/** The module of a program. */
export function moduleOf({ uses, text }: Pick<Explored, "uses" | "text">): string {
  return `
import { ${uses} } from "${entry("memory")}";
import { dequeModel, mapModel, queueModel, stackModel } from "${entry("testing")}";
const words = (n) => new Int32Array(new SharedArrayBuffer(4 * n));
const equal = (a, b, what) => {
  if (JSON.stringify(a) !== JSON.stringify(b)) {
    throw new Error(what + " " + JSON.stringify(a) + ", must be " + JSON.stringify(b));
  }
};
const numbers = (...answers) => answers.flat(9).filter((one) => typeof one === "number").sort();
const until = (wanted, attempt) => {
  for (;;) {
    const answer = attempt();
    if (wanted(answer)) return answer;
    Atomics.pause();
  }
};
const settled = (answer) => answer !== EMPTY && answer !== FULL && answer !== RETRY;
${text}`.replace("import {", "import { EMPTY, FULL, RETRY, ");
}

/** Registers the test that explores it. */
export function explored(program: Explored): void {
  const { name, threads, preemptions = 5 - threads, spinLimit = 32 } = program;
  test(`explored, ${threads} threads, ${preemptions} preemptions: ${name}`, async () => {
    const began = performance.now();
    const result = await exploreInterleavings(moduleOf(program), { preemptions, spinLimit });
    const ms = Math.round(performance.now() - began);
    console.log(
      `${name}: ${result.schedules} schedules, ${result.steps} steps, ${result.states} states, ` +
        `${result.racyWords} racy words, ${ms} ms${result.exhaustive ? ", exhaustive" : ""}`,
    );
    assert(result.complete);
  });
}
