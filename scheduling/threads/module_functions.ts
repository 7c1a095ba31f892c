/**
 * Functions that threads have: exports of a module, by name, or self-contained ones, by their text.
 *
 * A thread shares no functions with others. Each loads the module for itself, once; the types here
 * say what can be called in it, with what, and what comes back.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { readInlineText } from "./inline_function.ts";
import { UnreadableText } from "./source_tokens.ts";

/** Any function. */
export type AnyFunction = (...args: never[]) => unknown;

/**
 * The functions that a module exports, by name; `M` is `typeof import("./tasks.ts")`.
 *
 * @example
 * ```ts
 * import type { FunctionArgs, FunctionResult, ModuleFunctions, StreamItem } from "@vais/runtime";
 *
 * interface Tasks { // as `typeof import("./tasks.ts")` would be
 *   fib(n: number): number;
 *   load(url: string): Promise<Uint8Array>;
 *   lines(text: string): Generator<string, number>;
 *   readonly limit: 7;
 * }
 * const names: (keyof ModuleFunctions<Tasks>)[] = ["fib", "load", "lines"]; // not "limit"
 * const args: FunctionArgs<Tasks, "fib"> = [30];
 * const loaded: FunctionResult<Tasks, "load"> = new Uint8Array();
 * const line: StreamItem<Tasks, "lines"> = "first";
 * const count: FunctionResult<Tasks, "lines"> = 1;
 * console.log(names, args, loaded, line, count);
 * ```
 */
export type ModuleFunctions<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K & string : never]: M[K];
};

/** The names of the functions that a module exports. */
export type FunctionName<M> = keyof ModuleFunctions<M> & string;

/** What a function takes, by its name or as it is; of several overloads, the last. */
export type FunctionArgs<M, K extends FunctionName<M>> = M[K] extends (...args: infer A) => unknown
  ? A
  : never;

/** What a generator returns, what a promise resolves to, else the value itself. */
export type Unwrapped<R> = R extends
  Generator<unknown, infer T, never> | AsyncGenerator<unknown, infer T, never> ? Awaited<T>
  : Awaited<R>;

/** What calling a function in a thread comes to: its value, awaited; of a generator, what it returns. */
export type FunctionResult<M, K extends FunctionName<M>> = M[K] extends
  (...args: never[]) => infer R ? Unwrapped<R> : never;

/** What a generator, or another iterator or async iterable, yields, item by item. */
export type Yielded<R> = Awaited<R> extends
  | Iterator<infer Y, unknown, never>
  | AsyncIterator<infer Y, unknown, never>
  | AsyncIterable<infer Y> ? Awaited<Y>
  : never;

/** The names of the functions whose items can be streamed: generators and such. */
export type StreamName<M> = {
  [K in FunctionName<M>]: M[K] extends (...args: never[]) => infer R
    ? [Yielded<R>] extends [never] ? never : K
    : never;
}[FunctionName<M>];

/** An item of the stream of a function. */
export type StreamItem<M, K extends FunctionName<M>> = M[K] extends (...args: never[]) => infer R
  ? Yielded<R>
  : never;

/**
 * The text of a self-contained function, for {@linkcode compileInline} in another thread. Functions,
 * arrow functions, methods and accessors, async ones and generators.
 *
 * @throws {TypeError} If it is no function, native, bound or a class, or it uses names from around it: the message lists them
 *
 * @example
 * ```ts
 * import { assertEquals, assertThrows } from "@std/assert";
 * import { compileInline, inlineSource } from "@vais/runtime";
 *
 * const text = inlineSource((n: number) => Math.sqrt(n));
 * assertEquals(compileInline(text, "root")(9 as never), 3);
 *
 * const limit = 3;
 * assertThrows(() => inlineSource(() => limit), TypeError, "it uses limit");
 * ```
 */
export function inlineSource(fn: AnyFunction): string {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot send to a thread: ${typeOf(fn)} is no function`);
  }
  const text = Function.prototype.toString.call(fn);
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    throw refused(fn, "it is native or bound, so that its text is not to be had");
  }
  if (/^class\b/.test(text)) throw refused(fn, "it is a class (must be a function)");
  const { expression, captured, relativeImports } = read(fn, text);
  if (captured.length > 0) {
    const names = new Intl.ListFormat("en").format(captured);
    throw refused(
      fn,
      `it uses ${names} from around it (must be self-contained: pass values as arguments` +
        `${globalHint(captured)}, or export the function from the module that threads load)`,
    );
  }
  if (relativeImports.length > 0) {
    throw refused(
      fn,
      `it imports ${JSON.stringify(relativeImports[0])}, which only its own module can resolve ` +
        "(must be an absolute URL or the name of a package)",
    );
  }
  try {
    compileInline(expression, "");
  } catch (cause) {
    throw refused(fn, "its text cannot be compiled apart from its module", cause);
  }
  return expression;
}

function read(fn: AnyFunction, text: string): ReturnType<typeof readInlineText> {
  try {
    return readInlineText(text);
  } catch (cause) {
    if (!(cause instanceof UnreadableText)) throw cause;
    throw refused(fn, `its text cannot be read: ${cause.message}`, cause);
  }
}

function globalHint(names: readonly string[]): string {
  const first = names.find((name) => name in globalThis);
  return first === undefined ? "" : `, write globalThis.${first} if you mean the global one`;
}

function refused(fn: AnyFunction, why: string, cause?: unknown): TypeError {
  return new TypeError(
    `Cannot send function ${fn.name || "(anonymous)"} to a thread: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}

/**
 * The function of a text that {@linkcode inlineSource} answered, made in this thread. In strict mode.
 *
 * @param name What it is called in stacks, if it has no name of its own
 */
export function compileInline(text: string, name: string): AnyFunction {
  const fn = new Function(`"use strict"; return (${text}\n);`)() as AnyFunction;
  return fn.name === "" || fn.name === "method"
    ? Object.defineProperty(fn, "name", { value: name, configurable: true })
    : fn;
}
