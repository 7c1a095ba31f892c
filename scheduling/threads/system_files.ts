/**
 * What Linux tells about itself in small files, read where the host lets us.
 *
 * @module
 */

/** Answers the text of a file; undefined when there is none or it may not be read. */
export type ReadFile = (path: string) => string | undefined;

interface Host {
  readonly Deno?: {
    readonly permissions: { querySync(what: object): { readonly state: string } };
  };
  readonly process?: {
    getBuiltinModule?(name: "node:fs"): { readFileSync(path: string, encoding: "utf8"): string };
  };
}

/** Reads a file of this machine. It never asks a person: Deno needs `--allow-all` for these files. */
export const readSystemFile: ReadFile = (path) => {
  const { Deno, process } = globalThis as Host;
  try {
    if (Deno && Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
      return undefined;
    }
    return process?.getBuiltinModule?.("node:fs").readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/** The numbers of a list like `0-3,8`; undefined when it is not one. */
export function parseCpuList(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  const numbers: number[] = [];
  for (const range of text.trim().split(",")) {
    if (range === "") continue;
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (match === null) return undefined;
    const first = Number(match[1]), last = Number(match[2] ?? first);
    if (last < first || last > 2 ** 20) return undefined;
    for (let i = first; i <= last; i++) numbers.push(i);
  }
  return numbers;
}

/** The number that a file holds; undefined when it holds none. */
export function parseNumber(text: string | undefined): number | undefined {
  const match = /^\s*(-?\d+)\b/.exec(text ?? "");
  return match === null ? undefined : Number(match[1]);
}
