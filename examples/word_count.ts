/**
 * Hashes every file of a tree and counts its words, on all cores.
 *
 *     deno run -A examples/word_count.ts              # the tree you are in
 *     deno run -A examples/word_count.ts --one ~/src  # then the same on one thread, and compares
 *     node examples/word_count.mjs                    # on Node: compiled, with @vais/runtime installed
 *
 * What to look at: the engine's functions are the exports of `word_count_tasks.ts`, called by name with
 * their types. At most three batches of files for each thread are on their way, however many files there are: `forEach`
 * takes the next one when one is done. What a thread answers is small: a text and an array of
 * numbers. Ctrl-C cancels the calls, whose functions stop between two files, closes the engine, and reports what was
 * counted by then.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  Cancelled,
  Engine,
  main,
  type Operation,
  scope,
  type TaskScope,
  usableCpus,
} from "@vais/runtime";
import { commandLine, repeatLine, wholeNumber } from "./command_line.ts";
import { countFiles, type Found } from "./word_count_tasks.ts";

const HELP = `Hashes the files of a tree and counts their words, on all cores.

Usage: word_count [options] [folder]
  --jobs=N  threads (default: one for each CPU)
  --one     afterwards the same on one thread: prints both times, and whether the results are equal
  --top=N   words to list (default 10)
  --help    print this text

Links are not followed. A word is of letters; files with zero bytes are only hashed.
Exit code: 0, 1 when something cannot be read or results differ, 2 for a wrong option, 130 after Ctrl-C.`;

const MB = 1_000_000;
const BATCH_BYTES = 1 << 20;
const BATCH_FILES = 64;
const BATCHES_EACH = 3;

/** Compiled, the tasks are a file of their own beside this one. */
const MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./word_count_tasks.ts" : "./word_count_tasks.mjs",
  import.meta.url,
);

interface File {
  readonly path: string;
  readonly size: number;
}

/** Everything counted so far. */
class Totals {
  files = 0;
  bytes = 0;
  lines = 0;
  texts = 0;
  readonly errors: string[] = [];
  readonly words = new Map<string, number>();
  /** Paths by hash. */
  readonly #hashes = new Map<string, string[]>();

  add(paths: readonly string[], found: Found): void {
    this.files += paths.length;
    this.bytes += found.bytes;
    this.lines += found.lines;
    this.texts += found.texts;
    this.errors.push(...found.errors);
    found.hashes.forEach((hash, i) => {
      if (hash === "") return;
      const same = this.#hashes.get(hash);
      if (same === undefined) this.#hashes.set(hash, [paths[i]!]);
      else same.push(paths[i]!);
    });
    if (found.words === "") return;
    found.words.split("\n").forEach((word, i) => {
      this.words.set(word, (this.words.get(word) ?? 0) + found.counts[i]!);
    });
  }

  /** Files that another one equals. */
  get copies(): number {
    let copies = 0;
    for (const { length } of this.#hashes.values()) copies += length - 1;
    return copies;
  }

  /** The most frequent words; equally frequent ones by the alphabet. */
  top(count: number): [word: string, times: number][] {
    return [...this.words].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, count);
  }

  /** A hash of all that was found, in whatever order it came. */
  digest(): string {
    const lines = [...this.#hashes].map(([hash, paths]) => `${hash} ${paths.sort().join(" ")}`);
    for (const [word, times] of this.words) lines.push(`${word} ${times}`);
    lines.push(`${this.files} ${this.bytes} ${this.lines} ${this.texts}`);
    return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
  }
}

/** All files below a folder, without following links. */
function listFiles(root: string): Operation<File[]> {
  return scope(async (s) => {
    const files: File[] = [];
    const folders = [root];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const entries = await s.wait(readdir(folder, { withFileTypes: true }));
      const here: string[] = [];
      for (const entry of entries) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile()) here.push(path);
      }
      const sizes = await s.wait(Promise.all(here.map((path) => lstat(path))));
      here.forEach((path, i) => files.push({ path, size: sizes[i]!.size }));
    }
    return files;
  }, { name: "list files" });
}

/** Batches of about the same size, so that no call is too small to be worth it. */
function* batchesOf(files: readonly File[]): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const { path, size } of files) {
    if (batch.length === BATCH_FILES || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(path);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Shows how far we are: one line on a terminal, else one a second. */
function showProgress(task: TaskScope, totals: Totals, files: readonly File[]) {
  const all = files.reduce((sum, { size }) => sum + size, 0);
  const begin = performance.now();
  return repeatLine(task, () => {
    const seconds = (performance.now() - begin) / 1_000;
    const part = all === 0 ? 1 : Math.min(1, totals.bytes / all);
    const mb = totals.bytes / MB;
    return `${(part * 100).toFixed(0).padStart(3)} %  ${totals.files} of ${files.length} files, ` +
      `${mb.toFixed(1)} of ${(all / MB).toFixed(1)} MB, ` +
      `${(totals.files / seconds).toFixed(0)} files/s, ${(mb / seconds).toFixed(0)} MB/s`;
  });
}

/** Counts on `jobs` threads. Also when it is cut short, `totals` is what has been counted. */
function countOnThreads(files: readonly File[], jobs: number, totals: Totals): Operation<void> {
  return scope(async (s) => {
    const starting = Engine.create<typeof import("./word_count_tasks.ts")>({
      module: MODULE,
      name: "word count",
      workerCount: jobs,
    });
    await using engine = await s.wait(starting); // cancelled meanwhile, it ends with the scope
    s.spawn((task) => showProgress(task, totals, files), { background: true });
    await s.forEach(batchesOf(files), async (paths, _index, task) => {
      totals.add(paths, await task.wait(engine.run("countFiles", [paths])));
    });
  }, { name: "count", maxConcurrency: jobs * BATCHES_EACH + 1 });
}

/** The same on this thread, which lets others have a turn between two batches. */
function countHere(files: readonly File[], totals: Totals): Operation<void> {
  return scope(async (s) => {
    s.spawn((task) => showProgress(task, totals, files), { background: true });
    for (const paths of batchesOf(files)) {
      totals.add(paths, countFiles(paths));
      await s.sleep(0);
    }
  }, { name: "count here" });
}

function report(totals: Totals, top: number): void {
  const number = (n: number) => n.toLocaleString("en");
  const words = [...totals.words.values()].reduce((sum, times) => sum + times, 0);
  console.log(`\n${"word".padEnd(24)}${"times".padStart(12)}`);
  for (const [word, times] of totals.top(top)) {
    console.log(`${word.padEnd(24)}${number(times).padStart(12)}`);
  }
  for (const error of totals.errors) console.error(error);
  console.log(
    `\n${number(totals.files)} files (${number(totals.texts)} of text, ` +
      `${number(totals.copies)} equal to another one), ${(totals.bytes / MB).toFixed(1)} MB, ` +
      `${number(totals.lines)} lines, ${number(words)} words, ` +
      `${number(totals.words.size)} different ones`,
  );
}

async function timed(work: () => PromiseLike<void>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1_000;
}

interface Options {
  readonly jobs: number;
  readonly one: boolean;
  readonly top: number;
}

function run(folder: string, { jobs, one, top }: Options): Promise<number> {
  return main(async () => {
    const totals = new Totals();
    try {
      const files = await listFiles(folder);
      console.error(`${files.length} files, ${jobs} threads`);
      const seconds = await timed(() => countOnThreads(files, jobs, totals));
      report(totals, top);
      console.log(`${jobs} thread${jobs === 1 ? "" : "s"}: ${seconds.toFixed(2)} s`);
      if (one) {
        const again = new Totals();
        const alone = await timed(() => countHere(files, again));
        const isEqual = again.digest() === totals.digest();
        console.log(
          `this thread alone: ${alone.toFixed(2)} s, ${
            (alone / seconds).toFixed(2)
          } times as long; ` +
            `the results are ${isEqual ? "equal" : "DIFFERENT"}`,
        );
        if (!isEqual) return 1;
      }
      return totals.errors.length > 0 ? 1 : 0;
    } catch (error) {
      if (error instanceof Cancelled && totals.files > 0) {
        console.log("\nInterrupted; so far:");
        report(totals, top);
      }
      const { code, path, message } = error as NodeJS.ErrnoException;
      if (code === undefined || path === undefined) throw error;
      console.error(message);
      return 1;
    }
  });
}

const options = {
  jobs: { type: "string", default: String(usableCpus().count) },
  one: { type: "boolean", default: false },
  top: { type: "string", default: "10" },
  help: { type: "boolean", default: false },
} as const;

await commandLine(
  HELP,
  () => parseArgs({ allowPositionals: true, options }),
  ({ values, positionals }) => {
    if (positionals.length > 1) {
      throw new RangeError(`${positionals.length} folders (must be one at most)`);
    }
    return run(positionals[0] ?? ".", {
      jobs: wholeNumber("jobs", values.jobs, 1, 128),
      one: values.one,
      top: wholeNumber("top", values.top, 1, 1_000),
    });
  },
);
