/**
 * One cell in its own process, on Deno or Node: `run_cell.mjs BENCH CELL REPEAT`.
 *
 * Warm-ups, then rounds, a collection before each. The last line of stdout is the samples as JSON.
 *
 * @module
 */
import process from "node:process";
import { type Bench, collectGarbage, type Repeat } from "./bench.ts";

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
  await collectGarbage(1);
  await round();
}
const samples: Record<string, number[]> = {};
start = performance.now();
for (let i = 0; i < MOST_ROUNDS; i++) {
  const passed = performance.now() - start;
  if (i >= repeat.rounds && passed >= repeat.roundsMs) break;
  if (i >= repeat.leastRounds && passed >= repeat.slowMs) break;
  await collectGarbage(1);
  const figures = await round();
  const named = typeof figures === "number" ? { "": figures } : figures;
  for (const [name, value] of Object.entries(named)) (samples[name] ??= []).push(value);
}
process.stdout.write(`\n${JSON.stringify(samples)}\n`, () => process.exit(0));
