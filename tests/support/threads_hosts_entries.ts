/**
 * Workers for the tests of hosts: programs given as text, which run in the library's own entry code.
 *
 * @module
 */
import {
  type HostedWorker,
  startWorker,
  type WorkerEnd,
  type WorkerStart,
} from "../../scheduling/threads/worker_host.ts";
import { entry } from "./threads.ts";

/** Where a file of the library is, sources or installed package; no ending. */
export function libraryFile(path: string): string {
  const front = entry("scheduling");
  return new URL(`../${path}${/\.\w+$/.exec(front)![0]}`, front).href;
}

/** A module that runs a program given as text: it sees `setup` and `port`, and may answer a body. */
export function program(text: string, before = ""): string {
  const code = `import { serveThread } from "${libraryFile("scheduling/threads/serve_thread")}";
${before}
serveThread(async (setup, port) => {${text}});`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** For programs: a port whose messages are awaited one by one. */
export const INBOX = `
const inbox = [];
let wake = () => {};
port.onMessage((message) => (inbox.push(message), wake()));
const next = async () => {
  while (inbox.length === 0) await new Promise((resolve) => wake = resolve);
  return inbox.shift();
};
`;

/** A worker and all that was heard of it. */
export interface Heard {
  readonly worker: HostedWorker;
  readonly messages: unknown[];
  readonly ends: WorkerEnd[];
  /** Messages heard when the first end was. */
  readonly beforeEnd: () => number | undefined;
  /** The next message that nobody has taken yet. */
  next(): Promise<unknown>;
  /** The end. */
  ended(): Promise<WorkerEnd>;
}

/** Starts a worker and listens. */
export async function hear(start: Partial<WorkerStart> & { entry: string }): Promise<Heard> {
  const messages: unknown[] = [];
  const ends: WorkerEnd[] = [];
  let taken = 0;
  let beforeEnd: number | undefined;
  const wakes: (() => void)[] = [];
  const wake = () => {
    for (const each of wakes.splice(0)) each();
  };
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((resolve) => wakes.push(resolve));
  };
  const worker = await startWorker(
    { name: "heard", setup: undefined, timeoutMs: 60_000, abandonAfterMs: 60_000, ...start },
    {
      onMessage(message) {
        messages.push(message);
        wake();
      },
      onEnd(end) {
        beforeEnd ??= messages.length;
        ends.push(end);
        wake();
      },
    },
  );
  return {
    worker,
    messages,
    ends,
    beforeEnd: () => beforeEnd,
    async next() {
      await until(() => messages.length > taken || ends.length > 0);
      if (messages.length === taken) throw new Error(`it ended instead: ${JSON.stringify(ends)}`);
      return messages[taken++];
    },
    async ended() {
      await until(() => ends.length > 0);
      return ends[0]!;
    },
  };
}

/** True on Deno, whose threads cannot be stopped while they are busy. */
export const isDeno = "Deno" in globalThis;

/** Turns of the event loop, so that what else could come has come. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}
