/**
 * Which task an async body belongs to, wherever its continuation runs.
 *
 * A generator task is polled by us, so we know it. An async body goes on in microtasks of its own,
 * perhaps behind a promise of somebody else; there the host's `AsyncLocalStorage` tells the task.
 * Deno and Node 24 pay 0.2 µs for each body; on Node 20 and 22 every promise of the process costs
 * about 0.1 µs more once the first such body has started. A host without
 * it knows the task only until the body's first foreign await.
 *
 * @module
 */

/** The part of `AsyncLocalStorage` that is used. */
interface Storage<T> {
  run<R>(value: T | undefined, body: () => R): R;
  getStore(): T | undefined;
}

interface HostProcess {
  getBuiltinModule?(
    name: string,
  ): { AsyncLocalStorage: new () => Storage<unknown> } | undefined;
}

let storage: Storage<unknown> | undefined;
let looked = false;

/**
 * Makes the storage; called when a runtime is made, as loading the module may let the host run
 * microtasks, which must not happen in the middle of a poll.
 */
export function openAsyncContext(): void {
  if (looked) return;
  looked = true;
  const { process } = globalThis as { process?: HostProcess };
  const AsyncLocalStorage = process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
  if (AsyncLocalStorage !== undefined) storage = new AsyncLocalStorage();
}

/** Calls a body that may be async, so that its continuations are known to be `owner`'s. */
export function callAs<R>(owner: object, body: () => R): R {
  return storage === undefined ? body() : storage.run(owner, body);
}

/** Calls `body` as nobody: what it starts belongs to no task. */
export function callAsNobody<R>(body: () => R): R {
  return storage === undefined ? body() : storage.run(undefined, body);
}

/** The owner of the async body whose continuation runs now. */
export function storedOwner(): unknown {
  return storage === undefined ? undefined : storage.getStore();
}
