/**
 * Programs on Node, compiled as their users would: they import the installed package.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import * as esbuild from "esbuild";
import type { NpmProject } from "./npm_project.ts";
import {
  capture,
  denoCounts,
  denoFailures,
  denoSkips,
  oneTest,
  type Outcome,
  suite,
} from "./steps.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** The programs of `examples/`: how each is run, and what must come of it. */
const EXAMPLES = [
  // A tree of one's own, some of whose links are broken: only the demo forgives them.
  { name: "check_links", args: ["examples/site"], code: 1, prints: /^ *8 {2}broken$/m },
  { name: "supervise", args: ["--for=1500"], code: 0, prints: /, 0 left behind;/ },
  { name: "pipeline", args: ["--size=8"], code: 0, prints: / 8\.0 MB in \d+ files,/ },
  { name: "word_count", args: ["--one"], code: 0, prints: / the results are equal$/m },
];

/** What they load at run time, in threads: files beside them. */
const EXAMPLE_MODULES = ["word_count_tasks"];

/** Programs that use the reactor, and the tests that run them. */
const PEER_PROGRAMS = [
  "examples/echo.ts",
  "examples/http_hello.ts",
  "tests/support/peer_clients.ts",
];
const PEER_TESTS = ["tests/deno/reactor_peers_test.ts", "tests/deno/reactor_servers_test.ts"];

/** Runs the same program on both hosts. */
export async function runSameProgram({ folder }: NpmProject): Promise<Outcome> {
  const source = `${ROOT}tests/npm/same_program.ts`;
  try {
    const { code } = await esbuild.transform(await Deno.readTextFile(source), {
      loader: "ts",
      format: "esm",
      target: "node20",
    });
    await Deno.writeTextFile(`${folder}/same_program.mjs`, code);
  } finally {
    await esbuild.stop();
  }
  const onDeno = await capture(Deno.execPath(), ["run", source], { cwd: ROOT });
  const onNode = await capture("node", ["same_program.mjs"], { cwd: folder });
  const same = onDeno.stdout === onNode.stdout && onDeno.stdout !== "";
  return {
    ...oneTest({
      ok: onDeno.ok && onNode.ok && same,
      log: `${onDeno.log}\n${onNode.log}`,
    }),
    note: `${onDeno.stdout.trimEnd().split("\n").length} lines`,
  };
}

/** Bundles the examples and runs each on Node: one test each. */
export async function runExamples({ folder }: NpmProject): Promise<Outcome> {
  const names = [...EXAMPLES.map(({ name }) => name), ...EXAMPLE_MODULES];
  await bundlePrograms(names.map((name) => `examples/${name}.ts`), `${folder}/examples`);
  await cp(`${ROOT}examples/site`, `${folder}/examples/site`, { recursive: true });
  const logs: string[] = [];
  for (const { name, args, code, prints } of EXAMPLES) {
    const ran = await capture("node", [`examples/${name}.mjs`, ...args], { cwd: folder });
    if (ran.code === code && prints.test(ran.stdout)) continue;
    logs.push(`${ran.log}\nmust exit ${code} and print ${prints}`);
  }
  return {
    passed: EXAMPLES.length - logs.length,
    failed: logs.length,
    skipped: 0,
    log: logs.join("\n\n"),
  };
}

/** Bundles the programs that use the reactor; the tests of Deno run them on Node. */
export async function runPeers({ folder }: NpmProject): Promise<Outcome> {
  await bundlePrograms(PEER_PROGRAMS, `${folder}/peers`);
  const ran = await capture(Deno.execPath(), [
    "test",
    "-A",
    "--no-check",
    "--parallel",
    ...PEER_TESTS,
    "--",
    `--node=${folder}/peers`,
  ], { cwd: ROOT });
  return suite(
    { ok: ran.ok, log: denoFailures(ran.log) },
    denoCounts(ran.stdout),
    denoSkips(ran.stdout),
  );
}

/** Compiles programs as their users would, each to one file that imports the installed package. */
async function bundlePrograms(files: readonly string[], outdir: string): Promise<void> {
  try {
    await esbuild.build({
      entryPoints: files.map((file) => `${ROOT}${file}`),
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      external: ["@vais/runtime", "@vais/runtime/*", "node:*"],
      outdir,
      entryNames: "[name]",
      outExtension: { ".js": ".mjs" },
      logLevel: "silent",
    });
  } finally {
    await esbuild.stop();
  }
}
