/**
 * Reads expressions for the names that they use. How operators bind does not matter here: operands
 * and operators are taken as they come.
 *
 * @module
 */

import { SourceReader } from "./source_reader.ts";

/** What an arrow function takes over from where it stands; other functions have their own. */
export const OWN_OF_FUNCTIONS: readonly string[] = ["this", "arguments", "new.target"];

const PREFIXES = new Set(["!", "~", "+", "-", "++", "--", "typeof", "void", "delete", "await"]);
const INFIXES = new Set(
  "+ - * / % ** == != === !== < > <= >= << >> >>> & | ^ && || ?? = += -= *= /= %= **= <<= >>= >>>= &= |= ^= &&= ||= ??= instanceof"
    .split(" "),
);
const LITERALS = new Set(["null", "true", "false"]);
const AFTER_EMPTY_YIELD = new Set([")", "]", "}", ",", ";", ":", "in", "of", ""]);
const AFTER_KEY = new Set(["(", ":", ",", "}", "=", ";"]);

/** Reads expressions, functions and classes. */
export abstract class SourceExpressions extends SourceReader {
  /** Texts of the strings that are imported dynamically. */
  readonly imports: string[] = [];
  #inGenerator = false;

  /** The statements of a block, from `{` to `}`. */
  protected abstract block(): void;

  // ---- expressions --------------------------------------------------------------------------------

  /** An expression with its commas. */
  protected expression(noIn = false): void {
    do this.assignment(noIn); while (this.takes(","));
  }

  /** An expression without commas. */
  protected assignment(noIn = false): void {
    for (;;) {
      if (this.#inGenerator && this.takes("yield")) return this.#yielded(noIn);
      while (PREFIXES.has(this.token.text) && this.#isWord()) this.advance();
      this.#operand(noIn);
      if (!this.#isWord()) return;
      if (INFIXES.has(this.token.text) || (!noIn && this.is("in"))) {
        this.advance();
        continue;
      }
      if (!this.takes("?")) return;
      this.assignment();
      this.must(":");
      return this.assignment(noIn);
    }
  }

  #yielded(noIn: boolean): void {
    const { startsLine, text } = this.token;
    if (startsLine || AFTER_EMPTY_YIELD.has(text)) return;
    this.takes("*");
    this.assignment(noIn);
  }

  /** Not a string that looks like a mark or keyword. */
  #isWord(): boolean {
    return this.token.kind === "mark" || this.token.kind === "name";
  }

  #operand(noIn: boolean): void {
    if (this.#primary(noIn)) this.#suffixes();
  }

  /** Answers whether something may follow: nothing follows an arrow function. */
  #primary(noIn: boolean): boolean {
    const { kind, text } = this.token;
    switch (kind) {
      case "name":
        return this.#word(noIn);
      case "mark":
        break;
      case "end":
      case "regexp":
        return this.fail();
      default: // a literal, or a private name before `in`
        this.advance();
        return true;
    }
    switch (text) {
      case "(":
        if (this.#arrow(false, noIn)) return false;
        this.advance();
        this.expression();
        this.must(")");
        return true;
      case "[":
        this.#list("]");
        return true;
      case "{":
        this.#objectLiteral();
        return true;
      case "`":
        this.takeTemplate(() => this.expression());
        return true;
      case "/":
      case "/=":
        this.takeRegExp();
        return true;
      default:
        return this.fail();
    }
  }

  #word(noIn: boolean): boolean {
    const { text } = this.token;
    const next = this.peek();
    if (text === "async" && !next.startsLine) {
      if (next.text === "function") {
        this.advance();
        return this.#functionExpression();
      }
      if (next.text === "(" && this.#arrow(true, noIn)) return false;
      if (next.kind === "name" && this.#arrow(true, noIn)) return false;
    }
    if (next.text === "=>" && this.#arrow(false, noIn)) return false;
    switch (text) {
      case "function":
        return this.#functionExpression();
      case "class":
        this.classText();
        return true;
      case "new":
        this.advance();
        if (!this.takes(".")) this.#operand(noIn);
        else {
          this.advance();
          this.scopes.use("new.target");
        }
        return true;
      case "import":
        return this.#import();
    }
    this.advance();
    if (!LITERALS.has(text)) this.scopes.use(text);
    return true;
  }

  #import(): boolean {
    this.advance();
    if (this.takes(".")) {
      this.advance();
      this.scopes.use("import.meta");
    } else {
      const specifier = this.peek();
      if (specifier.kind === "string") this.imports.push(specifier.text.slice(1, -1));
    }
    return true;
  }

  #suffixes(): void {
    for (;;) {
      const { text, kind, startsLine } = this.token;
      if (kind !== "mark") return;
      if (text === "." || text === "?.") {
        this.advance();
        if (this.token.kind === "name" || this.token.kind === "private") this.advance();
      } else if (text === "[") {
        this.advance();
        this.expression();
        this.must("]");
      } else if (text === "(") {
        this.#list(")");
      } else if (text === "`") {
        this.takeTemplate(() => this.expression());
      } else if ((text === "++" || text === "--") && !startsLine) {
        this.advance();
      } else return;
    }
  }

  /** Elements of an array or arguments of a call. */
  #list(end: string): void {
    this.advance();
    while (!this.takes(end)) {
      if (this.takes(",")) continue;
      this.takes("...");
      this.assignment();
      if (!this.is(end)) this.must(",");
    }
  }

  #objectLiteral(): void {
    this.must("{");
    while (!this.takes("}")) {
      if (this.takes("...")) this.assignment();
      else this.#property();
      if (!this.is("}")) this.must(",");
    }
  }

  #property(): void {
    const isGenerator = this.modifiers(["get", "set", "async"]);
    const name = this.key();
    if (this.is("(")) return this.functionText(isGenerator, OWN_OF_METHODS);
    if (this.takes(":")) return this.assignment();
    if (name === undefined) this.fail();
    this.scopes.use(name);
    if (this.takes("=")) this.assignment();
  }

  // ---- functions and classes ----------------------------------------------------------------------

  /** Words before a key, unless they are the key; answers whether it is a generator's. */
  protected modifiers(words: readonly string[]): boolean {
    while (this.token.kind === "name" && words.includes(this.token.text)) {
      const next = this.peek();
      if (AFTER_KEY.has(next.text) && next.kind === "mark") break;
      // A field named so, which ends with its line.
      if (next.startsLine && this.is("async")) break;
      this.advance();
    }
    return this.takes("*");
  }

  /** A key of an object or class; answers the name, if it is one. */
  protected key(): string | undefined {
    const { kind, text } = this.token;
    if (kind === "mark") {
      this.must("[");
      this.assignment();
      this.must("]");
      return undefined;
    }
    this.advance();
    return kind === "name" ? text : undefined;
  }

  #functionExpression(): true {
    this.must("function");
    const isGenerator = this.takes("*");
    const name = this.is("(") ? [] : [this.mustName()];
    this.scopes.enter(false, name);
    this.functionText(isGenerator);
    this.scopes.leave();
    return true;
  }

  /** Parameters and body; `own` are the names that the function has of itself. */
  protected functionText(
    isGenerator: boolean,
    own: readonly string[] = OWN_OF_FUNCTIONS,
  ): void {
    this.#inside(isGenerator, own, () => {
      this.#parameters();
      this.scopes.enter(true);
      this.block();
      this.scopes.leave();
    });
  }

  /** In the scope of a function's parameters. */
  #inside(isGenerator: boolean, own: readonly string[], read: () => void): void {
    const around = this.#inGenerator;
    this.#inGenerator = isGenerator;
    this.scopes.enter(true, own);
    read();
    this.scopes.leave();
    this.#inGenerator = around;
  }

  #parameters(): void {
    this.must("(");
    while (!this.takes(")")) {
      this.takes("...");
      this.bindingWithDefault((name) => this.scopes.declare(name));
      if (!this.is(")")) this.must(",");
    }
  }

  /** Reads an arrow function, if one stands here; else nothing is read. */
  #arrow(isAsync: boolean, noIn: boolean): boolean {
    const inGenerator = this.#inGenerator;
    const isArrow = this.attempt(() => {
      if (isAsync) this.advance();
      this.scopes.enter(true);
      if (this.is("(")) this.#parameters();
      else this.scopes.declare(this.mustName());
      if (!this.is("=>") || this.token.startsLine) this.fail();
    });
    if (!isArrow) {
      this.#inGenerator = inGenerator;
      return false;
    }
    this.advance();
    this.#inGenerator = false;
    if (this.is("{")) {
      this.scopes.enter(true);
      this.block();
      this.scopes.leave();
    } else this.assignment(noIn);
    this.#inGenerator = inGenerator;
    this.scopes.leave();
    return true;
  }

  /** A name or pattern that is declared, and what it is by default. */
  protected bindingWithDefault(declare: (name: string) => void): void {
    this.binding(declare);
    if (this.takes("=")) this.assignment();
  }

  /** A name or pattern that is declared. */
  protected binding(declare: (name: string) => void): void {
    if (this.takes("[")) {
      while (!this.takes("]")) {
        if (this.takes(",")) continue;
        this.takes("...");
        this.bindingWithDefault(declare);
      }
    } else if (this.takes("{")) {
      while (!this.takes("}")) {
        if (this.takes("...")) declare(this.mustName());
        else {
          const name = this.key();
          if (this.takes(":")) this.bindingWithDefault(declare);
          else {
            if (name === undefined) this.fail();
            declare(name);
            if (this.takes("=")) this.assignment();
          }
        }
        if (!this.is("}")) this.must(",");
      }
    } else declare(this.mustName());
  }

  /** A class; answers its name. */
  protected classText(): string | undefined {
    this.must("class");
    const name = this.is("{") || this.is("extends") ? undefined : this.mustName();
    this.scopes.enter(false, name === undefined ? [] : [name]);
    if (this.takes("extends")) this.#operand(false);
    this.must("{");
    while (!this.takes("}")) {
      if (!this.takes(";")) this.#member();
    }
    this.scopes.leave();
    return name;
  }

  #member(): void {
    if (this.is("static") && this.peek().text === "{") {
      this.advance();
      return this.#inside(false, OWN_OF_METHODS, () => this.block());
    }
    const isGenerator = this.modifiers(["static", "get", "set", "async", "accessor"]);
    this.key();
    if (this.is("(")) this.functionText(isGenerator, OWN_OF_METHODS);
    else if (this.takes("=")) this.#inside(false, OWN_OF_METHODS, () => this.assignment());
  }
}

/** Methods, and what else runs as part of a class, know `super` too. */
const OWN_OF_METHODS: readonly string[] = [...OWN_OF_FUNCTIONS, "super"];
