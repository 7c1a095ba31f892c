/**
 * Holds the library's imports to one direction.
 *
 *     memory/ -> runtime/ -> reactor/ -> scheduling/ -> testing/ -> mod.ts
 *
 * A folder imports only from itself and from folders to its left. Files form no
 * cycle. A `mod.ts` is a front door: only a `mod.ts` re-exports, and only a
 * `mod.ts` may take from another one; everybody else names the exact file. The
 * library imports nothing from outside, except `node:` built-ins.
 *
 * All import forms count: `import`, `import type`, `export … from`,
 * `import("…")`, also as a type. A computed `import(name)` cannot be seen.
 *
 * The specifiers are read by a small tokenizer rather than `deno info`: it works
 * on files that exist only in a test, needs no process per file, and sees a
 * type import as well as any other. It knows comments, strings, templates and
 * regular expressions, so text that merely looks like an import does not count.
 *
 *     deno run -A scripts/check_layers.ts
 *
 * @module
 */

/** The folders, from left to right; the root `mod.ts` comes after them all. */
export const LAYERS: readonly string[] = [
  "memory",
  "runtime",
  "reactor",
  "scheduling",
  "testing",
];

/** One import or re-export as it stands in a file. */
export interface Import {
  /** What is between the quotes. */
  specifier: string;
  /** Whether it is an `export … from`. */
  reExport: boolean;
}

/** Tells what is wrong with `files` (path from the root -> source text). */
export function checkLayers(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, source] of files) {
    const targets: string[] = [];
    graph.set(file, targets);
    for (const found of importsOf(source)) {
      const target = resolve(file, found.specifier);
      if (target !== undefined && files.has(target)) targets.push(target);
      const problem = problemWith(file, found, target, files);
      if (problem !== undefined) problems.push(`${file}: ${problem}`);
    }
  }
  for (const cycle of cyclesIn(graph)) {
    problems.push(`${cycle[0]}: imports itself: ${cycle.join(" -> ")}`);
  }
  return problems;
}

function problemWith(
  file: string,
  { specifier, reExport }: Import,
  target: string | undefined,
  files: ReadonlyMap<string, string>,
): string | undefined {
  if (reExport && !isBarrel(file)) {
    return `re-exports "${specifier}" (only a mod.ts re-exports)`;
  }
  if (target === undefined) {
    return specifier.startsWith("node:")
      ? undefined
      : `imports "${specifier}" (the library imports only its own files)`;
  }
  if (!files.has(target)) {
    return `imports "${specifier}" (not a file of the library)`;
  }
  if (rankOf(target) > rankOf(file)) {
    return `imports "${specifier}" (${layerOf(target)} is to the right of ${layerOf(file)})`;
  }
  if (isBarrel(target) && !isBarrel(file)) {
    return `imports "${specifier}" (name the exact file, not its mod.ts)`;
  }
}

/** The file that a relative specifier names, from the root. */
function resolve(from: string, specifier: string): string | undefined {
  if (!/^\.\.?\//.test(specifier)) return undefined;
  const path = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (path.pop() === undefined) return `../${specifier}`;
    } else if (part !== ".") {
      path.push(part);
    }
  }
  return path.join("/");
}

function isBarrel(file: string): boolean {
  return file === "mod.ts" || file.endsWith("/mod.ts");
}

function layerOf(file: string): string {
  return file.includes("/") ? `${file.split("/")[0]}/` : file;
}

function rankOf(file: string): number {
  return file.includes("/") ? LAYERS.indexOf(file.split("/")[0]!) : LAYERS.length;
}

/** One cycle for each edge that closes one, as paths from a file to itself. */
function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (finished.has(file)) return;
    const start = path.indexOf(file);
    if (start >= 0) {
      cycles.push([...path.slice(start), file]);
      return;
    }
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}

/** The imports and re-exports written in `source`, in order. */
export function importsOf(source: string): Import[] {
  const tokens = tokensOf(source);
  const found: Import[] = [];
  let statement = "import";
  for (let i = 0; i < tokens.length; i++) {
    const { kind, text } = tokens[i]!;
    if (kind !== "word" || tokens[i - 1]?.text === ".") continue;
    if (text === "import" || text === "export") statement = text;
    const next = tokens[i + 1];
    const string = text === "import" && next?.text === "(" ? i + 2 : i + 1;
    if (text !== "import" && text !== "from") continue;
    if (tokens[string]?.kind !== "string") continue;
    found.push({
      specifier: tokens[string]!.text,
      reExport: text === "from" && statement === "export",
    });
  }
  return found;
}

interface Token {
  kind: "word" | "string" | "mark";
  text: string;
}

/** After these words a `/` begins a regular expression, not a division. */
const BEFORE_REGEXP = new Set(
  "return typeof case in of do else void delete throw new instanceof yield await"
    .split(" "),
);

/**
 * Words, strings and single punctuation marks; the rest is dropped. A template
 * with `${}` gives the tokens of its expressions; one without is a string.
 */
function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  /** For each open `{`, whether it is the `${` of a template. */
  const braces: boolean[] = [];
  const rules = {
    blank: /\s+|\/\/[^\n]*|\/\*[^]*?\*\//y,
    word: /[\p{ID_Start}$_#\\][\p{ID_Continue}$\\]*|\d[\w.]*/uy,
    string: /"((?:[^"\\\n]|\\[^])*)"|'((?:[^'\\\n]|\\[^])*)'/y,
    regexp: /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y,
    template: /(?:[^`\\$]|\\[^]|\$(?!\{))*(`|\$\{)/y,
  };
  let at = 0;
  const take = (rule: RegExp): RegExpExecArray | null => {
    rule.lastIndex = at;
    const match = rule.exec(source);
    if (match !== null) at = rule.lastIndex;
    return match;
  };
  /** Reads on in a template, to its end or to the next `${`. */
  const takeTemplate = (whole: boolean): void => {
    const from = at;
    const match = take(rules.template);
    if (match === null) at = source.length;
    else if (match[1] === "${") braces.push(true);
    if (whole && match?.[1] === "`") {
      tokens.push({ kind: "string", text: source.slice(from, at - 1) });
    } else {
      tokens.push({ kind: "mark", text: "`" });
    }
  };
  while (at < source.length) {
    if (take(rules.blank)) continue;
    let match = take(rules.word);
    if (match) {
      tokens.push({ kind: "word", text: match[0] });
      continue;
    }
    match = take(rules.string);
    if (match) {
      tokens.push({ kind: "string", text: match[1] ?? match[2]! });
      continue;
    }
    const mark = source[at]!;
    if (mark === "/" && mayBeginRegExp(tokens) && take(rules.regexp)) {
      tokens.push({ kind: "mark", text: "/" }, { kind: "mark", text: ")" });
      continue;
    }
    at++;
    if (mark === "`") takeTemplate(true);
    else if (mark === "}" && braces.pop() === true) takeTemplate(false);
    else {
      if (mark === "{") braces.push(false);
      tokens.push({ kind: "mark", text: mark });
    }
  }
  return tokens;
}

function mayBeginRegExp(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1);
  if (last === undefined) return true;
  if (last.kind === "word") return BEFORE_REGEXP.has(last.text);
  return last.kind === "mark" && !")]}`".includes(last.text);
}

/** The library's sources under `root`: path from the root -> text. */
export async function readLibrary(root: URL): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const visit = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      if (entry.isDirectory) await visit(`${folder}${entry.name}/`);
      else if (entry.name.endsWith(".ts")) {
        await add(`${folder}${entry.name}`);
      }
    }
  };
  const add = async (file: string): Promise<void> => {
    files.set(file, await Deno.readTextFile(new URL(file, root)));
  };
  await add("mod.ts");
  for await (const entry of Deno.readDir(root)) {
    if (LAYERS.includes(entry.name)) await visit(`${entry.name}/`);
  }
  return files;
}

if (import.meta.main) {
  const files = await readLibrary(new URL("../", import.meta.url));
  const problems = checkLayers(files);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
  console.log(`${files.size} files import one way`);
}
