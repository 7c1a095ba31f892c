/**
 * Stand-in for `jsr:@std/assert`, so that the tests run where only the npm
 * registry can be reached: the real std code (npm:deno-std) under our own types.
 *
 * Only tests import it. The library itself imports nothing.
 *
 * @module
 */
// @ts-types="./types.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
