/**
 * Where descriptors cannot be waited for: the error is of one class, and names what is missing and what
 * to do. Without `--allow-ffi`: tests/deno/reactor_permissions_test.ts.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { ReactorUnavailableError } from "@vais/runtime/reactor";
import { bindDeno, type DenoFfi } from "../../reactor/binding_deno.ts";
import { type RawSymbols, signaturesFor } from "../../reactor/libc_symbols.ts";
import { requirePlatform } from "../../reactor/platform.ts";
import { test } from "../support/test.ts";
import { entry } from "../support/threads.ts";

/** What `call` throws, with its reason and the usual form of a message. */
function unavailable(call: () => unknown, reason: string): string {
  const error = assertThrows(call, ReactorUnavailableError);
  assertEquals([error.code, error.reason], ["ERR_REACTOR_UNAVAILABLE", reason]);
  assertMatch(error.message, /^Cannot use file descriptors: .+ \(.+\)$/);
  return error.message;
}

test("a system that is not known: the error names those that are, and what works here", () => {
  for (const os of ["windows", "sunos", "aix", "android", "netbsd", "openbsd", "unknown"]) {
    const message = unavailable(() => requirePlatform(os, "x86_64"), "platform");
    assertStringIncludes(message, `${os} is not supported`);
    for (const part of ["Linux", "WSL", "macOS", "FreeBSD", "timers, tasks and signals work"]) {
      assertStringIncludes(message, part);
    }
  }
});

test("a machine that is not known: the error names those that are", () => {
  for (
    const [os, arch] of [
      ["linux", "arm"],
      ["linux", "ia32"],
      ["linux", "s390x"],
      ["linux", "mips"],
      ["darwin", "unknown"],
      ["freebsd", "riscv64"],
    ] as const
  ) {
    const message = unavailable(() => requirePlatform(os, arch), "platform");
    assertStringIncludes(message, `${os} on ${arch} is not supported`);
    assertStringIncludes(message, "x86_64, aarch64");
  }
});

test("what is known is given", () => {
  for (const os of ["linux", "darwin", "freebsd"]) {
    for (const arch of ["x86_64", "aarch64"]) {
      const platform = requirePlatform(os, arch);
      assertEquals([platform.os, platform.arch], [os, arch]);
      assertEquals(platform.variadicOnStack, os === "darwin" && arch === "aarch64");
    }
  }
});

class NotCapable extends Error {}

/** A stand-in for Deno that opens only these files, with this right; `tried` are those asked for. */
function host(files: readonly string[], right: "granted" | "prompt" | "denied") {
  const tried: string[] = [];
  const ffi: DenoFfi = {
    dlopen(path) {
      tried.push(path);
      if (right !== "granted") throw new NotCapable(`Requires ffi access to "${path}"`);
      if (!files.includes(path)) throw new Error(`${path}: no such file`);
      const symbols = { errnoPointer: () => ({}) } as unknown as RawSymbols;
      return { symbols, close() {} };
    },
    UnsafePointerView: { getArrayBuffer: () => new ArrayBuffer(4) },
    permissions: { querySync: () => ({ state: right }) },
    errors: { NotCapable },
  };
  const platform = requirePlatform("linux", "aarch64");
  return { tried, bind: () => bindDeno(platform, signaturesFor(platform), ffi) };
}

test("glibc is taken where it is, and musl where it is not", () => {
  const glibc = host(["libc.so.6", "libc.musl-aarch64.so.1"], "granted");
  assertEquals(glibc.bind().via, "deno");
  assertEquals(glibc.tried, ["libc.so.6"]);
  const musl = host(["libc.musl-aarch64.so.1"], "granted");
  assertEquals(musl.bind().errno(), 0);
  assertEquals(musl.tried, ["libc.so.6", "libc.musl-aarch64.so.1"]);
  const loader = host(["/lib/ld-musl-aarch64.so.1"], "granted");
  loader.bind();
  assertEquals(loader.tried.at(-1), "/lib/ld-musl-aarch64.so.1");
});

test("no C library: the error names every file that would do", () => {
  const none = host([], "granted");
  const message = unavailable(none.bind, "library");
  for (const path of ["libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "libc.musl-aarch64.so.1"]) {
    assertStringIncludes(message, path);
  }
  for (const path of none.tried) assertStringIncludes(message, path);
});

test("no right: the error names the flag, and the file to allow alone", () => {
  for (const [right, asked] of [["prompt", 1], ["denied", 0]] as const) {
    const { bind, tried } = host(["libc.so.6"], right);
    const message = unavailable(bind, "permission");
    assertStringIncludes(message, "--allow-ffi, or with --allow-ffi=/lib/aarch64-linux-gnu/libc");
    assertEquals(tried.length, asked, `${right}: files asked for`);
  }
});

const MISSING = "Node without koffi: the error names it, and timers and tasks work";

// Deno and Bun need no koffi.
if (!("Deno" in globalThis)) {
  test(MISSING, () => {
    const folder = mkdtempSync(`${tmpdir()}/vais-`);
    try {
      const installed = fileURLToPath(new URL("..", entry("reactor")));
      mkdirSync(`${folder}/node_modules/@vais`, { recursive: true });
      cpSync(installed, `${folder}/node_modules/@vais/runtime`, { recursive: true });
      writeFileSync(
        `${folder}/main.mjs`,
        `import { ReactorRuntime } from "@vais/runtime/reactor";
const runtime = new ReactorRuntime();
console.log(await runtime.spawn(function* (t) { yield* t.sleep(1); return "slept"; }));
await runtime.spawn(() => runtime.readable(0)).then(() => {}, (error) => {
  console.log(error.code, error.reason, error.message);
});
await runtime.close();`,
      );
      const printed = execFileSync("node", ["main.mjs"], { cwd: folder, encoding: "utf8" });
      assertStringIncludes(printed, "slept\nERR_REACTOR_UNAVAILABLE koffi");
      assertStringIncludes(printed, "npm install koffi");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
