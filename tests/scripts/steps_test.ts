/**
 * The test command counts what the runners say, and is never green by mistake.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  bunCounts,
  denoCounts,
  denoFailures,
  denoSkips,
  nodeCounts,
  nodeFailures,
  nodeSkips,
  suite,
} from "../../scripts/steps.ts";

Deno.test("denoCounts reads the last summary line", () => {
  assertEquals(denoCounts("ok | 3 passed | 0 failed (1ms)\n"), {
    passed: 3,
    failed: 0,
    skipped: 0,
  });
  assertEquals(
    denoCounts(
      "ok | 9 passed | 0 failed (1ms)\n" +
        "FAILED | 30 passed (1 step) | 1 failed (2 steps) | 4 ignored (239ms)\n",
    ),
    { passed: 30, failed: 1, skipped: 4 },
  );
  assertEquals(denoCounts("error: Type checking failed."), undefined);
});

Deno.test("nodeCounts adds cancelled to failed, and todo to skipped", () => {
  const tap = "# tests 10\n# pass 4\n# fail 1\n# cancelled 2\n# skipped 1\n" +
    "# todo 2\n";
  assertEquals(nodeCounts(tap), { passed: 4, failed: 3, skipped: 3 });
  assertEquals(nodeCounts("# pass 4\n"), undefined);
});

Deno.test("bunCounts reads the closing lines", () => {
  assertEquals(bunCounts("(pass) a\n\n 21 pass\n 2 skip\n 1 fail\nRan 24 tests\n"), {
    passed: 21,
    failed: 1,
    skipped: 2,
  });
  assertEquals(bunCounts("error: no such file\n"), undefined);
});

Deno.test("skips are named, with the reason where the runner gives it", () => {
  assertEquals(denoSkips("a.ts => b ... ignored (0ms)\nc ... ok (1ms)\n"), [
    "a.ts => b",
  ]);
  assertEquals(nodeSkips("ok 1 - a\nok 2 - b # SKIP no epoll\n"), [
    "b: no epoll",
  ]);
});

Deno.test("a failure is shown without what passed", () => {
  assertEquals(
    denoFailures("a ... ok (1ms)\nb ... FAILED (1ms)\n"),
    "b ... FAILED (1ms)\n",
  );
  assertEquals(
    nodeFailures(
      "# Subtest: a\nok 1 - a\n  ---\n  duration_ms: 1\n  ...\n# said by b\n" +
        "not ok 2 - b\n  ---\n  error: 'no'\n  ...\n",
    ),
    "not ok 2 - b\n  ---\n  error: 'no'\n  ...\n# said by b\n",
  );
});

Deno.test("suite fails without a summary, without tests, and by exit code", () => {
  const counts = { passed: 2, failed: 0, skipped: 1 };
  const failed = (ok: boolean, given?: typeof counts) => suite({ ok, log: "" }, given).failed;
  assertEquals(failed(true, counts), 0);
  assertEquals(failed(false, counts), 1);
  assertEquals(failed(true, undefined), 1);
  assertEquals(failed(true, { passed: 0, failed: 0, skipped: 0 }), 1);
  assertEquals(failed(false, { ...counts, failed: 3 }), 3);
});
