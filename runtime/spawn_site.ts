/**
 * Where in the user's code something was called.
 *
 * @module
 */

/** The first frame outside this package. */
export function callerSite(): string {
  const lines = new Error().stack?.split("\n").slice(1) ?? [];
  const own = import.meta.url.slice(0, import.meta.url.lastIndexOf("/runtime/"));
  const line = lines.find((l) =>
    !l.includes(own) || /_test\.|\/tests\/|\/bench\/|\/examples\//.test(l)
  );
  return line?.trim().replace(/^at /, "") ?? "";
}
