/**
 * The programs that a cell starts beside itself.
 *
 * They end by themselves when their stdin does, which is when the cell is gone, whatever ended it;
 * and they are killed, each by its own pid, when the cell exits.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Figures } from "../bench.ts";

/** The clock of `/proc/PID/stat`, in ticks per second: always 100 on Linux. */
const TICKS = 100;

/** A program that listens. */
export interface Server {
  readonly pid: number;
  readonly port: number;
}

/** What `load.c` answers. */
export interface Load {
  /** In the measured part. */
  readonly requests: number;
  /** Of the measured part. */
  readonly seconds: number;
  /** Also while warming. */
  readonly all: number;
  /** Latency, µs. */
  readonly p50: number;
  readonly p99: number;
}

/** A compiled helper of the project: `reactor/NAME`. */
export function compiled(name: string): string[] {
  const path = fileURLToPath(new URL(`reactor/${name}`, import.meta.url));
  if (!existsSync(path)) throw new Error(`no C compiler (cc): ${name}.c was not compiled`);
  return [path];
}

/** A module of the project, `reactor/NAME.mjs`, run by this same runtime. */
export function program(name: string, ...args: string[]): string[] {
  const path = fileURLToPath(new URL(`reactor/${name}.mjs`, import.meta.url));
  return "Deno" in globalThis
    ? [process.execPath, "run", "-A", path, ...args]
    : [process.execPath, path, ...args];
}

/** Starts a server; it lives as long as this process and prints its port. */
export function serve([command, ...args]: readonly string[]): Promise<Server> {
  const child = start(command!, args);
  return new Promise((resolve, reject) => {
    let printed = "";
    child.stdout!.on("data", (chunk: Buffer) => {
      printed += chunk;
      if (printed.includes("\n")) resolve({ pid: child.pid!, port: Number.parseInt(printed) });
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => reject(new Error(`the server ended: ${signal ?? code}`)));
  });
}

/** Runs a program to its end; answers what it printed. */
export function output([command, ...args]: readonly string[]): Promise<string> {
  const child = start(command!, args);
  return new Promise((resolve, reject) => {
    let printed = "";
    child.stdout!.on("data", (chunk: Buffer) => printed += chunk);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${command} ended: ${signal ?? code}`));
    });
  });
}

/** Puts a load on the server; the figures are those of the table. */
export async function load(
  server: Server,
  connections: number,
  ms: { readonly warm: number; readonly measure: number },
  pauseUs = 0,
): Promise<{ readonly perRequest: number; readonly cpu: number; readonly p50: number }> {
  const before = cpuSeconds(server.pid);
  const args = [server.port, server.pid, connections, ms.warm, ms.measure, pauseUs].map(String);
  const found: Load = JSON.parse(await output([...compiled("load"), ...args]));
  return {
    perRequest: found.seconds * 1e6 / found.requests,
    cpu: (cpuSeconds(server.pid) - before) * 1e6 / found.all,
    p50: found.p50,
  };
}

/** What a program prints as one number. */
export async function figure(command: readonly string[]): Promise<Figures> {
  return Number(await output(command));
}

/** User and system time a process used so far. */
function cpuSeconds(pid: number): number {
  // After the name, which is in brackets and may hold anything; fields 14 and 15 of proc(5).
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  child.on("exit", () => process.off("exit", kill));
  return child;
}
