/**
 * A module run in a worker, on either host.
 *
 * @module
 */

/** Ends the worker of {@linkcode startThread}. */
export interface Thread {
  /** Sends a message to it; it is in `messages`, an async iterator. */
  post(message: unknown): void;
  /** The next message from it; rejects when it failed. */
  next(): Promise<unknown>;
  /** Ends it. */
  end(): Promise<void>;
}

interface WebWorker {
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

/**
 * Runs `code`, a module's text, in a worker. It sees `post(message)` and `messages`, and imports
 * the library by `${entry("reactor")}`.
 */
export async function startThread(code: string): Promise<Thread> {
  const got: unknown[] = [];
  let wake = () => {};
  let failure: Error | undefined;
  const onMessage = (message: unknown) => {
    got.push(message);
    wake();
  };
  const onError = (error: Error) => {
    failure = error;
    wake();
  };
  const { post, end } = "Deno" in globalThis
    ? startOnDeno(code, onMessage, onError)
    : await startOnNode(code, onMessage, onError);
  return {
    post,
    end,
    async next() {
      for (;;) {
        if (got.length > 0) return got.shift();
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
  };
}

/** Where an entry of the library is, for the text of a module. */
export function entry(name: string): string {
  return import.meta.resolve(name === "" ? "@vais/runtime" : `@vais/runtime/${name}`);
}

const INBOX = `
const inbox = [];
let wakeInbox = () => {};
const receive = (message) => (inbox.push(message), wakeInbox());
const messages = {
  async next() {
    while (inbox.length === 0) await new Promise((resolve) => wakeInbox = resolve);
    return inbox.shift();
  },
};
`;

function startOnDeno(
  code: string,
  onMessage: (message: unknown) => void,
  onError: (error: Error) => void,
): Pick<Thread, "post" | "end"> {
  const text = `const post = (m) => self.postMessage(m);${INBOX}
self.onmessage = (event) => receive(event.data);
await (async () => {${code}})();`;
  const { Worker } = globalThis as unknown as {
    Worker: new (url: string, options: { type: "module" }) => WebWorker;
  };
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(text)}`, { type: "module" });
  worker.onmessage = (event) => onMessage(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    onError(new Error(event.message));
  };
  return {
    post: (message) => worker.postMessage(message),
    end: () => Promise.resolve(worker.terminate()),
  };
}

async function startOnNode(
  code: string,
  onMessage: (message: unknown) => void,
  onError: (error: Error) => void,
): Promise<Pick<Thread, "post" | "end">> {
  const { Worker } = await import("node:worker_threads");
  const text = `import { parentPort } from "node:worker_threads";
const post = (m) => parentPort.postMessage(m);${INBOX}
parentPort.on("message", receive);
await (async () => {${code}})();`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(text)}`));
  worker.on("message", onMessage);
  worker.on("error", onError);
  return {
    post: (message) => worker.postMessage(message),
    end: async () => void await worker.terminate(),
  };
}
