/**
 * What does the library cost before it does anything: time to import `.`, and size of a bundle?
 *
 * Import: whole fresh processes, alternating, less the time of an empty program. On Deno the
 * library is its TypeScript source, as JSR serves it; on Node the npm package.
 * Size: bundled and minified by esbuild, gzipped.
 *
 * @module
 */
import type { Bench } from "./bench.ts";

/** See the head of this file. */
export const bench: Bench = {
  programs: {
    "empty": "",
    "import .": `import "@vais/runtime";`,
    "import effection": `import "effection";`,
    "import effect": `import "effect";`,
  },
  bundles: {
    "runtime + scopes": `export { Runtime, scope, TaskGroup } from "@vais/runtime";`,
    "all of .": `export * from "@vais/runtime";`,
    "effection": `export * from "effection";`,
    "effect": `export { Effect, Fiber } from "effect";`,
  },
  rows: [
    {
      work: "import of .",
      ours: "import .",
      reference: "import effection",
      goal: { atMost: 10, on: "deno" },
    },
    { work: "import of .", ours: "import .", reference: "import effect" },
    {
      work: "size, runtime + scopes",
      ours: "runtime + scopes",
      reference: "effection",
      unit: "KB",
      goal: { atMost: 12 },
    },
    { work: "size, all of .", ours: "all of .", reference: "effect", unit: "KB" },
  ],
  repeat: { processes: 1, warmups: 2, rounds: 21 },
};
