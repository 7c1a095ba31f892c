/**
 * Files that change, processes that end, counters: the descriptors of Linux.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, scope } from "@vais/runtime";
import {
  BusyError,
  close,
  eventfd,
  getReactor,
  IoError,
  processExit,
  read,
  type WatchEvent,
  watchFiles,
  write,
} from "@vais/runtime/reactor";
import { leavesNoFds } from "../support/fds.ts";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";

/** A test in a folder of its own; on Linux. */
async function linuxTest(name: string, body: (folder: string) => Promise<void>): Promise<void> {
  if (process.platform !== "linux") return await skip(name, "only Linux has this");
  test(name, () =>
    leavesNoFds(async () => {
      const folder = mkdtempSync(`${tmpdir()}/vais-`);
      try {
        await body(folder);
        assertEquals(getReactor().getEventLoop().sourceCount, 0);
      } finally {
        rmSync(folder, { recursive: true });
        await getReactor().close();
      }
    }));
}

await linuxTest("a watched file tells each change", async (folder) => {
  const path = `${folder}/log`;
  writeFileSync(path, "");
  using watcher = watchFiles(path, { kinds: ["modify", "deleteSelf"] });
  const waiting = watcher.next().then((event) => event);
  appendFileSync(path, "x");
  assertEquals(await waiting, { kind: "modify", path, name: "", isDirectory: false, cookie: 0 });
  rmSync(path);
  assertEquals((await watcher.next()).kind, "deleteSelf");
  assertEquals((await watcher.next()).kind, "ended");
  assertEquals(watcher.remove(path), false);
});

await linuxTest("a watched directory tells its entries, a move by one cookie", async (folder) => {
  using watcher = watchFiles(folder, { kinds: ["create", "movedFrom", "movedTo", "delete"] });
  const seen: WatchEvent[] = [];
  await scope(async (s) => {
    const reader = s.spawn(async () => {
      for await (const event of watcher) {
        seen.push(event);
        if (event.kind === "delete") return;
      }
    });
    writeFileSync(`${folder}/a`, "");
    renameSync(`${folder}/a`, `${folder}/b`);
    rmSync(`${folder}/b`);
    await reader;
  });
  assertEquals(seen.map(({ kind, name }) => `${kind} ${name}`), [
    "create a",
    "movedFrom a",
    "movedTo b",
    "delete b",
  ]);
  assertEquals(seen[1]!.cookie, seen[2]!.cookie);
  watcher.close();
  await assertRejects(() => watcher.next(), ClosedError);
  assertThrows(() => watcher.add(folder), ClosedError);
});

await linuxTest("a generator iterates futures of changes", async (folder) => {
  const names: string[] = [];
  await getReactor().spawn(function* () {
    using watcher = watchFiles(folder, { kinds: ["create"] });
    writeFileSync(`${folder}/1`, "");
    writeFileSync(`${folder}/2`, "");
    for (const next of watcher) {
      names.push((yield* next).name);
      if (names.length === 2) break;
    }
  });
  assertEquals(names, ["1", "2"]);
});

await linuxTest("bad input of watches", async (folder) => {
  const error = assertThrows(() => watchFiles(`${folder}/missing`), IoError) as IoError;
  assertEquals([error.code, error.syscall], ["ENOENT", "inotify_add_watch"]);
  assertThrows(() => watchFiles(7 as never), TypeError, "paths");
  assertThrows(() => watchFiles(folder, { kinds: ["mystery" as never] }), RangeError, "mystery");
  using watcher = watchFiles(folder);
  const first = watcher.next().then(() => {}, (error) => error);
  await Promise.resolve();
  await assertRejects(() => watcher.next(), BusyError);
  watcher.close();
  assertInstanceOf(await first, ClosedError);
});

await linuxTest("the end of a process, and of one that is killed", async () => {
  const quick = spawn("true", { stdio: "ignore" });
  await processExit(quick.pid!);
  const slow = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = new Promise((resolve) => slow.on("exit", (_code, signal) => resolve(signal)));
  const both = Promise.all([processExit(slow.pid!), processExit(slow.pid!)]);
  await assertRejects(() => processExit(slow.pid!).timeout(5));
  slow.kill("SIGKILL");
  await both;
  assertEquals(await ended, "SIGKILL");
  const gone = await assertRejects(() => processExit(2 ** 22 + 1), IoError) as IoError;
  assertEquals(gone.code, gone.code === "EINVAL" ? "EINVAL" : "ESRCH");
  assertThrows(() => processExit(0), RangeError);
});

await linuxTest("an eventfd counts between tasks", async () => {
  const fd = eventfd(3);
  const word = new BigUint64Array(1);
  const buffer = new Uint8Array(word.buffer);
  await read(fd, buffer);
  assertEquals(word[0], 3n);
  const waiting = read(fd, buffer).then((n) => n);
  word[0] = 5n;
  await write(fd, new Uint8Array(word.buffer.slice(0)));
  assertEquals(await waiting, 8);
  assertEquals(word[0], 5n);
  close(fd);
  assertThrows(() => eventfd(-1), RangeError);
});
