/**
 * Tests that cannot run here, with the reason why, in the lists of both hosts.
 *
 * @module
 */

/** Registers a test that is skipped; its name tells why. */
export async function skip(name: string, reason: string): Promise<void> {
  const full = `${name}: ${reason}`;
  if ("Deno" in globalThis) return Deno.test({ name: full, ignore: true, fn: () => {} });
  const { test } = await import("node:test");
  void test(full, { skip: reason }, () => {});
}
