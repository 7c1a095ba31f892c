/**
 * The tokens of a JavaScript text that an engine has accepted already.
 *
 * Whether `/` divides or begins a regular expression, and where a template goes on, only the reader
 * knows: it asks for these by name.
 *
 * @module
 */

/** What a token is. */
export type TokenKind = "name" | "private" | "number" | "string" | "regexp" | "mark" | "end";

/** A token. */
export interface Token {
  readonly kind: TokenKind;
  /** As it stands in the text; a name with its escapes resolved. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** A line ended before it. */
  readonly startsLine: boolean;
}

/** The text cannot be read. */
export class UnreadableText extends Error {
  /** Where, and what was there. */
  constructor(text: string, at: number) {
    super(`unexpected ${JSON.stringify(text.slice(at, at + 20))} at ${at}`);
  }
}

const SPACE = /(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*[^]*?\*\/)*/y;
const LINE_END = /[\n\r\u2028\u2029]/;
const NAME =
  /#?(?:[$_\p{ID_Start}]|\\u[\da-fA-F]{4}|\\u\{[\da-fA-F]+\})(?:[$\u200c\u200d\p{ID_Continue}]|\\u[\da-fA-F]{4}|\\u\{[\da-fA-F]+\})*/uy;
const NUMBER = /(?:0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?[\d_]+)?)n?/y;
const STRING = /"(?:[^"\\\n\r]|\\(?:\r\n|[^]))*"|'(?:[^'\\\n\r]|\\(?:\r\n|[^]))*'/y;
const MARK =
  />>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|\+\+|--|\*\*|<<|>>|[-+*/%&|^]=|[-{}()[\];,<>+*/%&|^!~?:=.@`]/y;
const REGEXP = /\/(?:[^\\/[\n\r]|\\.|\[(?:[^\]\\\n\r]|\\.)*\])+\/[\w$]*/y;
const TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*(`|\$\{)/y;

/** Reads one text. */
export class SourceTokens {
  /** The text. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The token that begins at `from`, or after what says nothing. */
  after(from: number): Token {
    const start = from + (this.#match(SPACE, from)?.length ?? 0);
    const startsLine = LINE_END.test(this.text.slice(from, start));
    const token = (kind: TokenKind, text: string): Token => ({
      kind,
      text: text.includes("\\") && kind === "name" ? unescape(text) : text,
      start,
      end: start + text.length,
      startsLine,
    });
    if (start === this.text.length) return token("end", "");
    const name = this.#match(NAME, start);
    if (name !== undefined) return token(name.startsWith("#") ? "private" : "name", name);
    const number = this.#match(NUMBER, start);
    if (number !== undefined) return token("number", number);
    const string = this.#match(STRING, start);
    if (string !== undefined) return token("string", string);
    const mark = this.#match(MARK, start);
    if (mark !== undefined) return token("mark", mark);
    throw new UnreadableText(this.text, start);
  }

  /** The regular expression that begins at `start`. */
  regexp(start: number): Token {
    const text = this.#match(REGEXP, start);
    if (text === undefined) throw new UnreadableText(this.text, start);
    return { kind: "regexp", text, start, end: start + text.length, startsLine: false };
  }

  /** Where a template's text that goes on at `from` ends, and whether an expression follows. */
  template(from: number): { readonly end: number; readonly isOver: boolean } {
    const text = this.#match(TEMPLATE, from);
    if (text === undefined) throw new UnreadableText(this.text, from);
    return { end: from + text.length, isOver: text.endsWith("`") };
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at;
    return pattern.exec(this.text)?.[0];
  }
}

function unescape(name: string): string {
  return name.replace(
    /\\u(?:([\da-fA-F]{4})|\{([\da-fA-F]+)\})/g,
    (_, four, braced) => String.fromCodePoint(parseInt(four ?? braced, 16)),
  );
}
