/**
 * Builds a package folder with `@deno/dnt`, where the JSR registry answers.
 *
 * Started by build_npm.ts as `deno run -A --no-lock scripts/dnt.ts OUT_DIR`:
 * a process of its own without a lockfile, since dnt is an optional tool that
 * many machines cannot reach and the lock therefore does not hold.
 * Exits 3 when dnt cannot be had, with the reason on stderr.
 *
 * @module
 */

/** The little of `@deno/dnt` that is used here. */
interface Dnt {
  build(options: Record<string, unknown>): Promise<void>;
}

/** Says that dnt is not to be had, as opposed to a build that failed. */
export const NO_DNT = 3;

async function loadDnt(): Promise<Dnt> {
  // Computed, so that the import stays out of the module graph: `deno check`,
  // `deno test` and `deno publish` never try to resolve it.
  const specifier = ["@deno", "dnt"].join("/");
  return await import(specifier) as Dnt;
}

async function main(outDir: string): Promise<void> {
  const root = new URL("../", import.meta.url);
  const config = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  );
  let dnt: Dnt;
  try {
    dnt = await loadDnt();
  } catch (error) {
    console.error((error as Error).message.split("\n")[0]);
    Deno.exit(NO_DNT);
  }
  Deno.chdir(root);
  await dnt.build({
    entryPoints: Object.entries(config.exports).map(([name, path]) => ({
      name,
      path,
    })),
    outDir,
    shims: {},
    test: false,
    // `deno check` has checked the types; consumers check the declarations.
    typeCheck: false,
    declaration: "inline",
    scriptModule: false,
    skipSourceOutput: true,
    skipNpmInstall: true,
    package: { name: config.name, version: config.version },
  });
}

if (import.meta.main) await main(Deno.args[0]!);
