/**
 * `tail -f`: follows a file that a shell appends to, woken by inotify.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { Future } from "@vais/runtime";
import { close, open, read, watchFiles } from "@vais/runtime/reactor";

const LINES = 200;

/** Follows a new file below `folder` until a last line. */
export function* tail(folder: string): Generator<unknown, unknown> {
  const path = `${folder}/growing.log`;
  writeFileSync(path, "");
  const fd = open(path);
  const watcher = watchFiles(path, { kinds: ["modify"] });
  const shell = spawn("sh", [
    "-c",
    `i=0; while [ $i -lt ${LINES} ]; do
       echo "line $i" >> "$1"; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.01
     done; echo end >> "$1"`,
    "sh",
    path,
  ], { stdio: "ignore" });
  const exited = once(shell, "exit");
  try {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4_096);
    let text = "";
    let wakes = 0;
    while (!text.endsWith("end\n")) {
      // What is there was read: only a change can bring more.
      const { kind } = yield* watcher.next();
      if (kind !== "modify") throw new Error(`Unexpected: ${kind}`);
      wakes++;
      for (let n; (n = yield* read(fd, buffer)) > 0;) {
        text += decoder.decode(buffer.subarray(0, n), { stream: true });
      }
    }
    yield* Future.from(exited);
    const lines = text.split("\n").slice(0, -2);
    return {
      lines: lines.length,
      inOrder: lines.every((line, i) => line === `line ${i}`),
      woken: wakes > 1,
    };
  } finally {
    watcher.close();
    close(fd);
    rmSync(path);
  }
}
