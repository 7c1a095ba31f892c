/**
 * A user's program, compiled but not run: strict TypeScript must accept the
 * types of the installed npm package, under `node16` and `bundler` resolution.
 *
 * @module
 */
import * as root from "@vais/runtime";
import * as runtime from "@vais/runtime/runtime";
import * as scheduling from "@vais/runtime/scheduling";
import * as testing from "@vais/runtime/testing";

/** Every entry point, so that none of the imports is dropped. */
export const entryPoints: readonly object[] = [
  root,
  runtime,
  scheduling,
  testing,
];
