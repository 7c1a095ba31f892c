/**
 * What differs between systems: numbers, and the layout of structures.
 *
 * Sources: Linux `include/uapi`, glibc 2.36 headers; macOS 14 and FreeBSD 14 `sys/*.h`.
 *
 * @module
 */

import { ReactorUnavailableError } from "./errors.ts";

/** Systems the reactor knows. */
export type Os = "linux" | "darwin" | "freebsd";

/** Numbers that the library hands to the kernel. */
export interface Platform {
  /** The system. */
  readonly os: Os;
  /** `"x86_64"` or `"aarch64"`, as Deno names them. */
  readonly arch: string;
  /** `open` and `fcntl`. */
  readonly O_RDONLY: 0;
  /** See the system's headers. */
  readonly O_WRONLY: 1;
  /** See the system's headers. */
  readonly O_RDWR: 2;
  /** See the system's headers. */
  readonly O_CREAT: number;
  /** See the system's headers. */
  readonly O_APPEND: number;
  /** See the system's headers. */
  readonly O_NOCTTY: number;
  /** See the system's headers. */
  readonly O_NONBLOCK: number;
  /** See the system's headers. */
  readonly O_CLOEXEC: number;
  /** Address families. */
  readonly AF_UNIX: 1;
  /** See the system's headers. */
  readonly AF_INET: 2;
  /** See the system's headers. */
  readonly AF_INET6: number;
  /** BSD: the first byte of an address is its length, the second its family. */
  readonly sockaddrHasLength: boolean;
  /** Flags that `socket` and `accept4` take beside the type; 0 where they do not. */
  readonly SOCK_FLAGS: number;
  /** See the system's headers. */
  readonly SOL_SOCKET: number;
  /** See the system's headers. */
  readonly SO_REUSEADDR: number;
  /** See the system's headers. */
  readonly SO_REUSEPORT: number;
  /** See the system's headers. */
  readonly SO_ERROR: number;
  /** See the system's headers. */
  readonly SO_BROADCAST: number;
  /** See the system's headers. */
  readonly SO_KEEPALIVE: number;
  /** See the system's headers. */
  readonly SO_SNDBUF: number;
  /** See the system's headers. */
  readonly SO_RCVBUF: number;
  /** 0 where a broken pipe is avoided per call. */
  readonly SO_NOSIGPIPE: number;
  /** 0 where it is avoided per socket. */
  readonly MSG_NOSIGNAL: number;
  /** See the system's headers. */
  readonly IPV6_V6ONLY: number;
  /** See the system's headers. */
  readonly EAGAIN: number;
  /** See the system's headers. */
  readonly EINPROGRESS: number;
  /** Variadic arguments travel on the stack, after all registers (Apple silicon). */
  readonly variadicOnStack: boolean;
}

const LINUX = {
  os: "linux",
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_APPEND: 0o2000,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  sockaddrHasLength: false,
  SOCK_FLAGS: 0o2004000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_REUSEPORT: 15,
  SO_ERROR: 4,
  SO_BROADCAST: 6,
  SO_KEEPALIVE: 9,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_NOSIGPIPE: 0,
  MSG_NOSIGNAL: 0x4000,
  IPV6_V6ONLY: 26,
  EAGAIN: 11,
  EINPROGRESS: 115,
  variadicOnStack: false,
} as const;

const BSD = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0x200,
  O_APPEND: 8,
  O_NONBLOCK: 4,
  AF_UNIX: 1,
  AF_INET: 2,
  sockaddrHasLength: true,
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 4,
  SO_REUSEPORT: 0x200,
  SO_ERROR: 0x1007,
  SO_BROADCAST: 0x20,
  SO_KEEPALIVE: 8,
  SO_SNDBUF: 0x1001,
  SO_RCVBUF: 0x1002,
  IPV6_V6ONLY: 27,
  EAGAIN: 35,
  EINPROGRESS: 36,
} as const;

const DARWIN = {
  ...BSD,
  os: "darwin",
  O_NOCTTY: 0x20000,
  O_CLOEXEC: 0x1000000,
  AF_INET6: 30,
  SOCK_FLAGS: 0,
  SO_NOSIGPIPE: 0x1022,
  MSG_NOSIGNAL: 0,
} as const;

const FREEBSD = {
  ...BSD,
  os: "freebsd",
  O_NOCTTY: 0x8000,
  O_CLOEXEC: 0x100000,
  AF_INET6: 28,
  SOCK_FLAGS: 0x30000000,
  SO_NOSIGPIPE: 0,
  MSG_NOSIGNAL: 0x20000,
  variadicOnStack: false,
} as const;

/** The numbers of a system; undefined for one that is not known. */
export function platformOf(os: string, arch: string): Platform | undefined {
  switch (os) {
    case "linux":
      return { ...LINUX, arch };
    case "darwin":
      return { ...DARWIN, arch, variadicOnStack: arch === "aarch64" };
    case "freebsd":
      return { ...FREEBSD, arch };
  }
  return undefined;
}

/** Machines whose structures and numbers are those above: little-endian, 64 bits. */
const ARCHITECTURES: Readonly<Record<Os, readonly string[]>> = {
  linux: ["x86_64", "aarch64", "riscv64", "loong64"],
  darwin: ["x86_64", "aarch64"],
  freebsd: ["x86_64", "aarch64"],
};

const ELSEWHERE = "timers, tasks and signals work here";

/**
 * The numbers of a system that must be known.
 *
 * @throws {ReactorUnavailableError} If it is not, or if it is on a machine that is not
 */
export function requirePlatform(os: string, arch: string): Platform {
  const platform = platformOf(os, arch);
  if (platform === undefined) {
    throw new ReactorUnavailableError(
      "platform",
      `${os} is not supported (Linux, also in WSL, macOS and FreeBSD are; ${ELSEWHERE})`,
    );
  }
  const known = ARCHITECTURES[platform.os];
  if (known.includes(arch)) return platform;
  throw new ReactorUnavailableError(
    "platform",
    `${os} on ${arch} is not supported (on ${known.join(", ")} it is; ${ELSEWHERE})`,
  );
}

/** What is used of the hosts' own answers. */
interface HostNames {
  readonly Deno?: { readonly build: { readonly os: string; readonly arch: string } };
  readonly process?: { readonly platform: string; readonly arch: string };
}

/** Where this program runs, in Deno's names. */
export function hostPlatform(): { readonly os: string; readonly arch: string } {
  const { Deno, process } = globalThis as HostNames;
  if (Deno !== undefined) return { os: Deno.build.os, arch: Deno.build.arch };
  const arch = process?.arch ?? "unknown";
  return {
    os: process?.platform === "win32" ? "windows" : process?.platform ?? "unknown",
    arch: arch === "x64" ? "x86_64" : arch === "arm64" ? "aarch64" : arch,
  };
}
