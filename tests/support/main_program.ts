/**
 * Small programs around `main()`, run as processes of their own.
 *
 * They are plain JavaScript text, so that the host at hand runs them as they are: Deno with this
 * repository's import map, Node in the project where the package is installed. Each prints `ready`
 * once signals may come, so that nobody has to guess how long a process takes to start.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { kill } from "node:process";

/** How a process ended. */
export interface Ended {
  /** Its exit code; `null` when a signal killed it. */
  readonly code: number | null;
  /** Lines it printed. */
  readonly lines: readonly string[];
  /** What it printed on stderr. */
  readonly errors: string;
  /** How long it went on after the last thing that was done to it, in ms. */
  readonly lastMs: number;
}

/** What to do when a line was printed. */
export type Plan = readonly { readonly after: string; readonly send: "SIGINT" | "SIGTERM" }[];

/** Where this host finds `@vais/runtime`: the repository, or the project the tests are bundled into. */
const root = decodeURIComponent(new URL("../../", import.meta.url).pathname);

interface HostProcess {
  readonly execPath: string;
  readonly env: Record<string, string | undefined>;
}
const host = (globalThis as unknown as { process: HostProcess }).process;

/** A process that says nothing for so long hangs. */
const LIMIT_MS = 30_000;

/** The command that runs a JavaScript module given as text. */
export function command(program: string): string[] {
  return "Deno" in globalThis
    ? ["eval", "--no-check", program]
    : ["--input-type=module", "--eval", program];
}

/** Runs `program` and does to it what `plan` says. */
export function runProcess(
  program: string,
  plan: Plan = [],
  args: string[] = command(program),
): Promise<Ended> {
  const child = spawn(host.execPath, args, {
    cwd: root,
    env: { ...host.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let errors = "";
  let next = 0;
  let lastAt = performance.now();
  const act = () => {
    for (; next < plan.length && out.includes(`${plan[next]!.after}\n`); next++) {
      // Not child.kill(): Deno's takes any signal sent for the end of the process.
      kill(child.pid!, plan[next]!.send);
      lastAt = performance.now();
    }
  };
  child.stdout!.on("data", (bytes: Uint8Array) => {
    out += new TextDecoder().decode(bytes);
    act();
  });
  child.stderr!.on("data", (bytes: Uint8Array) => errors += new TextDecoder().decode(bytes));
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`The process hangs. It printed:\n${out}\n${errors}`));
    }, LIMIT_MS);
    child.on("error", reject);
    child.on("close", (code: number | null) => {
      clearTimeout(late);
      const lines = out.split("\n").filter((line) => line !== "");
      resolve({ code, lines, errors, lastMs: performance.now() - lastAt });
    });
  });
}

/** A program: `call` is the argument list of `main`, `before` and `after` are statements around it. */
export function program(call: string, after = "", before = ""): string {
  return `
import * as vais from "@vais/runtime";
import process from "node:process";
const { main, scope, sleep, Future, Deferred, Runtime, yieldNow } = vais;
const say = (line) => console.log(line);
process.on("exit", (code) => say("exit " + code));
${before}
await main(${call});
say("main is over");
${after}
`;
}
