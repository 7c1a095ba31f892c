/**
 * What these programs do with their command lines: `--help`, and exit code 2 for a wrong option.
 *
 * @module
 */

import process from "node:process";

/** Prints `help` when asked to, else runs the program with what `parse` answers. */
export async function commandLine<Parsed extends { values: { help: boolean } }>(
  help: string,
  parse: () => Parsed,
  run: (parsed: Parsed) => unknown,
): Promise<void> {
  try {
    const parsed = parse();
    if (parsed.values.help) console.log(help);
    else await run(parsed);
  } catch (error) {
    console.error(`${(error as Error).message}\nTry --help.`);
    process.exitCode = 2;
  }
}

/** The number an option says; anything else is an error that tells which option. */
export function wholeNumber(name: string, text: string, least = 0, most = 999_999_999): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new RangeError(
    `--${name} is ${JSON.stringify(text)} (must be a whole number from ${least} to ${most})`,
  );
}

/** Writes a line ten times a second over the one before on a terminal, else one a second; and a last one at the end. */
export async function repeatLine(
  task: { sleep(ms: number): PromiseLike<void> },
  line: () => string,
): Promise<void> {
  const { isTTY } = process.stderr;
  const print = (end: string) => process.stderr.write(`${isTTY ? "\r" : ""}${line()} ${end}`);
  try {
    for (;;) {
      await task.sleep(isTTY ? 100 : 1_000);
      print(isTTY ? "" : "\n");
    }
  } finally {
    print("\n");
  }
}
