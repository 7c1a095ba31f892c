/**
 * The reactor under each right to call the C library, and without one.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** Runs a program with these rights and nobody to ask; answers what it printed. */
async function run(source: string, ...rights: string[]): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--ext=ts", "--allow-read", ...rights, "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { stdout, stderr } = await child.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

const ECHO = `
import { close, pipe, read, ReactorRuntime, write } from "@vais/runtime/reactor";
const runtime = new ReactorRuntime();
const got = runtime.spawn(function* (task) {
  const { readFd, writeFd } = pipe();
  const reading = runtime.spawn(() => read(readFd, new Uint8Array(8)));
  yield* task.sleep(5);
  yield* write(writeFd, new Uint8Array(3));
  const n = yield* reading;
  close(readFd);
  close(writeFd);
  try {
    yield* read(readFd, new Uint8Array(1));
  } catch (error) {
    return n + " " + error.code;
  }
});
console.log(await got);
`;

Deno.test("with --allow-ffi descriptors are waited for", async () => {
  assertEquals(await run(ECHO, "--allow-ffi"), "3 EBADF\n");
});

Deno.test("with only the C library's path allowed they are too", async () => {
  const { libcPaths } = await import("@vais/runtime/reactor");
  const paths = libcPaths().filter((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  assertEquals(await run(ECHO, `--allow-ffi=${paths[0]}`), "3 EBADF\n");
});

Deno.test("without the right tasks, timers and signals work, and waits fail by a typed error", async () => {
  const printed = await run(`
import { ReactorRuntime, ReactorUnavailableError } from "@vais/runtime/reactor";
await using runtime = new ReactorRuntime();
console.log(await runtime.spawn(function* (task) {
  yield* task.sleep(1);
  const inner = task.runtime.spawn(async (t) => (await t.sleep(1), "slept"));
  return yield* inner;
}));
console.log(runtime.blockOn(function* (task) {
  yield* task.sleep(1);
  return "blocked";
}));
const timers: string[] = [];
runtime.getEventLoop().registerTimer(1, 2, { wake: () => timers.push("timer") });
await runtime.spawn((task) => task.sleep(20));
console.log(...timers);
try {
  await runtime.readable(0);
} catch (error) {
  console.log(error instanceof ReactorUnavailableError, error.code, error.reason, error.message);
}
`);
  const [slept, blocked, timer, error] = printed.split("\n");
  assertEquals([slept, blocked, timer], ["slept", "blocked", "timer"]);
  assertStringIncludes(error!, "true ERR_REACTOR_UNAVAILABLE permission");
  assertStringIncludes(error!, "--allow-ffi");
});

Deno.test("importing asks for nothing and opens nothing", async () => {
  assertEquals(
    await run(`await import("@vais/runtime/reactor"); console.log("imported");`),
    "imported\n",
  );
});
