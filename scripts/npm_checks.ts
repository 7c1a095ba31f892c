/**
 * Checks of the npm package that run none of it: its types as its users compile them, and what
 * linters of packages say of the tarball.
 *
 * @module
 */
import { type NpmProject, writeJson } from "./npm_project.ts";
import { capture, oneTest, type Outcome } from "./steps.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

const STRICT = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  target: "ES2022",
};

/** As Node's users compile: Node's types, no DOM. */
export const NODE16 = {
  ...STRICT,
  module: "node16",
  moduleResolution: "node16",
  lib: ["ES2022"],
  types: ["node"],
};

/** As users of a bundler compile: the DOM, not Node's types. */
export const BUNDLER = {
  ...STRICT,
  module: "ESNext",
  moduleResolution: "bundler",
  lib: ["ES2022", "ESNext.Disposable", "DOM", "DOM.AsyncIterable"],
  types: [],
};

/** Compiles the consumer with `compilerOptions`. */
export async function compileConsumer(
  { folder }: NpmProject,
  compilerOptions: { module: string },
): Promise<Outcome> {
  await Deno.copyFile(`${ROOT}tests/npm/consumer.ts`, `${folder}/consumer.ts`);
  const config = `tsconfig.${compilerOptions.module}.json`;
  await writeJson(`${folder}/${config}`, {
    compilerOptions,
    files: ["consumer.ts"],
  });
  return oneTest(
    await capture("node", ["node_modules/typescript/bin/tsc", "-p", config], {
      cwd: folder,
    }),
  );
}

/** Runs an installed program on the tarball. */
export async function runBin(
  { folder, tarball }: NpmProject,
  bin: string,
  ...args: string[]
): Promise<Outcome> {
  return oneTest(
    await capture(`${folder}/node_modules/.bin/${bin}`, [
      ...args,
      tarball,
    ], { cwd: folder }),
  );
}
