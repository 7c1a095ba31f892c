/**
 * Our tables of numbers, and the structures we write byte by byte, against the C compiler.
 *
 * Of the system this runs on the headers are asked. The `struct kevent` of macOS and of FreeBSD is
 * tried everywhere, by a declaration of ours that is laid out by the same compiler.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { decodeAddress, encodeAddress, type SocketAddress } from "../../reactor/address.ts";
import { epollLayout } from "../../reactor/epoll.ts";
import { kqueueConstants, packKevent, packTimespec } from "../../reactor/kqueue.ts";
import { hostPlatform, type Platform, platformOf } from "../../reactor/platform.ts";
import { skip } from "../support/skip.ts";

const DECODER = new TextDecoder();

/** Compiles and runs a program; answers the bytes it prints. */
async function runC(source: string, input = new Uint8Array()): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "vais-layout-" });
  try {
    await Deno.writeTextFile(`${folder}/program.c`, source);
    const built = await new Deno.Command("cc", {
      args: ["-Wall", "-Werror", "-o", `${folder}/program`, `${folder}/program.c`],
      stderr: "piped",
    }).output();
    assertEquals(DECODER.decode(built.stderr), "");
    await Deno.writeFile(`${folder}/input`, input);
    const ran = await new Deno.Command("sh", {
      args: ["-c", `"${folder}/program" < "${folder}/input"`],
    }).output();
    assertEquals(ran.code, 0, DECODER.decode(ran.stderr));
    return ran.stdout;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const HEADERS = `
#ifndef __APPLE__
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/syscall.h>
#else
#include <sys/event.h>
#endif
struct darwin_kevent {
  uintptr_t ident; int16_t filter; uint16_t flags; uint32_t fflags; intptr_t data; void *udata;
};
struct freebsd_kevent {
  uintptr_t ident; short filter; unsigned short flags; unsigned int fflags; int64_t data;
  void *udata; uint64_t ext[4];
};
`;

/** Prints the values of C expressions, which are read as numbers. */
async function valuesOf(expressions: readonly string[]): Promise<Record<string, number>> {
  const prints = expressions.map((text) => `printf("%lld\\n", (long long)(${text}));`);
  const printed = DECODER.decode(await runC(`${HEADERS}int main(void) { ${prints.join("\n")} }`));
  const values = printed.trim().split("\n").map(Number);
  return Object.fromEntries(expressions.map((text, i) => [text, values[i]!]));
}

async function hasCompiler(): Promise<boolean> {
  try {
    return (await new Deno.Command("cc", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

const { os, arch } = hostPlatform();
const platform = platformOf(os, arch);
if (platform === undefined) await skip("layouts and constants", `${os} is not known`);
else if (!await hasCompiler()) await skip("layouts and constants", "there is no C compiler (cc)");
else testLayouts(platform);

/** Fields that have the name and value of a constant of C. */
const SAME_NAME = [
  "O_RDONLY",
  "O_WRONLY",
  "O_RDWR",
  "O_CREAT",
  "O_APPEND",
  "O_NOCTTY",
  "O_NONBLOCK",
  "O_CLOEXEC",
  "AF_UNIX",
  "AF_INET",
  "AF_INET6",
  "SOL_SOCKET",
  "SO_REUSEADDR",
  "SO_REUSEPORT",
  "SO_ERROR",
  "SO_BROADCAST",
  "SO_KEEPALIVE",
  "SO_SNDBUF",
  "SO_RCVBUF",
  "IPV6_V6ONLY",
  "EAGAIN",
  "EINPROGRESS",
] as const satisfies readonly (keyof Platform)[];

/** Numbers that are written out in the code, because they are the same everywhere. */
const EVERYWHERE = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EBADF: 9,
  EEXIST: 17,
  EINVAL: 22,
  EPIPE: 32,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  FD_CLOEXEC: 1,
  MSG_PEEK: 2,
  "sizeof(int)": 4,
  "sizeof(long)": 8,
  "sizeof(socklen_t)": 4,
  "sizeof(struct timespec)": 16,
  "offsetof(struct timespec, tv_nsec)": 8,
};

/** Of epoll(7) and kqueue(2), as the code has them. */
const OF_THE_SYSTEM: Record<string, Record<string, number>> = {
  linux: {
    EPOLLIN: 0x1,
    EPOLLPRI: 0x2,
    EPOLLOUT: 0x4,
    EPOLLERR: 0x8,
    EPOLLHUP: 0x10,
    EPOLLRDHUP: 0x2000,
    "(int32_t)EPOLLET": 1 << 31,
    EPOLL_CTL_ADD: 1,
    EPOLL_CTL_DEL: 2,
    EPOLL_CTL_MOD: 3,
    EPOLL_CLOEXEC: 0o2000000,
    SYS_pidfd_open: 434,
  },
  bsd: {
    EVFILT_READ: -1,
    EVFILT_WRITE: -2,
    EV_ADD: 0x1,
    EV_DELETE: 0x2,
    EV_CLEAR: 0x20,
    EV_ERROR: 0x4000,
    EV_EOF: 0x8000,
    NOTE_TRIGGER: 0x1000000,
  },
};

function testLayouts(platform: Platform): void {
  const isLinux = platform.os === "linux";

  Deno.test("constants are those of the C headers", async () => {
    const ours: Record<string, number> = { ...EVERYWHERE };
    for (const name of SAME_NAME) ours[name] = platform[name];
    Object.assign(ours, OF_THE_SYSTEM[isLinux ? "linux" : "bsd"]);
    if (platform.SOCK_FLAGS !== 0) ours["SOCK_NONBLOCK | SOCK_CLOEXEC"] = platform.SOCK_FLAGS;
    if (platform.SO_NOSIGPIPE !== 0) ours["SO_NOSIGPIPE"] = platform.SO_NOSIGPIPE;
    if (platform.MSG_NOSIGNAL !== 0) ours["MSG_NOSIGNAL"] = platform.MSG_NOSIGNAL;
    if (!isLinux) ours["EVFILT_USER"] = kqueueConstants(platform.os).EVFILT_USER;
    assertEquals(await valuesOf(Object.keys(ours)), ours);
  });

  Deno.test("struct epoll_event is where we read it", async () => {
    if (!isLinux) return;
    const { stride, data } = epollLayout(arch);
    const ours = {
      "sizeof(struct epoll_event)": 4 * stride,
      "offsetof(struct epoll_event, events)": 0,
      "offsetof(struct epoll_event, data)": 4 * data,
    };
    assertEquals(await valuesOf(Object.keys(ours)), ours);
  });

  Deno.test("struct kevent is where we read and write it", async () => {
    const structs = [
      ["struct darwin_kevent", kqueueConstants("darwin").stride],
      ["struct freebsd_kevent", kqueueConstants("freebsd").stride],
      // The real one, where there is one.
      ...(isLinux ? [] : [["struct kevent", kqueueConstants(platform.os).stride]] as const),
    ] as const;
    const ours: Record<string, number> = {};
    for (const [name, stride] of structs) {
      ours[`sizeof(${name})`] = 4 * stride;
      const offsets = { ident: 0, filter: 8, flags: 10, fflags: 12, data: 16, udata: 24 };
      for (const [field, offset] of Object.entries(offsets)) {
        ours[`offsetof(${name}, ${field})`] = offset;
      }
    }
    assertEquals(await valuesOf(Object.keys(ours)), ours);
  });

  for (const system of ["darwin", "freebsd"] as const) {
    Deno.test(`what we pack for ${system} is what C reads: struct kevent`, async () => {
      const { stride, EVFILT_USER } = kqueueConstants(system);
      const events: [number, number, number, number, number][] = [
        [3, -1, 0x21, 0, 1],
        [2 ** 31 - 1, -2, 0x2, 0, 2 ** 31 - 1],
        [0, EVFILT_USER, 0, 0x1000000, 0],
        [17, -1, 0xc000, 104, -1],
        [18, 32_767, 0xffff, -1, -(2 ** 31)],
      ];
      const words = new Int32Array(stride * events.length);
      for (const [i, event] of events.entries()) packKevent(words, i * stride, ...event);
      const read = await runC(
        `${HEADERS}int main(void) {
          struct ${system}_kevent e;
          while (fread(&e, sizeof(e), 1, stdin) == 1)
            printf("%lld %d %u %d %lld %d\\n", (long long)e.ident, e.filter, e.flags,
              (int)e.fflags, (long long)e.data, (int)(intptr_t)e.udata);
        }`,
        new Uint8Array(words.buffer),
      );
      assertEquals(
        DECODER.decode(read).trim().split("\n").map((line) => line.split(" ").map(Number)),
        events.map((
          [ident, filter, flags, fflags, udata],
        ) => [ident, filter, flags, fflags, 0, udata]),
      );
    });
  }

  Deno.test("what we pack is what C reads: struct timespec, never too short", async () => {
    const times = [0, 1, 0.3, 1.5, 999.999_999_9, 1_000, 59_999.25, 2 ** 31, 1e12];
    const words = new Int32Array(4 * times.length);
    for (const [i, ms] of times.entries()) packTimespec(words.subarray(4 * i, 4 * i + 4), ms);
    const read = await runC(
      `${HEADERS}int main(void) {
        struct timespec t;
        while (fread(&t, sizeof(t), 1, stdin) == 1)
          printf("%lld %lld\\n", (long long)t.tv_sec, (long long)t.tv_nsec);
      }`,
      new Uint8Array(words.buffer),
    );
    assertEquals(DECODER.decode(read).trim().split("\n"), [
      "0 0",
      "0 1000000",
      "0 300000",
      "0 1500000",
      "1 0",
      "1 0",
      "59 999250000",
      "2147483 647000000",
      "2147483 647000000",
    ]);
  });

  testAddresses(platform);
}

/** Prints a socket address as C sees it, read from the input. */
const PRINT_ADDRESS = `${HEADERS}int main(void) {
  union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_un un;
          unsigned char bytes[256]; } a;
  char text[256];
  memset(&a, 0, sizeof(a));
  unsigned n = fread(&a, 1, sizeof(a), stdin);
#ifdef __linux__
  unsigned length = n;
#else
  unsigned length = a.any.sa_len;
#endif
  if (a.any.sa_family == AF_INET)
    printf("4 %u %s %u", length, inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof(text)), ntohs(a.v4.sin_port));
  else if (a.any.sa_family == AF_INET6)
    printf("6 %u %s %u %u", length, inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof(text)),
      ntohs(a.v6.sin6_port), a.v6.sin6_scope_id);
  else if (a.any.sa_family == AF_UNIX)
    printf("u %u %s", length, a.un.sun_path);
  return 0;
}`;

function testAddresses(platform: Platform): void {
  const cases: [SocketAddress, string][] = [
    [{ hostname: "127.0.0.1", port: 8_080 }, "4 16 127.0.0.1 8080"],
    [{ hostname: "192.168.254.1", port: 65_535 }, "4 16 192.168.254.1 65535"],
    [{ hostname: "::1", port: 1 }, "6 28 ::1 1 0"],
    [{ hostname: "fe80::1:2%3", port: 53 }, "6 28 fe80::1:2 53 3"],
    [{ path: "/tmp/a socket" }, "u 16 /tmp/a socket"],
  ];
  for (const [address, expected] of cases) {
    Deno.test(`what we write is what C reads: ${JSON.stringify(address)}`, async () => {
      const { bytes } = encodeAddress(platform, address)!;
      assertEquals(DECODER.decode(await runC(PRINT_ADDRESS, bytes.slice())), expected);
      assertEquals(decodeAddress(platform, bytes, bytes.byteLength), address);
    });
  }

  Deno.test("addresses have the size that C gives them", async () => {
    const longest = encodeAddress(platform, { path: "x".repeat(sunPathBytes(platform) - 1) })!;
    const ours = {
      "sizeof(struct sockaddr_in)": 16,
      "offsetof(struct sockaddr_in, sin_port)": 2,
      "offsetof(struct sockaddr_in, sin_addr)": 4,
      "sizeof(struct sockaddr_in6)": 28,
      "offsetof(struct sockaddr_in6, sin6_port)": 2,
      "offsetof(struct sockaddr_in6, sin6_addr)": 8,
      "offsetof(struct sockaddr_in6, sin6_scope_id)": 24,
      "sizeof(struct sockaddr_un)": longest.bytes.byteLength,
      "offsetof(struct sockaddr_un, sun_path)": 2,
      "sizeof(struct sockaddr_storage)": 128,
      "offsetof(struct sockaddr, sa_family)": platform.sockaddrHasLength ? 1 : 0,
    };
    assertEquals(await valuesOf(Object.keys(ours)), ours);
  });
}

/** `sizeof(sun_path)`. */
function sunPathBytes({ sockaddrHasLength }: Platform): number {
  return sockaddrHasLength ? 104 : 108;
}
