/**
 * How much processor time the control groups of this process allow, as containers set it.
 *
 * The limit is the smallest of the process's own group and all above it. Linux,
 * `Documentation/admin-guide/cgroup-v2.rst` ("cpu.max"), `scheduler/sched-bwc.rst` (version 1).
 *
 * @module
 */

import { parseNumber, type ReadFile } from "./system_files.ts";

interface Mount {
  /** The group that is seen at the mount point. */
  readonly root: string;
  readonly point: string;
}

/** In processors, such as 1.5; undefined without a limit, or where there is none to read. */
export function cgroupCpuLimit(read: ReadFile): number | undefined {
  const groups = read("/proc/self/cgroup");
  const mounts = read("/proc/self/mountinfo");
  if (groups === undefined || mounts === undefined) return undefined;
  let limit: number | undefined;
  for (const line of groups.split("\n")) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match === null) continue;
    const [, controllers, path] = match as unknown as [string, string, string];
    const isV2 = controllers === "";
    if (!isV2 && !controllers.split(",").includes("cpu")) continue;
    const mount = mountOf(mounts, isV2);
    if (mount === undefined) continue;
    for (const folder of foldersOf(mount, path)) {
      const here = isV2 ? limitV2(read(`${folder}/cpu.max`)) : limitV1(
        read(`${folder}/cpu.cfs_quota_us`),
        read(`${folder}/cpu.cfs_period_us`),
      );
      if (here !== undefined && here < (limit ?? Infinity)) limit = here;
    }
  }
  return limit;
}

/** `id parent major:minor root point options [tags] - type source super-options`. */
function mountOf(mounts: string, isV2: boolean): Mount | undefined {
  for (const line of mounts.split("\n")) {
    const [before, after] = line.split(" - ");
    const [type, , options] = (after ?? "").split(" ");
    const isIt = isV2
      ? type === "cgroup2"
      : type === "cgroup" && (options ?? "").split(",").includes("cpu");
    if (!isIt) continue;
    const [, , , root, point] = before!.split(" ");
    if (root !== undefined && point !== undefined) {
      return { root: unescaped(root), point: unescaped(point) };
    }
  }
}

/** Blanks and the like are octal there. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}

/** The folders of the group and of those above it, as far as they are mounted. */
function foldersOf({ root, point }: Mount, path: string): string[] {
  const inside = root === "/"
    ? path
    : path === root || path.startsWith(`${root}/`)
    ? path.slice(root.length)
    : "";
  // A path through `..` is above what is mounted here: then only the mount point is ours to see.
  const names = inside.split("/").filter((name) => name !== "");
  if (names.includes("..")) return [point];
  return [...names.keys(), names.length].map((n) => [point, ...names.slice(0, n)].join("/"));
}

/** `MAX PERIOD`, in µs; MAX may be `max`. */
function limitV2(text: string | undefined): number | undefined {
  const match = /^(\d+) (\d+)/.exec(text ?? "");
  return match === null ? undefined : share(Number(match[1]), Number(match[2]));
}

/** A quota of -1 is none. */
function limitV1(quota: string | undefined, period: string | undefined): number | undefined {
  return share(parseNumber(quota), parseNumber(period));
}

function share(quota: number | undefined, period: number | undefined): number | undefined {
  if (quota === undefined || period === undefined || quota <= 0 || period <= 0) return undefined;
  return quota / period;
}
