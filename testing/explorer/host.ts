/**
 * Workers, on either host.
 *
 * @module
 */

/** A worker that takes messages of one kind. */
export interface StartedWorker<Message> {
  post(message: Message): void;
  end(): Promise<void>;
}

interface WebWorker<Out, In> {
  onmessage: ((event: { data: In }) => void) | null;
  onerror: ((event: { message: string; preventDefault(): void }) => void) | null;
  postMessage(message: Out): void;
  terminate(): void;
}

/** Whether a worker has `self.onmessage` and `self.postMessage`; else `parentPort`. */
export const hasWebWorkers: boolean = "Deno" in globalThis || "Bun" in globalThis;

/** Starts a worker whose module has this text. */
export async function startWorker<Out, In>(
  text: string,
  onMessage: (message: In) => void,
  onError: (error: Error) => void,
): Promise<StartedWorker<Out>> {
  const url = `data:text/javascript,${encodeURIComponent(text)}`;
  if (hasWebWorkers) {
    const { Worker } = globalThis as unknown as {
      Worker: new (url: string, options: { type: "module" }) => WebWorker<Out, In>;
    };
    const worker = new Worker(url, { type: "module" });
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
  const { Worker } = await import("node:worker_threads");
  const worker = new Worker(new URL(url));
  worker.on("message", onMessage);
  worker.on("error", onError);
  return {
    post: (message) => worker.postMessage(message),
    end: async () => void await worker.terminate(),
  };
}
