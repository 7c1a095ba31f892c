/**
 * `main()` as Deno's users run it; what holds on both hosts is in tests/scheduling/main_test.ts.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { program, runProcess } from "../support/main_program.ts";

Deno.test("main: deno run without any permission is enough", async () => {
  const file = await Deno.makeTempFile({ suffix: ".mjs" });
  try {
    await Deno.writeTextFile(
      file,
      program(`async (s) => {
        try { say("ready"); await s.sleep(60_000); } finally { say("cleaned"); }
      }`),
    );
    const ended = await runProcess("", [{ after: "ready", send: "SIGINT" }], [
      "run",
      "--no-prompt",
      "--no-check",
      "--config=deno.json",
      file,
    ]);
    assertEquals(
      [ended.code, ended.lines],
      [130, ["ready", "cleaned", "main is over", "exit 130"]],
      ended.errors,
    );
  } finally {
    await Deno.remove(file);
  }
});
