/**
 * One thing at a time, and what to do with the next one meanwhile.
 *
 * The policies are those of ember-concurrency's task modifiers; here the call chooses.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import type { JoinHandle } from "../../runtime/join_handle.ts";
import type { Poll, Waker } from "../../runtime/poll.ts";
import type { Scope, ScopeBody } from "../scope.ts";
import { TaskGroup } from "../task_group.ts";
import { checkBody, Section } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { QueuedWait, WaitQueue } from "./wait_queue.ts";

/**
 * What a run does when another one is on:
 *
 * - `"queue"`: waits until those before it have ended;
 * - `"latest"`: cancels those before it, and waits for their cleanup;
 * - `"keepLatest"`: waits for the running one; those that wait too are cancelled;
 * - `"drop"`: does not run; its handle is cancelled.
 */
export type RunPolicy = "queue" | "latest" | "keepLatest" | "drop";

const POLICIES: readonly string[] = ["queue", "latest", "keepLatest", "drop"];

/** How to make a {@linkcode TaskSlot}. */
export interface TaskSlotOptions extends NameOptions {
  /** Of runs that say nothing else. Default `"queue"`. */
  readonly policy?: RunPolicy;
}

/** How one run is to be done. */
export interface SlotRunOptions extends NameOptions {
  /** Default: that of the slot. */
  readonly policy?: RunPolicy;
}

/**
 * Runs one body at a time, each as a child of a group; a policy says what happens to the others.
 *
 * A run that fails fails the group, as any child does. A run that is cancelled or dropped has the
 * reason in its handle's outcome.
 *
 * A run is a child of the group from the call on, also while it waits for its turn: where the group
 * has a `maxConcurrency`, it counts there as one that runs. Where many may wait, give the slot a group
 * of its own.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { scope, TaskSlot } from "@vais/runtime";
 *
 * const found = await scope(async (s) => {
 *   const search = new TaskSlot(s, { policy: "latest" });
 *   const type = (text: string) => search.run(async (task) => {
 *     await task.sleep(1); // until the typing pauses
 *     return `results for ${text}`;
 *   });
 *   const runs = ["v", "va", "vai"].map(type);
 *   return await Promise.all(runs.map((run) => run.settled()));
 * });
 * assertEquals(found.map((outcome) => outcome.status), ["cancelled", "cancelled", "ok"]);
 * ```
 */
export class TaskSlot {
  readonly #group: TaskGroup;
  readonly #policy: RunPolicy;
  readonly #title: string;
  readonly #queue: WaitQueue<Turn> = new WaitQueue();
  #running: Turn | undefined = undefined;

  /**
   * A free slot, whose runs are children of `group`: a `TaskGroup`, or the scope one is in.
   *
   * @throws {TypeError | RangeError} If `group` is no TaskGroup, or an option is wrong
   */
  constructor(group: TaskGroup, options?: TaskSlotOptions) {
    const action = "create TaskSlot";
    if (!(group instanceof TaskGroup)) {
      throw new TypeError(`Cannot ${action}: group is ${typeOf(group)} (must be a TaskGroup)`);
    }
    this.#group = group;
    this.#title = titleOf("task slot", options, action);
    const { policy = "queue" } = options ?? {};
    this.#policy = checkPolicy(policy, action);
  }

  /** The run that is on, its cleanup included; `undefined` when the slot is free. */
  get running(): JoinHandle<unknown> | undefined {
    return this.#running?.handle;
  }

  /** How many runs wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Runs `body` when its turn comes, or not at all, as the policy says. Eager: it need not be awaited.
   *
   * @throws {TypeError | RangeError} If `body` is no function, or an option is wrong
   * @throws {GroupClosedError} If the group is closed
   */
  run<T>(body: ScopeBody<T>, options?: SlotRunOptions): JoinHandle<T> {
    const action = "run in TaskSlot";
    checkBody(body, action);
    const name = titleOf("", options, action).trim() || body.name || this.#title;
    const { policy = this.#policy } = options ?? {};
    checkPolicy(policy, action);
    const turn = new Turn(() => this.#next(), () => this.#describe());
    const section = new Section<void, T>(
      { name, wait: turn, release: () => this.#next() },
      (_held, s) => body(s as Scope),
    );
    const handle = this.#group.spawn<T>(section, { name });
    turn.handle = handle;
    const isBusy = this.#running !== undefined;
    if (policy === "drop" && isBusy) {
      handle.cancel({ kind: "requested", by: this.#title, note: "dropped: another run is on" });
      return handle;
    }
    if (policy === "latest" || policy === "keepLatest") {
      this.#cancelAll(policy === "latest", "replaced by a later run");
    }
    this.#queue.push(turn);
    if (this.#running === undefined) this.#next();
    return handle;
  }

  /** Cancels the run that is on, and those that wait. */
  cancel(reason?: unknown): void {
    this.#cancelAll(true, reason);
  }

  #cancelAll(alsoRunning: boolean, note: unknown): void {
    const reason = { kind: "requested", by: this.#title, note } as const;
    for (const turn of [...this.#queue]) turn.handle!.cancel(reason);
    if (alsoRunning) this.#running?.handle?.cancel(reason);
  }

  /** The slot is free: the next one's turn. */
  #next(): void {
    const turn = this.#running = this.#queue.first;
    turn?.grant(undefined);
  }

  #describe(): string {
    const { running } = this;
    return running === undefined
      ? this.#title
      : `${this.#title} (${running.name} #${running.id} is on)`;
  }
}

function checkPolicy(policy: RunPolicy, action: string): RunPolicy {
  if (typeof policy !== "string") {
    throw new TypeError(`Cannot ${action}: policy is ${typeOf(policy)} (must be a string)`);
  }
  if (!POLICIES.includes(policy)) {
    throw new RangeError(
      `Cannot ${action}: policy is ${JSON.stringify(policy)} (must be one of ${
        POLICIES.join(", ")
      })`,
    );
  }
  return policy;
}

/** A run's place in the line: taken when it is made, not when it is polled. */
class Turn extends QueuedWait<void> {
  handle: JoinHandle<unknown> | undefined = undefined;
  readonly #onGivenBack: () => void;
  readonly #onDescribe: () => string;

  constructor(onGivenBack: () => void, onDescribe: () => string) {
    super();
    this.#onGivenBack = onGivenBack;
    this.#onDescribe = onDescribe;
  }

  protected start(): Poll<void> {
    throw new TypeError("Cannot wait for a turn that was given up");
  }

  protected giveBack(): void {
    this.#onGivenBack();
  }

  /** Also before its first poll. */
  override abandon(_waker: Waker, reason: unknown): boolean {
    this.cancel(reason);
    return true;
  }

  override describe(): string {
    return this.#onDescribe();
  }
}
