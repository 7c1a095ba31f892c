/**
 * Proves the npm package as a user gets it: builds the tarball, installs it into
 * a temporary project with `npm install`, and there
 *
 * - runs the shared tests (all of `tests/` but `deno/` and `scripts/`) on the
 *   Node that is on PATH;
 * - compiles tests/npm/consumer.ts strictly under `node16` and `bundler`;
 * - runs publint and arethetypeswrong;
 * - runs tests/npm/same_program.ts, whose output must equal that on Deno;
 * - runs the programs of examples/, compiled as their users would;
 * - runs those that use the reactor against real peers, with koffi: the same
 *   tests/deno/reactor_*_test.ts that ran them on Deno.
 *
 * esbuild makes each test file into one module for Node. The library is never
 * bundled: its public names are left to Node, and a relative import of one of
 * its files is pointed at that file in the installed package. So the tests see
 * one copy of the library, and it is the published one.
 *
 *     deno run -A scripts/test_npm.ts [--only=STEP,…] [--keep]
 *
 * @module
 */
import { cp } from "node:fs/promises";
import * as esbuild from "esbuild";
import { buildNpm } from "./build_npm.ts";
import {
  bunCounts,
  capture,
  denoCounts,
  denoFailures,
  denoSkips,
  nodeCounts,
  nodeFailures,
  nodeSkips,
  oneTest,
  type Outcome,
  runSteps,
  skipped,
  type Step,
  suite,
} from "./steps.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** What the temporary project installs beside the tarball. */
const DEPENDENCIES = {
  "@arethetypeswrong/cli": "0.18.5",
  "@types/node": "20.19.25",
  "deno-std": "1.4.0",
  "fast-check": "4.10.2",
  "koffi": "3.3.4",
  "publint": "0.3.25",
  "typescript": "5.9.3",
};

/** Bun's own package for this machine; installed for its step only. */
const BUN = { name: `@oven/bun-${Deno.build.os}-${bunArch()}`, version: "1.4.5" };

/** What Bun must pass; the others start programs the way Node does. */
const BUN_TESTS = ["event_loop", "faults", "handlers", "poller_conformance", "sockets", "watch"];

/** Folders of `tests/` that are not for Node. */
const NOT_SHARED = ["deno", "npm", "scripts", "support"];

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

const STRICT = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  target: "ES2022",
};

/** As Node's users compile: Node's types, no DOM. */
const NODE16 = {
  ...STRICT,
  module: "node16",
  moduleResolution: "node16",
  lib: ["ES2022"],
  types: ["node"],
};

/** As users of a bundler compile: the DOM, not Node's types. */
const BUNDLER = {
  ...STRICT,
  module: "ESNext",
  moduleResolution: "bundler",
  lib: ["ES2022", "ESNext.Disposable", "DOM", "DOM.AsyncIterable"],
  types: [],
};

/** The temporary project. */
interface Project {
  folder: string;
  /** File name of the tarball in it. */
  tarball: string;
  /** Folder of the installed library's code. */
  library: string;
}

/** The steps, in order; a step whose project is missing is skipped. */
export function npmSteps(): Step[] {
  let project: Project | undefined;
  const withProject = (
    name: string,
    run: (project: Project) => Promise<Outcome>,
  ): Step => ({
    name,
    run: () =>
      project === undefined
        ? Promise.resolve(skipped("the package was not built and installed"))
        : run(project),
  });
  return [
    {
      name: "npm",
      run: async () => {
        const made = await buildAndInstall();
        project = made.project;
        return made.outcome;
      },
    },
    withProject("node", runTestsOnNode),
    withProject("bun", runTestsOnBun),
    withProject("types-node16", (at) => compile(at, NODE16)),
    withProject("types-bundler", (at) => compile(at, BUNDLER)),
    withProject("publint", (at) => runBin(at, "publint", "run", "--strict")),
    withProject(
      "attw",
      (at) => runBin(at, "attw", "--profile", "esm-only", "--no-emoji"),
    ),
    withProject("same-program", runSameProgram),
    withProject("examples", runExamples),
    withProject("peers", runPeers),
  ];
}

/** Builds the tarball and installs it: one test. */
async function buildAndInstall(): Promise<
  { outcome: Outcome; project?: Project }
> {
  const folder = await Deno.realPath(
    await Deno.makeTempDir({ prefix: "vais-npm-" }),
  );
  globalThis.addEventListener("unload", () => {
    if (Deno.args.includes("--keep")) console.log(`kept ${folder}`);
    else Deno.removeSync(folder, { recursive: true });
  });
  const built = await buildNpm({ out: `${folder}/built` });
  const tarball = built.tarball.split("/").at(-1)!;
  await Deno.copyFile(built.tarball, `${folder}/${tarball}`);
  const config = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  await writeJson(`${folder}/package.json`, {
    private: true,
    type: "module",
    dependencies: { [config.name]: `file:${tarball}`, ...DEPENDENCIES },
  });
  const ran = await capture("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--ignore-scripts",
    "--loglevel=error",
  ], { cwd: folder });
  const outcome = { ...oneTest(ran), note: `built with ${built.via}` };
  if (!ran.ok) return { outcome };
  const installed = `${folder}/node_modules/${config.name}`;
  const library = built.via === "dnt" ? `${installed}/esm` : installed;
  return { outcome, project: { folder, tarball, library } };
}

/** Bundles the shared test files and runs them with `node --test`. */
async function runTestsOnNode(project: Project): Promise<Outcome> {
  const files = await sharedTests();
  if (files.length === 0) return skipped("there are no shared test files");
  try {
    await esbuild.build({
      entryPoints: files,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      sourcemap: "inline",
      outdir: `${project.folder}/tests`,
      outbase: `${ROOT}tests`,
      outExtension: { ".js": ".mjs" },
      logLevel: "silent",
      plugins: [resolver(project)],
    });
  } catch (error) {
    return oneTest({ ok: false, log: (error as Error).message });
  } finally {
    await esbuild.stop();
  }
  const ran = await capture("node", [
    "--enable-source-maps",
    "--test",
    "--test-reporter=tap",
    "--test-timeout=300000",
    ...files.map((file) => file.replace(`${ROOT}tests`, "tests").replace(/\.ts$/, ".mjs")),
  ], { cwd: project.folder });
  const version = await capture("node", ["--version"]);
  return {
    ...suite(
      { ok: ran.ok, log: nodeFailures(ran.log) },
      nodeCounts(ran.stdout),
      nodeSkips(ran.stdout),
    ),
    note: `Node ${version.stdout.trim()}, ${files.length} files`,
  };
}

/** Runs the reactor's tests on Bun, where its package for this machine can be had. */
async function runTestsOnBun({ folder }: Project): Promise<Outcome> {
  const into = `${folder}/bun`;
  await Deno.mkdir(into);
  await writeJson(`${into}/package.json`, { private: true });
  const install = await capture("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--ignore-scripts",
    "--loglevel=error",
    `${BUN.name}@${BUN.version}`,
  ], { cwd: into });
  if (!install.ok) return skipped(`${BUN.name}@${BUN.version} cannot be installed`);
  const bun = `${into}/node_modules/${BUN.name}/bin/bun`;
  const files = BUN_TESTS.map((name) => `./tests/reactor/${name}_test.mjs`);
  const ran = await capture(bun, ["test", "--timeout=60000", ...files], { cwd: folder });
  return {
    ...suite({ ok: ran.ok, log: ran.log }, bunCounts(ran.log), []),
    note: `Bun ${BUN.version}, ${files.length} files`,
  };
}

function bunArch(): string {
  return Deno.build.arch === "x86_64" ? "x64" : Deno.build.arch;
}

async function sharedTests(): Promise<string[]> {
  const files: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await visit(path);
      else if (/_test\.ts$/.test(entry.name)) files.push(path);
    }
  };
  for await (const entry of Deno.readDir(`${ROOT}tests`)) {
    if (entry.isDirectory && !NOT_SHARED.includes(entry.name)) {
      await visit(`${ROOT}tests/${entry.name}`);
    }
  }
  return files.sort();
}

/** Sends each import of a test file to where it is found on Node. */
function resolver({ library }: Project): esbuild.Plugin {
  return {
    name: "as on Deno",
    setup(build) {
      build.onResolve({ filter: /^@vais\/|^fast-check$|^node:/ }, () => ({
        external: true,
      }));
      build.onResolve({ filter: /^@std\/(assert|async)$/ }, ({ path }) => ({
        path: `${ROOT}links/${path.slice(1).replace("/", "-")}/mod.ts`,
      }));
      // npm:name@version/path -> name/path, installed in the project.
      build.onResolve({ filter: /^npm:/ }, ({ path }) => ({
        path: path.replace(/^npm:/, "").replace(/(?<=.)@[^/]*/, ""),
        external: true,
      }));
      build.onResolve({ filter: /^\.\.?\// }, async ({ path, resolveDir }) => {
        const file = decodeURIComponent(
          new URL(path, `file://${resolveDir}/`).pathname,
        );
        const inLibrary = `${library}/${file.slice(ROOT.length)}`
          .replace(/\.ts$/, ".js");
        if (!file.startsWith(ROOT) || !await exists(inLibrary)) return null;
        return { path: `file://${inLibrary}`, external: true };
      });
    },
  };
}

/** Compiles the consumer with `compilerOptions`. */
async function compile(
  { folder }: Project,
  compilerOptions: { module: string },
): Promise<Outcome> {
  await Deno.copyFile(`${ROOT}tests/npm/consumer.ts`, `${folder}/consumer.ts`);
  const config = `tsconfig.${compilerOptions.module}.json`;
  await writeJson(`${folder}/${config}`, {
    compilerOptions,
    files: ["consumer.ts"],
  });
  return oneTest(
    await capture("node", ["node_modules/typescript/bin/tsc", "-p", config], {
      cwd: folder,
    }),
  );
}

/** Runs an installed program on the tarball. */
async function runBin(
  { folder, tarball }: Project,
  bin: string,
  ...args: string[]
): Promise<Outcome> {
  return oneTest(
    await capture(`${folder}/node_modules/.bin/${bin}`, [
      ...args,
      `./${tarball}`,
    ], { cwd: folder }),
  );
}

/** Runs the same program on both hosts. */
async function runSameProgram({ folder }: Project): Promise<Outcome> {
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
async function runExamples({ folder }: Project): Promise<Outcome> {
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
async function runPeers({ folder }: Project): Promise<Outcome> {
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

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}

if (import.meta.main) {
  const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice(7);
  if (!await runSteps(npmSteps(), only?.split(","))) Deno.exitCode = 1;
}
