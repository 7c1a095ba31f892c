/**
 * Builds the npm package: the folder `npm/package/` and the tarball
 * `npm/vais-runtime-<version>.tgz` beside it (or both under `--out=DIR`).
 *
 * With `@deno/dnt` where the JSR registry answers, else with `deno pack`. Both
 * give one .js and one .d.ts per source file; what follows is the same for both:
 * esbuild lowers the syntax of each file for Node 20 (`using`), everything that
 * is not code, declaration or a named document is left out, and package.json is
 * written from deno.json.
 *
 * No shim of `Deno`, no source maps, no dependencies. The git tree may be dirty,
 * or not be there at all.
 *
 *     deno task build:npm [--out=DIR] [--via=dnt|pack]
 *
 * @module
 */
import * as esbuild from "esbuild";
import { NO_DNT } from "./dnt.ts";

/** What was built, as absolute paths. */
export interface NpmPackage {
  /** The folder that holds package.json. */
  folder: string;
  /** The tarball, as `npm publish` and `npm install` take it. */
  tarball: string;
  /** How the sources were compiled. */
  via: "dnt" | "pack";
}

/** Where and how to build. */
export interface BuildOptions {
  /** Absolute path that receives `package/` and the tarball; default `npm/`. */
  out?: string;
  /** Insist on one way instead of trying dnt first. */
  via?: "dnt" | "pack";
}

const ROOT = new URL("../", import.meta.url);
const NODE = "20";
const DOCUMENTS = ["README.md", "CHANGELOG.md", "LICENSE"];

const DESCRIPTION =
  "Structured concurrency on a cooperative, poll-based runtime, for Deno and Node";
const KEYWORDS = [
  "structured-concurrency",
  "async",
  "runtime",
  "scheduler",
  "executor",
  "cancellation",
  "task",
  "deno",
];

/** Builds the package from the working tree. */
export async function buildNpm(
  { out = fromRoot("npm"), via }: BuildOptions = {},
): Promise<NpmPackage> {
  const config = JSON.parse(await Deno.readTextFile(fromRoot("deno.json")));
  const folder = `${out}/package`;
  await Deno.remove(folder, { recursive: true }).catch(ignoreNotFound);
  await Deno.mkdir(folder, { recursive: true });

  const built = via !== "pack" && await withDnt(folder, via === "dnt");
  if (!built) await withPack(folder);

  await prune(folder);
  await lower(folder);
  await run(Deno.execPath(), ["fmt", "--no-config", "--quiet", "."], folder);
  await copyDocuments(folder);
  await writeManifest(folder, config, built ? "esm/" : "");

  const name = config.name.replace("@", "").replace("/", "-");
  await run("npm", ["pack", "--silent", "--pack-destination", out], folder);
  return {
    folder,
    tarball: `${out}/${name}-${config.version}.tgz`,
    via: built ? "dnt" : "pack",
  };
}

/** Builds with dnt. False when dnt cannot be had and is not `required`. */
async function withDnt(folder: string, required: boolean): Promise<boolean> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", fromRoot("scripts/dnt.ts"), folder],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (code === 0) return true;
  if (code === NO_DNT && !required) return false;
  throw new Error(`dnt exited ${code}\n${text(stdout)}${text(stderr)}`);
}

/** Builds with `deno pack` and unpacks its tarball. */
async function withPack(folder: string): Promise<void> {
  const tarball = `${folder}/packed.tgz`;
  await run(Deno.execPath(), [
    "pack",
    "--allow-dirty",
    "--no-source-maps",
    "-o",
    tarball,
  ], fromRoot(""));
  await run("tar", ["xzf", tarball, "--strip-components=1"], folder);
}

/** Leaves only .js and .d.ts files. */
async function prune(folder: string): Promise<void> {
  for (const file of await filesUnder(folder)) {
    if (!/\.(js|d\.ts)$/.test(file)) await Deno.remove(file);
  }
  await Deno.remove(`${folder}/node_modules`, { recursive: true })
    .catch(ignoreNotFound);
}

/** Rewrites each .js file in syntax that Node 20 reads, without bundling. */
async function lower(folder: string): Promise<void> {
  try {
    for (const file of await filesUnder(folder)) {
      if (!file.endsWith(".js")) continue;
      const { code } = await esbuild.transform(await Deno.readTextFile(file), {
        format: "esm",
        target: `node${NODE}`,
        sourcefile: file.slice(folder.length + 1),
      });
      await Deno.writeTextFile(file, code);
    }
  } finally {
    await esbuild.stop();
  }
}

async function copyDocuments(folder: string): Promise<void> {
  for (const name of DOCUMENTS) {
    await Deno.copyFile(fromRoot(name), `${folder}/${name}`)
      .catch(ignoreNotFound);
  }
}

/** Writes package.json: `exports` as in deno.json, types first. */
async function writeManifest(
  folder: string,
  config: {
    name: string;
    version: string;
    license: string;
    exports: Record<string, string>;
  },
  prefix: string,
): Promise<void> {
  const built = (path: string, ending: string): string =>
    `./${prefix}${path.replace(/^\.\//, "").replace(/\.ts$/, ending)}`;
  const entries = Object.entries(config.exports).map(([name, path]) => [
    name,
    { types: built(path, ".d.ts"), default: built(path, ".js") },
  ]);
  const manifest = {
    name: config.name,
    version: config.version,
    description: DESCRIPTION,
    keywords: KEYWORDS,
    license: config.license,
    ...repository(),
    type: "module",
    // Sets the default runtime; everything else may be dropped when it is not used.
    sideEffects: ["./runtime/globals.js"],
    // From 20.16 on process.getBuiltinModule() is there.
    engines: { node: `>=${NODE}.16` },
    peerDependencies: { koffi: "^3.0.0" },
    peerDependenciesMeta: { koffi: { optional: true } },
    exports: {
      ...Object.fromEntries(entries),
      "./package.json": "./package.json",
    },
  };
  await Deno.writeTextFile(
    `${folder}/package.json`,
    JSON.stringify(manifest, null, 2) + "\n",
  );
}

/** Known only in a GitHub workflow, where npm's provenance asks for it. */
function repository(): { repository?: { type: string; url: string } } {
  const name = Deno.env.get("GITHUB_REPOSITORY");
  const server = Deno.env.get("GITHUB_SERVER_URL");
  if (!name || !server) return {};
  return { repository: { type: "git", url: `git+${server}/${name}.git` } };
}

async function filesUnder(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory) files.push(path);
    else if (entry.name !== "node_modules") {
      files.push(...await filesUnder(path));
    }
  }
  return files.sort();
}

async function run(
  command: string,
  args: string[],
  cwd: string,
): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    stdin: "null",
  }).output();
  if (code !== 0) {
    throw new Error(
      `${command} ${args[0]} exited ${code}\n${text(stdout)}${text(stderr)}`,
    );
  }
}

function fromRoot(path: string): string {
  return decodeURIComponent(new URL(path, ROOT).pathname);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

if (import.meta.main) {
  const option = (name: string): string | undefined =>
    Deno.args.find((arg) => arg.startsWith(`--${name}=`))
      ?.slice(name.length + 3);
  const out = option("out");
  const built = await buildNpm({
    ...(out === undefined ? {} : { out: await absolute(out) }),
    ...(option("via") === undefined ? {} : { via: option("via") as "dnt" | "pack" }),
  });
  console.log(`${built.tarball} (built with ${built.via})`);
}

async function absolute(path: string): Promise<string> {
  await Deno.mkdir(path, { recursive: true });
  return await Deno.realPath(path);
}
