/**
 * What a registration answers: a way to end it.
 *
 * @module
 */

/** Something registered with an event loop, until it fires for the last time or is ended. */
export class Registration implements Disposable {
  #end: (() => void) | undefined;
  #isRef = true;

  /** Ended by calling `end`. */
  constructor(end: () => void) {
    this.#end = end;
  }

  /** True until it is ended, fired for the last time, or its loop closed. */
  get active(): boolean {
    return this.#end !== undefined;
  }

  /** True while it keeps `EventLoop.run` going; so it is at first. */
  get isRef(): boolean {
    return this.#isRef;
  }

  /** Keeps `EventLoop.run` going again. */
  ref(): this {
    this.#isRef = true;
    return this;
  }

  /** Lets `EventLoop.run` end although this is registered. */
  unref(): this {
    this.#isRef = false;
    return this;
  }

  /** Ends it; answers false when it was over already. */
  cancel(): boolean {
    const end = this.#end;
    if (end === undefined) return false;
    this.#end = undefined;
    end();
    return true;
  }

  /** It is over by itself. For the loop. */
  settle(): void {
    this.#end = undefined;
  }

  /** As {@linkcode cancel}. */
  [Symbol.dispose](): void {
    this.cancel();
  }
}
