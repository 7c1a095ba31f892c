/**
 * The example servers on the reactor answer clients that nobody here wrote: curl, nc and wrk.
 *
 * On Node (`-- --node=FOLDER`, see tests/support/peers.ts) they do so from the npm package.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { noise, peerTest, Process, start, withFolder, withServer } from "../support/peers.ts";

/** Runs a client to its end. */
async function run(
  path: string,
  args: readonly string[],
  input: string | Uint8Array<ArrayBuffer> = "",
) {
  await using process = new Process(path, args, { input });
  return await process.succeeded();
}

/** Sends raw bytes to a server by nc, and half-closes; answers all that came back. */
async function exchange(nc: string, port: number, input: string): Promise<string> {
  return (await run(nc, ["-N", "127.0.0.1", `${port}`], input)).out;
}

/** Status lines of what a server answered. */
function statuses(answers: string): string[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d+ [\w ]+)\r$/gm)].map(([, status]) => status!);
}

await peerTest("the servers explain themselves, and refuse wrong options", [], async () => {
  for (const name of ["echo", "http_hello"]) {
    await using help = start("examples", name, ["--help"]);
    const { out, err } = await help.succeeded();
    assertMatch(out, /Usage: .*\n(.*\n)+Exit code: 0/);
    assertEquals(err, "");
    for (const wrong of ["--nonsense", "--port=65536"]) {
      await using refused = start("examples", name, [wrong]);
      const ended = await refused.ended();
      assertEquals([ended.code, ended.out], [2, ""]);
      assertMatch(ended.err, new RegExp(wrong.replace("=", ".*")));
    }
  }
});

await peerTest(
  "echo: lines to nc as they come, and the rest after a half-close",
  ["nc"],
  async ({ nc }) => {
    await withServer("echo", [], async ({ port }) => {
      await using client = new Process(nc, ["-N", "127.0.0.1", `${port}`]);
      await client.write("one\n");
      await client.printed(/^one\n/);
      await client.write("two\n");
      await client.printed(/^one\ntwo\n$/);
      await client.write("three, and no end of line");
      await client.closeInput();
      assertEquals((await client.succeeded()).out, "one\ntwo\nthree, and no end of line");
    });
  },
);

await peerTest("echo: a megabyte to each of four nc at once", ["nc"], async ({ nc }) => {
  await withServer("echo", [], async ({ port }) => {
    const sent = noise(1 << 20);
    await Promise.all(Array.from({ length: 4 }, async () => {
      const { bytes } = await run(nc, ["-N", "127.0.0.1", `${port}`], sent);
      assert(bytes.length === sent.length && bytes.every((byte, i) => byte === sent[i]));
    }));
  });
});

await peerTest("echo: SIGINT ends it, and its clients see the end", ["nc"], async ({ nc }) => {
  await using server = start("examples", "echo");
  const [, port] = await server.printed(/^listening on 127\.0\.0\.1:(\d+)$/m);
  await using client = new Process(nc, ["127.0.0.1", port!]);
  await client.write("hello\n");
  await client.printed(/hello/);
  const { code, err } = await server.stop("SIGINT");
  assertEquals([code, err], [130, ""]);
  await client.closeInput(); // nc goes on until both sides have ended
  await client.succeeded();
});

await peerTest(
  "http: curl gets, heads, posts, and is told what is wrong",
  ["curl"],
  async ({ curl }) => {
    await withServer("http_hello", [], async ({ url }) => {
      const got = await run(curl, ["-sSi", `${url}/?q=1`]);
      assertMatch(
        got.out,
        /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*content-length: 23\r\n(.+\r\n)*\r\nHello/,
      );
      const head = await run(curl, ["-sSI", `${url}/`]);
      assertMatch(head.out, /^HTTP\/1\.1 200 OK\r\n(.+\r\n)*content-length: 23\r\n(.+\r\n)*\r\n$/);
      const posted = await run(curl, ["-sS", "--data-binary", "@-", `${url}/echo`], "some\r\ntext");
      assertEquals(posted.out, "some\r\ntext");
      const missing = await run(curl, ["-sSi", `${url}/nowhere`]);
      assertEquals(statuses(missing.out), ["404 Not Found"]);
      const refused = await run(curl, ["-sSi", "-X", "DELETE", `${url}/echo`]);
      assertMatch(refused.out, /^HTTP\/1\.1 405 Method Not Allowed\r\n(.+\r\n)*allow: POST\r\n/);
    });
  },
);

await peerTest(
  "http: curl keeps its connection, also HTTP/1.0 does not",
  ["curl"],
  async ({ curl }) => {
    await withServer("http_hello", [], async ({ url }) => {
      const count = ["-sS", "-w", "%{num_connects} %{http_version}\n", "-o", "/dev/null"];
      const urls = [`${url}/`, "-o", "/dev/null", `${url}/file`, "-o", "/dev/null", `${url}/`];
      assertEquals((await run(curl, [...count, ...urls])).out, "1 1.1\n0 1.1\n0 1.1\n");
      const old = await run(curl, [...count, "--http1.0", ...urls]);
      assertEquals(old.out.match(/^1 /gm)?.length, 3, old.out);
    });
  },
);

await peerTest("http: curl downloads and uploads megabytes", ["curl"], async ({ curl }) => {
  await withFolder(async (folder) => {
    const bytes = noise(1 << 20);
    await Deno.writeFile(`${folder}/big`, bytes);
    await withServer("http_hello", [`--file=${folder}/big`, "--body=1048576"], async ({ url }) => {
      for (const version of ["--http1.1", "--http1.0"]) {
        const { bytes: got } = await run(curl, ["-sS", version, `${url}/file`]);
        assert(got.length === bytes.length && got.every((byte, i) => byte === bytes[i]), version);
      }
      const slow = await run(curl, ["-sS", "--limit-rate", "4M", `${url}/file`]);
      assertEquals(slow.bytes.length, bytes.length);
      // So large a body curl announces by "Expect: 100-continue".
      for (const expect of ["Expect: 100-continue", "Expect:"]) {
        const { bytes: back } = await run(
          curl,
          ["-sS", "-H", expect, "--data-binary", `@${folder}/big`, `${url}/echo`],
        );
        assert(back.length === bytes.length && back.every((byte, i) => byte === bytes[i]), expect);
      }
      await Deno.writeFile(`${folder}/big`, new Uint8Array(1), { append: true });
      for (const expect of ["Expect: 100-continue", "Expect:"]) {
        const { out } = await run(
          curl,
          ["-sSi", "-H", expect, "--data-binary", `@${folder}/big`, `${url}/echo`],
        );
        assertEquals(statuses(out), ["413 Content Too Large"]);
      }
    });
  });
});

await peerTest(
  "http: raw requests of nc, pipelined, in pieces, malformed",
  ["nc"],
  async ({ nc }) => {
    await withServer("http_hello", ["--limit=500"], async ({ port }) => {
      const ask = async (input: string) => statuses(await exchange(nc, port, input));
      const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
      const post = "POST /echo HTTP/1.1\r\nhost:x\r\nContent-Length: 3\r\n\r\n";

      const answers = await exchange(nc, port, `${get}${post}abc\r\n${post}def${get}`.repeat(50));
      assertEquals(statuses(answers), new Array(200).fill("200 OK"));
      assertEquals(answers.match(/\r\n\r\n(abc|def|Hello)/g)?.length, 200);

      await using slow = new Process(nc, ["-N", "127.0.0.1", `${port}`]);
      for (const part of [post.slice(0, 7), post.slice(7, -1), "\na", "b", "cGET / HTT"]) {
        await slow.write(part);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await slow.printed(/ 408 /); // the second request is not complete in time
      await slow.closeInput();
      const { out } = await slow.succeeded();
      assertEquals(statuses(out), ["200 OK", "408 Request Timeout"]);

      const bad: Record<string, string> = {
        "GET /\r\n\r\n": "400 Bad Request",
        "GET / HTTP/1.1\r\n\r\n": "400 Bad Request", // no Host
        "GET / HTTP/1.1\nHost: x\n\n": "400 Bad Request",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n": "400 Bad Request",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n": "400 Bad Request",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n": "400 Bad Request",
        "GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n": "400 Bad Request",
        "GET / HTTP/1.1\r\nHost: x": "400 Bad Request",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n": "400 Bad Request",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nshort": "400 Bad Request",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n":
          "400 Bad Request",
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":
          "501 Not Implemented",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n": "505 HTTP Version Not Supported",
      };
      for (const [input, status] of Object.entries(bad)) {
        assertEquals(await ask(input + get), [status], JSON.stringify(input));
      }
      const long = `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`;
      assertEquals(await ask(long), ["431 Request Header Fields Too Large"]);
      assertEquals(await ask("GET / HTTP/1.0\r\n\r\n" + get), ["200 OK"]);
      assertEquals(await ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + get), [
        "200 OK",
      ]);
    });
  },
);

await peerTest("http: wrk, 32 connections, without a single error", ["wrk"], async ({ wrk }) => {
  await withServer("http_hello", [], async ({ url }) => {
    const { out } = await run(wrk, ["-t1", "-c32", "-d1s", `${url}/`]);
    const requests = Number(/^ *(\d+) requests in/m.exec(out)?.[1]);
    assert(requests > 100 && !/Socket errors|Non-2xx/.test(out), out);
  });
});

await peerTest("http: wrk, 16 requests at a time in each connection", ["wrk"], async ({ wrk }) => {
  await withFolder(async (folder) => {
    const script = `
      init = function()
        local one = wrk.format()
        batch = one:rep(16)
      end
      request = function() return batch end
    `;
    await Deno.writeTextFile(`${folder}/pipeline.lua`, script);
    await withServer("http_hello", [], async ({ url }) => {
      const { out } = await run(wrk, ["-t1", "-c8", "-d1s", "-s", `${folder}/pipeline.lua`, url]);
      const requests = Number(/^ *(\d+) requests in/m.exec(out)?.[1]);
      assert(requests > 100 && !/Socket errors|Non-2xx/.test(out), out);
    });
  });
});

await peerTest(
  "http: clients that go away amid an answer disturb nobody",
  ["curl"],
  async ({ curl }) => {
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/big`, noise(8 << 20));
      await withServer("http_hello", [`--file=${folder}/big`], async ({ url }) => {
        await Promise.all(Array.from({ length: 20 }, async (_, i) => {
          await using client = new Process(curl, ["-sS", "--limit-rate", "1M", `${url}/file`]);
          await client.printed(/./s);
          await client.stop(i % 2 === 0 ? "SIGKILL" : "SIGTERM");
        }));
        assertEquals((await run(curl, ["-sS", `${url}/`])).out, "Hello from the reactor\n");
      });
    });
  },
);

await peerTest(
  "http: 500 clients of a server with 200 descriptors",
  ["curl", "wrk"],
  async ({ curl, wrk }) => {
    await withServer("http_hello", [], async ({ url }) => {
      const { out } = await run(wrk, ["-t1", "-c500", "-d1s", `${url}/`]);
      assert(Number(/^ *(\d+) requests in/m.exec(out)?.[1]) > 100 && !/Non-2xx/.test(out), out);
      assertEquals((await run(curl, ["-sS", `${url}/`])).out, "Hello from the reactor\n");
    }, 200);
  },
);

await peerTest("http: SIGTERM ends it under load", ["wrk"], async ({ wrk }) => {
  await using server = start("examples", "http_hello");
  const [, address] = await server.printed(/^listening on (\S+)$/m);
  await using load = new Process(wrk, ["-t1", "-c50", "-d2s", `http://${address}/`]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const begin = performance.now();
  const { code, err } = await server.stop();
  assertEquals([code, err], [143, ""]);
  assert(performance.now() - begin < 4_000, "as long as its grace");
  await load.stop("SIGKILL");
});
