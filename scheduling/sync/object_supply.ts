/**
 * Making and destroying the objects of a pool.
 *
 * @module
 */

import { asGenerator, isGeneratorFunction } from "../../runtime/bodies.ts";
import { type Failure, rememberFailures } from "../../runtime/failures.ts";
import type { Abandonable } from "../../runtime/combinators.ts";
import { FromPollable, type Future } from "../../runtime/future.ts";
import { context, currentTask, type Host, WAKE_MAYBE } from "../../runtime/host.ts";
import { isPromiseLike } from "../../runtime/poll.ts";
import type { Task } from "../../runtime/task.ts";
import type { RuntimeApi } from "../../runtime/task_body.ts";
import { Deferred } from "../deferred.ts";
import { scope, type ScopeBody } from "../scope.ts";
import { whenMade } from "./section.ts";

/** How an object is ended. */
export type Destroy<T> = (value: T) => Generator<unknown, void> | PromiseLike<void> | void;

/** A pool as its supply sees it. */
export interface SupplyPlan<T> {
  readonly title: string;
  readonly create: ScopeBody<T>;
  readonly destroy: Destroy<T> | undefined;
  /** An object was made. */
  readonly onMade: (value: T) => void;
  /** An object could not be made. */
  readonly onFailed: (error: unknown) => void;
  /** An object is no more, or its end has begun: there is room for another. */
  readonly onLeft: () => void;
  /** True when no more objects will come back. */
  readonly isOver: () => boolean;
}

/** What is being made, what is being destroyed, and what went wrong with that. */
export class Supply<T> {
  readonly #plan: SupplyPlan<T>;
  readonly #makers = new Set<Task<void>>();
  /** Objects whose end has not begun, and has not ended. */
  #leaving = 0;
  #destroying = 0;
  /** Somebody awaits `close`, or was told: what goes wrong need not be told elsewhere. */
  #isAwaited = false;
  readonly #failures: { readonly failure: Failure; readonly host: Host }[] = [];
  #end: Deferred<void> | undefined = undefined;

  constructor(plan: SupplyPlan<T>) {
    this.#plan = plan;
  }

  /** Objects that are being made. */
  get making(): number {
    return this.#makers.size;
  }

  /** Objects that are to be destroyed, and are still there. */
  get leaving(): number {
    return this.#leaving;
  }

  /** Begins to make an object; answers why not, if it cannot. */
  make(host: Host): { readonly error: unknown } | undefined {
    const { title, create, onMade, onFailed } = this.#plan;
    let made: { readonly value: T } | undefined;
    let failed: { readonly error: unknown } | undefined;
    let maker: Task<void>;
    try {
      maker = (host.api as RuntimeApi).spawn(function* () {
        try {
          yield* scope((s) => whenMade(create(s), (value) => void (made = { value })));
        } catch (error) {
          failed = { error };
        }
      }, { name: `${title}: create` }) as Task<void>;
    } catch (error) {
      return { error };
    }
    this.#makers.add(maker);
    maker.onEnd = () => {
      this.#makers.delete(maker);
      // Made in spite of a cancel, it is there.
      if (made !== undefined) onMade(made.value);
      else onFailed(failed === undefined ? maker.result : failed.error);
      this.settle();
    };
    return undefined;
  }

  /**
   * Ends an object, in a task of its own: the one that gave it back may be cancelled, or end, meanwhile.
   * For host code, which is in no task, it is done at once.
   */
  destroy(value: T, host: Host): void {
    const { title, destroy, onLeft } = this.#plan;
    if (destroy === undefined) {
      onLeft();
      return this.settle();
    }
    this.#leaving++;
    this.#destroying++;
    let hasBegun = false;
    const begin = () => {
      hasBegun = true;
      try {
        return destroy(value);
      } finally {
        this.#leaving--;
        onLeft();
      }
    };
    const isInside = context.host !== undefined || currentTask() !== undefined;
    if (!isInside && !isGeneratorFunction(destroy)) return this.#destroyHere(begin, host);
    let failed: { readonly error: unknown } | undefined;
    let task: Task<void>;
    try {
      task = (host.api as RuntimeApi).spawn(function* () {
        try {
          yield* scope(begin);
        } catch (error) {
          failed = { error };
        }
      }, { name: `${title}: destroy` }) as Task<void>;
    } catch {
      return this.#destroyHere(begin, host);
    }
    task.onEnd = () => {
      // Cancelled too early: its runtime is closed.
      if (!hasBegun) this.#destroyHere(begin, host);
      else this.#destroyed(failed, host, task.id);
    };
  }

  /** Where no task is needed, or none can be had: the runtime is closed, or has too many. */
  #destroyHere(begin: () => ReturnType<Destroy<T>>, host: Host): void {
    const onError = (error: unknown) => this.#destroyed({ error }, host);
    try {
      const made = begin();
      const generator = typeof made === "object" ? asGenerator<void>(made) : undefined;
      const ending = generator === undefined ? made : scope(() => generator);
      if (isPromiseLike(ending)) ending.then(() => this.#destroyed(undefined, host), onError);
      else this.#destroyed(undefined, host);
    } catch (error) {
      onError(error);
    }
  }

  #destroyed(failed: { readonly error: unknown } | undefined, host: Host, id = -1): void {
    this.#destroying--;
    if (failed !== undefined) {
      const task = { id, name: `${this.#plan.title}: destroy` };
      const failure: Failure = { error: failed.error, task, during: "cleanup" };
      this.#failures.push({ failure, host });
      if (!this.#isAwaited) host.unobserved(failure, failure);
    }
    this.settle();
  }

  /** Who awaits `close` is told what went wrong; when nobody does, the runtime is. */
  #setAwaited(isAwaited: boolean): void {
    if (this.#isAwaited === isAwaited) return;
    this.#isAwaited = isAwaited;
    for (const { failure, host } of this.#failures) {
      if (isAwaited) host.observed(failure);
      else host.unobserved(failure, failure);
    }
  }

  /** Ready when everything is destroyed. Who awaits it drives `home`, where objects are made. */
  close(home: Host | undefined): Future<void> {
    const end = this.#end = new Deferred<void>();
    for (const maker of [...this.#makers]) maker.cancel({ kind: "requested", by: "close" });
    this.settle();
    let wasTold = false;
    const closing: Abandonable<void> = {
      home,
      source: WAKE_MAYBE,
      poll: (waker) => {
        this.#setAwaited(true);
        if (end.isSettled && !wasTold) {
          wasTold = true;
          const failures = this.#failures.map(({ failure }) => failure);
          if (failures.length > 0) rememberFailures(failures[0]!.error, failures, undefined);
        }
        return end.poll(waker);
      },
      abandon: (waker) => {
        if (!wasTold) this.#setAwaited(false);
        return end.abandon(waker);
      },
      describe: () => `${this.#plan.title} to be closed`,
    };
    return new FromPollable(closing);
  }

  /** Ends `close`, if it was called and nothing is left. */
  settle(): void {
    const end = this.#end;
    if (end === undefined || end.isSettled) return;
    if (this.#makers.size > 0 || this.#destroying > 0 || !this.#plan.isOver()) return;
    const primary = this.#failures[0];
    if (primary === undefined) end.resolve();
    else end.reject(primary.failure.error);
  }
}
