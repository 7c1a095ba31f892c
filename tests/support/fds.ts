/**
 * The open descriptors of this process, and their names.
 *
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";
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

/** Runs `body`; fails when it leaves descriptors behind, or closes one that was not its own. */
export async function leavesNoFds(body: () => unknown): Promise<void> {
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
