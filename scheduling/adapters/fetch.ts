/**
 * `fetch` inside a scope: nothing of it is left when the scope has ended.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { Future } from "../../runtime/future.ts";
import type { Operation } from "../operation.ts";
import { type Scope, scope } from "../scope.ts";
import { listenOnce } from "../signals.ts";

/** What is done with the response; `scope` is the one around the fetch. */
export type ResponseBody<T> = (
  response: Response,
  scope: Scope,
) => Generator<unknown, T> | PromiseLike<T> | T;

/**
 * Fetches, and runs `use` with the response. When `use` ends or fails, or the task is cancelled, what
 * is left of the request and of the body is aborted: no connection stays open for a body nobody reads.
 *
 * Rejects as `fetch` does, with what `use` throws, or with `Cancelled`.
 *
 * @param init As for `fetch`; its `signal` aborts too
 * @throws {TypeError} If `use` is no function
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { withFetch } from "@vais/runtime";
 *
 * const text = await withFetch("data:text/plain,hello", {}, (response) => response.text());
 * assertEquals(text, "hello");
 * ```
 */
export function withFetch<T>(
  input: string | URL | Request,
  init: RequestInit,
  use: ResponseBody<T>,
): Operation<T> {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(`Cannot fetch: init is ${typeOf(init)} (must be an object)`);
  }
  if (typeof use !== "function") {
    throw new TypeError(`Cannot fetch: use is ${typeOf(use)} (must be a function)`);
  }
  return scope(function* (s) {
    const controller = new AbortController();
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined);
    const stop = signal === undefined
      ? undefined
      : listenOnce(signal, () => controller.abort(signal.reason));
    let pending: Promise<unknown> | undefined;
    try {
      const fetched = fetch(input, { ...init, signal: controller.signal });
      pending = fetched;
      const response = yield* Future.from(fetched);
      return yield* s.spawn((): ReturnType<ResponseBody<T>> => use(response, s), {
        name: "response",
      }) as Future<T>;
    } finally {
      controller.abort();
      stop?.();
      // Aborted, it settles at once.
      if (pending !== undefined) yield* Future.from(pending.then(() => {}, () => {}));
    }
  }, { name: "fetch" });
}
