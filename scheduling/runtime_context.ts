/**
 * The parts of one program, made when first asked for and disposed of together: abi's context.
 *
 * @module
 */

import { typeOf } from "../runtime/clock.ts";
import { ClosedError } from "../runtime/errors.ts";
import { CancellationSource } from "./cancellation_source.ts";
import { Deferred } from "./deferred.ts";
import type { GroupOptions } from "./group_options.ts";
import { TaskGroup } from "./task_group.ts";
import { Engine } from "./threads/engine.ts";
import type { EngineConfig } from "./threads/engine_config.ts";
import type { AnyModule } from "./threads/engine_types.ts";

/** How to make a {@linkcode RuntimeContext}. */
export interface RuntimeContextOptions {
  /** How its engine is made, when it is. */
  readonly engine?: EngineConfig;
}

/**
 * Makes the parts of a program, and disposes of them: groups are cancelled and their cleanup awaited,
 * sources are cancelled, futures that nobody settled are cancelled, then the engine is closed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { RuntimeContext } from "@vais/runtime";
 *
 * const context = new RuntimeContext();
 * const group = context.createTaskGroup({ name: "requests" });
 * const handle = group.spawn(() => 42);
 * assertEquals(await handle, 42);
 * await context[Symbol.asyncDispose](); // or `await using context = …`
 * ```
 */
export class RuntimeContext<M extends object = AnyModule> implements AsyncDisposable {
  readonly #config: EngineConfig;
  readonly #groups = new Set<TaskGroup>();
  readonly #sources = new Set<CancellationSource>();
  readonly #futures = new Set<WeakRef<Deferred<unknown>>>();
  #engine: Promise<Engine<M>> | undefined;
  #disposed: Promise<void> | undefined;

  /**
   * Nothing is made yet.
   *
   * @throws {TypeError} If options are no object
   */
  constructor(options: RuntimeContextOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot make RuntimeContext: options is ${typeOf(options)} (must be an object)`,
      );
    }
    this.#config = { ...options.engine, detached: true };
  }

  /** True once it is, or is being, disposed of. */
  get isDisposed(): boolean {
    return this.#disposed !== undefined;
  }

  /** Its engine; made at the first call, always the same one. Rejects as `Engine.create` does, and tries again then. */
  getEngine(): Promise<Engine<M>> {
    this.#mustBeOpen("get engine");
    if (this.#engine === undefined) {
      const made = this.#engine = Engine.create<M>(this.#config);
      made.catch(() => {
        if (this.#engine === made) this.#engine = undefined;
      });
    }
    return this.#engine;
  }

  /** A group that is cancelled with the context. */
  createTaskGroup(options?: GroupOptions): TaskGroup {
    this.#mustBeOpen("create group");
    const group = new TaskGroup(options);
    for (const old of this.#groups) if (old.isDone) this.#groups.delete(old);
    this.#groups.add(group);
    return group;
  }

  /** A future to settle by hand; cancelled with the context unless it was settled. */
  createFuture<T>(): Deferred<T> {
    this.#mustBeOpen("create future");
    const future = new Deferred<T>();
    for (const old of this.#futures) if (old.deref()?.isSettled ?? true) this.#futures.delete(old);
    this.#futures.add(new WeakRef(future as Deferred<unknown>));
    return future;
  }

  /** A source of cancellation that is cancelled, by `shutdown`, with the context. */
  createCancellationSource(): CancellationSource {
    this.#mustBeOpen("create cancellation source");
    const source = new CancellationSource();
    for (const old of this.#sources) if (old.isCancelled) this.#sources.delete(old);
    this.#sources.add(source);
    return source;
  }

  /** Disposes of all it has made. Any number of times. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    for (const source of this.#sources) source.cancelWithReason("shutdown");
    for (const future of this.#futures) future.deref()?.cancel({ kind: "shutdown" });
    try {
      await Promise.all(
        [...this.#groups].map((group) => group.cancelAndJoin({ kind: "shutdown" })),
      );
    } finally {
      const engine = await this.#engine?.catch(() => undefined);
      await engine?.close();
    }
  }

  #mustBeOpen(action: string): void {
    if (this.#disposed === undefined) return;
    throw new ClosedError(`Cannot ${action}: the context was disposed of`);
  }
}
