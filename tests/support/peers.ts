/**
 * Real programs around the reactor: servers and clients of ours as processes on either host, and
 * peers that nobody here wrote.
 *
 * Ours run on Deno from the sources. With `-- --node=FOLDER` behind the test command they run on
 * Node instead, as FOLDER/NAME.mjs, in the project where the package is installed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { ensurePrograms } from "../../scripts/debian.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const node = Deno.args.find((arg) => arg.startsWith("--node="))?.slice(7);

/** Which host runs our programs. */
export const HOST = node === undefined ? "Deno" : "Node";

/** Whatever takes longer hangs. */
const LIMIT_MS = 60_000;

/** How to start a process. */
export interface HowToStart {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** All of its input; without it, `write` and `closeInput`. */
  readonly input?: string | Uint8Array<ArrayBuffer>;
}

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly bytes: Uint8Array;
  readonly err: string;
}

/** A process of the test; `await using` kills it, if it is still there, and waits for its end. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #line: string;
  readonly #hung: ReturnType<typeof setTimeout>;
  readonly #chunks: Uint8Array[] = [];
  #out = "";
  #err = "";
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #ended: Promise<Ended>;
  #isOver = false;

  constructor(command: string, args: readonly string[], how: HowToStart = {}) {
    this.#line = `${command} ${args.join(" ")}`;
    const { cwd, env, input } = how;
    this.#child = new Deno.Command(command, {
      args: [...args],
      ...(cwd === undefined ? {} : { cwd }),
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#hung = setTimeout(() => this.#kill("SIGKILL"), LIMIT_MS);
    this.#input = this.#child.stdin.getWriter();
    this.#ended = this.#run();
    if (input !== undefined) {
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      this.#input.write(bytes).then(() => this.#input.close()).catch(() => {});
    }
  }

  async #run(): Promise<Ended> {
    const decoder = new TextDecoder();
    const read = async (stream: ReadableStream<Uint8Array>, take: (chunk: Uint8Array) => void) => {
      for await (const chunk of stream) {
        take(chunk);
        this.#change();
      }
    };
    const [{ code }] = await Promise.all([
      this.#child.status,
      read(this.#child.stdout, (chunk) => {
        this.#chunks.push(chunk);
        this.#out += decoder.decode(chunk, { stream: true });
      }),
      read(this.#child.stderr, (chunk) => this.#err += new TextDecoder().decode(chunk)),
    ]);
    clearTimeout(this.#hung);
    this.#isOver = true;
    await this.#input.close().catch(() => {});
    this.#change();
    const bytes = new Uint8Array(await new Blob(this.#chunks as BlobPart[]).arrayBuffer());
    return { code, out: this.#out, bytes, err: this.#err };
  }

  #change(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  /** Its number. */
  get pid(): number {
    return this.#child.pid;
  }

  /** What it wrote to its output so far. */
  get out(): string {
    return this.#out;
  }

  /** Waits until its output, or its error output, matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#out) ?? pattern.exec(this.#err);
      if (match !== null) return match;
      if (this.#isOver) throw new Error(`Over without ${pattern}:\n${this.#log}`);
      await this.#changed.promise;
    }
  }

  /** Sends it something. */
  async write(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Ends its input. */
  async closeInput(): Promise<void> {
    await this.#input.close();
  }

  /** Waits for its end. */
  ended(): Promise<Ended> {
    return this.#ended;
  }

  /** Waits for its end, which must be exit code 0. */
  async succeeded(): Promise<Ended> {
    const ended = await this.#ended;
    if (ended.code !== 0) throw new Error(`Exit code ${ended.code}\n${this.#log}`);
    return ended;
  }

  /** Sends a signal and waits for its end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Ended> {
    this.#kill(signal);
    return await this.#ended;
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
  }

  get #log(): string {
    return `$ ${this.#line}\n${this.#out.slice(-4_000)}\n${this.#err.slice(-4_000)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/**
 * Starts a program of ours: `folder` is below the root.
 *
 * @param mostDescriptors It may have no more of them at once
 */
export function start(
  folder: string,
  name: string,
  args: readonly string[] = [],
  mostDescriptors?: number,
): Process {
  const command = node !== undefined
    ? ["node", `${node}/${name}.mjs`]
    : [Deno.execPath(), "run", "-A", "--no-check", "--config", `${ROOT}deno.json`];
  if (node === undefined) command.push(`${ROOT}${folder}/${name}.ts`);
  if (mostDescriptors !== undefined) {
    command.unshift("sh", "-c", `ulimit -n ${mostDescriptors}; exec "$@"`, "sh");
  }
  return new Process(command[0]!, [...command.slice(1), ...args]);
}

/** A server of ours under test. */
export interface Server {
  readonly port: number;
  /** `http://…`, without a slash at the end. */
  readonly url: string;
  readonly process: Process;
}

/**
 * Runs an example server around `use`. Afterwards it must have as many descriptors as before, end on
 * SIGTERM with exit code 143, and have complained about nothing.
 */
export async function withServer(
  name: string,
  args: readonly string[],
  use: (server: Server) => Promise<void>,
  mostDescriptors?: number,
): Promise<void> {
  await using process = start("examples", name, args, mostDescriptors);
  const [, hostname, port] = await process.printed(/^listening on ([\d.]+):(\d+)$/m);
  // One connection first: what the host opens for good at that time is no leak.
  (await Deno.connect({ hostname: hostname!, port: Number(port) })).close();
  const before = await settled(() => descriptors(process.pid));
  await use({ port: Number(port), url: `http://${hostname}:${port}`, process });
  assertEquals(await settled(() => descriptors(process.pid), before), before);
  const { code, err } = await process.stop();
  assertEquals([code, err], [143, ""]);
}

/** What `read` answers: at last `wanted`, or the same for 100 ms; the last answer after 5 s. */
async function settled(read: () => string[], wanted?: string[]): Promise<string[]> {
  let last = read();
  let same = 0;
  for (let i = 0; i < 250; i++) {
    if (wanted === undefined ? same >= 5 : last.join() === wanted.join()) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = read();
    same = now.join() === last.join() ? same + 1 : 0;
    last = now;
  }
  return last;
}

/** What a process has open, by kind; empty where there is no /proc. */
export function descriptors(pid: number): string[] {
  const found: string[] = [];
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      try {
        found.push(Deno.readLinkSync(`/proc/${pid}/fd/${name}`).replace(/:\[\d+\]$/, ""));
      } catch {
        // Closed meanwhile.
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

/** Runs `use` with a temporary folder. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "vais-peers-" }));
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A TCP port that was free just now, for servers that cannot choose one. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Bytes that no protocol expects, the same each time. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** The paths of the programs that are needed. */
export type Paths<N extends string> = Record<N, string>;

/**
 * Registers a test that needs programs; without one of them it is ignored, and its name tells why.
 *
 * @param os The only system where it means something
 */
export async function peerTest<const N extends string>(
  name: string,
  needs: readonly N[],
  body: (paths: Paths<N>) => Promise<void>,
  os?: typeof Deno.build.os,
): Promise<void> {
  const found = await ensurePrograms(needs);
  const paths = Object.fromEntries(
    [...found].map(([name, { path }]) => [name, path ?? ""]),
  ) as Paths<N>;
  const missing = [...found.values()].map(({ reason }) => reason).filter(Boolean);
  if (os !== undefined && os !== Deno.build.os) missing.push(`only on ${os}`);
  const why = missing.length === 0 ? "" : ` (skipped: ${missing.join("; ")})`;
  Deno.test(`${HOST}: ${name}${why}`, { ignore: why !== "" }, () => body(paths));
}
