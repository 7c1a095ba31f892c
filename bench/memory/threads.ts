/**
 * Workers for the memory benches: the host's own kind, since Deno's `node:worker_threads` is slower.
 *
 * @module
 */

/** A worker; `run` posts it a job and resolves with its answer. */
export interface BenchThread {
  run(job: unknown, transfer?: readonly MessagePort[]): Promise<unknown>;
}

interface Host {
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
}

/** Starts a helper module, given by its URL. */
export async function startThread(url: URL): Promise<BenchThread> {
  let answer = (_: unknown) => {};
  let fail = (_: unknown) => {};
  const host: Host = "Deno" in globalThis ? onDeno() : await onNode();
  function onDeno(): Host {
    const { Worker } = globalThis as unknown as {
      Worker: new (url: string, options: object) => Host & Record<string, unknown>;
    };
    const worker = new Worker(url.href, { type: "module" });
    worker.onmessage = ({ data }: { data: unknown }) => answer(data);
    worker.onerror = ({ message }: { message: string }) => fail(new Error(message));
    return worker;
  }
  async function onNode(): Promise<Host> {
    const { Worker } = await import("node:worker_threads");
    const worker = new Worker(url);
    worker.on("message", (data) => answer(data));
    worker.on("error", (error) => fail(error));
    return worker as unknown as Host;
  }
  return {
    run: (job, transfer = []) =>
      new Promise((resolve, reject) => {
        answer = resolve;
        fail = reject;
        host.postMessage(job, [...transfer]);
      }),
  };
}

/** In the worker: does each job and posts the answer. */
export async function serve<J>(work: (job: J) => unknown): Promise<void> {
  if ("Deno" in globalThis) {
    const self = globalThis as unknown as Host & Record<string, unknown>;
    self.onmessage = async ({ data }: { data: J }) => self.postMessage(await work(data));
  } else {
    const { parentPort } = await import("node:worker_threads");
    parentPort!.on("message", async (job: J) => parentPort!.postMessage(await work(job)));
  }
}
