/**
 * Runs the benches on Deno and on Node, prints a table for each, writes `bench/results/*.json`.
 *
 *     deno task bench [--only=NAME,…] [--runtime=deno|node] [--quick] [--keep]
 *
 * Only a full run writes results. A missed goal is told in the table; exits 1 only when a bench
 * could not be run, or found a wrong result. `--keep` leaves the project for a profiler:
 * `cd FOLDER; node --expose-gc --cpu-prof run_cell.mjs yields generator REPEAT`.
 *
 * @module
 */
import type { Bench } from "./bench.ts";
import { measure, type Measured, type RuntimeName } from "./measure.ts";
import { makeProject, removeProject } from "./project.ts";
import { type Line, linesOf, table, versionOf, writeResults } from "./report.ts";

/** The benches by file name, in the order of the table. */
const BENCHES = [
  "yields",
  "spawn_join",
  "cancel_tree",
  "cancel_deep_wide",
  "heap_parked",
  "limit_jobs",
  "channels",
  "sync",
  "growth",
  "timers",
  "import_cost",
  "reactor_echo",
  "reactor_pipes",
  "reactor_wake",
  "reactor_host",
  "memory_allocators",
  "memory_queues",
  "memory_structures",
];

const runtimes = (option("runtime")?.split(",") ?? ["deno", "node"]) as RuntimeName[];
const names = option("only")?.split(",") ?? BENCHES;
const quick = Deno.args.includes("--quick");
if (quick) Deno.env.set("BENCH_QUICK", "1");
const unknown = [
  ...names.filter((name) => !BENCHES.includes(name)).map((name) => `bench ${name}`),
  ...runtimes.filter((name) => name !== "deno" && name !== "node").map((name) => `runtime ${name}`),
];
if (unknown.length > 0) {
  console.error(`No ${unknown.join(", ")} (benches: ${BENCHES.join(", ")})`);
  Deno.exit(1);
}

const begun = performance.now();
progress("building and installing");
const benches = new Map<string, Bench>();
for (const name of names) benches.set(name, (await import(`./${name}.ts`)).bench);
const helpers = new Set([...benches.values()].flatMap((bench) => bench.helpers ?? []));
const folder = await makeProject(BENCHES, [...helpers]);
try {
  for (const runtime of runtimes) {
    const lines: Line[] = [];
    const cells: Record<string, Measured> = {};
    for (const [name, bench] of benches) {
      progress(`${runtime} ${name}`);
      cells[name] = await measure(name, bench, runtime, folder, quick);
      lines.push(...linesOf(bench, cells[name]!, runtime));
    }
    console.log(`\n${await versionOf(runtime)}${quick ? " (quick)" : ""}\n\n${table(lines)}\n`);
    const goals = lines.filter((line) => line.goal !== undefined);
    console.log(`${goals.filter((line) => line.met).length} of ${goals.length} goals met`);
    if (!quick && option("only") === undefined) {
      console.log(`written: ${await writeResults(runtime, lines, cells)}`);
    }
    for (const measured of Object.values(cells)) {
      if (Object.values(measured).some((one) => typeof one === "string")) Deno.exitCode = 1;
    }
  }
} finally {
  if (Deno.args.includes("--keep")) progress(`kept ${folder}`);
  await removeProject(Deno.args.includes("--keep") ? undefined : folder);
}
progress("done");

function option(name: string): string | undefined {
  return Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

function progress(text: string): void {
  console.error(`[${((performance.now() - begun) / 1000).toFixed(0).padStart(4)} s] ${text}`);
}
