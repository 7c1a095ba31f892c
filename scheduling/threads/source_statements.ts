/**
 * Reads statements for the names that they declare and use.
 *
 * @module
 */

import { SourceExpressions } from "./source_expressions.ts";

/** Reads statements. */
export abstract class SourceStatements extends SourceExpressions {
  protected override block(): void {
    this.must("{");
    while (!this.takes("}")) this.#statement();
  }

  #blockScope(): void {
    this.scopes.enter(false);
    this.block();
    this.scopes.leave();
  }

  #statement(): void {
    const { kind, text } = this.token;
    if (kind !== "name" && kind !== "mark") return this.#expressionStatement();
    switch (text) {
      case "{":
        return this.#blockScope();
      case ";":
        return void this.advance();
      case "var":
      case "const":
        return this.#declaration();
      case "function":
        return this.#functionDeclaration();
      case "class": {
        const name = this.classText();
        if (name !== undefined) this.scopes.declare(name);
        return;
      }
      case "if":
        return this.#if();
      case "for":
        return this.#for();
      case "while":
        this.advance();
        this.#condition();
        return this.#statement();
      case "do":
        this.advance();
        this.#statement();
        this.must("while");
        this.#condition();
        return void this.takes(";");
      case "return":
      case "throw":
        this.advance();
        if (!this.#isOver()) this.expression();
        return this.#end();
      case "break":
      case "continue":
        this.advance();
        if (!this.#isOver()) this.mustName(); // a label
        return this.#end();
      case "debugger":
        this.advance();
        return this.#end();
      case "try":
        return this.#try();
      case "switch":
        return this.#switch();
    }
    // What comes after a mark may be no token: the text of a regular expression.
    if (kind === "mark") return this.#expressionStatement();
    if (this.#isDeclaration()) return this.#declaration();
    const next = this.peek();
    if (text === "async" && next.text === "function" && !next.startsLine) {
      this.advance();
      return this.#functionDeclaration();
    }
    if (next.text !== ":") return this.#expressionStatement();
    this.advance(); // a label
    this.advance();
    this.#statement();
  }

  /** `let`, `using` or `await using`, which are names too. */
  #isDeclaration(): boolean {
    const { text, kind } = this.token;
    if (kind !== "name" || !["let", "using", "await"].includes(text)) return false;
    const next = this.peek();
    if (text === "let" && (next.text === "[" || next.text === "{")) return true;
    const name = text === "await" && next.text === "using" ? this.tokenAfter(next) : next;
    if (text === "await" && name === next) return false;
    return name.kind === "name" && !["in", "of", "instanceof"].includes(name.text) &&
      (text === "let" || !name.startsLine);
  }

  /** Nothing more belongs to the statement. */
  #isOver(): boolean {
    const { kind, startsLine } = this.token;
    return startsLine || kind === "end" || this.is(";") || this.is("}");
  }

  #end(): void {
    if (!this.takes(";") && !this.#isOver()) this.fail();
  }

  #expressionStatement(): void {
    this.expression();
    this.#end();
  }

  #condition(): void {
    this.must("(");
    this.expression();
    this.must(")");
  }

  #declaration(): void {
    this.#declarators(false);
    this.#end();
  }

  #declarators(noIn: boolean): void {
    this.takes("await");
    const isVar = this.advance().text === "var";
    const declare = (name: string) =>
      isVar ? this.scopes.declareVar(name) : this.scopes.declare(name);
    do {
      this.binding(declare);
      if (this.takes("=")) this.assignment(noIn);
    } while (this.takes(","));
  }

  #functionDeclaration(): void {
    this.must("function");
    const isGenerator = this.takes("*");
    this.scopes.declare(this.mustName());
    this.functionText(isGenerator);
  }

  #if(): void {
    this.advance();
    this.#condition();
    this.#statement();
    if (this.takes("else")) this.#statement();
  }

  #for(): void {
    this.advance();
    this.takes("await");
    this.must("(");
    this.scopes.enter(false);
    if (!this.is(";")) {
      if (this.is("var") || this.is("const") || this.#isDeclaration()) this.#declarators(true);
      else this.expression(true);
    }
    if (this.takes("of") || this.takes("in")) this.expression();
    else {
      this.must(";");
      if (!this.is(";")) this.expression();
      this.must(";");
      if (!this.is(")")) this.expression();
    }
    this.must(")");
    this.#statement();
    this.scopes.leave();
  }

  #try(): void {
    this.advance();
    this.#blockScope();
    if (this.takes("catch")) {
      this.scopes.enter(false);
      if (this.takes("(")) {
        this.binding((name) => this.scopes.declare(name));
        this.must(")");
      }
      this.#blockScope();
      this.scopes.leave();
    }
    if (this.takes("finally")) this.#blockScope();
  }

  #switch(): void {
    this.advance();
    this.#condition();
    this.must("{");
    this.scopes.enter(false);
    while (!this.takes("}")) {
      if (this.takes("default")) this.must(":");
      else if (this.takes("case")) {
        this.expression();
        this.must(":");
      } else this.#statement();
    }
    this.scopes.leave();
  }
}
