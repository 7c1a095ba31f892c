/**
 * The C library on Node, through koffi, which the user installs beside this package.
 *
 * @module
 */

import { ReactorUnavailableError } from "./errors.ts";
import type { Binding, RawSymbols, Signatures } from "./libc_symbols.ts";

/** A function as koffi makes it. */
type KoffiFunction = (...args: unknown[]) => number;

/** What is used of koffi. */
export interface Koffi {
  load(path: string | null): { func(signature: string): KoffiFunction; unload(): void };
  errno(): number;
  proto(signature: string): unknown;
  pointer(type: unknown): unknown;
  register(callback: (...args: never[]) => unknown, type: unknown): unknown;
  unregister(callback: unknown): void;
  alloc(type: string, count: number): unknown;
  free(value: unknown): void;
}

interface HostModule {
  getBuiltinModule?(
    name: string,
  ): { createRequire(from: string): (name: string) => unknown } | undefined;
}

const TYPES: Record<string, string> = { i: "int", u: "uint", l: "int64_t", b: "void*" };

/** koffi, if the user has it. Required rather than imported, as a descriptor is wanted at once. */
export function loadKoffi(): Koffi {
  const { process } = globalThis as { process?: HostModule };
  const module = process?.getBuiltinModule?.("node:module");
  if (module === undefined) {
    throw new ReactorUnavailableError(
      "koffi",
      "this Node cannot load koffi from a module (Node 20.16 or later can)",
    );
  }
  try {
    const require = module.createRequire(import.meta.url);
    const name = "koffi";
    return require(name) as Koffi;
  } catch (cause) {
    throw new ReactorUnavailableError(
      "koffi",
      "koffi is not installed, by which Node calls the C library (npm install koffi)",
      { cause },
    );
  }
}

/** Binds the functions, which Node itself has loaded. */
export function bindKoffi(signatures: Signatures): Binding {
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const symbols: Record<string, KoffiFunction> = {};
  for (const [name, signature] of Object.entries(signatures)) {
    const parameters = [...signature.slice(0, -1)].map((kind) => TYPES[kind]);
    const result = TYPES[signature.at(-1)!];
    try {
      symbols[name] = library.func(`${result} ${name}(${parameters.join(", ")})`);
    } catch (cause) {
      throw new ReactorUnavailableError("library", `the C library has no ${name}`, { cause });
    }
  }
  return {
    via: "koffi",
    symbols: symbols as RawSymbols,
    errno: () => koffi.errno(),
    // koffi's async calls take the four threads that Node reads files and ends workers with: four
    // waits without end, and neither goes on.
    waitAsync: undefined,
    close: () => {},
  };
}
