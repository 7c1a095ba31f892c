/**
 * check_layers finds every kind of planted violation, and nothing in the tree.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { checkLayers, importsOf, LAYERS, readLibrary } from "../../scripts/check_layers.ts";

const root = new URL("../../", import.meta.url);

/** A small library in order; each test plants one thing in it. */
const ORDERLY: Readonly<Record<string, string>> = {
  "mod.ts": `export * from "./runtime/mod.ts"; export * from "./testing/mod.ts";`,
  "memory/ref.ts": `export type Ref = number;`,
  "runtime/mod.ts": `export { a } from "./a.ts";`,
  "runtime/a.ts": `import type { Ref } from "../memory/ref.ts";
    import { b } from "./b.ts";
    export const a: Ref = b;`,
  "runtime/b.ts": `import process from "node:process"; export const b = 1;`,
  "scheduling/mod.ts": `export { g } from "./deep/group.ts";`,
  "scheduling/deep/group.ts": `import { a } from "../../runtime/a.ts";`,
  "testing/mod.ts": `export { s } from "./simulated.ts";
    export { g } from "../scheduling/mod.ts";`,
  "testing/simulated.ts": `import { g } from "../scheduling/deep/group.ts";`,
};

function problemsWith(planted: Record<string, string>): string[] {
  return checkLayers(new Map(Object.entries({ ...ORDERLY, ...planted })));
}

Deno.test("checkLayers: an orderly library has no problems", () => {
  assertEquals(problemsWith({}), []);
});

const VIOLATIONS: Record<string, [Record<string, string>, string[]]> = {
  "an import to the right": [
    { "runtime/c.ts": `import { g } from "../scheduling/deep/group.ts";` },
    [`runtime/c.ts: imports "../scheduling/deep/group.ts" (scheduling/ is to the right of runtime/)`],
  ],
  "a type import to the right": [
    { "memory/c.ts": `import type { b } from "../runtime/b.ts";` },
    [`memory/c.ts: imports "../runtime/b.ts" (runtime/ is to the right of memory/)`],
  ],
  "a dynamic import to the right": [
    { "runtime/c.ts": "await import(`../testing/simulated.ts`);" },
    [`runtime/c.ts: imports "../testing/simulated.ts" (testing/ is to the right of runtime/)`],
  ],
  "an import() type to the right": [
    { "runtime/c.ts": `type S = import('../testing/simulated.ts').S;` },
    [`runtime/c.ts: imports "../testing/simulated.ts" (testing/ is to the right of runtime/)`],
  ],
  "a re-export to the right by a mod.ts": [
    { "memory/mod.ts": `export * from "../runtime/b.ts";` },
    [`memory/mod.ts: imports "../runtime/b.ts" (runtime/ is to the right of memory/)`],
  ],
  "an import of the root mod.ts": [
    { "testing/c.ts": `import "../mod.ts";` },
    [`testing/c.ts: imports "../mod.ts" (mod.ts is to the right of testing/)`],
  ],
  "a sibling's barrel": [
    { "runtime/c.ts": `import { a } from "./mod.ts";` },
    [`runtime/c.ts: imports "./mod.ts" (name the exact file, not its mod.ts)`],
  ],
  "another folder's barrel": [
    { "scheduling/c.ts": `import { a } from "../runtime/mod.ts";` },
    [`scheduling/c.ts: imports "../runtime/mod.ts" (name the exact file, not its mod.ts)`],
  ],
  "a re-export outside a mod.ts": [
    { "runtime/c.ts": `export type { b } from "./b.ts";` },
    [`runtime/c.ts: re-exports "./b.ts" (only a mod.ts re-exports)`],
  ],
  "a cycle of two files, one way a type": [
    {
      "runtime/c.ts": `import { d } from "./d.ts";`,
      "runtime/d.ts": `import type { c } from "./c.ts";`,
    },
    ["runtime/c.ts: imports itself: runtime/c.ts -> runtime/d.ts -> runtime/c.ts"],
  ],
  "a file that imports itself": [
    { "runtime/c.ts": `import "./c.ts";` },
    ["runtime/c.ts: imports itself: runtime/c.ts -> runtime/c.ts"],
  ],
  "@std, npm:, jsr:, https: and the library's public name": [
    {
      "runtime/c.ts": `import "@std/async"; import "npm:koffi"; import "jsr:@a/b";
        import "https://example.com/x.ts"; import "@vais/runtime";`,
    },
    [
      "@std/async",
      "npm:koffi",
      "jsr:@a/b",
      "https://example.com/x.ts",
      "@vais/runtime",
    ].map((name) => `runtime/c.ts: imports "${name}" (the library imports only its own files)`),
  ],
  "a file outside the library": [
    { "runtime/c.ts": `import "../tests/x.ts"; import "../../../x.ts";` },
    [
      `runtime/c.ts: imports "../tests/x.ts" (not a file of the library)`,
      `runtime/c.ts: imports "../../../x.ts" (not a file of the library)`,
    ],
  ],
};

for (const [name, [planted, expected]] of Object.entries(VIOLATIONS)) {
  Deno.test(`checkLayers finds ${name}`, () => {
    assertEquals(problemsWith(planted), expected);
  });
}

Deno.test("importsOf reads every form", () => {
  const source = `#!/usr/bin/env deno
    import a, { type b as c } from "1"; import * as d from '2'; import "3"
    export * as e from "4"; export type { f } from "5";
    const g = await import("6"), h: import("7").H = 0;
    import data from "8" with { type: "json" };
    const t = \`\${await import("9")} import "no"\`;`;
  assertEquals(importsOf(source).map((i) => i.specifier).join(""), "123456789");
  assertEquals(
    importsOf(source).filter((i) => i.reExport).map((i) => i.specifier),
    ["4", "5"],
  );
});

Deno.test("importsOf is not fooled by what looks like an import", () => {
  const source = `
    // import "no"
    /* import "no" */ /** export * from "no" */
    const a = 'import "no"', b = "\\" import 'no'", c = \`from "no"\`;
    const d = /import "no"/, e = [/[/"]/, /\\/"/], f = 1 / 2 / 3;
    x.import("no"); Future.from("no"); const g = { from: "no", import: "no" };
    const h = import.meta.url; const name = "no"; await import(name);
    if (f) /'/.test(b); const i = \`a\${{ b: \`\${"x"}\` }}from "no"\`;
    const j = (1) / 2; // ' "
    import "yes";`;
  assertEquals(importsOf(source), [{ specifier: "yes", reExport: false }]);
});

Deno.test("the library imports one way", async () => {
  const files = await readLibrary(root);
  assert(files.size >= 4, "the library's files were not found");
  assertEquals(checkLayers(files), []);
});

Deno.test("every published folder is a layer", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  );
  const folders = (config.publish.include as string[])
    .filter((path) => path.endsWith("/"))
    .map((path) => path.slice(0, -1));
  assertEquals(folders.filter((folder) => !LAYERS.includes(folder)), []);
});
