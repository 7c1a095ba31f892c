/**
 * The C library through `Deno.dlopen`.
 *
 * The soname needs `--allow-ffi`; where only one file was allowed (`--allow-ffi=/lib/…/libc.so.6`)
 * it is opened by that path, and the errno is copied instead of looked at, as raw pointers are
 * refused then.
 *
 * @module
 */

import { ReactorUnavailableError } from "./errors.ts";
import {
  type Binding,
  noLibrary,
  type RawSymbols,
  type Signatures,
  WAITING,
} from "./libc_symbols.ts";
import type { Platform } from "./platform.ts";

/** What is used of `Deno`. */
export interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<string, unknown>,
  ): { readonly symbols: RawSymbols; close(): void };
  readonly UnsafePointerView: { getArrayBuffer(pointer: object, bytes: number): ArrayBuffer };
  readonly permissions: { querySync(what: object): { readonly state: string } };
  readonly errors: { readonly NotCapable: new () => Error };
}

const TYPES: Record<string, string> = { i: "i32", u: "u32", l: "i64", b: "buffer" };

/** Files that may hold the C library, most usual first. */
export function pathsOf({ os, arch }: Platform): string[] {
  if (os === "darwin") return ["/usr/lib/libSystem.B.dylib"];
  if (os === "freebsd") return ["/lib/libc.so.7"];
  return [
    `/lib/${arch}-linux-gnu/libc.so.6`,
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
    `/lib/libc.musl-${arch}.so.1`,
    `/lib/ld-musl-${arch}.so.1`,
  ];
}

/** Names that the system's loader finds by itself. */
function sonames({ os, arch }: Platform): string[] {
  if (os === "darwin") return ["libSystem.B.dylib"];
  if (os === "freebsd") return ["libc.so.7"];
  return ["libc.so.6", `libc.musl-${arch}.so.1`];
}

/** Binds the functions; throws {@linkcode ReactorUnavailableError} when it may not or cannot. */
export function bindDeno(
  platform: Platform,
  signatures: Signatures,
  Deno: DenoFfi = (globalThis as unknown as { Deno: DenoFfi }).Deno,
): Binding {
  const location = platform.os === "linux" ? "__errno_location" : "__error";
  const state = (path?: string) =>
    Deno.permissions.querySync(path === undefined ? { name: "ffi" } : { name: "ffi", path }).state;
  const definitions: Record<string, unknown> = {
    // As a number, not a pointer object: that also works without the right to raw pointers.
    errnoAddress: { name: location, parameters: [], result: "usize" },
    errnoPointer: { name: location, parameters: [], result: "pointer" },
    memcpy: { parameters: ["buffer", "usize", "usize"], result: "void" },
  };
  for (const [name, signature] of Object.entries(signatures)) {
    const parameters = [...signature.slice(0, -1)].map((kind) => TYPES[kind]);
    const result = TYPES[signature.at(-1)!];
    definitions[name] = { parameters, result };
    if (WAITING.includes(name)) {
      definitions[`${name}_async`] = { name, parameters, result, nonblocking: true };
    }
  }
  const mayAsk = state() !== "denied";
  const granted = pathsOf(platform).filter((path) => state(path) === "granted");
  const candidates = state() === "granted" || granted.length === 0
    ? [...sonames(platform), ...pathsOf(platform)]
    : granted;
  let last: unknown;
  for (const path of candidates) {
    if (granted.length === 0 && !mayAsk) break;
    try {
      const library = Deno.dlopen(path, definitions);
      return makeBinding(Deno, library);
    } catch (error) {
      last = error;
      if (error instanceof Deno.errors.NotCapable) break;
    }
  }
  if (last === undefined || last instanceof Deno.errors.NotCapable) {
    throw new ReactorUnavailableError(
      "permission",
      `the C library may not be loaded (run with --allow-ffi, or with --allow-ffi=${
        pathsOf(platform)[0]
      })`,
      last === undefined ? undefined : { cause: last },
    );
  }
  throw noLibrary(candidates, last);
}

function makeBinding(
  Deno: DenoFfi,
  library: { readonly symbols: RawSymbols; close(): void },
): Binding {
  const { symbols } = library;
  return {
    via: "deno",
    symbols,
    errno: errnoReader(Deno, symbols),
    waitAsync: async (name, ...args) => {
      const answer: number = await symbols[`${name}_async`]!(...args);
      // It ran in a thread of its own, whose errno is gone; a signal is all that can end it early.
      return answer < 0 ? 0 : answer;
    },
    close: () => library.close(),
  };
}

/** Reads the errno of this thread: in place (4 ns), else by a copy (0.1 µs). */
function errnoReader(Deno: DenoFfi, symbols: RawSymbols): () => number {
  try {
    const cell = new Int32Array(
      Deno.UnsafePointerView.getArrayBuffer(symbols.errnoPointer!() as object, 4),
    );
    return () => cell[0]!;
  } catch {
    const address = symbols.errnoAddress!() as bigint;
    const bytes = new Uint8Array(4);
    const cell = new Int32Array(bytes.buffer);
    return () => {
      symbols.memcpy!(bytes, address, 4n);
      return cell[0]!;
    };
  }
}
