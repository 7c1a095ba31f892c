/**
 * The tests of descriptors once more, each file in a process of its own, where every descriptor
 * that is left behind is theirs.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const FILES = [
  "event_loop",
  "faults",
  "handlers",
  "loop_run",
  "remote",
  "scale",
  "self_pipe",
  "sockets",
  "watch",
];

for (const name of FILES) {
  Deno.test(`no descriptor is left behind by tests/reactor/${name}_test.ts`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", `tests/reactor/${name}_test.ts`],
      cwd: ROOT,
      stdin: "null",
      env: { NO_COLOR: "1", VAIS_CHECK_FDS: "1" },
    }).output();
    const log = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, log);
  });
}
