/**
 * Temporary npm projects that have this package installed, built from the working tree.
 *
 * @module
 */
import { buildNpm, type NpmPackage } from "./build_npm.ts";
import { capture, type Ran } from "./steps.ts";

/** A project with the package installed. */
export interface NpmProject {
  /** Its folder. */
  readonly folder: string;
  /** The package's name and entry points, as in deno.json. */
  readonly config: { readonly name: string; readonly exports: Readonly<Record<string, string>> };
  /** How the package was built. */
  readonly via: NpmPackage["via"];
  /** The tarball, from the folder. */
  readonly tarball: string;
  /** Folder of the installed package's code. */
  readonly library: string;
  /** What `npm install` said. */
  readonly ran: Ran;
}

/** An empty folder for a project, as an absolute path without links; its maker removes it. */
export async function makeFolder(prefix: string): Promise<string> {
  return await Deno.realPath(await Deno.makeTempDir({ prefix }));
}

/** Builds the package into `folder` and installs it there, beside `dependencies`. */
export async function installPackage(
  folder: string,
  dependencies: Readonly<Record<string, string>>,
): Promise<NpmProject> {
  const config = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
  const { tarball, via } = await buildNpm({ out: `${folder}/built` });
  await writeJson(`${folder}/package.json`, {
    private: true,
    type: "module",
    dependencies: { [config.name]: `file:${tarball}`, ...dependencies },
  });
  const installed = `${folder}/node_modules/${config.name}`;
  return {
    folder,
    config,
    via,
    tarball: tarball.replace(folder, "."),
    library: via === "dnt" ? `${installed}/esm` : installed,
    ran: await npmInstall(folder),
  };
}

/** `npm install` of what package.json says, and of these; nothing of them is run. */
export function npmInstall(folder: string, ...packages: string[]): Promise<Ran> {
  return capture("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-package-lock",
    "--ignore-scripts",
    "--loglevel=error",
    ...packages,
  ], { cwd: folder });
}

/** Writes a value as a JSON file. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(value, null, 2) + "\n");
}
