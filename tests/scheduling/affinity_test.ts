/**
 * Threads bound to CPUs: applied, as the system itself tells; or not, with the reason.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import {
  currentCpu,
  setThreadAffinity,
  threadAffinity,
  usableCpus,
} from "@vais/runtime/scheduling";
import { skip } from "../support/skip.ts";
import { test } from "../support/test.ts";
import { entry, startThread } from "../support/threads.ts";

/** A file of the library, for the text of a module. */
function fileOf(name: string): string {
  return entry("scheduling").replace(/\/mod\./, `/threads/${name}.`);
}

/** Binds itself to each list of CPUs that it gets, and posts what the system tells of it then. */
const BOUND = `
const { currentCpu, setThreadAffinity, threadAffinity } = await import("${fileOf("affinity")}");
const { usableCpus } = await import("${fileOf("usable_cpus")}");
const { readFileSync } = await import("node:fs");
for (;;) {
  const answer = setThreadAffinity(await messages.next());
  const status = readFileSync("/proc/thread-self/status", "utf8");
  const seen = new Set();
  for (let i = 0; i < 1000; i++) seen.add(currentCpu());
  post({
    answer,
    told: /^Cpus_allowed_list:\\s*(.*)$/m.exec(status)[1],
    read: threadAffinity(),
    seen: [...seen],
    usable: usableCpus(),
  });
}`;

interface Told {
  readonly answer: unknown;
  readonly told: string;
  readonly read: number[];
  readonly seen: number[];
  readonly usable: { readonly count: number; readonly allowed: number[] };
}

const mine = threadAffinity();
if (mine !== undefined) {
  test("a worker binds itself, and no other thread; the system tells the same", async () => {
    const threads = [await startThread(BOUND), await startThread(BOUND)] as const;
    try {
      for (const [i, cpu] of [mine[0]!, mine.at(-1)!].entries()) {
        threads[i]!.post(cpu);
        const { answer, told, read, seen, usable } = await threads[i]!.next() as Told;
        assertEquals(answer, { applied: true, cpus: [cpu] });
        assertEquals([told, read, seen], [String(cpu), [cpu], [cpu]]);
        assertEquals([usable.count, usable.allowed], [1, [cpu]]);
      }
      assertEquals(threadAffinity(), mine);
      assert(mine.includes(currentCpu()!));
      // Several CPUs, of which one does not exist; then all it had.
      threads[0].post([mine[0], 8000]);
      assertEquals((await threads[0].next() as Told).answer, { applied: true, cpus: [mine[0]] });
      threads[0].post(mine);
      const { answer, read, usable } = await threads[0].next() as Told;
      assertEquals(answer, { applied: true, cpus: mine });
      assertEquals([read, usable.allowed], [mine, mine]);
      assertEquals(usable.count, usableCpus().count);
    } finally {
      for (const thread of threads) await thread.end();
    }
  });

  test("CPUs that cannot be had are told, and nothing changes", () => {
    const before = threadAffinity();
    const answer = setThreadAffinity([8000, 8191]);
    assertEquals(answer, {
      applied: false,
      reason: "this process may use none of the CPUs 8000, 8191",
    });
    assertEquals(threadAffinity(), before);
  });
} else {
  await skip("a worker binds itself", "threads cannot be bound here");
}

test("what is no CPU is refused, wherever it runs", () => {
  for (const wrong of [-1, 0.5, NaN, 8192, []]) {
    assertThrows(() => setThreadAffinity(wrong), RangeError, "Cannot set the affinity");
  }
  for (const wrong of ["0", null, undefined, ["0"]]) {
    assertThrows(() => setThreadAffinity(wrong as unknown as number), TypeError);
  }
});

const PROGRAM = `
const { currentCpu, setThreadAffinity, threadAffinity } = await import("AFFINITY");
const { placeWorkers, usableCpus } = await import("USABLE");
console.log(JSON.stringify([
  setThreadAffinity(0), threadAffinity() ?? null, currentCpu() ?? null, usableCpus().count > 0, placeWorkers(1).length,
]));`;

const program = (affinity: string, usable: string) =>
  PROGRAM.replace("AFFINITY", affinity).replace("USABLE", usable);

test("without the right or the means the answer tells it, and nobody is asked", () => {
  let printed: string;
  if ("Deno" in globalThis) {
    const text = encodeURIComponent(program(fileOf("affinity"), fileOf("usable_cpus")));
    // Prompts are on: with nobody to answer, one would be refused with a message of its own.
    const args = ["run", "--allow-import", "--allow-read", `data:text/javascript,${text}`];
    printed = execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe" });
    assertStringIncludes(printed, "(run with --allow-ffi)");
  } else {
    const folder = mkdtempSync(`${tmpdir()}/vais-`);
    try {
      const installed = fileURLToPath(new URL("..", entry("scheduling")));
      mkdirSync(`${folder}/library`);
      cpSync(installed, `${folder}/library`, { recursive: true });
      const at = (name: string) =>
        fileOf(name).replace(new URL("..", entry("scheduling")).href, `file://${folder}/library/`);
      const args = ["--input-type=module", "-e", program(at("affinity"), at("usable_cpus"))];
      printed = execFileSync(process.execPath, args, { encoding: "utf8" });
      assertStringIncludes(printed, "koffi is not installed");
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  const [answer, ...rest] = JSON.parse(printed);
  assertEquals(answer.applied, false);
  assertEquals(rest, [null, null, true, 1]);
});
