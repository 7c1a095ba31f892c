/**
 * A link checker: every link of a tree of Markdown files, many at once, politely.
 *
 * The tree is served by a web server on this machine, and each link is asked of it, so nothing
 * leaves the machine (unless `--external`). Without arguments it checks this repository, and with
 * it `examples/site`, whose links are partly broken, moved, slow or flaky on purpose.
 *
 *     deno task demo
 *     deno run -A examples/check_links.ts docs README.md
 *     node examples/check_links.mjs docs     # on Node: compiled, with @vais/runtime installed
 *
 * What to look at: the server and the progress line are background children of the program (it
 * ends without them, and `start` waits until the server listens); `maxConcurrency` limits the
 * requests; each is a `retry` with a time limit for every attempt, whose cancel aborts the `fetch`.
 * Ctrl-C ends it at once, with a report of what was done by then.
 *
 * @module
 */

import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { main, type Operation, retry, scope, type TaskScope, TimeoutError } from "@vais/runtime";
import { anchorsOf, linksOf } from "./check_links/markdown.ts";
import { readRoutes, serve } from "./check_links/server.ts";
import { type Answer, type Found, progressLine, report, type Work } from "./check_links/report.ts";
import { commandLine, wholeNumber } from "./command_line.ts";

const HELP = `Checks every link of a tree of Markdown files: files, #anchors, redirects.

Usage: check_links [options] [file or folder…]     (default: this repository, as a demo)
  --concurrency=N  requests at once (default 8)
  --timeout=MS     time limit of one attempt (default 1000)
  --attempts=N     attempts in all, after a timeout, a 5xx or a lost connection (default 3)
  --external       also check links to other hosts
  --help           print this text

Exit code: 0, 1 when a link is broken (the demo: one that is not so on purpose), 2 for a wrong
option or a missing file, 130 after Ctrl-C.`;

const REPOSITORY = fileURLToPath(new URL("../", import.meta.url));
const SAMPLE = join("examples", "site");
const IGNORED = /^\.|^node_modules$|^npm$|^cov$/;
const MAX_REDIRECTS = 5;

interface Options {
  readonly root: string;
  readonly paths: readonly string[];
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly external: boolean;
}

/** All files at or below the paths, in order. */
async function filesOf(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    if ((await stat(path)).isDirectory()) {
      const names = (await readdir(path)).filter((name) => !IGNORED.test(name)).sort();
      found.push(...await filesOf(names.map((name) => join(path, name))));
    } else found.push(path);
  }
  return found;
}

/** Reads the pages; answers their links, each with the URL to ask for. */
function readPages(root: string, files: readonly string[], origin: string): Operation<Found[]> {
  return scope(async (s) => {
    const pages = await s.map(files, async (path, _index, task) => {
      const markdown = await task.wait(readFile(path, "utf8"));
      const file = relative(root, path);
      const base = origin + pathToFileURL(sep + file).pathname;
      return linksOf(markdown).map(({ line, target }): Found => {
        const url = URL.canParse(target, base) ? new URL(target, base) : undefined;
        const kind = url?.origin === origin
          ? "local"
          : url?.protocol.startsWith("http")
          ? "external"
          : "other";
        return {
          file,
          line,
          target,
          kind,
          url: url?.href.replace(/#.*/, ""),
          anchor: url?.hash.slice(1),
        };
      });
    });
    return pages.flat();
  }, { name: "read pages", maxConcurrency: 8 });
}

/** An answer that another attempt may better. */
class Unavailable extends Error {}

/** Asks for a URL, and follows its redirects. */
function ask(url: string, work: Work, options: Options): Operation<Answer> {
  const begin = performance.now();
  return retry(async (task, attempts): Promise<Answer> => {
    if (attempts > 1) work.retries++;
    let at = url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await task.wait(fetch(at, { signal: task.signal, redirect: "manual" }));
      const body = await task.wait(response.text());
      const { status, headers } = response;
      const location = headers.get("location");
      if (status >= 500) throw new Unavailable(`status ${status}`);
      if (status >= 300 && status < 400 && location !== null) {
        at = new URL(location, at).href;
        continue;
      }
      const isPage = headers.get("content-type")?.startsWith("text/markdown");
      return {
        ...(status >= 400 ? { broken: `status ${status}` } : {}),
        ...(at === url ? {} : { movedTo: at }),
        ...(isPage ? { anchors: anchorsOf(body) } : {}),
        attempts,
        ms: performance.now() - begin,
      };
    }
    return {
      broken: `more than ${MAX_REDIRECTS} redirects`,
      attempts,
      ms: performance.now() - begin,
    };
  }, {
    name: `ask ${url}`,
    attempts: options.attempts,
    timeoutMs: options.timeoutMs,
    baseMs: 50,
    when: isTransient,
  });
}

/** Whether trying again may help. `fetch` reports a lost connection as a TypeError. */
function isTransient(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof TimeoutError ||
    error instanceof TypeError;
}

/** Asks for all URLs, `concurrency` at once; `work.answers` grows meanwhile. */
function askAll(urls: readonly string[], work: Work, options: Options): Operation<void> {
  return scope(async (s) => {
    await s.forEach(urls, async (url) => {
      const begin = performance.now();
      work.maxInFlight = Math.max(work.maxInFlight, ++work.inFlight);
      try {
        work.answers.set(url, await ask(url, work, options));
      } catch (error) {
        if (!isTransient(error)) throw error;
        const why = error instanceof TimeoutError
          ? `no answer in ${options.timeoutMs} ms`
          : `${(error as Error).message}`;
        const broken = `${why}, ${options.attempts} times`;
        work.answers.set(url, {
          broken,
          attempts: options.attempts,
          ms: performance.now() - begin,
        });
      } finally {
        work.inFlight--;
      }
    });
  }, { name: "ask all", maxConcurrency: options.concurrency });
}

/** Shows how far we are: one line on a terminal, else one a second. */
async function showProgress(task: TaskScope, work: Work): Promise<void> {
  const { isTTY, columns } = process.stderr;
  try {
    for (;;) {
      await task.sleep(isTTY ? 80 : 1_000);
      const line = progressLine(work);
      process.stderr.write(isTTY ? `\r${line.slice(0, columns - 1)}\x1b[K` : `${line}\n`);
    }
  } finally {
    if (isTTY) process.stderr.write("\r\x1b[K");
  }
}

function checkLinks(options: Options, isDemo: boolean): Promise<number> {
  return main(async (s) => {
    const begin = performance.now();
    const { root } = options;
    const files = await s.wait(filesOf(options.paths));
    const pages = files.filter((file) => file.endsWith(".md"));
    const routes = await s.wait(readRoutes(root, files));
    const { value: origin } = await s.start(
      (_task, ready: (origin: string) => void) => serve(root, routes, ready),
      { background: true },
    );
    const links = await readPages(root, pages, origin);
    const isAsked = ({ kind }: Found) =>
      kind === "local" || kind === "external" && options.external;
    const urls = [...new Set(links.filter(isAsked).map(({ url }) => url!))];
    console.log(
      `${count(links.length, "link")} to ${count(urls.length, "address", "es")} ` +
        `in ${count(pages.length, "Markdown file")} of ${root}`,
    );
    const work: Work = { links, urls, answers: new Map(), inFlight: 0, maxInFlight: 0, retries: 0 };
    s.spawn((task) => showProgress(task, work), { name: "progress", background: true });
    let isDone = false;
    let broken: Found[] = [];
    try {
      await askAll(urls, work, options);
      isDone = true;
    } finally {
      broken = report(work, {
        isDone,
        origin,
        limit: options.concurrency,
        ms: performance.now() - begin,
      });
    }
    if (!isDemo) return broken.length > 0 ? 1 : 0;
    const real = broken.filter(({ file }) => !file.startsWith(SAMPLE + sep));
    console.log(
      `\n${
        broken.length - real.length
      } of them are in ${SAMPLE}, on purpose: finding them is the demo. ` +
        (real.length === 0 ? "No other link is broken." : `${real.length} are not!`),
    );
    return real.length > 0 ? 1 : 0;
  });
}

function count(n: number, what: string, ending = "s"): string {
  return `${n} ${what}${n === 1 ? "" : ending}`;
}

/** The folder to serve: this one if it holds all paths, else the nearest that does. */
function rootOf(paths: readonly string[]): string {
  let root = process.cwd();
  const holds = (path: string) => path === root || path.startsWith(root.replace(/\/?$/, sep));
  while (!paths.every(holds)) root = join(root, "..");
  return root;
}

const options = {
  concurrency: { type: "string", default: "8" },
  timeout: { type: "string", default: "1000" },
  attempts: { type: "string", default: "3" },
  external: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

await commandLine(
  HELP,
  () => parseArgs({ allowPositionals: true, options }),
  async ({ values, positionals }) => {
    const isDemo = positionals.length === 0;
    const paths = isDemo ? [REPOSITORY] : positionals;
    const resolved = await Promise.all(paths.map((path) => realpath(resolve(path))));
    await checkLinks({
      root: isDemo ? resolved[0]! : rootOf(resolved),
      paths: resolved,
      concurrency: wholeNumber("concurrency", values.concurrency, 1),
      timeoutMs: wholeNumber("timeout", values.timeout, 1),
      attempts: wholeNumber("attempts", values.attempts, 1),
      external: values.external,
    }, isDemo);
  },
);
