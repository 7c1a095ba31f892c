/**
 * Tests in a reactor of their own.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ReactorRuntime } from "@vais/runtime/reactor";
import { leavesNoFds } from "./fds.ts";
import { test } from "./test.ts";

/** A test as a task of a fresh reactor; it must leave no descriptor and no wait behind. */
export function reactorTest(
  name: string,
  body: (runtime: ReactorRuntime) => Generator<unknown, void>,
): void {
  test(name, () =>
    leavesNoFds(async () => {
      const runtime = new ReactorRuntime();
      try {
        await runtime.spawn(() => body(runtime));
        assertEquals(runtime.getEventLoop().sourceCount, 0);
      } finally {
        await runtime.close();
      }
    }));
}
