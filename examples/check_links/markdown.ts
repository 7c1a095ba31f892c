/**
 * What a link checker must know of Markdown: where the links are, and which anchors there are.
 *
 * @module
 */

/** A link as it is written. */
export interface Link {
  readonly line: number;
  readonly target: string;
}

/** The same text with whatever matches made of spaces: lines and columns stay. */
function blank(text: string, pattern: RegExp): string {
  return text.replace(pattern, (match) => match.replace(/[^\n]/g, " "));
}

const COMMENT = /<!--[\s\S]*?(?:-->|$(?![\s\S]))/g;
const FENCE = /^[ \t>]*(`{3,}|~{3,})[^\n]*\n(?:[\s\S]*?^[ \t>]*\1[`~]*[ \t]*$|[\s\S]*)/gm;
const ESCAPED = /\\[\\`[\]<!]/g;
const CODE = /(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g;

const LINKS = [
  /(?<=\[[^[\]]*|[)\]])\]\(\s*(<[^<>\n]*>|(?:[^\s()]|\([^\s()]*\))+)(?:\s+(?:"[^"]*"|'[^']*'|\([^)]*\)))?\s*\)/g,
  /^ {0,3}\[(?!\^)[^\]\n]+\]:\s*(<[^<>\n]*>|\S+)/gm,
  /<(https?:\/\/[^<>\s]+)>/g,
  /<(?:a|img|source)\b[^>]*?\s(?:href|src)\s*=\s*["']([^"']*)["']/gi,
];

/** The links of a page, from top to bottom; those in code and comments are none. */
export function linksOf(markdown: string): Link[] {
  const text = [FENCE, COMMENT, ESCAPED, CODE].reduce(blank, markdown);
  const starts = [...text.matchAll(/^/gm)].map(({ index }) => index);
  return LINKS
    .flatMap((pattern) => [...text.matchAll(pattern)])
    .sort((a, b) => a.index - b.index)
    .map(({ index, 1: target }) => ({
      line: starts.findLastIndex((start) => start <= index) + 1,
      target: target!.replace(/^<(.*)>$/, "$1"),
    }));
}

const HEADING =
  /^ {0,3}(?:#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*|(\S.*)\n {0,3}(?:=+|-{2,})[ \t]*)$/gm;
const ANCHOR = /<[a-z][^>]*?\s(?:id|name)\s*=\s*["']([^"']+)["']/gi;

/** The anchors of a page: its headings as GitHub names them, and what has an `id` or a `name`. */
export function anchorsOf(markdown: string): Set<string> {
  const text = [FENCE, COMMENT].reduce(blank, markdown);
  const anchors = new Set<string>();
  for (const [, atx, underlined] of text.matchAll(HEADING)) {
    const slug = slugOf(atx ?? underlined ?? "");
    let unique = slug;
    for (let n = 1; anchors.has(unique); n++) unique = `${slug}-${n}`;
    anchors.add(unique);
  }
  for (const [, id] of blank(text, CODE).matchAll(ANCHOR)) anchors.add(id!.toLowerCase());
  return anchors;
}

/** A heading as GitHub makes it an anchor: lower case, no punctuation, `-` for each space. */
export function slugOf(heading: string): string {
  return heading
    .replace(/!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1")
    .replace(/<[^>]*>/g, "")
    .replace(/(?<!\w)(_+)(\S.*?)\1(?!\w)/g, "$2")
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");
}
