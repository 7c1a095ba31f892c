/**
 * Names of errno values, from the host's own table.
 *
 * @module
 */

/** The same on every system we know. */
export const EPERM = 1;
/** The same on every system we know. */
export const ENOENT = 2;
/** The same on every system we know. */
export const EINTR = 4;
/** The same on every system we know. */
export const EBADF = 9;
/** The same on every system we know. */
export const EEXIST = 17;
/** The same on every system we know. */
export const EINVAL = 22;
/** The same on every system we know. */
export const EPIPE = 32;

interface HostUtil {
  getSystemErrorMap?(): Map<number, [name: string, text: string]>;
}

let table: Map<number, [name: string, text: string]> | undefined;

/** Name and meaning of an errno of this system. */
export function describeErrno(errno: number): [code: string, text: string] {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): HostUtil | undefined };
  };
  table ??= process?.getBuiltinModule?.("node:util")?.getSystemErrorMap?.() ?? new Map();
  return table.get(-errno) ?? [`E${errno}`, "no name known"];
}
