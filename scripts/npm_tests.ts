/**
 * The shared tests on the hosts that take the npm package: all of `tests/` but `deno/` and
 * `scripts/` on Node, those of the reactor on Bun.
 *
 * esbuild makes each test file into one module for Node. The library is never bundled: its public
 * names are left to Node, and a relative import of one of its files is pointed at that file in the
 * installed package. So the tests see one copy of the library, and it is the published one.
 *
 * @module
 */
import * as esbuild from "esbuild";
import { npmInstall, type NpmProject, writeJson } from "./npm_project.ts";
import {
  bunCounts,
  capture,
  nodeCounts,
  nodeFailures,
  nodeSkips,
  oneTest,
  type Outcome,
  skipped,
  suite,
} from "./steps.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** Bun's own package for this machine; installed for its step only. */
const BUN = { name: `@oven/bun-${Deno.build.os}-${bunArch()}`, version: "1.4.5" };

/** What Bun must pass; the others start programs the way Node does. */
const BUN_TESTS = ["event_loop", "faults", "handlers", "poller_conformance", "sockets", "watch"];

/** Folders of `tests/` that are not for Node. */
const NOT_SHARED = ["deno", "npm", "scripts", "support"];

/** Bundles the shared test files and runs them with `node --test`. */
export async function runTestsOnNode(project: NpmProject): Promise<Outcome> {
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
    `--test-concurrency=${navigator.hardwareConcurrency}`,
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
export async function runTestsOnBun({ folder }: NpmProject): Promise<Outcome> {
  const into = `${folder}/bun`;
  await Deno.mkdir(into);
  await writeJson(`${into}/package.json`, { private: true });
  const install = await npmInstall(into, `${BUN.name}@${BUN.version}`);
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

/** The shared test files; with `--files=PART,…` only those that have one of these in their path. */
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
  const only = Deno.args.find((arg) => arg.startsWith("--files="))?.slice(8).split(",");
  return files.filter((file) => only?.some((part) => file.includes(part)) ?? true).sort();
}

/** Sends each import of a test file to where it is found on Node. */
function resolver({ library }: NpmProject): esbuild.Plugin {
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

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}
