// deno-lint-ignore-file no-explicit-any -- as the original has them
/** Types of `@std/async/debounce`, as in the original. @module */

export interface DebounceOptions {
  signal?: AbortSignal;
}
export interface DebouncedFunction<T extends any[]> {
  (...args: T): void;
  clear(): void;
  flush(): void;
  readonly pending: boolean;
}
export declare function debounce<T extends any[]>(
  fn: (this: DebouncedFunction<T>, ...args: T) => void,
  wait: number,
  options?: DebounceOptions,
): DebouncedFunction<T>;
