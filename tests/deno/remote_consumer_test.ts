/**
 * The package as a registry serves it: modules of an https-like address, in a project of somebody else.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const TYPES: Record<string, string> = {
  ts: "application/typescript",
  json: "application/json",
};

/** Serves what `deno publish` would publish, nothing else, under `/@vais/runtime/`. */
async function serve(): Promise<{ url: string; close(): Promise<void> }> {
  const { publish } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const isPublished = (path: string) =>
    publish.include.some((entry: string) =>
      entry.endsWith("/") ? path.startsWith(entry) : path === entry
    );
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const path = new URL(request.url).pathname.replace("/@vais/runtime/", "");
      if (!isPublished(path)) return new Response("no such module", { status: 404 });
      const type = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "text/plain";
      const text = await Deno.readTextFile(new URL(path, ROOT));
      return new Response(text, { headers: { "content-type": type } });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    close: () => server.shutdown(),
  };
}

/** A project with these files, and what its program prints. */
async function program(
  files: Record<string, string>,
  use: (run: (...args: string[]) => Promise<{ code: number; out: string; err: string }>) => Promise<
    void
  >,
): Promise<void> {
  const server = await serve();
  const folder = await Deno.makeTempDir({ prefix: "vais-remote-" });
  try {
    const imports = Object.fromEntries(
      ["", "reactor/", "scheduling/", "memory/", "testing/"].map((part) => [
        `@vais/runtime${part === "" ? "" : `/${part.slice(0, -1)}`}`,
        `${server.url}/@vais/runtime/${part}mod.ts`,
      ]),
    );
    files = { "deno.json": JSON.stringify({ imports }), ...files };
    await Deno.mkdir(`${folder}/tree`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await use(async (...args) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-lock", ...args],
        cwd: folder,
        env: { NO_COLOR: "1", DENO_DIR: `${folder}/cache` },
        stdin: "null",
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      return { code, out: out!, err: err! };
    });
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function example(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`examples/${name}`, ROOT));
}

Deno.test("from a registry: word_count finds its workers, and counts as one thread does", async () => {
  await program({
    "word_count.ts": await example("word_count.ts"),
    "word_count_tasks.ts": await example("word_count_tasks.ts"),
    "command_line.ts": await example("command_line.ts"),
    "tree/words.txt": "the cat and the dog\n",
    "tree/more.txt": "the end\n".repeat(1_000),
  }, async (run) => {
    const { code, out, err } = await run(
      "-A",
      "word_count.ts",
      "--one",
      "--jobs=2",
      "--top=1",
      "tree",
    );
    assertEquals(code, 0, out + err);
    assertMatch(out, /^the +1,002$/m);
    assertMatch(out, /^2 threads: .*\nthis thread alone: .* the results are equal$/m);
  });
});

Deno.test("from a registry, with no more permissions than it needs, and with less", async () => {
  await program({
    "tasks.ts": "export const double = (n: number): number => n * 2;\n",
    "main.ts": `
      import { Engine } from "@vais/runtime";
      const module = new URL("./tasks.ts", import.meta.url);
      await using engine = await Engine.create<typeof import("./tasks.ts")>({ module, workerCount: 2 });
      console.log(await engine.map([1, 2, 3], "double"), await engine.run((n) => n + 1, [1]));
    `,
  }, async (run) => {
    const full = await run("--allow-read=.", "--allow-import=127.0.0.1", "main.ts");
    assertEquals([full.code, full.out], [0, "[ 2, 4, 6 ] 2\n"], full.err);
    const less = await run("--allow-import=127.0.0.1", "--no-prompt", "main.ts");
    assert(less.code !== 0, less.out);
    assertStringIncludes(less.err, "WorkerStartError");
    assertStringIncludes(less.err, "read access");
  });
});
