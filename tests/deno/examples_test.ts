/**
 * The programs in `examples/` do as they say: as processes of their own, with real signals.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import process from "node:process";

const EXAMPLES = decodeURIComponent(new URL("../../examples/", import.meta.url).pathname);

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** From the signal to the end. */
  readonly stopMs: number;
}

interface How {
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** The signal to send once the output, stderr included, matches. */
  readonly signal?: readonly [Deno.Signal, RegExp];
}

/** Runs an example to its end; after half a minute it is killed, and the test fails by its code. */
async function run(name: string, how: How = {}): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      `${EXAMPLES}../deno.json`,
      `${EXAMPLES}${name}.ts`,
      ...how.args ?? [],
    ],
    ...(how.cwd === undefined ? {} : { cwd: how.cwd }),
    env: { NO_COLOR: "1", ...how.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const hung = setTimeout(() => child.kill("SIGKILL"), 30_000);
  let all = "";
  let signalled = Infinity;
  const read = async (stream: ReadableStream<Uint8Array>) => {
    let text = "";
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      all += chunk;
      if (signalled === Infinity && how.signal?.[1].test(all)) {
        signalled = performance.now();
        child.kill(how.signal[0]);
      }
    }
    return text;
  };
  const [out, err, { code }] = await Promise.all([
    read(child.stdout),
    read(child.stderr),
    child.status,
  ]);
  clearTimeout(hung);
  return { code, out, err, stopMs: performance.now() - signalled };
}

async function withFolder(
  files: Record<string, string>,
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "vais-examples-" }));
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

Deno.test("each example explains itself, and refuses wrong options", async () => {
  await Promise.all(["check_links", "pipeline", "supervise"].map(async (name) => {
    const [help, wrong] = await Promise.all([
      run(name, { args: ["--help"] }),
      run(name, { args: ["--nonsense"] }),
    ]);
    assertEquals([help.code, help.err], [0, ""], name);
    assertMatch(help.out, /Usage: .*\n(.*\n)+Exit code: 0/);
    assertEquals([wrong.code, wrong.out], [2, ""], name);
    assertMatch(wrong.err, /--nonsense/);
  }));
});

Deno.test("check_links finds what is broken on purpose, and nothing else", async () => {
  const { code, out } = await run("check_links");
  assertEquals(code, 0, out);
  const broken = out.slice(out.indexOf("\nBroken\n"), out.indexOf("\nRedirected\n"));
  const faults = [...broken.matchAll(/^ {2}examples\/site\/\S+ +(\S+) +(.+)$/gm)];
  assertEquals(faults.map(([, target, fault]) => [target, fault]), [
    ["guide/winter.md", "status 404"],
    ["guide/tides.md#spring-tides", "no heading #spring-tides"],
    ["#contants", "no heading #contants"],
    ["api/webcam", "status 500, 3 times"],
    ["api/radio", "no answer in 1000 ms, 3 times"],
    ["old/loop", "more than 5 redirects"],
    ["harbour.png", "status 404"],
    ["#what-if-it-rains-2", "no heading #what-if-it-rains-2"],
  ]);
  assertMatch(out, /^ {2}examples\/site\/api\/gauge {2}worked at attempt 3$/m);
  assertMatch(out, /^ +2 {2}redirected$/m);
  assertMatch(out, /No other link is broken\.\n$/);
});

Deno.test("check_links stops at once on SIGINT, and says what was done", async () => {
  // One address of the demo takes three seconds: it is running when the links have been counted.
  const { code, out, stopMs } = await run("check_links", { signal: ["SIGINT", /links to/] });
  assertEquals(code, 130, out);
  assertMatch(out, /Stopped: \d+ of \d+ addresses were checked/);
  assert(stopMs < 5_000, `took ${stopMs} ms`);
});

Deno.test("check_links: a broken link in a tree of one's own is exit code 1", async () => {
  const page = "# A b\n\n[1](#a-b) `[no](no)` [2](b.md#c-1)\n\n```\n[no](no)\n```\n";
  await withFolder({ "a.md": page, "b.md": "# C\n\n## c\n" }, async (folder) => {
    const good = await run("check_links", { cwd: folder, args: ["."] });
    assertEquals(good.code, 0, good.out + good.err);
    assertMatch(good.out, /^2 links to 2 addresses in 2 Markdown files/);
    await Deno.writeTextFile(`${folder}/b.md`, "\n[x](../a.md) ![y](<no such.png> 'title')\n");
    const bad = await run("check_links", { cwd: folder, args: ["a.md", "b.md"] });
    assertEquals(bad.code, 1, bad.out + bad.err);
    assertMatch(
      bad.out,
      /a\.md:3 +b\.md#c-1 +no heading #c-1\n +b\.md:2 +no such\.png +status 404\n/,
    );
  });
});

Deno.test("supervise restarts, kills who does not obey, and leaves nobody behind", async () => {
  // Two of its processes have come and gone by then: the others have begun.
  const { code, out } = await run("supervise", {
    args: ["--for=60000", "--grace=200", "--restarts=1"],
    signal: ["SIGINT", /no such database[^]*no such database/],
  });
  assertEquals(code, 130, out);
  assertMatch(out, /broken +process \d+ crashed with exit code 78; restart 1 in 100 ms/);
  assertMatch(out, /stubborn +1 +\d+ +killed, 200 ms after SIGTERM/);
  assertMatch(out, / 0 left behind; /);
});

Deno.test("supervise: SIGTERM ends every worker, then the supervisor", async () => {
  const { code, out, stopMs } = await run("supervise", {
    args: ["--for=60000"],
    signal: ["SIGTERM", /broken +\| no such database/],
  });
  assertEquals(code, 143, out);
  assertMatch(out, /stopping: shutdown on SIGTERM/);
  const pids = [...out.matchAll(/started as process (\d+)/g)].map(([, pid]) => Number(pid));
  assert(pids.length >= 5, out);
  assertEquals(pids.filter(isAlive), []);
  assert(stopMs < 10_000, `took ${stopMs} ms`);
});

Deno.test("pipeline adds up files of one's own", async () => {
  const line = (path: string, status: number, seconds: string) =>
    `::1 - - [x] "GET ${path} HTTP/1.1" ${status} 2000000 ${seconds}`;
  const lines = Array.from({ length: 100 }, (_, i) => line("/é?q=1", 200, `0.${100 + i}`));
  await withFolder({
    "1.log": lines.join("\n"), // no end of line
    "2.log": `${line("/b", 404, "1.5")}\nnonsense\n`,
    "3.log": "",
  }, async (cwd) => {
    const { code, out } = await run("pipeline", { cwd, args: ["1.log", "2.log", "3.log"] });
    assertEquals(code, 0, out);
    assertMatch(out, /^\/é +100 +98\.0 % +200$/m);
    assertMatch(out, /^404 +1 +1\.0 %$/m);
    assertMatch(
      out,
      /p50 150 ms, p95 195 ms, p99 199 ms\n102 lines \(1 malformed\), .* in 3 files/,
    );
    const missing = await run("pipeline", { cwd, args: ["1.log", "4.log"] });
    assertEquals([missing.code, missing.out], [1, ""]);
    assertMatch(missing.err, /^ENOENT.*4\.log'\n$/m);
  });
});

Deno.test("pipeline: SIGINT in mid-work ends it, and its files are gone", async () => {
  await withFolder({}, async (folder) => {
    const { code, out } = await run("pipeline", {
      args: ["--size=100"],
      env: { TMPDIR: folder },
      signal: ["SIGINT", /making .* 100 %/],
    });
    assertEquals(code, 130, out);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
});
