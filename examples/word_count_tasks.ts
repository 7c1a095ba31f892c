/**
 * What `word_count.ts` runs on other threads.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { currentThreadTask } from "@vais/runtime";

/** What was found in some files. */
export interface Found {
  /** SHA-256 of each file; "" when it could not be read. */
  readonly hashes: readonly string[];
  /** Why files could not be read. */
  readonly errors: readonly string[];
  readonly bytes: number;
  readonly lines: number;
  /** Files of text: without a zero byte at their beginning. */
  readonly texts: number;
  /** The different words, one a line, and how often each comes. */
  readonly words: string;
  readonly counts: Uint32Array;
}

/** A letter, then letters, their marks and apostrophes. */
const WORD = /\p{L}[\p{L}\p{M}'’]*/gu;
/** Nothing that long is a word. */
const LONGEST = 40;
const LOOKED_AT = 8_192;

/** Hashes each file and counts the words of those with text. Stops between two files when it is cancelled. */
export function countFiles(paths: readonly string[]): Found {
  const task = currentThreadTask();
  const words = new Map<string, number>();
  const hashes: string[] = [];
  const errors: string[] = [];
  let bytes = 0, lines = 0, texts = 0;
  for (const path of paths) {
    task?.throwIfCancelled();
    let content: Uint8Array;
    try {
      content = readFileSync(path);
    } catch (error) {
      hashes.push("");
      errors.push((error as Error).message);
      continue;
    }
    hashes.push(createHash("sha256").update(content).digest("hex"));
    bytes += content.length;
    if (content.subarray(0, LOOKED_AT).includes(0)) continue;
    texts++;
    const text = new TextDecoder().decode(content);
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
    for (const [found] of text.matchAll(WORD)) {
      if (found.length > LONGEST) continue;
      const word = found.toLowerCase();
      words.set(word, (words.get(word) ?? 0) + 1);
    }
  }
  return {
    hashes,
    errors,
    bytes,
    lines,
    texts,
    words: [...words.keys()].join("\n"),
    counts: Uint32Array.from(words.values()),
  };
}
