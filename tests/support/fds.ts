/**
 * The open descriptors of this process, and their names.
 *
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { assertEquals } from "@std/assert";

/** What each descriptor is, on Linux; empty elsewhere. */
export function openFds(): string[] {
  try {
    return readdirSync("/proc/self/fd").map((fd) => {
      try {
        return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`;
      } catch {
        return ""; // the one that listed them
      }
    }).filter((name) => name !== "" && !name.includes("/proc/"));
  } catch {
    return [];
  }
}

/**
 * Whether this process runs one test file only. `deno test --parallel` runs all of them as threads
 * of one process, whose descriptors are anybody's; tests/deno/reactor_leaks_test.ts runs those that
 * check again, alone.
 */
export const isAlone: boolean = !("Deno" in globalThis) || process.env.VAIS_CHECK_FDS === "1";

/** Runs `body`; fails when it leaves descriptors behind. */
export async function leavesNoFds(body: () => unknown): Promise<void> {
  if (!isAlone) return void await body();
  const before = openFds();
  await body();
  let after = openFds();
  // The host may still be closing something of its own.
  for (let i = 0; i < 50 && after.length > before.length; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    after = openFds();
  }
  assertEquals(after.filter((fd) => !before.includes(fd)), []);
}
