/**
 * Random functions, as text, with the names that they take from around them.
 *
 * @module
 */

interface Scope {
  readonly names: string[];
  readonly isFunction: boolean;
}

/** Literals full of what looks like names and ends. */
const LITERALS = [
  `"f0 ' \\" } \\\\"`,
  `'f1 " \` // no comment'`,
  "/f2['\"`/}]\\/(?<f3>x)/gu",
  "1e3",
  ".5",
  "0x1fn",
  "1_000.25",
  "1..toFixed",
  "null",
  "true",
  "[, ,]",
  "`f4 \\` $ {f5} \\${f0}`",
];
const BETWEEN = [" ", "  ", "\n", " /* f0 } ` */ ", " // f1 ' {\n", "\t"];
const INFIX = [
  "+",
  "-",
  "*",
  "**",
  "/",
  "%",
  "<",
  ">>>",
  "&&",
  "||",
  "===",
  "instanceof",
  "in",
  ",",
];

/** Makes one function from a seed; the same one each time. */
export class RandomSource {
  /** What it takes from around it. */
  readonly free = new Set<string>();
  #scopes: Scope[] = [];
  /** Names of scopes that are left: used again they are free. */
  readonly #gone: string[] = [];
  #state: number;
  #count = 0;
  #size = 60;
  #isAsync = false;
  #isGenerator = false;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** An arrow function, function, or method's text. */
  text(): string {
    const form = this.#below(6);
    if (form === 0) return this.#arrow();
    this.#isAsync = this.#below(2) === 0;
    this.#isGenerator = this.#below(2) === 0;
    const async = this.#isAsync ? "async " : "";
    const star = this.#isGenerator ? "*" : "";
    if (form === 1) return `${async}${star}${this.#key()}${this.#parametersAndBody()}`;
    if (form === 2) return `${async}function${star}${this.#parametersAndBody()}`;
    const name = this.#fresh();
    return this.#in(false, () => {
      this.#declare(name);
      return `${async}function ${star}${name}${this.#parametersAndBody()}`;
    });
  }

  #below(n: number): number {
    this.#state = Math.imul(this.#state, 1664525) + 1013904223 | 0;
    return (this.#state >>> 10) % n;
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)]!;
  }

  #some(most: number, make: () => string): string[] {
    return Array.from({ length: this.#below(most + 1) }, make);
  }

  #fresh(): string {
    return this.#one(["b", "$b", "_b", "bé", "of", "get", "async", "let_"]) + this.#count++;
  }

  #declare(name: string): string {
    this.#scopes.at(-1)!.names.push(name);
    return name;
  }

  #declareVar(name: string): string {
    this.#scopes.findLast((scope) => scope.isFunction)!.names.push(name);
    return name;
  }

  #in<T>(isFunction: boolean, make: () => T): T {
    this.#scopes.push({ names: [], isFunction });
    const made = make();
    this.#gone.push(...this.#scopes.pop()!.names);
    return made;
  }

  /** A name that is used here. */
  #use(): string {
    const visible = this.#scopes.flatMap(({ names }) => names);
    const from = this.#below(4);
    if (from > 1 && visible.length > 0) return this.#one(visible);
    const name = from === 1 && this.#gone.length > 0 ? this.#one(this.#gone) : `f${this.#below(6)}`;
    if (!visible.includes(name)) this.free.add(name);
    return name;
  }

  #key(): string {
    return this.#one(["f0", "get", "set", "async", "static", "of", "class", `"f1 {"`, "1.5"]);
  }

  #parametersAndBody(): string {
    return this.#in(true, () => {
      const parameters = this.#parameters();
      return `${parameters}${this.#in(true, () => this.#block())}`;
    });
  }

  /** Nothing can be awaited or yielded in them. */
  #parameters(): string {
    return this.#plain(() => {
      const declare = (name: string) => this.#declare(name);
      const list = this.#some(2, () => this.#withDefault(this.#pattern(declare, 1)));
      if (this.#below(4) === 0) list.push(`...${this.#declare(this.#fresh())}`);
      return `(${list.join(", ")})`;
    });
  }

  #withDefault(pattern: string): string {
    return this.#below(3) === 0 && this.#size > 0 ? `${pattern} = ${this.#operand()}` : pattern;
  }

  /** A pattern that declares names. */
  #pattern(declare: (name: string) => string, depth: number): string {
    const inner = () => this.#withDefault(this.#pattern(declare, depth - 1));
    switch (depth > 0 ? this.#below(5) : 4) {
      case 0:
        return `[${this.#one(["", ", "])}${inner()}, ...${declare(this.#fresh())}]`;
      case 1:
        return `{ ${this.#key()}: ${inner()}, [${this.#operand()}]: ${inner()} }`;
      case 2:
        return `{ ${declare(this.#fresh())} = ${this.#operand()}, ...${declare(this.#fresh())} }`;
      default:
        return declare(this.#fresh());
    }
  }

  #arrow(): string {
    const isAsync = this.#below(3) === 0;
    return this.#as(isAsync, false, () =>
      this.#in(true, () => {
        const parameters = this.#below(2) === 0 ? this.#declare(this.#fresh()) : this.#parameters();
        const body = this.#below(2) === 0
          ? this.#in(true, () => this.#block())
          : `(${this.#expression()})`;
        return `${isAsync ? "async " : ""}${parameters} => ${body}`;
      }));
  }

  #function(head: (async: string, star: string) => string): string {
    const isAsync = this.#below(3) === 0;
    const isGenerator = this.#below(3) === 0;
    return head(isAsync ? "async " : "", isGenerator ? "*" : "") +
      this.#as(isAsync, isGenerator, () => this.#parametersAndBody());
  }

  #expression(): string {
    const first = this.#operand();
    if (this.#below(2) === 0 || this.#size < 0) return first;
    switch (this.#below(4)) {
      case 0:
        return `(${first}) ? ${this.#operand()} : ${this.#operand()}`;
      case 1:
        return `${this.#use()} ${this.#one(["=", "+=", "??="])} ${first}`;
      default:
        return `(${first})${this.#one(BETWEEN)}${this.#one(INFIX)}${
          this.#one(BETWEEN)
        }(${this.#operand()})`;
    }
  }

  #operand(): string {
    if (this.#size-- < 0) return this.#use();
    switch (this.#below(17)) {
      case 0:
      case 1:
        return this.#use();
      case 2:
        return `(${this.#one(LITERALS)})`;
      case 3:
        return `\`f0\${${this.#expression()}}}{\${\`\${${this.#use()}}\`}\``;
      case 4:
        return `(${this.#arrow()})`;
      case 5:
        return `(${this.#function((async, star) => `${async}function${star}`)})`;
      case 6:
        return `({ ${this.#properties()} })`;
      case 7:
        return `[${this.#some(2, () => this.#operand()).join(", ")}, ...(${this.#operand()})]`;
      case 8:
        return `${this.#use()}?.f0.class${
          this.#one(BETWEEN)
        }[${this.#expression()}](...[${this.#use()}])`;
      case 9:
        return `new ${this.#use()}(${this.#operand()}).f1`;
      case 10:
        return `(${this.#one(["typeof", "void", "!", "-", "~"])} ${this.#operand()})`;
      case 11:
        return `${this.#use()}\`f2 \${${this.#use()}}\`.f3`;
      case 12:
        return `(class ${this.#class()})`;
      case 13:
        return this.#isAsync ? `(await ${this.#operand()})` : `(${this.#expression()})`;
      case 14:
        return this.#isGenerator ? `(yield${this.#one(["", " ", "* "])}(${this.#operand()}))` : "7";
      case 15:
        return `(function () { return [this, arguments, new.target]; })`;
      default:
        return `(${this.#use()} / ${this.#use()} / ${this.#one(LITERALS)})`;
    }
  }

  #properties(): string {
    return this.#some(3, () => {
      switch (this.#below(5)) {
        case 0:
          return this.#use();
        case 1:
          return `${this.#key()}: ${this.#operand()}`;
        case 2:
          return `[${this.#operand()}]: ${this.#operand()}`;
        case 3:
          return this.#function((async, star) => `${async}${star}${this.#key()}`);
        default:
          return `get ${this.#key()}() ${this.#plainBody()}`;
      }
    }).join(", ");
  }

  #plainBody(): string {
    return this.#plain(() => this.#in(true, () => this.#block()));
  }

  /** Makes what is in no async function and no generator. */
  #plain(make: () => string): string {
    return this.#as(false, false, make);
  }

  #as(isAsync: boolean, isGenerator: boolean, make: () => string): string {
    const around = [this.#isAsync, this.#isGenerator] as const;
    [this.#isAsync, this.#isGenerator] = [isAsync, isGenerator];
    const made = make();
    [this.#isAsync, this.#isGenerator] = around;
    return made;
  }

  /** What stands after `class`. */
  #class(): string {
    return this.#in(false, () => {
      const name = this.#below(2) === 0 ? `${this.#declare(this.#fresh())} ` : "";
      const from = this.#below(3) === 0 ? `extends (${this.#operand()}) ` : "";
      const members = this.#plain(() => this.#some(3, () => this.#member()).join(" "));
      return `${name}${from}{ ${members} }`;
    });
  }

  #member(): string {
    switch (this.#below(5)) {
      case 0:
        return `static #f${this.#count++} = ${this.#operand()};`;
      case 1:
        return `f1 = this.f2 + ${this.#operand()}\n;`;
      case 2:
        return `static ${this.#plainBody()}`;
      case 3:
        return this.#function((async, star) => `${this.#one(["", "static "])}${async}${star}f3`);
      default:
        return this.#one(["static;", "get;", "async = 1;", "async\n f4;"]);
    }
  }

  #block(): string {
    const lines = this.#some(4, () => this.#statement());
    // A name may be used before it is declared: also that which is declared last.
    const late = this.#fresh();
    return `{${this.#one(BETWEEN)}${lines.join(this.#one(["\n", " ", "\n\n"]))}; ${
      this.#below(4) === 0
        ? `() => ${late}; ${this.#one(["let", "var", "const"])} ${late} = 1;`
        : ""
    }}`;
  }

  #nested(): string {
    return this.#in(false, () => this.#block());
  }

  #statement(): string {
    if (this.#size < 0) return `${this.#use()};`;
    const declare = (name: string) => this.#declare(name);
    switch (this.#below(15)) {
      case 0:
        return `let ${this.#pattern(declare, 2)} = ${this.#operand()};`;
      case 1:
        return `var ${this.#declareVar(this.#fresh())}, ${
          this.#declareVar(this.#fresh())
        } = ${this.#operand()};`;
      case 2:
        return this.#nested();
      case 3: {
        const name = this.#declare(this.#fresh());
        return this.#function((async, star) => `${async}function ${star}${name}`);
      }
      case 4:
        return `class ${this.#declare(this.#fresh())} {}`;
      case 5:
        return `if (${this.#expression()}) ${this.#nested()} else ${this.#nested()}`;
      case 6:
        return this.#in(
          false,
          () => `for (const ${declare(this.#fresh())} of ${this.#operand()}) ${this.#nested()}`,
        );
      case 7:
        return this.#in(false, () => {
          const name = declare(this.#fresh());
          return `for (let ${name} = ("f0" in ${this.#use()}); ${name} < 1; ${name}++) ${this.#nested()}`;
        });
      case 8:
        return `for (${this.#use()} in ${this.#operand()}) ${this.#nested()}`;
      case 9: {
        const name = this.#fresh();
        return `try ${this.#nested()} catch (${name}) ${
          this.#in(false, () => (declare(name), this.#nested()))
        } finally ${this.#nested()}`;
      }
      case 10:
        return `f0: while (${this.#expression()}) { break f0; }`;
      case 11:
        return `switch (${this.#operand()}) { case ${this.#operand()}: ${
          this.#in(false, () => `let ${declare(this.#fresh())}; default: f1: ${this.#use()}`)
        } }`;
      case 12:
        return `do ${this.#nested()} while (${this.#operand()})`;
      case 13:
        return `${this.#use()}\n++${this.#use()}; throw ${this.#operand()};`;
      default:
        return `${this.#operand()}${this.#one([";", "\n;"])}`.replace(
          /^(?=\{|function|class)/,
          ";",
        );
    }
  }
}
