/**
 * Runs the steps of the test command one after the other and counts.
 *
 * A step is one static check (one test) or one suite (as many as its own summary
 * says). It prints one line when it is green, and all that it captured when not.
 *
 * @module
 */

/** How many passed, failed and were skipped. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What came of one step. */
export interface Outcome extends Counts {
  /** Shown in the step's line, e.g. a version. */
  note?: string;
  /** Shown below the line when something failed. */
  log?: string;
  /** Why tests, or the whole step, were skipped; always shown. */
  skips?: readonly string[];
}

/** One thing to run. */
export interface Step {
  /** Short: `--only` selects by it. */
  name: string;
  run(): Promise<Outcome>;
}

/** A finished command. */
export interface Ran {
  ok: boolean;
  /** The exit code; missing when the command could not be run. */
  code?: number;
  stdout: string;
  stderr: string;
  /** The command line, then everything it printed, to be shown on failure. */
  log: string;
}

/** A step that takes longer hangs. */
const LIMIT_MS = 15 * 60_000;

/** Of a command line no more is shown. */
const LINE_LENGTH = 200;

/** Colours, which some programs print even when told not to. */
// deno-lint-ignore no-control-regex
const ANSI = /\x1b\[[\d;]*m/g;

/** Runs a command without input and captures what it prints. */
export async function capture(
  command: string,
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<Ran> {
  const whole = `$ ${command} ${args.join(" ")}`;
  const line = whole.length > LINE_LENGTH ? `${whole.slice(0, LINE_LENGTH)} …` : whole;
  try {
    const { code, signal, stdout, stderr } = await new Deno.Command(command, {
      ...options,
      args: [...args],
      env: { NO_COLOR: "1", DENO_NO_PROMPT: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(LIMIT_MS),
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes).replace(ANSI, "")
    ) as [string, string];
    const end = code === 0 ? "" : `exited ${signal ?? code}`;
    return {
      ok: code === 0,
      code,
      stdout: out,
      stderr: err,
      log: [line, out.trimEnd(), err.trimEnd(), end].filter(Boolean).join("\n"),
    };
  } catch (error) {
    return { ok: false, stdout: "", stderr: "", log: `${line}\n${error}` };
  }
}

/** One test: passed when the command exits 0. */
export function check(
  name: string,
  command: string,
  args: readonly string[],
  options: { cwd?: string } = {},
): Step {
  return {
    name,
    run: async () => oneTest(await capture(command, args, options)),
  };
}

/** The outcome of a command that is one test. */
export function oneTest({ ok, log }: Pick<Ran, "ok" | "log">): Outcome {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, log };
}

/** The outcome of a step that could not be run, with the reason. */
export function skipped(reason: string): Outcome {
  return { passed: 0, failed: 0, skipped: 1, skips: [reason] };
}

/**
 * The outcome of a suite that printed `counts`. No summary, no test at all, or
 * an exit code that its counts do not explain is a failure.
 */
export function suite(
  { ok, log }: Pick<Ran, "ok" | "log">,
  counts: Counts | undefined,
  skips: readonly string[] = [],
): Outcome {
  if (counts === undefined) {
    return { ...NOTHING, failed: 1, log: `${log}\nNo summary found` };
  }
  if (counts.passed + counts.failed + counts.skipped === 0) {
    return { ...NOTHING, failed: 1, log: `${log}\nNo test ran` };
  }
  const failed = ok ? counts.failed : Math.max(counts.failed, 1);
  return { ...counts, failed, log, skips };
}

const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

/** The last summary line of `deno test`, e.g. `ok | 3 passed | 0 failed (1s)`. */
export function denoCounts(output: string): Counts | undefined {
  const line = [...output.matchAll(
    /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/gm,
  )].at(-1);
  if (line === undefined) return undefined;
  return {
    passed: Number(line[1]),
    failed: Number(line[2]),
    skipped: Number(line[3] ?? 0),
  };
}

/** What `deno test` printed, without the tests that passed. */
export function denoFailures(log: string): string {
  return log.replace(/^.+ \.\.\. ok \(.*\)\n/gm, "");
}

/** The names of the tests that `deno test` ignored. */
export function denoSkips(output: string): string[] {
  return [...output.matchAll(/^(.+) \.\.\. ignored(?: .*)?$/gm)]
    .map((match) => match[1]!);
}

/** The closing lines of node:test's TAP output, e.g. `# pass 3`. */
export function nodeCounts(output: string): Counts | undefined {
  const last = (word: string): number | undefined => {
    const match = [...output.matchAll(new RegExp(`^# ${word} (\\d+)$`, "gm"))]
      .at(-1);
    return match && Number(match[1]);
  };
  const [passed, failed] = [last("pass"), last("fail")];
  if (passed === undefined || failed === undefined) return undefined;
  return {
    passed,
    failed: failed + (last("cancelled") ?? 0),
    skipped: (last("skipped") ?? 0) + (last("todo") ?? 0),
  };
}

/** The closing lines of `bun test`, e.g. ` 3 pass`. */
export function bunCounts(output: string): Counts | undefined {
  const last = (word: string): number | undefined => {
    const match = [...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1);
    return match && Number(match[1]);
  };
  const [passed, failed] = [last("pass"), last("fail")];
  if (passed === undefined || failed === undefined) return undefined;
  return { passed, failed, skipped: (last("skip") ?? 0) + (last("todo") ?? 0) };
}

/** A TAP report without the tests that passed; those that failed come first. */
export function nodeFailures(log: string): string {
  const failed: string[] = [];
  const rest = log
    .replace(/^ *(?:not )?ok \d.*\n(?: *---\n(?: .*\n)*? *\.\.\.\n)?/gm, (test) => {
      if (test.trimStart().startsWith("not")) failed.push(test);
      return "";
    })
    .replace(/^ *(?:# Subtest: .*|1\.\.\d+)\n/gm, "");
  return failed.join("") + rest;
}

/** The names and reasons of the tests that node:test skipped. */
export function nodeSkips(output: string): string[] {
  return [
    ...output.matchAll(/^\s*(?:not )?ok \d+ - (.+) # (?:SKIP|TODO)(.*)$/gm),
  ]
    .map((match) => match[1]! + (match[2] ? `:${match[2]}` : ""));
}

/**
 * Runs `steps` in order (of them only those named in `only`) and prints a line
 * for each, then `N passed, N failed, N skipped`.
 *
 * @returns Whether nothing failed.
 */
export async function runSteps(
  steps: readonly Step[],
  only: readonly string[] = [],
): Promise<boolean> {
  const unknown = only.filter((name) => !steps.some((s) => s.name === name));
  if (unknown.length > 0) {
    const known = steps.map((s) => s.name).join(", ");
    console.error(`No step ${unknown.join(", ")} (there are: ${known})`);
    return false;
  }
  const total = { ...NOTHING };
  for (const step of steps) {
    if (only.length > 0 && !only.includes(step.name)) continue;
    const start = performance.now();
    const outcome = await step.run().catch((error): Outcome => ({
      ...NOTHING,
      failed: 1,
      log: String(error?.stack ?? error),
    }));
    report(step.name, outcome, performance.now() - start);
    total.passed += outcome.passed;
    total.failed += outcome.failed;
    total.skipped += outcome.skipped;
  }
  console.log(words(total));
  return total.failed === 0;
}

function report(name: string, outcome: Outcome, ms: number): void {
  const mark = outcome.failed > 0 ? "FAILED" : "ok";
  const note = outcome.note === undefined ? "" : ` [${outcome.note}]`;
  console.log(
    `${mark.padEnd(7)}${name.padEnd(14)} ${words(outcome)}${note} (${(ms / 1000).toFixed(1)} s)`,
  );
  if (outcome.failed > 0 && outcome.log) {
    console.log(outcome.log.replace(/^/gm, "  | "));
  }
  for (const skip of outcome.skips ?? []) console.log(`  skipped: ${skip}`);
}

function words({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
