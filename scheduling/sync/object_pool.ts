/**
 * Objects that are dear to make, used by one at a time, again and again.
 *
 * @module
 */

import { isGeneratorFunction } from "../../runtime/bodies.ts";
import { checkInteger, typeOf } from "../../runtime/clock.ts";
import type { Future } from "../../runtime/future.ts";
import { context, currentHost, type Host } from "../../runtime/host.ts";
import { PENDING } from "../../runtime/poll.ts";
import type { ScopeBody } from "../scope.ts";
import { Supply } from "./object_supply.ts";
import { ClosableQueue, OwnedWait, type WaitOwner } from "./owned_wait.ts";
import { checkBody, Section, type SectionBody } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";

/** How to make an {@linkcode ObjectPool}. */
export interface ObjectPoolOptions<T> extends NameOptions {
  /** Objects there may be at once, 1 or more. */
  readonly max: number;
  /** Makes an object, in a task of its own: a function, async function or generator function. */
  readonly create: ScopeBody<T>;
  /**
   * Ends an object, in a task of its own too: the task that gave it back does not wait for that, and
   * does not cut it by being cancelled. (Given back by code outside tasks, it is ended at once.) What
   * it throws is thrown by `close`, or else reported.
   */
  readonly destroy?: (value: T) => Generator<unknown, void> | PromiseLike<void> | void;
}

/**
 * An object lent by an {@linkcode ObjectPool}, until it is released or discarded.
 */
export class PoolItem<T> implements Disposable {
  /** The object. Not to be used after the release. */
  readonly value: T;
  readonly #giveBack: (item: PoolItem<T>, isGood: boolean) => void;
  #released = false;

  /** Made by the pool. */
  constructor(value: T, giveBack: (item: PoolItem<T>, isGood: boolean) => void) {
    this.value = value;
    this.#giveBack = giveBack;
  }

  /** True after a release or discard. */
  get isReleased(): boolean {
    return this.#released;
  }

  /**
   * Gives it back; the next in the line gets it.
   *
   * @returns False when it was given back before: nothing happens then
   */
  release(): boolean {
    return this.#end(true);
  }

  /**
   * Gives it back broken: it is destroyed, and another may be made as soon as that has begun.
   *
   * @returns False when it was given back before: nothing happens then
   */
  discard(): boolean {
    return this.#end(false);
  }

  #end(isGood: boolean): boolean {
    if (this.#released) return false;
    this.#released = true;
    this.#giveBack(this, isGood);
    return true;
  }

  /** See {@linkcode release}. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * Up to `max` objects, made when needed, lent to one at a time; others wait, first come, first served.
 *
 * An object is made in a task of its own, so a waiter that is cancelled wastes none: it goes to the
 * next, or is kept. When making fails, who has waited longest gets the error. What was used last is
 * lent first. An object is destroyed in a task of its own as well, in the runtime in which objects
 * are made; {@linkcode close} waits for that.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ObjectPool } from "@vais/runtime";
 *
 * const log: string[] = [];
 * await using pool = new ObjectPool({
 *   max: 2,
 *   create: async (task) => {
 *     await task.sleep(1);
 *     log.push("connected");
 *     return { query: (text: string) => `result of ${text}` };
 *   },
 *   destroy: () => void log.push("disconnected"),
 * });
 * {
 *   using connection = await pool.acquire();
 *   assertEquals(connection.value.query("x"), "result of x");
 * }
 * assertEquals(await pool.use((connection) => connection.query("y")), "result of y");
 * await pool.close();
 * assertEquals(log, ["connected", "disconnected"]);
 * ```
 */
export class ObjectPool<T> implements AsyncDisposable {
  readonly #title: string;
  readonly #max: number;
  readonly #queue: ClosableQueue<PoolItem<T>>;
  readonly #owner: WaitOwner<PoolItem<T>>;
  readonly #supply: Supply<T>;
  readonly #idle: T[] = [];
  #inUse = 0;
  /** Where objects are made: the runtime of the latest wait. */
  #host: Host | undefined = undefined;
  #closing: Future<void> | undefined = undefined;

  /**
   * An empty pool.
   *
   * @throws {TypeError | RangeError} If an option has the wrong type or is out of range
   */
  constructor(options: ObjectPoolOptions<T>) {
    const action = "create ObjectPool";
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot ${action}: options is ${typeOf(options)} (must be an object)`);
    }
    const { max, create, destroy } = options;
    this.#max = checkInteger(max, 1, action, "max");
    checkBody(create, `${action}: create`);
    if (destroy !== undefined) checkBody(destroy, `${action}: destroy`);
    const title = this.#title = titleOf("object pool", options, action);
    const queue = this.#queue = new ClosableQueue(title);
    this.#supply = new Supply<T>({
      title,
      create,
      destroy,
      onMade: (value) => this.#put(value),
      onFailed: (error) => this.#failed(error),
      onLeft: () => this.#createMore(),
      isOver: () => queue.isClosed && this.#inUse === 0,
    });
    this.#owner = {
      begin: (wait) => {
        queue.checkOpen();
        if (queue.size === 0 && this.#idle.length > 0) return this.#lend(this.#idle.pop()!);
        this.#host = context.host;
        queue.push(wait);
        this.#createMore();
        return PENDING;
      },
      giveBack: (item) => void item.release(),
      describe: () => `${title} (${this.#inUse} of ${max} in use)`,
    };
  }

  /** Objects there are: lent, idle or being made. */
  get size(): number {
    return this.#inUse + this.#idle.length + this.#supply.making;
  }

  /** Objects nobody uses. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Objects that are lent. */
  get inUse(): number {
    return this.#inUse;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#queue.isClosed;
  }

  /**
   * A future of an object. It stands in the line from its first poll on.
   *
   * @throws What `create` throws
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the pool is closed first
   */
  acquire(options?: WaitOptions): Future<PoolItem<T>> {
    return limited(new OwnedWait(this.#owner), options, "acquire");
  }

  /**
   * An idle object, if there is one and nobody waits; else `undefined`. Makes none.
   *
   * @throws {ClosedError} If the pool is closed
   */
  tryAcquire(): PoolItem<T> | undefined {
    this.#queue.checkOpen();
    return this.#queue.size === 0 && this.#idle.length > 0
      ? this.#lend(this.#idle.pop()!)
      : undefined;
  }

  /**
   * A future of what `body` answers, run with an object; see `Semaphore.withPermit`.
   *
   * @throws {TypeError} If `body` is no function; else as {@linkcode acquire}
   */
  use<R>(body: SectionBody<T, R>, options?: WaitOptions): Future<R> {
    checkBody(body, "use an object");
    return new Section<PoolItem<T>, R>(
      {
        name: body.name || this.#title,
        wait: this.acquire(options),
        release: (item) => void item.release(),
      },
      isGeneratorFunction(body)
        ? function* (item) {
          return yield* body(item.value) as Generator<unknown, R>;
        }
        : (item) => body(item.value),
    );
  }

  /**
   * Destroys idle objects until at most `keep` are left, those unused longest first.
   *
   * @returns How many
   * @throws {TypeError | RangeError} If `keep` is no whole number, 0 or more
   */
  trim(keep = 0): number {
    checkInteger(keep, 0, "trim ObjectPool", "keep");
    const extra = this.#idle.splice(0, Math.max(0, this.#idle.length - keep));
    for (const value of extra) this.#destroy(value);
    return extra.length;
  }

  #lend(value: T): PoolItem<T> {
    this.#inUse++;
    return new PoolItem(value, (item, isGood) => {
      this.#inUse--;
      if (isGood) this.#put(item.value);
      else this.#destroy(item.value);
    });
  }

  /** An object is free. */
  #put(value: T): void {
    const { first } = this.#queue;
    if (first !== undefined) first.grant(this.#lend(value));
    else if (this.#queue.isClosed) this.#destroy(value);
    else this.#idle.push(value);
  }

  #destroy(value: T): void {
    this.#supply.destroy(value, this.#host ?? currentHost());
  }

  #failed(error: unknown): void {
    this.#queue.first?.refuse(error);
    this.#createMore();
  }

  /** Makes as many as are waited for, and allowed. */
  #createMore(): void {
    const { leaving } = this.#supply;
    while (this.#supply.making < this.#queue.size && this.size + leaving < this.#max) {
      const refused = this.#supply.make(this.#host ?? currentHost());
      if (refused !== undefined) this.#queue.first!.refuse(refused.error);
    }
  }

  /**
   * Ends every wait by `ClosedError`, those to come too; destroys what is idle, what is being made,
   * and what is lent as soon as it is given back. Ready when all are destroyed. Idempotent.
   *
   * @throws The first failure of `destroy`, also of an earlier one
   */
  close(): Future<void> {
    if (this.#closing !== undefined) return this.#closing;
    this.#queue.close();
    this.trim();
    return this.#closing = this.#supply.close(this.#host);
  }

  /** See {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
