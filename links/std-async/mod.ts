/**
 * Stand-in for `jsr:@std/async`: the real std code (npm:deno-std) under our own
 * types.
 *
 * The package's async/mod.js cannot load (one of its files imports a folder
 * under a name that the package does not have), so the modules that stand alone
 * are named one by one.
 *
 * @module
 */
// @ts-types="./types/abortable.d.ts"
export * from "npm:deno-std@1.4.0/async/abortable.js";
// @ts-types="./types/deadline.d.ts"
export * from "npm:deno-std@1.4.0/async/deadline.js";
// @ts-types="./types/debounce.d.ts"
export * from "npm:deno-std@1.4.0/async/debounce.js";
// @ts-types="./types/delay.d.ts"
export * from "npm:deno-std@1.4.0/async/delay.js";
// @ts-types="./types/pool.d.ts"
export * from "npm:deno-std@1.4.0/async/pool.js";
// @ts-types="./types/retry.d.ts"
export * from "npm:deno-std@1.4.0/async/retry.js";
