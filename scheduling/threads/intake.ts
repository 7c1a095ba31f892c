/**
 * How submitted tasks are let out to workers: in bursts.
 *
 * The first task of a burst is published at once, so that a worker begins; then every 32nd, and the rest in a
 * microtask. Publishing is an atomic store and a look whether anybody sleeps; without it a submit is a few plain
 * stores.
 *
 * @module
 */

import type { Ref } from "../../memory/ref.ts";
import type { DispatchCore } from "./dispatch_core.ts";
import { DEADLINE, RECORD_WORDS, REF } from "./dispatch_region.ts";
import type { Lane, ResultSink } from "./dispatch_types.ts";
import type { KeepAlive } from "./keep_alive.ts";
import type { OwnerWait } from "./owner_wait.ts";
import type { Settlement } from "./settlement.ts";

const PUBLISH_EVERY = 32;

/** Internal: lets tasks out. */
export class Intake {
  readonly #core: DispatchCore;
  readonly #settlement: Settlement;
  readonly #wait: OwnerWait;
  readonly #keepAlive: KeepAlive;
  #isKept = false;
  /** Tasks since the last microtask. */
  #burst = 0;
  /** Whether a worker was woken since then. */
  #woke = false;

  /** Into the lanes of `core`. */
  constructor(
    core: DispatchCore,
    settlement: Settlement,
    wait: OwnerWait,
    keepAlive: KeepAlive,
  ) {
    this.#core = core;
    this.#settlement = settlement;
    this.#wait = wait;
    this.#keepAlive = keepAlive;
  }

  /** Queues the slot that `table.next` named, its call written. */
  queue(slot: number, sink: ResultSink, tag: number, lane: Lane, deadlineMs: number): Ref {
    const { region, table } = this.#core;
    const record = region.records + slot * RECORD_WORDS;
    const ref = table.begin(sink, tag, lane);
    region.words[record + REF] = ref;
    region.words[record + DEADLINE] = deadlineMs === 0 ? 0 : (region.now() + deadlineMs) | 0 || 1;
    this.#core.queue(slot, lane);
    if (this.#settlement.live++ === 0 && !this.#isKept) {
      this.#isKept = true;
      this.#keepAlive(true);
    }
    if (this.#burst === 0) queueMicrotask(this.#ended);
    if (this.#burst++ % PUBLISH_EVERY === 0) this.publish();
    return ref;
  }

  /** Lets out what was queued. */
  publish(): void {
    this.#woke = this.#core.publish() || this.#woke;
  }

  /** Nothing is in flight: the program need not be kept alive, unless more comes at once. */
  rest(): void {
    if (this.#isKept) queueMicrotask(this.#release);
  }

  /** Whatever is in flight still keeps the program alive no longer. */
  close(): void {
    this.#unkeep();
    this.#keepAlive.end?.();
  }

  #unkeep(): void {
    if (!this.#isKept) return;
    this.#isKept = false;
    this.#keepAlive(false);
  }

  /** The end of a burst. */
  readonly #ended = (): void => {
    this.#burst = 0;
    this.publish();
    const woke = this.#woke;
    this.#woke = false;
    this.#wait.begin(woke);
  };

  readonly #release = (): void => {
    if (this.#settlement.live === 0) this.#unkeep();
  };
}
