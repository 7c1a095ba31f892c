/**
 * Reads a text token by token, for the names in it.
 *
 * @module
 */

import { SourceScopes } from "./source_scopes.ts";
import { SourceTokens, type Token, UnreadableText } from "./source_tokens.ts";

/** A text, the place in it, and the names so far. */
export abstract class SourceReader {
  protected readonly scopes: SourceScopes = new SourceScopes();
  readonly #tokens: SourceTokens;
  #token: Token;

  constructor(text: string) {
    this.#tokens = new SourceTokens(text);
    this.#token = this.#tokens.after(0);
  }

  /** The token that is read next. */
  protected get token(): Token {
    return this.#token;
  }

  /** Whether the next token is the mark or keyword. */
  protected is(text: string): boolean {
    const { kind } = this.#token;
    return this.#token.text === text && kind !== "string" && kind !== "regexp";
  }

  /** Takes the next token, if it is the mark or keyword. */
  protected takes(text: string): boolean {
    if (!this.is(text)) return false;
    this.advance();
    return true;
  }

  /** Takes the next token, which must be the mark or keyword. */
  protected must(text: string): void {
    if (!this.takes(text)) this.fail();
  }

  /** Takes the next token, which must be a name. */
  protected mustName(): string {
    if (this.#token.kind !== "name") this.fail();
    return this.advance().text;
  }

  /** Takes the next token. */
  protected advance(): Token {
    const token = this.#token;
    this.#token = this.#tokens.after(token.end);
    return token;
  }

  /** The token after the next one. */
  protected peek(): Token {
    return this.tokenAfter(this.#token);
  }

  /** The token after another one. */
  protected tokenAfter(token: Token): Token {
    return this.#tokens.after(token.end);
  }

  /** The text cannot be read. */
  protected fail(): never {
    throw new UnreadableText(this.#tokens.text, this.#token.start);
  }

  /** Takes a regular expression, which begins at the next token. */
  protected takeRegExp(): void {
    this.#token = this.#tokens.regexp(this.#token.start);
    this.advance();
  }

  /** Takes a template, which begins with the next token; `expression` reads what stands in it. */
  protected takeTemplate(expression: () => void): void {
    let at = this.#token.end;
    for (;;) {
      const { end, isOver } = this.#tokens.template(at);
      this.#token = this.#tokens.after(end);
      if (isOver) return;
      expression();
      if (!this.is("}")) this.fail();
      at = this.#token.end;
    }
  }

  /** Reads on as `read` does; if the text is not such, nothing was read. */
  protected attempt(read: () => void): boolean {
    const token = this.#token;
    const here = this.scopes.here;
    try {
      read();
      return true;
    } catch (error) {
      if (!(error instanceof UnreadableText)) throw error;
      this.#token = token;
      this.scopes.back(here);
      return false;
    }
  }
}
