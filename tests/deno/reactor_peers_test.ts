/**
 * Tasks on the reactor wait for real peers: nginx, Redis, child processes, files, a terminal.
 *
 * Each scenario is a process of its own, tests/support/peer_clients.ts, which also tells what it
 * left behind. On Node (`-- --node=FOLDER`) it runs from the npm package.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { freePort, noise, peerTest, Process, start, withFolder } from "../support/peers.ts";

/** Runs a scenario to its end: nothing may be left behind. Answers what it found. */
async function clients(...args: string[]): Promise<unknown> {
  await using process = start("tests/support", "peer_clients", args);
  const { out, err } = await process.succeeded();
  const { answer, leaked, children, sources } = JSON.parse(out.trimEnd().split("\n").at(-1)!);
  assertEquals({ leaked, children, sources, err }, {
    leaked: [],
    children: [],
    sources: 0,
    err: "",
  });
  return answer;
}

await peerTest("five downloads of 5 MB from nginx", ["nginx"], async ({ nginx }) => {
  await withFolder(async (folder) => {
    const bytes = noise(5_000_000);
    await Deno.mkdir(`${folder}/html`);
    await Deno.writeFile(`${folder}/html/big`, bytes);
    await Deno.chmod(folder, 0o755);
    const port = freePort();
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder};`).join(" ");
    const config = `
      daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
      events {}
      http {
        access_log off; ${temporary}
        server { listen 127.0.0.1:${port}; root ${folder}/html; }
      }`;
    await Deno.writeTextFile(`${folder}/nginx.conf`, config);
    await using server = new Process(nginx, [
      "-p",
      folder,
      "-e",
      "stderr",
      "-c",
      `${folder}/nginx.conf`,
    ]);
    await untilItListens(server, port);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const one = { status: "HTTP/1.1 200 OK", length: bytes.length, sha256 };
    assertEquals(await clients("nginx", "127.0.0.1", `${port}`, "/big"), new Array(5).fill(one));
    await server.stop("SIGQUIT");
  });
}, "linux");

for (const over of ["a Unix socket", "TCP"]) {
  await peerTest(`Redis over ${over}: commands, 10 000 in one go, publish and subscribe`, [
    "redis-server",
  ], async (paths) => {
    await withFolder(async (folder) => {
      const port = over === "TCP" ? freePort() : 0;
      const path = `${folder}/redis.sock`;
      await using server = new Process(paths["redis-server"], [
        ...["--port", `${port}`, "--bind", "127.0.0.1", "--unixsocket", path],
        ...["--dir", folder, "--save", "", "--appendonly", "no"],
      ]);
      await server.printed(/[Rr]eady to accept connections|accept connections at/);
      const at = port === 0 ? [path] : ["127.0.0.1", `${port}`];
      assertEquals(await clients("redis", ...at), {
        set: "OK",
        get: "hällo",
        none: null,
        isSame: true,
        pongs: 10_000,
        heard: 1_000,
      });
      await server.stop();
    });
  }, "linux");
}

await peerTest("a child process: 3 MB through its pipes, then its end", [], async () => {
  assertEquals(await clients("child"), { count: 3_000_000, isUpper: true, code: 7 });
}, "linux");

await peerTest("tail -f of a file that a shell writes", [], async () => {
  await withFolder(async (folder) => {
    assertEquals(await clients("tail", folder), { lines: 200, inOrder: true, woken: true });
  });
}, "linux");

await peerTest(
  "a serial line: a modem in Python on a pseudo-terminal",
  ["python3"],
  async (paths) => {
    assertEquals(await clients("pty", paths.python3), {
      isPty: true,
      at: "OK",
      information: 3_004,
      wrong: "ERROR",
      hungUp: true,
      code: 0,
    });
  },
  "linux",
);

/** nginx says nothing when it is ready. */
async function untilItListens(server: Process, port: number): Promise<void> {
  let ended = false;
  server.ended().then(() => ended = true);
  while (!ended) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  await server.succeeded();
  throw new Error("The server ended");
}
