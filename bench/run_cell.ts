/**
 * One cell in its own process, on Deno or Node: `run_cell.mjs BENCH CELL REPEAT`.
 *
 * Warm-ups, then rounds, a collection before each. The last line of stdout is the samples as JSON.
 *
 * @module
 */
import process from "node:process";
import { type Bench, collectGarbage, type Figures, type Repeat } from "./bench.ts";

const [benchName, cellName, repeatJson] = process.argv.slice(2) as [string, string, string];
const repeat: Repeat = JSON.parse(repeatJson);
const { bench }: { bench: Bench } = await import(`./${benchName}.mjs`);
const round = await bench.cells[cellName]!();

let start = performance.now();
for (let i = 0; i < repeat.warmups || performance.now() - start < repeat.warmMs; i++) {
  await collectGarbage();
  await round();
  if (i + 1 >= 1 && performance.now() - start >= repeat.warmMs && i + 1 >= 2) break;
  if (performance.now() - start >= 4 * repeat.warmMs) break;
}
const samples: Record<string, number[]> = {};
start = performance.now();
for (let i = 0; i < repeat.rounds || (performance.now() - start < repeat.roundsMs && i < 25); i++) {
  await collectGarbage();
  const figures: Figures = await round();
  const named = typeof figures === "number" ? { "": figures } : figures;
  for (const [name, value] of Object.entries(named)) (samples[name] ??= []).push(value);
}
process.stdout.write(`\n${JSON.stringify(samples)}\n`, () => process.exit(0));
