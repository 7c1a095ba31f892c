/**
 * Programs for tests, from Debian where they are not installed.
 *
 * What is on PATH is used. Of the rest, apt downloads the package with the dependencies that are
 * missing, and `dpkg-deb -x` unpacks them into a cache folder: nothing is installed, no service
 * started, no list or cache of the system written, and root is not needed. A package appears in
 * the cache by one rename, so that several test runs may fetch it at once.
 *
 *     deno run -A scripts/debian.ts [NAME …]
 *
 * @module
 */
import { capture, type Ran } from "./steps.ts";

/** A program, or why there is none. */
export type Found =
  | { readonly path: string; readonly reason?: undefined }
  | { readonly path?: undefined; readonly reason: string };

/** One program: where it comes from. */
interface Program {
  readonly package: string;
  /** The file's name, where it is not the program's. */
  readonly file?: string;
  /** Arguments with which it only says something; its exit code may be any but "cannot run". */
  readonly probe: readonly string[];
}

/** What can be had. */
const PROGRAMS: Record<string, Program> = {
  "curl": { package: "curl", probe: ["--version"] },
  // There are several programs of the name nc, with options of their own.
  "nc": { package: "netcat-openbsd", file: "nc.openbsd", probe: ["-h"] },
  "nginx": { package: "nginx", probe: ["-v"] },
  "python3": { package: "python3", probe: ["--version"] },
  "redis-cli": { package: "redis-tools", probe: ["--version"] },
  "redis-server": { package: "redis-server", probe: ["--version"] },
  "wrk": { package: "wrk", probe: ["--version"] },
};

const BIN_FOLDERS = ["usr/bin", "usr/sbin", "bin", "sbin"];

/** Of each package at most one download in this process. */
const fetching = new Map<string, Promise<string | undefined>>();

/**
 * Makes programs available.
 *
 * @returns For each name a path to start it by (a script, where libraries must be found first), or
 * the reason why there is none. Never rejects because of a program that cannot be had.
 */
export async function ensurePrograms(names: readonly string[]): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  // One after the other: apt is at its limit with one.
  for (const name of names) found.set(name, await ensureProgram(name));
  return found;
}

async function ensureProgram(name: string): Promise<Found> {
  const program = PROGRAMS[name];
  if (program === undefined) throw new TypeError(`Cannot find ${name}: not in scripts/debian.ts`);
  const onPath = await findOnPath(program.file ?? name);
  if (onPath !== undefined && await runs(onPath, program) === undefined) return { path: onPath };
  if (Deno.build.os !== "linux") return { reason: `${name} is not on PATH` };
  const folder = `${await cacheFolder()}/${program.package}`;
  const path = `${folder}/run/${name}`;
  if (!await exists(path)) {
    let fetched = fetching.get(folder);
    if (fetched === undefined) fetching.set(folder, fetched = fetchPackage(name, program, folder));
    const problem = await fetched;
    if (problem !== undefined) return { reason: `${name} is not on PATH, and ${problem}` };
  }
  const problem = await runs(path, program);
  return problem === undefined ? { path } : { reason: `${path} does not start: ${problem}` };
}

/** The path of a command; system programs count, which users do not have on PATH. */
async function findOnPath(file: string): Promise<string | undefined> {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  for (const folder of folders) {
    if (folder !== "" && await exists(`${folder}/${file}`)) return `${folder}/${file}`;
  }
}

/** What keeps a program from starting, such as a missing library. */
async function runs(path: string, { probe }: Program): Promise<string | undefined> {
  const { code, log } = await capture(path, probe);
  // 126 and 127 are what shells and the loader answer.
  return code === undefined || code === 126 || code === 127 ? oneLine(log) : undefined;
}

/** `~/.cache/vais-debian/debian-12-amd64`, or below the temporary folder. */
async function cacheFolder(): Promise<string> {
  const home = Deno.env.get("HOME");
  const candidates = [
    Deno.env.get("XDG_CACHE_HOME"),
    home && `${home}/.cache`,
    Deno.env.get("TMPDIR") ?? "/tmp",
  ];
  const release = await Deno.readTextFile("/etc/os-release").catch(() => "");
  const of = (key: string) =>
    new RegExp(`^${key}="?([\\w.-]+)`, "m").exec(release)?.[1] ?? "unknown";
  const name = `vais-debian/${of("ID")}-${of("VERSION_ID")}-${Deno.build.arch}`;
  for (const base of candidates) {
    if (!base?.startsWith("/")) continue;
    const folder = `${base}/${name}`;
    if (await Deno.mkdir(folder, { recursive: true }).then(() => true, () => false)) return folder;
  }
  return await Deno.makeTempDir({ prefix: "vais-debian-" });
}

/** Downloads and unpacks a package to `folder`; answers what went wrong. */
async function fetchPackage(
  name: string,
  program: Program,
  folder: string,
): Promise<string | undefined> {
  for (const tool of ["apt-get", "dpkg-deb"]) {
    if (await findOnPath(tool) === undefined) return `there is no ${tool} to fetch it with`;
  }
  const parent = folder.slice(0, folder.lastIndexOf("/"));
  const temporary = await Deno.makeTempDir({ dir: parent, prefix: ".new-" });
  try {
    const ran = await download(program.package, temporary);
    if (!ran.ok) return `apt-get could not fetch ${program.package}: ${oneLine(ran.log)}`;
    for await (const { name: file } of Deno.readDir(`${temporary}/archives`)) {
      if (!file.endsWith(".deb")) continue;
      const deb = `${temporary}/archives/${file}`;
      const unpacked = await capture("dpkg-deb", ["-x", deb, `${temporary}/made/root`]);
      if (!unpacked.ok) return `dpkg-deb could not unpack ${file}: ${oneLine(unpacked.log)}`;
    }
    const made = await writeScripts(`${temporary}/made`, folder);
    if (!made.includes(name)) return `the package ${program.package} does not hold it`;
    await Deno.rename(`${temporary}/made`, folder).catch(async (error) => {
      if (!await exists(`${folder}/run`)) throw error; // else another one was faster
    });
  } catch (error) {
    return `it could not be stored: ${oneLine(String(error))}`;
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
}

/** Has apt put the package, and what it needs beside what is installed, into `folder`/archives. */
async function download(name: string, folder: string): Promise<Ran> {
  const options = [
    `Dir::Cache=${folder}`,
    "Debug::NoLocking=true", // all that is written is below our folder
    "APT::Sandbox::User=root", // whose folder apt's own user may not enter
    "Acquire::Retries=2",
    "Acquire::http::Timeout=30",
    "Acquire::https::Timeout=30",
    "APT::Update::Error-Mode=any",
  ];
  const apt = (...args: string[]) =>
    capture("apt-get", [...options.flatMap((option) => ["-o", option]), "-qq", ...args]);
  // Again also where the package is installed, but nobody finds its program.
  const install = () =>
    apt("install", "--download-only", "--reinstall", "--no-install-recommends", "-y", name);
  await Deno.mkdir(`${folder}/archives/partial`, { recursive: true });
  await Deno.mkdir(`${folder}/made/root`, { recursive: true });
  const first = await install();
  if (first.ok) return first;
  // The system's lists of packages are missing or old: others, of our own.
  await Deno.mkdir(`${folder}/state/lists/partial`, { recursive: true });
  options.push(`Dir::State=${folder}/state`, "Dir::State::status=/var/lib/dpkg/status");
  const updated = await apt("update");
  // One source of several may have failed, and not be needed.
  const second = await install();
  return second.ok || updated.ok ? second : updated;
}

/** Writes scripts `run/NAME` that let the unpacked programs find the unpacked libraries. */
async function writeScripts(made: string, folder: string): Promise<string[]> {
  const names: string[] = [];
  await Deno.mkdir(`${made}/run`);
  const libraries = await librariesUnder(`${made}/root`);
  const path = libraries.map((at) => folder + at.slice(made.length)).join(":");
  for (const [name, { file = name }] of Object.entries(PROGRAMS)) {
    for (const bin of BIN_FOLDERS) {
      if (!await exists(`${made}/root/${bin}/${file}`)) continue;
      const script = `#!/bin/sh
LD_LIBRARY_PATH='${path}'"\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \\
  exec '${folder}/root/${bin}/${file}' "$@"
`;
      await Deno.writeTextFile(`${made}/run/${name}`, script, { mode: 0o755 });
      names.push(name);
      break;
    }
  }
  return names;
}

/** Every folder that holds a shared library. */
async function librariesUnder(folder: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) { for (const at of await librariesUnder(`${folder}/${name}`)) found.add(at); }
    else if (/\.so(\.|$)/.test(name)) found.add(folder);
  }
  return [...found];
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** The essence of a log: apt's errors, or else the last line. */
function oneLine(log: string): string {
  const lines = log.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const errors = lines.filter((line) => /^(E|Error|Err):/.test(line));
  return (errors.length > 0 ? errors.slice(0, 2) : lines.slice(-1)).join("; ").slice(0, 300);
}

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(PROGRAMS);
  for (const [name, { path, reason }] of await ensurePrograms(names)) {
    console.log(`${name.padEnd(13)} ${path ?? `none: ${reason}`}`);
  }
}
