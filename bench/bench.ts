/**
 * What a bench is made of.
 *
 * A bench is one situation: cells that are measured, each in its own process, and rows that compare
 * them. Every cell of a bench does the same work, and every round checks its own result.
 *
 * @module
 */
import process from "node:process";

/** What a round found out: one figure, or several by name. */
export type Figures = number | Record<string, number>;

/** Does the work once and answers its figure (ms unless the row says otherwise); throws if the result is wrong. */
export type Round = () => Figures | Promise<Figures>;

/** Prepares a round in its own process: peers are imported here, so nobody else pays for them. */
export type Cell = () => Round | Promise<Round>;

/** What a row asks for. */
export type Goal =
  /** ours / reference, at most. */
  | { readonly ratio: number; readonly of: string }
  /** reference / ours, at least. */
  | { readonly faster: number; readonly than: string }
  /** ours, at most. */
  | { readonly atMost: number; readonly on?: "deno" | "node" }
  /** ours, at least. */
  | { readonly atLeast: number };

/** A line of the table. */
export interface Row {
  /** What is done. */
  readonly work: string;
  /** Cell, or `cell.figure`. */
  readonly ours: string;
  /** What it is compared with: a cell or `cell.figure`; its name is shown. */
  readonly reference?: string;
  /** Default ms. */
  readonly unit?: string;
  /** Without one the row only informs. */
  readonly goal?: Goal;
  /** Only there is the row shown. */
  readonly on?: "deno" | "node";
  /** Why it is as it is, where that needs saying. */
  readonly note?: string;
}

/** How a cell is repeated. Times in ms. */
export interface Repeat {
  /** Processes per cell, alternating with those of the other cells. */
  readonly processes: number;
  /** Rounds that do not count, at least. */
  readonly warmups: number;
  /** Warm-ups go on until so long has passed. */
  readonly warmMs: number;
  /** Rounds that count, unless they are slow. */
  readonly rounds: number;
  /** Rounds that count, even if they are slow. */
  readonly leastRounds: number;
  /** What takes longer is slow: it is warm after one round. */
  readonly slowMs: number;
  /** Rounds go on until so long has passed. */
  readonly roundsMs: number;
}

/** One situation. */
export interface Bench {
  /** What is measured from inside, a process each. */
  readonly cells?: Readonly<Record<string, Cell>>;
  /** Whole programs, by source; the figure is their time less that of the one named `empty`. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Modules, by source; the figure is the size of their minified, gzipped bundle in KB. */
  readonly bundles?: Readonly<Record<string, string>>;
  /**
   * What the cells start: paths in `bench/`. A `.ts` becomes a module of the project, `NAME.mjs`; a
   * `.c` is compiled, to `NAME`, if there is a compiler.
   */
  readonly helpers?: readonly string[];
  /** Cells that only one runtime can run; their rows are left out on the other. */
  readonly on?: Readonly<Record<string, "deno" | "node">>;
  readonly rows: readonly Row[];
  /** Where it differs from the default. */
  readonly repeat?: Partial<Repeat>;
}

/** As many as the full run takes, or fewer in a quick one. */
export function size(full: number, quick: number): number {
  return process.env.BENCH_QUICK === "1" ? quick : full;
}

/** How long `work` takes, in ms. */
export async function time(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Fails the round unless both are equal. */
export function check(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`wrong ${what}: ${actual} (should be ${expected})`);
}

/** Lets the host's event loop turn, so that what was let go can be collected. */
export function hostTurn(ms = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Collects garbage, several times: what finalizers let go too. */
export async function collectGarbage(): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("no gc(): run with --expose-gc");
  for (let i = 0; i < 4; i++) {
    gc();
    await hostTurn();
  }
}
