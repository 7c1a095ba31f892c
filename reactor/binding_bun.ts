/**
 * The C library through `bun:ffi`.
 *
 * @module
 */

import { type Binding, noLibrary, type RawSymbols, type Signatures } from "./libc_symbols.ts";
import type { Platform } from "./platform.ts";

/** What is used of `bun:ffi`. */
interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: (string | undefined)[]; returns: string | undefined }>,
  ): { readonly symbols: RawSymbols; close(): void };
  readonly read: { i32(pointer: number, offset: number): number };
}

const TYPES: Record<string, string> = { i: "i32", u: "u32", l: "i64", b: "ptr" };

/** Binds the functions. Bun has no call that waits beside the thread. */
export function bindBun(platform: Platform, signatures: Signatures): Binding {
  const { require } = import.meta as unknown as { require(name: string): unknown };
  const name = "bun:ffi";
  const { dlopen, read } = require(name) as BunFfi;
  const location = platform.os === "linux" ? "__errno_location" : "__error";
  const definitions: Record<string, { args: (string | undefined)[]; returns: string | undefined }> =
    { [location]: { args: [], returns: "ptr" } };
  for (const [symbol, signature] of Object.entries(signatures)) {
    definitions[symbol] = {
      args: [...signature.slice(0, -1)].map((kind) => TYPES[kind]),
      returns: TYPES[signature.at(-1)!],
    };
  }
  const candidates = platform.os === "darwin"
    ? ["libSystem.B.dylib"]
    : ["libc.so.6", `libc.musl-${platform.arch}.so.1`, "libc.so.7"];
  let last: unknown;
  for (const path of candidates) {
    try {
      const library = dlopen(path, definitions);
      const pointer: number = library.symbols[location]!();
      return {
        via: "bun",
        symbols: library.symbols,
        errno: () => read.i32(pointer, 0),
        waitAsync: undefined,
        close: () => library.close(),
      };
    } catch (error) {
      last = error;
    }
  }
  throw noLibrary(candidates, last);
}
