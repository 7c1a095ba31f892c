/**
 * A module run in a worker, on either host.
 *
 * @module
 */
import { hasWebWorkers, startWorker } from "../../testing/explorer/host.ts";

/** Ends the worker of {@linkcode startThread}. */
export interface Thread {
  /** Sends a message to it; it is in `messages`, an async iterator. */
  post(message: unknown): void;
  /** The next message from it; rejects when it failed. */
  next(): Promise<unknown>;
  /** Ends it. */
  end(): Promise<void>;
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
  const text = `${PORT}${INBOX}
await (async () => {${code}})();`;
  const { post, end } = await startWorker(text, onMessage, onError);
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

/** What a worker posts by, and listens by. */
const PORT = hasWebWorkers
  ? `
const post = (message) => self.postMessage(message);
const listen = (receive) => self.onmessage = (event) => receive(event.data);
`
  : `
import { parentPort } from "node:worker_threads";
const post = (message) => parentPort.postMessage(message);
const listen = (receive) => parentPort.on("message", receive);
`;

const INBOX = `
const inbox = [];
let wakeInbox = () => {};
listen((message) => (inbox.push(message), wakeInbox()));
const messages = {
  async next() {
    while (inbox.length === 0) await new Promise((resolve) => wakeInbox = resolve);
    return inbox.shift();
  },
};
`;
