/**
 * Structured concurrency for Deno, Node and Bun.
 *
 * @module
 */
export * from "./memory/mod.ts";
export * from "./runtime/mod.ts";
export * from "./reactor/mod.ts";
export * from "./scheduling/mod.ts";
