/**
 * What was measured, against what was asked for: rows, the table, the results file.
 *
 * @module
 */
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import type { Bench, Goal, Row } from "./bench.ts";
import { capture } from "../scripts/steps.ts";
import type { Measured, RuntimeName, Summary } from "./measure.ts";
import { PEERS } from "./peers.ts";

/** A row with its figures. */
export interface Line {
  readonly work: string;
  readonly unit: string;
  readonly ours: Summary | string;
  readonly reference?: Summary | string;
  readonly referenceName?: string;
  /** ours / reference. */
  readonly ratio?: number;
  readonly goal?: Goal;
  /** Absent without a goal. */
  readonly met?: boolean;
  readonly note?: string;
}

/** Fills in the rows of a bench. */
export function linesOf(bench: Bench, measured: Measured, runtime: RuntimeName): Line[] {
  const elsewhere = Object.entries(bench.on ?? {}).filter(([, on]) => on !== runtime);
  const isElsewhere = (name?: string) =>
    elsewhere.some(([cell]) => name === cell || name?.startsWith(`${cell}.`));
  return bench.rows
    .filter(({ on }) => on === undefined || on === runtime)
    .filter(({ ours, reference }) => !isElsewhere(ours) && !isElsewhere(reference))
    .map((row) => lineOf(row, measured, runtime));
}

function lineOf(row: Row, measured: Measured, runtime: RuntimeName): Line {
  const find = (name: string): Summary | string =>
    measured[name] ?? measured[name.slice(0, name.lastIndexOf("."))] ?? "not measured";
  const ours = find(row.ours);
  const reference = row.reference === undefined ? undefined : find(row.reference);
  const ratio = typeof ours === "object" && typeof reference === "object" && reference.median > 0
    ? ours.median / reference.median
    : undefined;
  const goal = row.goal !== undefined && "on" in row.goal && row.goal.on !== runtime
    ? undefined
    : row.goal;
  return {
    work: row.work,
    unit: row.unit ?? "ms",
    ours,
    ...(reference === undefined ? {} : { reference, referenceName: row.reference! }),
    ...(ratio === undefined ? {} : { ratio }),
    ...(goal === undefined ? {} : { goal, met: isMet(goal, ours, ratio) }),
    ...(row.note === undefined ? {} : { note: row.note }),
  };
}

function isMet(goal: Goal, ours: Summary | string, ratio: number | undefined): boolean {
  if (typeof ours === "string") return false;
  if ("atMost" in goal) return ours.median <= goal.atMost;
  if ("atLeast" in goal) return ours.median >= goal.atLeast;
  if (ratio === undefined) return false;
  return "ratio" in goal ? ratio <= goal.ratio : 1 / ratio >= goal.faster;
}

/** The table as text. */
export function table(lines: readonly Line[]): string {
  const rows = lines.map((line) => [
    line.work,
    line.goal === undefined ? "" : goalText(line.goal, line.unit),
    figure(line.ours, line.unit),
    line.reference === undefined
      ? ""
      : `${figure(line.reference, line.unit)}  ${line.referenceName}`,
    line.ratio === undefined ? "" : `${round(line.ratio)}x`,
    line.met === undefined ? "" : line.met ? "yes" : "NO",
  ]);
  const all = [["work", "goal", "ours", "reference", "ratio", "met"], ...rows];
  const widths = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const text = all.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
  text.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  const notes = lines.filter((line) => line.note !== undefined)
    .map((line) => `note: ${line.work}: ${line.note}`);
  const broken = lines.flatMap(({ ours, reference }) => [ours, reference])
    .filter((one) => typeof one === "string");
  return [...text, ...notes, ...new Set(broken)].join("\n");
}

function goalText(goal: Goal, unit: string): string {
  if ("ratio" in goal) return `<= ${goal.ratio}x ${goal.of}`;
  if ("faster" in goal) return `${goal.faster}x faster than ${goal.than}`;
  if ("atMost" in goal) return `<= ${goal.atMost} ${unit}`;
  return `>= ${goal.atLeast} ${unit}`;
}

/** The median, and half the distance between the quartiles. */
function figure(found: Summary | string, unit: string): string {
  if (typeof found === "string") return "failed";
  const half = (found.q3 - found.q1) / 2;
  return `${round(found.median)} ${unit}` + (found.n > 1 ? ` ±${round(half)}` : "");
}

function round(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** Writes `bench/results/<runtime>.json`; answers its path. */
export async function writeResults(
  runtime: RuntimeName,
  lines: readonly Line[],
  cells: Readonly<Record<string, Measured>>,
): Promise<string> {
  const folder = new URL("results/", import.meta.url);
  await Deno.mkdir(folder, { recursive: true });
  const path = decodeURIComponent(new URL(`${runtime}.json`, folder).pathname);
  const result = {
    date: new Date().toISOString(),
    runtime: await versionOf(runtime),
    commit: (await capture("git", ["describe", "--always", "--dirty"])).stdout.trim(),
    peers: PEERS,
    machine: {
      os: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
      cpu: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      load: loadavg().map((load) => Number(load.toFixed(2))),
    },
    rows: lines,
    cells,
  };
  const shorten = (_: string, value: unknown) =>
    typeof value === "number" ? Number(value.toPrecision(5)) : value;
  await Deno.writeTextFile(path, JSON.stringify(result, shorten, 2) + "\n");
  return path;
}

/** For example `deno 2.9.6, V8 15.0.1`. */
export async function versionOf(runtime: RuntimeName): Promise<string> {
  if (runtime === "deno") return `deno ${Deno.version.deno}, V8 ${Deno.version.v8}`;
  const print = "`node ${process.versions.node}, V8 ${process.versions.v8}`";
  return (await capture("node", ["-p", print])).stdout.trim();
}
