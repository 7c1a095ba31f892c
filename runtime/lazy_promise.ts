/**
 * What one `then` answers: it calls back, and is a promise only for those who look.
 *
 * An `await` of a thenable never looks at what `then` answered, so mostly no promise is made.
 *
 * @module
 */

/** What `then` takes. */
export type Callback = ((value: unknown) => unknown) | null | undefined;

/** The promise of a `then`, made when somebody looks, or when its callback failed. */
export class LazyPromise implements Promise<unknown> {
  readonly #onValue: Callback;
  readonly #onError: Callback;
  #promise: Promise<unknown> | undefined = undefined;
  #resolve: ((value: unknown) => void) | undefined = undefined;
  #value: unknown = undefined;
  #settled = false;

  /** The callbacks of the `then`. */
  constructor(onValue: Callback, onError: Callback) {
    this.#onValue = onValue;
    this.#onError = onError;
  }

  /** Calls back, once. Never inside the `then` that made it. */
  settle(ok: boolean, value: unknown): void {
    const callback = ok ? this.#onValue : this.#onError;
    if (typeof callback === "function") {
      try {
        // For an `await` this is the function that resumes the body.
        value = callback(value);
        ok = true;
      } catch (error) {
        value = error;
        ok = false;
      }
    }
    this.#settled = true;
    if (ok) {
      this.#value = value;
      this.#resolve?.(value);
    } else if (this.#resolve !== undefined) this.#resolve(Promise.reject(value));
    else this.#promise = Promise.reject(value); // unhandled, unless somebody looks soon
  }

  #look(): Promise<unknown> {
    return this.#promise ??= this.#settled
      ? Promise.resolve(this.#value)
      : new Promise((resolve) => this.#resolve = resolve);
  }

  get then(): Promise<unknown>["then"] {
    const promise = this.#look();
    return promise.then.bind(promise) as Promise<unknown>["then"];
  }

  get catch(): Promise<unknown>["catch"] {
    const promise = this.#look();
    return promise.catch.bind(promise) as Promise<unknown>["catch"];
  }

  get finally(): Promise<unknown>["finally"] {
    const promise = this.#look();
    return promise.finally.bind(promise);
  }

  get [Symbol.toStringTag](): string {
    return "Promise";
  }
}
