/**
 * A program whose output must be the same on Deno (from the sources) and on
 * Node (from the installed npm package). It prints what it sees, line by line.
 *
 * @module
 */
import * as runtime from "@vais/runtime";

console.log(Object.keys(runtime).sort().join("\n"));
