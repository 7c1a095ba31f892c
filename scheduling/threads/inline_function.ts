/**
 * Self-contained functions: their text is all that a thread needs to have them.
 *
 * A function that uses a name from around it (a variable, an import, a class) would find nothing
 * there. So its text is read, scope by scope, and each name that it uses must be its own or global.
 *
 * @module
 */

import { OWN_OF_FUNCTIONS } from "./source_expressions.ts";
import { SourceStatements } from "./source_statements.ts";

/** A function as its text tells it. */
export interface InlineText {
  /** The text as an expression: that of a method stands only in an object. */
  readonly expression: string;
  /** The names that it takes from around it, `this` and such included; none if it is self-contained. */
  readonly captured: readonly string[];
  /** The strings that it imports and that only its own module could resolve: `"./x.ts"`. */
  readonly relativeImports: readonly string[];
}

/**
 * Reads the text of a function: what `toString` answers. Takes some 20 µs for ten lines.
 *
 * Global names are what the host has under a capital letter (`Math`, `URL`, `Deno`) and well-known
 * functions (`fetch`, `setTimeout`). Others, such as `close` or `name`, are more often somebody's
 * own: a function that means the global one writes `globalThis.close`. That a name of your own
 * hides a global one cannot be seen: a captured `Cache` of yours would be the host's in the thread.
 *
 * `this`, `super`, `import.meta` and direct `eval` count as captured, in an arrow function `arguments`
 * and `new.target` too.
 *
 * @throws {UnreadableText} If it is not the text of one function
 */
export function readInlineText(text: string): InlineText {
  const read = new FunctionText(text);
  return {
    expression: read.rebuilt,
    captured: [...read.free].filter((name) => !isGlobal(name)),
    relativeImports: read.imports.filter((specifier) => /^\.{0,2}\//.test(specifier)),
  };
}

/** Global names in small letters that mean the global thing wherever they stand. */
const WELL_KNOWN: ReadonlySet<string> = new Set(
  ("undefined globalThis isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent " +
    "encodeURI encodeURIComponent atob btoa structuredClone queueMicrotask reportError fetch " +
    "setTimeout clearTimeout setInterval clearInterval setImmediate clearImmediate " +
    "console crypto performance navigator process").split(" "),
);

function isGlobal(name: string): boolean {
  return name in globalThis && (WELL_KNOWN.has(name) || /^\p{Lu}/u.test(name));
}

/** How a function is written. */
class FunctionText extends SourceStatements {
  readonly rebuilt: string;
  readonly free: ReadonlySet<string>;
  /** The next function to be read is the one that the text is of, and not an arrow function. */
  #isOutermost: boolean;

  constructor(text: string) {
    super(text);
    const isAsync = this.is("async");
    this.#isOutermost = this.is("function") || (isAsync && this.peek().text === "function");
    if (this.attempt(() => this.#asExpression())) this.rebuilt = text;
    else {
      this.#isOutermost = true;
      const head = this.#head();
      this.rebuilt = `({ ${head}${text.slice(this.token.start)} }).method`;
      this.functionText(head.includes("*"));
      this.#mustEnd();
    }
    this.free = this.scopes.free;
  }

  /** The function has a `this` of its own, but nobody will call it with one. */
  protected override functionText(isGenerator: boolean, own?: readonly string[]): void {
    if (!this.#isOutermost) return super.functionText(isGenerator, own);
    this.#isOutermost = false;
    super.functionText(isGenerator, OWN_OF_FUNCTIONS.filter((name) => name !== "this"));
  }

  #asExpression(): void {
    this.scopes.enter(false); // left only if it is one
    this.assignment();
    this.#mustEnd();
    this.scopes.leave();
  }

  /** Reads a method up to its parameters; answers the like for a method named `method`. */
  #head(): string {
    const isAsync = this.is("async") && this.peek().text !== "(";
    const isGenerator = this.modifiers(["get", "set", "async"]);
    const { here } = this.scopes;
    this.scopes.enter(false);
    this.key();
    this.scopes.back(here); // a computed key is the object's affair
    return `${isAsync ? "async " : ""}${isGenerator ? "*" : ""}method`;
  }

  #mustEnd(): void {
    if (this.token.kind !== "end") this.fail();
  }
}
