/**
 * One cell in its own process, on Deno or Node: `run_cell.mjs BENCH CELL REPEAT`.
 *
 * Warm-ups, then rounds. The last line of stdout is the samples as JSON.
 *
 * Nothing is collected by force between the rounds: when no task happens to be alive, a full
 * collection also frees the hidden classes, with them the optimised code of whoever is measured, and
 * each round would measure the compiler (up to 5 times slower). Benches of memory collect by themselves.
 *
 * @module
 */
import process from "node:process";
import type { Bench, Repeat } from "./bench.ts";

const MOST_ROUNDS = 25;

const [benchName, cellName, repeatJson] = process.argv.slice(2) as [string, string, string];
const repeat: Repeat = JSON.parse(repeatJson);
const module: { bench: Bench } = await import(new URL(`${benchName}.mjs`, import.meta.url).href);
const round = await module.bench.cells![cellName]!();

let start = performance.now();
for (let i = 0;; i++) {
  const passed = performance.now() - start;
  if (i >= repeat.warmups && passed >= repeat.warmMs) break;
  if (i >= 1 && passed >= repeat.slowMs) break;
  await round();
}
const samples: Record<string, number[]> = {};
start = performance.now();
for (let i = 0; i < MOST_ROUNDS; i++) {
  const passed = performance.now() - start;
  if (i >= repeat.rounds && passed >= repeat.roundsMs) break;
  if (i >= repeat.leastRounds && passed >= repeat.slowMs) break;
  const figures = await round();
  const named = typeof figures === "number" ? { "": figures } : figures;
  for (const [name, value] of Object.entries(named)) (samples[name] ??= []).push(value);
}
process.stdout.write(`\n${JSON.stringify(samples)}\n`, () => process.exit(0));
