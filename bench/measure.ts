/**
 * Runs the cells of one bench on one runtime, and sums up what they found out.
 *
 * Cells alternate: all of them once, then all of them again in new processes, so that a busy
 * machine slows ours and its reference alike.
 *
 * @module
 */
import type { Bench, Repeat } from "./bench.ts";
import { bundleSize } from "./project.ts";

/** The runtimes. */
export type RuntimeName = "deno" | "node";

/** What the rounds of one cell found out. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly q1: number;
  readonly q3: number;
  readonly max: number;
  /** Rounds. */
  readonly n: number;
}

/** By `cell` or `cell.figure`; a text is what went wrong. */
export type Measured = Record<string, Summary | string>;

const FULL: Repeat = {
  processes: 2,
  warmups: 2,
  warmMs: 150,
  rounds: 5,
  leastRounds: 3,
  roundsMs: 250,
  slowMs: 1_000,
};
const QUICK: Partial<Repeat> = {
  processes: 1,
  warmups: 2,
  warmMs: 50,
  rounds: 3,
  leastRounds: 1,
  roundsMs: 0,
  slowMs: 200,
};
const LIMIT_MS = 120_000;

/** Runs every cell. */
export async function measure(
  name: string,
  bench: Bench,
  runtime: RuntimeName,
  folder: string,
  quick: boolean,
): Promise<Measured> {
  const repeat: Repeat = { ...FULL, ...bench.repeat, ...(quick ? QUICK : {}) };
  const samples = new Map<string, number[]>();
  const broken: Measured = {};
  for (let i = 0; i < repeat.processes; i++) {
    for (const cell of Object.keys(bench.cells ?? {})) {
      if (cell in broken || (bench.on?.[cell] ?? runtime) !== runtime) continue;
      try {
        const out = await run(runtime, folder, [
          "run_cell.mjs",
          name,
          cell,
          JSON.stringify(repeat),
        ]);
        const found: Record<string, number[]> = JSON.parse(out.trim().split("\n").at(-1)!);
        for (const [figure, values] of Object.entries(found)) {
          const key = figure === "" ? cell : `${cell}.${figure}`;
          samples.set(key, [...samples.get(key) ?? [], ...values]);
        }
      } catch (error) {
        broken[cell] = `failed: ${name} ${cell}: ${(error as Error).message}`;
      }
    }
  }
  if (bench.programs !== undefined) {
    await runPrograms(bench.programs, runtime, folder, repeat, samples);
  }
  for (const [bundle, source] of Object.entries(bench.bundles ?? {})) {
    samples.set(bundle, [await bundleSize(folder, source)]);
  }
  const measured: Measured = {};
  for (const [key, values] of samples) measured[key] = summary(values);
  return { ...measured, ...broken };
}

/** Times whole programs, one after the other, again and again. */
async function runPrograms(
  programs: Readonly<Record<string, string>>,
  runtime: RuntimeName,
  folder: string,
  repeat: Repeat,
  samples: Map<string, number[]>,
): Promise<void> {
  const times = new Map(Object.keys(programs).map((name) => [name, [] as number[]]));
  for (const [name, source] of Object.entries(programs)) {
    await Deno.writeTextFile(`${folder}/${name}.mjs`, source);
  }
  for (let i = 0; i < repeat.warmups + repeat.rounds; i++) {
    for (const name of times.keys()) {
      const start = performance.now();
      await run(runtime, folder, [`${name}.mjs`]);
      if (i >= repeat.warmups) times.get(name)!.push(performance.now() - start);
    }
  }
  const empty = summary(times.get("empty")!).median;
  for (const [name, values] of times) {
    samples.set(name, name === "empty" ? values : values.map((ms) => ms - empty));
  }
}

async function run(runtime: RuntimeName, cwd: string, args: string[]): Promise<string> {
  const [command, ...flags] = runtime === "deno"
    ? [Deno.execPath(), "run", "-A", "--v8-flags=--expose-gc"]
    : ["node", "--expose-gc"];
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), LIMIT_MS);
  const { code, stdout, stderr } = await new Deno.Command(command!, {
    args: [...flags, ...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: abort.signal,
  }).output();
  clearTimeout(timer);
  if (abort.signal.aborted) throw new Error(`took more than ${LIMIT_MS / 1000} s`);
  const text = new TextDecoder();
  if (code !== 0) throw new Error(`exited ${code}: ${text.decode(stderr).trim().slice(-1_500)}`);
  return text.decode(stdout);
}

function summary(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const low = Math.floor(place), rest = place - low;
    return sorted[low]! * (1 - rest) + (sorted[low + 1] ?? sorted[low]!) * rest;
  };
  return { median: at(0.5), min: at(0), q1: at(0.25), q3: at(0.75), max: at(1), n: values.length };
}
