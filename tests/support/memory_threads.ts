/**
 * Structures of `@vais/runtime/memory` used by several workers at once.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { entry, startThread, type Thread } from "./threads.ts";

/** What the code of {@linkcode inThreads} has at hand besides the library's names in `m`. */
const AT_HAND = `
const m = await import("${entry("memory")}");
/** For loops that wait for others: throws after 20 s. */
const until = Date.now() + 20_000;
const notForEver = () => {
  if (Date.now() > until) throw new Error("still waiting after 20 s");
};
/** An answer of \`attempt\` that is not \`not\`, however often it takes. */
const insist = (attempt, ...not) => {
  const backoff = new m.Backoff();
  for (;;) {
    const answer = attempt();
    if (!not.includes(answer)) return answer;
    backoff.snooze();
    if (backoff.isCompleted) notForEver();
  }
};
/** Waits for all threads: they go on at once. */
const meet = (gate, threads) => {
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < threads) notForEver();
};
const random = (seed) => () => (seed = Math.imul(seed, 1664525) + 1013904223 | 0) >>> 8;
`;

/** A word that \`meet\` counts in. */
export function newGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

/**
 * Runs each body in a worker of its own, all with `job` (which gets \`me\`, the worker's number, and
 * \`threads\`), and answers what they return. They begin together.
 */
export async function inThreads(
  bodies: readonly string[],
  job: Record<string, unknown>,
): Promise<unknown[]> {
  const gate = newGate();
  const threads: Thread[] = [];
  try {
    for (const body of bodies) {
      threads.push(
        await startThread(`${AT_HAND}
const job = await messages.next();
const { me, threads } = job;
meet(job.gate, threads);
post(await (async () => {${body}})());`),
      );
    }
    threads.forEach((thread, me) => thread.post({ ...job, me, threads: bodies.length, gate }));
    return await Promise.all(threads.map((thread) => thread.next()));
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** A shared word per value: who takes one adds 1 to its word. */
export function newTally(values: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * values));
}

/** Nothing lost, nothing twice. */
export function assertOnceEach(tally: Int32Array): void {
  const wrong = [...tally.keys()].filter((i) => tally[i] !== 1);
  const shown = wrong.slice(0, 10).map((i) => `${i}: ${tally[i]}`);
  assertEquals(wrong.length, 0, `of ${tally.length}, not exactly once: ${shown.join(", ")}`);
}
