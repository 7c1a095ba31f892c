/**
 * Functions for threads: what a module's are in types, and self-contained ones by their text.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readInlineText } from "../../scheduling/threads/inline_function.ts";
import {
  type AnyFunction,
  compileInline,
  type FunctionArgs,
  type FunctionName,
  type FunctionResult,
  inlineSource,
  type StreamItem,
  type StreamName,
} from "../../scheduling/threads/module_functions.ts";
import { test } from "../support/test.ts";
import { hear, libraryFile, program } from "../support/threads_hosts_entries.ts";
import { RandomSource } from "../support/threads_hosts_sources.ts";

/** As `typeof import("./tasks.ts")` would be. */
interface Tasks {
  fib(n: number): number;
  load(url: string, options?: { retries: number }): Promise<Uint8Array>;
  lines(text: string): Generator<string, number>;
  pages(): AsyncGenerator<Promise<Date>, boolean>;
  items(): AsyncIterable<URL>;
  greet(): string;
  readonly limit: 7;
  readonly Shape: new (n: number) => { n: number };
}

/** Compiles only when the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

test("the types of a module's functions: names, arguments, results, items", () => {
  const same: {
    names: Same<FunctionName<Tasks>, "fib" | "load" | "lines" | "pages" | "items" | "greet">;
    args: Same<FunctionArgs<Tasks, "load">, Parameters<Tasks["load"]>>;
    sync: Same<FunctionResult<Tasks, "fib">, number>;
    async: Same<FunctionResult<Tasks, "load">, Uint8Array>;
    generator: Same<FunctionResult<Tasks, "lines">, number>;
    asyncGenerator: Same<FunctionResult<Tasks, "pages">, boolean>;
    streams: Same<StreamName<Tasks>, "lines" | "pages" | "items">;
    item: Same<StreamItem<Tasks, "lines">, string>;
    asyncItem: Same<StreamItem<Tasks, "pages">, Date>;
    iterable: Same<StreamItem<Tasks, "items">, URL>;
    notAStream: Same<StreamItem<Tasks, "greet" | "load">, never>;
  } = {
    names: true,
    args: true,
    sync: true,
    async: true,
    generator: true,
    asyncGenerator: true,
    streams: true,
    item: true,
    asyncItem: true,
    iterable: true,
    notAStream: true,
  };
  assert(Object.values(same).every(Boolean));
});

const limit = 3;
class Mine {}
/** Functions that can be sent, with arguments; what they answer in a thread must be what they answer here. */
const SENDABLE: Record<string, readonly [fn: (...args: never[]) => unknown, ...args: unknown[]]> = {
  arrow: [(n: number) => n + 1, 1],
  "arrow with a block": [(n: number) => {
    return Math.sqrt(n);
  }, 9],
  "named, recursive": [function fib(n: number): number {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
  }, 10],
  "async arrow": [async (n: number) => await Promise.resolve(n), 2],
  "async function": [async function (n: number) {
    const { basename } = await import("node:path");
    return basename(`/a/${n}`);
  }, 2],
  generator: [function* (n: number) {
    for (let i = 0; i < n; i++) yield i;
  }, 3],
  "async generator": [async function* (n: number) {
    yield await Promise.resolve(n);
  }, 3],
  method: [
    {
      add(a: number, b: number) {
        return a + b;
      },
    }.add,
    1,
    2,
  ],
  "method named async": [
    {
      async(a: number) {
        return a;
      },
    }.async,
    1,
  ],
  "async generator method with a computed key": [
    {
      async *[`x${limit}`](n: number) {
        yield n;
      },
    }[`x${limit}`]!,
    4,
  ],
  getter: [
    Object.getOwnPropertyDescriptor({
      get size() {
        return 5;
      },
    }, "size")!.get!,
  ],
  "static method": [
    class {
      static twice(n: number) {
        return 2 * n;
      }
    }.twice,
    4,
  ],
  destructuring: [
    ({ a, b: { c = 4 } = {}, ...rest }: {
      a: number;
      b?: { c?: number };
      x: number;
    }, [d, , e]: number[] = [1, 2, 3]) => {
      const { x: y } = rest;
      return [a, c, d, e, y];
    },
    { a: 1, x: 5 },
  ],
  "inner functions, classes, labels": [(n: number) => {
    class Inner {
      #n = n;
      get twice() {
        return this.#n * 2;
      }
    }
    function add(a: number) {
      return [...arguments].length + a;
    }
    outer: for (;;) {
      for (const limit of [1, 2]) {
        if (limit === 2) break outer;
      }
    }
    return add(new Inner().twice);
  }, 4],
  "text full of names": [
    (s: string) => `limit ${s.replace(/limit['"`}]/g, "Mine")} // ${"limit"}`, /* limit */
    "limit}",
  ],
  "a parameter that shadows": [(limit: number) => limit, 8],
  "a global by its own name": [() => typeof globalThis.close === "function" || typeof URL],
};

test(`self-contained functions of ${Object.keys(SENDABLE).length} forms run in a worker as here`, async () => {
  const heard = await hear({
    entry: program(
      `port.onMessage(async ([text, args]) => {
        const result = await compileInline(text, "sent")(...args);
        port.post(typeof result?.next === "function" ? await collect(result) : result);
      });`,
      `import { compileInline } from "${libraryFile("scheduling/threads/module_functions")}";
       const collect = ${collect};`,
    ),
  });
  for (const [name, [fn, ...args]] of Object.entries(SENDABLE)) {
    const local: unknown = await fn(...args as never[]);
    heard.worker.post([inlineSource(fn), args]);
    const got = await heard.next();
    assertEquals(got, isIterator(local) ? await collect(local) : local, name);
  }
  await heard.worker.terminate();
});

function isIterator(value: unknown): value is AsyncIterable<unknown> {
  return typeof (value as Iterator<unknown>)?.next === "function";
}

async function collect(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const got = [];
  for await (const item of items) got.push(item);
  return got;
}

test("a function keeps its name, else has the one it is given", () => {
  assertEquals(compileInline(inlineSource(function own() {}), "given").name, "own");
  assertEquals(compileInline(inlineSource(() => {}), "given").name, "given");
  assertEquals(compileInline(inlineSource({ m() {} }.m), "m").name, "m");
});

/** Functions that cannot be sent, and what the error names. */
const escape = 1, name = 2;
const REFUSED: Record<string, readonly [fn: unknown, says: string]> = {
  "a captured variable": [() => limit, "it uses limit from around it"],
  "several": [(n: number) => limit + n + name, "it uses limit and name from around it"],
  "a captured class": [() => new Mine(), "it uses Mine "],
  "one in a default": [(a = limit) => a, "it uses limit "],
  "one in a template": [() => `${`${limit}`}`, "it uses limit "],
  "one as a shorthand": [() => ({ limit }), "it uses limit "],
  "one that is assigned": [() => ([sink] = [1]), "it uses sink "],
  "one out of the scope of its namesake": [() => {
    for (const limit of [1]) void limit;
    return limit;
  }, "it uses limit "],
  "one before a var of the body, in a default": [
    new Function("return (a = b) => { var b = 1; return a + b; }")(),
    "it uses b ",
  ],
  "a name that is global too": [() => escape, "write globalThis.escape if you mean the global one"],
  "this, in an arrow function": [new Function("return () => this")(), "it uses this "],
  "this, in a function": [function (this: unknown) {
    return this;
  }, "it uses this "],
  "this, in a method": [
    {
      m(): unknown {
        return this;
      },
    }.m,
    "it uses this ",
  ],
  "arguments of another": [new Function("return () => arguments")(), "it uses arguments "],
  "eval": [new Function("return eval('1')"), "it uses eval "],
  "import.meta": [() => import.meta.url, "it uses import.meta "],
  "a relative import": [
    new Function("return import('../support/skip.ts')"),
    'it imports "../support/',
  ],
  "a native function": [Math.max, "it is native or bound"],
  "a bound function": [function f() {}.bind(null), "it is native or bound"],
  "a class": [Mine, "it is a class"],
  "no function": ["fib", 'the string "fib" is no function'],
  "nothing": [undefined, "undefined undefined is no function"],
};
let sink = 0;
void sink;

for (const [what, [fn, says]] of Object.entries(REFUSED)) {
  test(`refused as inline function: ${what}`, () => {
    const error = assertThrows(() => inlineSource(fn as AnyFunction), TypeError);
    assertStringIncludes(error.message, says);
    assert(error.message.startsWith("Cannot send "), error.message);
  });
}

test("random functions: the free names are those that were put there", () => {
  let most = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const made = new RandomSource(seed);
      const text = made.text();
      // The generator's own mistakes: the engine must take the text too.
      const rebuilt = readRebuilt(text);
      compileInline(rebuilt, "");
      const { captured } = readInlineText(text);
      assertEquals([...captured].sort(), [...made.free].sort(), text);
      most = Math.max(most, captured.length);
    }),
    { numRuns: 1_000 },
  );
  assert(most >= 6, `they must not all be small: ${most}`);
});

function readRebuilt(text: string): string {
  try {
    return readInlineText(text).expression;
  } catch (cause) {
    throw new Error(`Cannot read ${text}`, { cause });
  }
}
