/** Types of `@std/async/delay`, as in the original. @module */

export interface DelayOptions {
  signal?: AbortSignal;
  persistent?: boolean;
}
export declare function delay(
  ms: number,
  options?: DelayOptions,
): Promise<void>;
