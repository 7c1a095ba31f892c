/**
 * A module's text run as a process of its own, on the host that runs the tests.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";

/** How a program ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
}

const isDeno = "Deno" in globalThis;

/**
 * Runs `source`, which imports the library by its public names, and waits for its end. It is killed
 * after 30 s.
 */
export function runProgram(source: string): Promise<Ended> {
  const args = isDeno ? ["run", "-A", "--no-lock", "-"] : ["--input-type=module", "-"];
  const cwd = isDeno ? decodeURIComponent(new URL("../../", import.meta.url).pathname) : undefined;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: 30_000,
      killSignal: "SIGKILL",
    });
    let out = "";
    child.stdout!.on("data", (data: Uint8Array) => out += new TextDecoder().decode(data));
    child.stderr!.on("data", (data: Uint8Array) => out += new TextDecoder().decode(data));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, out }));
    child.stdin!.end(source);
  });
}
