/**
 * Functions and their numbers, on the engine's thread: what is called gets a number, which workers are told once.
 *
 * Functions made again and again by the same expression are one function: they are known by their text.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import type { TaskFunction } from "./dispatch_types.ts";
import type { CallKind, FunctionSource } from "./function_source.ts";
import { inlineSource } from "./module_functions.ts";

/** Functions by name, by text and by number. */
export class FunctionTable {
  readonly #module: string | undefined;
  readonly #define: (source: FunctionSource) => void;
  /** By export name, of each kind. */
  readonly #named: Record<CallKind, Map<string, number>> = { call: new Map(), stream: new Map() };
  /** By text. */
  readonly #coded: Record<CallKind, Map<string, number>> = { call: new Map(), stream: new Map() };
  /** By identity: spares the text. */
  readonly #known: Record<CallKind, WeakMap<TaskFunction, number>> = {
    call: new WeakMap(),
    stream: new WeakMap(),
  };
  readonly #names: string[] = [];
  #exports: ReadonlySet<string> | undefined;

  /** Functions are exports of `module`; `define` makes one known to all workers. */
  constructor(module: string | undefined, define: (source: FunctionSource) => void) {
    this.#module = module;
    this.#define = define;
  }

  /** What the module exports: from now on other names are refused at once. */
  set exports(names: readonly string[]) {
    this.#exports = new Set(names);
  }

  /**
   * The number of a function.
   *
   * @throws {TypeError} If it is neither a name nor a function, the module has no such export, or it is not
   * self-contained
   */
  numberOf(callable: unknown, kind: CallKind, action: string): number {
    if (typeof callable === "string") {
      return this.#named[kind].get(callable) ?? this.#addNamed(callable, kind, action);
    }
    if (typeof callable === "function") {
      const fn = callable as TaskFunction;
      return this.#known[kind].get(fn) ?? this.#addCode(fn, kind);
    }
    throw new TypeError(
      `Cannot ${action}: fn is ${
        typeOf(callable)
      } (must be the name of an export, or a self-contained function)`,
    );
  }

  /** The name of a function, for errors. */
  nameOf(fn: number): string {
    return this.#names[fn]!;
  }

  #addNamed(name: string, kind: CallKind, action: string): number {
    if (this.#module === undefined) {
      throw new TypeError(
        `Cannot ${action} ${JSON.stringify(name)}: the engine was made without a module ` +
          '(pass module: new URL("./tasks.ts", import.meta.url), or a function)',
      );
    }
    if (this.#exports !== undefined && !this.#exports.has(name)) {
      throw new TypeError(
        `Cannot ${action} ${JSON.stringify(name)}: ${
          short(this.#module)
        } exports no such function ` +
          `(it exports ${[...this.#exports].join(", ") || "none"})`,
      );
    }
    const fn = this.#add({ kind, name });
    this.#named[kind].set(name, fn);
    return fn;
  }

  #addCode(callable: TaskFunction, kind: CallKind): number {
    const code = inlineSource(callable);
    let fn = this.#coded[kind].get(code);
    if (fn === undefined) {
      fn = this.#add({ kind, name: callable.name || "inline function", code });
      this.#coded[kind].set(code, fn);
    }
    this.#known[kind].set(callable, fn);
    return fn;
  }

  #add(source: Omit<FunctionSource, "fn">): number {
    const fn = this.#names.length;
    this.#names.push(source.name);
    this.#define({ fn, ...source });
    return fn;
  }
}

/** A module's URL, not too long. */
function short(url: string): string {
  return url.length <= 80 ? url : `${url.slice(0, 60)}…`;
}
