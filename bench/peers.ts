/**
 * The libraries we compare with, pinned, and as much of their types as the benches use.
 *
 * They are imported by computed name: only the bench's own temporary project has them installed,
 * the library's lock file and import map know nothing of them.
 *
 * @module
 */

/** Versions the temporary project installs. */
export const PEERS = {
  "async-mutex": "0.5.0",
  "async-sema": "3.1.1",
  "effect": "4.1.0",
  "effection": "4.1.1",
  "koffi": "3.3.4",
  "p-limit": "7.3.3",
  "p-queue": "9.3.5",
  "ringbuf.js": "0.4.0",
} as const;

type Fx<T> = { readonly _: T; [Symbol.iterator](): Iterator<unknown, T> };

/** `effect/Effect`. */
export interface EffectModule {
  gen<T>(body: () => Generator<unknown, T>): Fx<T>;
  sync<T>(fn: () => T): Fx<T>;
  promise<T>(fn: () => Promise<T>): Fx<T>;
  ensuring<T>(effect: Fx<T>, finalizer: Fx<void>): Fx<T>;
  forkChild<T>(effect: Fx<T>): Fx<EffectFiber<T>>;
  forEach<I, T>(
    items: Iterable<I>,
    fn: (item: I) => Fx<T>,
    options: { concurrency: number | "unbounded" },
  ): Fx<T[]>;
  runPromise<T>(effect: Fx<T>): Promise<T>;
  runFork<T>(effect: Fx<T>): EffectFiber<T>;
  readonly never: Fx<never>;
  readonly yieldNow: Fx<void>;
}

/** A running effect. */
export interface EffectFiber<T> {
  readonly _fiber: T;
}

/** `effect/Fiber`. */
export interface FiberModule {
  join<T>(fiber: EffectFiber<T>): Fx<T>;
  interrupt(fiber: EffectFiber<unknown>): Fx<void>;
}

/** `effection`. */
export interface EffectionModule {
  run<T>(body: () => Generator<unknown, T>): EffectionTask<T>;
  spawn<T>(body: () => Generator<unknown, T>): Operation<EffectionTask<T>>;
  suspend(): Operation<never>;
  sleep(ms: number): Operation<void>;
}

/** A running operation. */
export interface EffectionTask<T> extends Operation<T>, Promise<T> {
  halt(): Promise<void>;
}

interface Operation<T> {
  [Symbol.iterator](): Iterator<unknown, T>;
}

/** Effect's two modules. */
export async function effect(): Promise<{ Effect: EffectModule; Fiber: FiberModule }> {
  return {
    Effect: await load<EffectModule>("effect/Effect"),
    Fiber: await load<FiberModule>("effect/Fiber"),
  };
}

/** `effect/Queue`. */
export function effectQueue(): Promise<{
  bounded<T>(capacity: number): Fx<{ readonly _item: T }>;
  offer<T>(queue: { readonly _item: T }, item: T): Fx<boolean>;
  take<T>(queue: { readonly _item: T }): Fx<T>;
}> {
  return load("effect/Queue");
}

/** `effect/Semaphore`. */
export function effectSemaphore(): Promise<{
  makeUnsafe(permits: number): { withPermits(permits: number): <T>(effect: Fx<T>) => Fx<T> };
}> {
  return load("effect/Semaphore");
}

/** async-mutex. */
export function asyncMutex(): Promise<{
  Mutex: new () => { acquire(): Promise<() => void> };
  Semaphore: new (permits: number) => { acquire(): Promise<[number, () => void]> };
}> {
  return load("async-mutex");
}

/** async-sema. */
export function asyncSema(): Promise<{
  Sema: new (permits: number, options: { capacity: number }) => {
    acquire(): Promise<unknown>;
    release(): void;
  };
}> {
  return load("async-sema");
}

/** Effection. */
export function effection(): Promise<EffectionModule> {
  return load<EffectionModule>("effection");
}

/** p-limit. */
export async function pLimit(): Promise<
  (limit: number) => <T>(job: () => Promise<T>) => Promise<T>
> {
  const module = await load<{
    default: (limit: number) => <T>(job: () => Promise<T>) => Promise<T>;
  }>("p-limit");
  return module.default;
}

/** p-queue. */
export async function pQueue(): Promise<
  new (options: { concurrency: number }) => { add<T>(job: () => Promise<T>): Promise<T> }
> {
  const module = await load<{
    default: new (options: { concurrency: number }) => {
      add<T>(job: () => Promise<T>): Promise<T>;
    };
  }>("p-queue");
  return module.default;
}

/** ringbuf.js. */
export function ringbuf(): Promise<{
  RingBuffer: {
    new (storage: SharedArrayBuffer, type: typeof Uint8Array): {
      push(elements: Uint8Array, length: number): number;
      pop(elements: Uint8Array, length: number): number;
      available_read(): number;
      available_write(): number;
    };
    getStorageForCapacity(capacity: number, type: typeof Uint8Array): SharedArrayBuffer;
  };
}> {
  return load("ringbuf.js");
}

function load<M>(name: string): Promise<M> {
  return import(name);
}
