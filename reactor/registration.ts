/**
 * What a registration answers: a way to end it.
 *
 * Whoever made it is told by `onRef` whether it keeps the loop going: +1 when it begins to, -1 when
 * it no longer does, never twice the same.
 *
 * @module
 */

/** Something registered with an event loop, until it fires for the last time or is ended. */
export class Registration implements Disposable {
  #end: (() => void) | undefined;
  #isRef = false;
  readonly #onRef: ((change: 1 | -1) => void) | undefined;

  /** Ended by calling `end`; `onRef` counts those that keep the loop going, as `isRef` says. */
  constructor(end: () => void, onRef?: (change: 1 | -1) => void, isRef = true) {
    this.#end = end;
    this.#onRef = onRef;
    if (isRef) this.ref();
  }

  /** True until it is ended, fired for the last time, or its loop closed. */
  get active(): boolean {
    return this.#end !== undefined;
  }

  /** True while it keeps `EventLoop.run` going. */
  get isRef(): boolean {
    return this.#isRef;
  }

  /** Keeps `EventLoop.run` going again. */
  ref(): this {
    if (!this.#isRef) {
      this.#isRef = true;
      if (this.active) this.#onRef?.(1);
    }
    return this;
  }

  /** Lets `EventLoop.run` end although this is registered. */
  unref(): this {
    if (this.#isRef) {
      this.#isRef = false;
      if (this.active) this.#onRef?.(-1);
    }
    return this;
  }

  /** Ends it; answers false when it was over already. */
  cancel(): boolean {
    const end = this.#end;
    if (end === undefined) return false;
    this.settle();
    end();
    return true;
  }

  /** It is over by itself. For the loop. */
  settle(): void {
    if (!this.active) return;
    this.#end = undefined;
    if (this.#isRef) this.#onRef?.(-1);
  }

  /** As {@linkcode cancel}. */
  [Symbol.dispose](): void {
    this.cancel();
  }
}
