/**
 * Threads on Deno with few rights: a typed error that names what is missing, never a hang.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { libraryFile, program } from "../support/threads_hosts_entries.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs a program with these rights and nobody to ask; answers what it printed. */
async function printed(
  source: string,
  rights: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--no-lock", "--ext=ts", ...rights, "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

/** Starts a worker in a process with these rights and nobody to ask; answers what it printed. */
async function run(entry: string, ...rights: string[]): Promise<string> {
  const source = `
import { startWorker } from "${libraryFile("scheduling/threads/worker_host")}";
const handlers = { onMessage: (m) => console.log(m), onEnd: (end) => console.log(end.how) };
try {
  await startWorker({ name: "w", setup: 1, timeoutMs: 20_000, entry: ${
    JSON.stringify(entry)
  } }, handlers);
} catch (error) {
  console.log(error.name, error.code, error.reason);
  console.log(error.message);
}
`;
  return await printed(source, rights);
}

Deno.test("a worker whose module may not be read is told as a missing permission", async () => {
  const out = await run(libraryFile("scheduling/threads/worker_entry"));
  assertStringIncludes(out, "WorkerStartError ERR_WORKER_START permission");
  assertStringIncludes(out, "run again with the --allow-read flag");
});

Deno.test("so is what its program may not do while it gets ready", async () => {
  const out = await run(
    program(`await Deno.readTextFile("/etc/hostname");`),
    `--allow-read=${ROOT.pathname}`,
  );
  assertStringIncludes(out, "WorkerStartError ERR_WORKER_START permission");
  assertStringIncludes(out, 'Requires read access to "/etc/hostname"');
});

Deno.test("the right to read the library is all that a worker needs", async () => {
  const out = await run(
    program(`port.post("ready"); return () => {};`),
    `--allow-read=${ROOT.pathname}`,
  );
  assertEquals(out, "ready\nexited\n");
});

Deno.test("a library that comes over the network starts its workers with no right at all", async () => {
  const server = Deno.serve({ port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const text = await Deno.readTextFile(new URL(`.${pathname}`, ROOT));
    return new Response(text, { headers: { "content-type": "application/typescript" } });
  });
  const host = `127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  const cache = await Deno.makeTempDir();
  try {
    const out = await printed(
      `
import { startWorker } from "http://${host}/scheduling/threads/worker_host.ts";
// The library's own entry: its program was loaded, and misses its setup.
await startWorker({ name: "w", setup: undefined }, {}).catch((e) => {
  console.log(e.reason, e.cause.name, /undefined/.test(e.message));
});
const entry = ${
        JSON.stringify(
          `data:text/javascript,${
            encodeURIComponent(
              `import { serveThread } from "http://${host}/scheduling/threads/serve_thread.ts";` +
                `serveThread((setup, port) => () => port.post(setup));`,
            )
          }`,
        )
      };
await startWorker({ name: "w", setup: 42, entry }, {
  onMessage: (message) => console.log(message),
  onEnd: (end) => console.log(end.how),
});
`,
      [`--allow-import=${host}`],
      { DENO_DIR: cache },
    );
    assertEquals(out, "module TypeError true\n42\nexited\n");
  } finally {
    await Deno.remove(cache, { recursive: true });
    await server.shutdown();
  }
});
