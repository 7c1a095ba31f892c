/**
 * Making and destroying the objects of a pool.
 *
 * @module
 */

import { type Failure, rememberFailures } from "../../runtime/failures.ts";
import type { Abandonable } from "../../runtime/combinators.ts";
import { FromPollable, type Future } from "../../runtime/future.ts";
import { currentHost, type Host, WAKE_MAYBE } from "../../runtime/host.ts";
import { isPromiseLike } from "../../runtime/poll.ts";
import type { Task } from "../../runtime/task.ts";
import type { RuntimeApi } from "../../runtime/task_body.ts";
import { Deferred } from "../deferred.ts";
import { scope, type ScopeBody } from "../scope.ts";
import { whenMade } from "./section.ts";

/** A pool as its supply sees it. */
export interface SupplyPlan<T> {
  readonly title: string;
  readonly create: ScopeBody<T>;
  readonly destroy: ((value: T) => PromiseLike<void> | void) | undefined;
  /** An object was made. */
  readonly onMade: (value: T) => void;
  /** An object could not be made. */
  readonly onFailed: (error: unknown) => void;
  /** True when no more objects will come back. */
  readonly isOver: () => boolean;
}

/** What is being made, what is being destroyed, and what went wrong with that. */
export class Supply<T> {
  readonly #plan: SupplyPlan<T>;
  readonly #makers = new Set<Task<void>>();
  #destroying = 0;
  readonly #failures: { readonly failure: Failure; readonly host: Host }[] = [];
  #end: Deferred<void> | undefined = undefined;

  constructor(plan: SupplyPlan<T>) {
    this.#plan = plan;
  }

  /** Objects that are being made. */
  get making(): number {
    return this.#makers.size;
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

  /** Ends an object. */
  destroy(value: T): void {
    try {
      const ending: unknown = this.#plan.destroy?.(value);
      if (isPromiseLike(ending)) {
        this.#destroying++;
        ending.then(() => this.#destroyed(), (error) => {
          this.#fail(error);
          this.#destroyed();
        });
      }
    } catch (error) {
      this.#fail(error);
    }
    this.settle();
  }

  #destroyed(): void {
    this.#destroying--;
    this.settle();
  }

  #fail(error: unknown): void {
    const task = { id: -1, name: `${this.#plan.title}: destroy` };
    const failure: Failure = { error, task, during: "cleanup" };
    const host = currentHost();
    this.#failures.push({ failure, host });
    host.unobserved(failure, failure);
  }

  /** Ready when everything is destroyed. Who awaits it drives `home`, where objects are made. */
  close(home: Host | undefined): Future<void> {
    const end = this.#end = new Deferred<void>();
    for (const maker of [...this.#makers]) maker.cancel({ kind: "requested", by: "close" });
    this.settle();
    const closing: Abandonable<void> = {
      home,
      source: WAKE_MAYBE,
      poll: (waker) => end.poll(waker),
      abandon: (waker) => end.abandon(waker),
      describe: () => `${this.#plan.title} to be closed`,
    };
    return new FromPollable(closing);
  }

  /** Ends `close`, if it was called and nothing is left. */
  settle(): void {
    const end = this.#end;
    if (end === undefined || end.isSettled) return;
    if (this.#makers.size > 0 || this.#destroying > 0 || !this.#plan.isOver()) return;
    const failures = this.#failures.map(({ failure }) => failure);
    for (const { failure, host } of this.#failures) host.observed(failure);
    const primary = failures[0];
    if (primary === undefined) return void end.resolve();
    rememberFailures(primary.error, failures, undefined);
    end.reject(primary.error);
  }
}
