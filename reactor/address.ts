/**
 * Socket addresses, and how the kernel lays them out.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import type { Platform } from "./platform.ts";

/** An internet address. */
export interface NetAddress {
  /** A numeric address; where a name is allowed, also a name. */
  readonly hostname: string;
  /** 0 to 65 535. */
  readonly port: number;
}

/** The address of a Unix socket. */
export interface UnixAddress {
  /** A path; on Linux also an abstract name, beginning with `"\0"`. Empty: unnamed. */
  readonly path: string;
}

/** Where a socket is. */
export type SocketAddress = NetAddress | UnixAddress;

/** Room for any address. */
export const ADDRESS_BYTES = 128;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether it is the address of a Unix socket. */
export function isUnix(address: SocketAddress): address is UnixAddress {
  return "path" in address;
}

/** The four bytes of an IPv4 address; undefined when it is none. */
export function parseIPv4(text: string): number[] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const bytes = match?.slice(1).map(Number);
  return bytes?.every((byte) => byte <= 255) ? bytes : undefined;
}

/** The sixteen bytes and the zone of an IPv6 address; undefined when it is none. */
export function parseIPv6(text: string): { bytes: number[]; zone: number } | undefined {
  const [address = "", zone = "0"] = text.replace(/^\[(.*)\]$/, "$1").split("%");
  if (!/^\d+$/.test(zone)) return undefined;
  const halves = address.split("::");
  if (halves.length > 2 || address === "") return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return {
    bytes: [...head, ...new Array<number>(missing).fill(0), ...tail ?? []],
    zone: Number(zone),
  };
}

/** The bytes of `:`-separated groups; the last may be an IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  const bytes: number[] = [];
  const groups = text === "" ? [] : text.split(":");
  for (const [i, group] of groups.entries()) {
    const v4 = i === groups.length - 1 ? parseIPv4(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
    } else return undefined;
  }
  return bytes;
}

/** An IPv6 address as text, by RFC 5952: the longest run of zeros is left out. */
function formatIPv6(bytes: Uint8Array, zone: number): string {
  if (bytes.subarray(0, 12).join() === "0,0,0,0,0,0,0,0,0,0,255,255") {
    return `::ffff:${bytes.subarray(12).join(".")}`;
  }
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(bytes[i]! << 8 | bytes[i + 1]!);
  let from = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (groups[i + run] === 0) run++;
    if (run > length) [from, length] = [i, run];
  }
  const hex = groups.map((group) => group.toString(16));
  const text = from < 0
    ? hex.join(":")
    : `${hex.slice(0, from).join(":")}::${hex.slice(from + length).join(":")}`;
  return zone === 0 ? text : `${text}%${zone}`;
}

/** Checks an address; names are for the caller to resolve. */
export function checkAddress(address: unknown, action: string): SocketAddress {
  if (typeof address !== "object" || address === null) {
    throw new TypeError(
      `Cannot ${action}: address is ${typeOf(address)} (must be { hostname, port } or { path })`,
    );
  }
  const { hostname, port, path } = address as Record<string, unknown>;
  if (path !== undefined) {
    if (typeof path === "string" && path !== "") return { path };
    throw new TypeError(`Cannot ${action}: path is ${typeOf(path)} (must be a string, not empty)`);
  }
  if (hostname !== undefined && typeof hostname !== "string") {
    throw new TypeError(`Cannot ${action}: hostname is ${typeOf(hostname)} (must be a string)`);
  }
  if (typeof port !== "number") {
    throw new TypeError(`Cannot ${action}: port is ${typeOf(port)} (must be a number)`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`Cannot ${action}: port is ${port} (must be 0 to 65535)`);
  }
  return { hostname: hostname ?? "", port };
}

/**
 * The address as the kernel takes it; undefined when the host name is no numeric address.
 *
 * @throws {RangeError} If a path is too long for the system
 */
export function encodeAddress(
  platform: Platform,
  address: SocketAddress,
): { family: number; bytes: Uint8Array } | undefined {
  if (isUnix(address)) return encodeUnix(platform, address.path);
  const { hostname, port } = address;
  const v4 = parseIPv4(hostname);
  if (v4 !== undefined) {
    const bytes = startAddress(platform, platform.AF_INET, 16);
    bytes.set([port >> 8, port & 255, ...v4], 2);
    return { family: platform.AF_INET, bytes };
  }
  const v6 = parseIPv6(hostname);
  if (v6 === undefined) return undefined;
  const bytes = startAddress(platform, platform.AF_INET6, 28);
  bytes.set([port >> 8, port & 255], 2);
  bytes.set(v6.bytes, 8);
  new DataView(bytes.buffer).setUint32(24, v6.zone, true);
  return { family: platform.AF_INET6, bytes };
}

function encodeUnix(platform: Platform, path: string): { family: number; bytes: Uint8Array } {
  if (path[0] !== "\0" && path.includes("\0")) {
    throw new TypeError(
      `Cannot use Unix socket: path ${
        JSON.stringify(path)
      } has a NUL (only as its first character)`,
    );
  }
  const name = encoder.encode(path);
  const most = platform.sockaddrHasLength ? 103 : 107;
  if (name.byteLength > most) {
    throw new RangeError(
      `Cannot use Unix socket: its path has ${name.byteLength} bytes (must be at most ${most})`,
    );
  }
  // An abstract name has its own length, a path ends with a zero.
  const bytes = startAddress(
    platform,
    platform.AF_UNIX,
    2 + name.byteLength + (name[0] === 0 ? 0 : 1),
  );
  bytes.set(name, 2);
  return { family: platform.AF_UNIX, bytes };
}

function startAddress(platform: Platform, family: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (platform.sockaddrHasLength) bytes.set([length, family]);
  else bytes.set([family & 255, family >> 8]); // every Linux that hosts us is little-endian
  return bytes;
}

/** The family of an address that the kernel wrote. */
export function familyOf(platform: Platform, bytes: Uint8Array): number {
  return platform.sockaddrHasLength ? bytes[1]! : bytes[0]! | bytes[1]! << 8;
}

/** What the kernel wrote as an address. */
export function decodeAddress(
  platform: Platform,
  bytes: Uint8Array,
  length: number,
): SocketAddress {
  const family = familyOf(platform, bytes);
  const port = bytes[2]! << 8 | bytes[3]!;
  if (family === platform.AF_INET) return { hostname: bytes.subarray(4, 8).join("."), port };
  if (family === platform.AF_INET6) {
    const zone = new DataView(bytes.buffer, bytes.byteOffset).getUint32(24, true);
    return { hostname: formatIPv6(bytes.subarray(8, 24), zone), port };
  }
  const name = bytes.subarray(2, Math.max(2, length));
  const end = name[0] === 0 ? name.length : name.indexOf(0);
  return { path: decoder.decode(end < 0 ? name : name.subarray(0, end)) };
}
