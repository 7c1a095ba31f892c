/**
 * The temporary project that both runtimes run the benches in.
 *
 * It has the npm package as built from the working tree, the peers, a copy of the library's
 * sources for Deno, and each bench as one module. Nothing of it touches the library's own
 * configuration; nothing that is edited meanwhile touches it.
 *
 * @module
 */
import * as esbuild from "esbuild";
import { installPackage, makeFolder, writeJson } from "../scripts/npm_project.ts";
import { capture } from "../scripts/steps.ts";
import { PEERS } from "./peers.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const SOURCES = ["mod.ts", "memory", "runtime", "reactor", "scheduling"];

/** Makes the project; answers its folder. `helpers`: see `Bench.helpers`. */
export async function makeProject(
  benches: readonly string[],
  helpers: readonly string[],
): Promise<string> {
  const folder = await makeFolder("vais-bench-");
  for (const name of SOURCES) await copy(`${ROOT}${name}`, `${folder}/library/${name}`);
  const { config: { name, exports }, ran } = await installPackage(folder, PEERS);
  if (!ran.ok) throw new Error(`npm install failed\n${ran.log}`);
  await writeJson(`${folder}/deno.json`, {
    nodeModulesDir: "manual",
    lock: false,
    imports: Object.fromEntries(
      Object.entries(exports).map(([key, path]) => [
        `${name}${key.slice(1)}`,
        path.replace("./", "./library/"),
      ]),
    ),
  });
  await esbuild.build({
    entryPoints: [
      ...["run_cell", ...benches].map((bench) => `${bench}.ts`),
      ...helpers.filter((helper) => helper.endsWith(".ts")),
    ].map((path) => `${ROOT}bench/${path}`),
    outbase: `${ROOT}bench`,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    logLevel: "error",
  });
  for (const helper of helpers.filter((helper) => helper.endsWith(".c"))) {
    await compile(helper, folder);
  }
  return folder;
}

/** Without a compiler nothing is made: the cells that need it say so, see `reactor/children.ts`. */
async function compile(source: string, folder: string): Promise<void> {
  const binary = `${folder}/${source.replace(/\.c$/, "")}`;
  await Deno.mkdir(binary.slice(0, binary.lastIndexOf("/")), { recursive: true });
  const ran = await capture("cc", ["-O2", "-Wall", "-o", binary, `${ROOT}bench/${source}`]);
  if (ran.code === undefined) console.error(`No C compiler (cc): ${source} is left out`);
  else if (!ran.ok) throw new Error(`cc failed\n${ran.log}`);
}

/** The size of a minified, gzipped bundle of `source`, in KB. */
export async function bundleSize(folder: string, source: string): Promise<number> {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: source, resolveDir: folder },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*"],
    write: false,
    logLevel: "error",
  });
  const packed = new Blob([outputFiles[0]!.contents as Uint8Array<ArrayBuffer>]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return (await new Response(packed).arrayBuffer()).byteLength / 1024;
}

/** Ends what making it began, and removes the project, if one is given. */
export async function removeProject(folder: string | undefined): Promise<void> {
  await esbuild.stop();
  if (folder !== undefined) await Deno.remove(folder, { recursive: true });
}

async function copy(from: string, to: string): Promise<void> {
  const info = await Deno.stat(from).catch(() => undefined);
  if (info === undefined) return;
  if (info.isFile) {
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    return await Deno.copyFile(from, to);
  }
  for await (const entry of Deno.readDir(from)) {
    await copy(`${from}/${entry.name}`, `${to}/${entry.name}`);
  }
}
