/**
 * A pipeline over large files: several access logs are read in chunks, cut into lines, parsed and
 * added up, a few files at once, in constant memory.
 *
 *     deno run -A examples/pipeline.ts             # makes 64 MB of logs in a temporary folder
 *     deno run -A examples/pipeline.ts access.log  # your own, in the common log format
 *     node examples/pipeline.mjs                   # on Node: compiled, with @vais/runtime installed
 *
 * What to look at: the readers are children of one `scopedIterable`, `maxConcurrency` at once, and
 * each waits in `emit` until its batch is taken: a slow consumer slows the reading, and leaving the
 * loop closes every file. What must be closed or removed again is acquired under a `shield`. The
 * steps are functions that return an operation, so a caller's cancel reaches them. Ctrl-C ends all of it between two chunks; what has been read by then is
 * reported, and the temporary folder is gone.
 *
 * @module
 */

import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  Cancelled,
  main,
  type Operation,
  scope,
  scopedIterable,
  shield,
  type TaskScope,
} from "@vais/runtime";
import { commandLine, repeatLine, wholeNumber } from "./command_line.ts";

const HELP = `Adds up access logs: top paths, status codes, latencies.

Usage: pipeline [options] [file…]
  --concurrency=N  files read at once (default 3)
  --top=N          paths to list (default 8)
  --size=MB        without files: how much log to make (default 64)
  --seed=N         without files: the same seed makes the same log (default 1)
  --help           print this text

A line is  host - user [time] "GET /path HTTP/1.1" status bytes seconds;  others are counted.
Exit code: 0, 1 when a file cannot be read, 2 for a wrong option, 130 after Ctrl-C.`;

const CHUNK_BYTES = 1 << 18;
const MB = 1_000_000;

/** What is counted. Latencies are kept by the millisecond, up to a minute. */
class Totals {
  bytes = 0;
  lines = 0;
  malformed = 0;
  readonly statuses = new Map<string, number>();
  readonly paths = new Map<string, { count: number; bytes: number }>();
  readonly #latencies = new Uint32Array(60_001);

  add(line: string): void {
    this.lines++;
    const quote = line.indexOf('"');
    const end = line.indexOf('"', quote + 1);
    const target = line.indexOf("/", quote);
    const [status, bytes, seconds] = line.slice(end + 2).split(" ");
    const ms = Math.round(Number(seconds) * 1_000);
    if (quote < 0 || target < 0 || target > end || !(ms >= 0) || !/^[1-5]\d\d$/.test(status!)) {
      this.malformed++;
      return;
    }
    this.statuses.set(status!, (this.statuses.get(status!) ?? 0) + 1);
    this.#latencies[Math.min(ms, 60_000)]!++;
    const path = line.slice(target, end).split(/[ ?]/, 1)[0]!;
    const known = this.paths.get(path);
    if (known === undefined) this.paths.set(path, { count: 1, bytes: Number(bytes) || 0 });
    else {
      known.count++;
      known.bytes += Number(bytes) || 0;
    }
  }

  /** The latency, in ms, that the given part of the requests did not exceed. */
  percentile(part: number): number {
    let left = part * (this.lines - this.malformed);
    return this.#latencies.findIndex((count) => (left -= count) <= 0);
  }
}

interface Batch {
  readonly bytes: number;
  readonly lines: string[];
}

/** The lines of all files, in batches as they are read; at most `concurrency` files are open. */
function readLines(files: readonly string[], concurrency: number): AsyncIterable<Batch> {
  return scopedIterable<Batch>(async (emit, readers) => {
    await readers.forEach(files, async (path, _index, task) => {
      const file = await shield(Infinity, open(path)); // not `wait`: who would close it?
      try {
        const decoder = new TextDecoder();
        const buffer = new Uint8Array(CHUNK_BYTES);
        for (let rest = "";;) {
          const { bytesRead } = await task.wait(file.read(buffer, 0, CHUNK_BYTES));
          const text = rest +
            decoder.decode(buffer.subarray(0, bytesRead), { stream: bytesRead > 0 });
          const lines = text.split("\n");
          rest = bytesRead > 0 ? lines.pop()! : "";
          if (lines.at(-1) === "") lines.pop();
          await emit({ bytes: bytesRead, lines }); // until the consumer has taken it
          if (bytesRead === 0) return;
        }
      } finally {
        await file.close();
      }
    });
  }, { name: "readers", maxConcurrency: concurrency });
}

/** Shows how far we are: one line on a terminal, else one a second. */
function showProgress(task: TaskScope, verb: string, done: () => number, all: number) {
  const begin = performance.now();
  return repeatLine(task, () => {
    const part = all === 0 ? 1 : Math.min(1, done() / all);
    const speed = done() / MB / ((performance.now() - begin) / 1_000);
    const bar = "#".repeat(Math.round(part * 24)).padEnd(24, ".");
    const read = `${(done() / MB).toFixed(1)} of ${(all / MB).toFixed(1)} MB`;
    return `${verb} [${bar}] ${(part * 100).toFixed(0).padStart(3)} %  ${read}, ${
      speed.toFixed(0)
    } MB/s`;
  });
}

/** Adds up all files. Also when it is cut short, `totals` is what has been read. */
function addUp(
  files: readonly string[],
  concurrency: number,
  totals: Totals,
): Operation<void> {
  return scope(async (s) => {
    const sizes = await s.wait(Promise.all(files.map((file) => stat(file))));
    const all = sizes.reduce((sum, { size }) => sum + size, 0);
    s.spawn((task) => showProgress(task, "reading", () => totals.bytes, all), { background: true });
    for await (const { bytes, lines } of readLines(files, concurrency)) {
      for (const line of lines) totals.add(line);
      totals.bytes += bytes;
    }
  }, { name: "add up" });
}

function report(totals: Totals, top: number, files: number, ms: number): void {
  const { lines, malformed } = totals;
  const percent = (n: number) => `${(100 * n / Math.max(1, lines)).toFixed(1).padStart(5)} %`;
  const number = (n: number, width: number) => n.toLocaleString("en").padStart(width);
  console.log(
    `\n${"path".padEnd(34)}${"requests".padStart(10)}${"share".padStart(9)}${"MB".padStart(10)}`,
  );
  const paths = [...totals.paths].sort(([, a], [, b]) => b.count - a.count);
  for (const [path, { count, bytes }] of paths.slice(0, top)) {
    const name = path.length > 33 ? `${path.slice(0, 32)}…` : path;
    console.log(
      `${name.padEnd(34)}${number(count, 10)}  ${percent(count)}${
        number(Math.round(bytes / MB), 10)
      }`,
    );
  }
  if (paths.length > top) console.log(`… and ${paths.length - top} more`);
  console.log(`\n${"status".padEnd(34)}${"requests".padStart(10)}${"share".padStart(9)}`);
  for (const [status, count] of [...totals.statuses].sort()) {
    console.log(`${status.padEnd(34)}${number(count, 10)}  ${percent(count)}`);
  }
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => `${totals.percentile(part)} ms`);
  console.log(`\nlatency: p50 ${p50}, p95 ${p95}, p99 ${p99}`);
  console.log(
    `${lines.toLocaleString("en")} lines (${malformed} malformed), ${
      (totals.bytes / MB).toFixed(1)
    } MB ` +
      `in ${files} files, ${(ms / 1_000).toFixed(2)} s, ` +
      `${Math.round(process.memoryUsage().rss / MB)} MB of memory`,
  );
}

// What follows makes logs for a first look.

const SECTIONS = [
  "docs/intro",
  "api/users",
  "api/orders",
  "docs/guide",
  "static/app.js",
  "search",
  "login",
];

/** Small, fast and seeded (mulberry32): a number from 0 to 1. */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let n = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n;
    return ((n ^ (n >>> 14)) >>> 0) / 2 ** 32;
  };
}

function logLine(next: () => number): string {
  const die = next();
  if (die < 0.0005) return "-- log rotated --";
  const section = SECTIONS[Math.floor(SECTIONS.length * next() ** 2)]!;
  const path = section.includes("s/") || die > 0.9
    ? `/${section}`
    : `/${section}/${Math.floor(40 * next() ** 3)}`;
  const status = die < 0.004 ? 500 : die < 0.03 ? 404 : die < 0.06 ? 304 : 200;
  const seconds = (0.004 / (1.001 - next()) ** 0.9).toFixed(3);
  return `192.0.2.${
    Math.floor(next() * 255)
  } - - [21/Nov/2026:08:00:00 +0000] "GET ${path} HTTP/1.1" ` +
    `${status} ${Math.floor(200 + next() * 20_000)} ${seconds}`;
}

function makeLogs(folder: string, sizeMb: number, seed: number): Operation<string[]> {
  return scope(async (s) => {
    const days = ["mon", "tue", "wed", "thu", "fri", "sat"];
    const each = sizeMb * MB / days.length;
    let made = 0;
    s.spawn((task) => showProgress(task, "making ", () => made, sizeMb * MB), { background: true });
    return await s.map(days, async (day, index, task) => {
      const path = join(folder, `${day}.log`);
      const next = random(seed * 31 + index);
      const file = await shield(Infinity, open(path, "w"));
      try {
        for (let bytes = 0; bytes < each;) {
          let text = "";
          while (text.length < CHUNK_BYTES && bytes + text.length < each) {
            text += logLine(next) + "\n";
          }
          await task.wait(file.write(text));
          bytes += text.length;
          made += text.length;
        }
        return path;
      } finally {
        await file.close();
      }
    });
  }, { name: "make logs", maxConcurrency: 3 });
}

interface Options {
  readonly concurrency: number;
  readonly top: number;
  readonly sizeMb: number;
  readonly seed: number;
}

function run(given: readonly string[], options: Options): Promise<number> {
  return main(async () => {
    const totals = new Totals();
    const folder = given.length > 0
      ? undefined
      : await shield(Infinity, mkdtemp(join(tmpdir(), "vais-pipeline-")));
    try {
      const files = folder === undefined
        ? given
        : await makeLogs(folder, options.sizeMb, options.seed);
      const begin = performance.now();
      try {
        await addUp(files, options.concurrency, totals);
      } catch (error) {
        if (error instanceof Cancelled && totals.lines > 0) console.log("\nInterrupted; so far:");
        throw error;
      } finally {
        if (totals.lines > 0) report(totals, options.top, files.length, performance.now() - begin);
      }
    } catch (error) {
      const { code, path, message } = error as NodeJS.ErrnoException;
      if (code === undefined || path === undefined) throw error;
      console.error(message);
      return 1;
    } finally {
      if (folder !== undefined) await rm(folder, { recursive: true });
    }
  });
}

const options = {
  concurrency: { type: "string", default: "3" },
  top: { type: "string", default: "8" },
  size: { type: "string", default: "64" },
  seed: { type: "string", default: "1" },
  help: { type: "boolean", default: false },
} as const;

await commandLine(
  HELP,
  () => parseArgs({ allowPositionals: true, options }),
  ({ values, positionals }) =>
    run(positionals, {
      concurrency: wholeNumber("concurrency", values.concurrency, 1),
      top: wholeNumber("top", values.top, 1),
      sizeMb: wholeNumber("size", values.size, 1),
      seed: wholeNumber("seed", values.seed),
    }),
);
