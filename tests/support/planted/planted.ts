/**
 * A bug of concurrency, planted, beside the same program without it.
 *
 * The two differ by what stands in `text` under `broken`, and by nothing else.
 *
 * @module
 */

/** See the head of this file. */
export interface Planted {
  /** What is wrong. */
  readonly name: string;
  /** How it must be found. */
  readonly reason: "check" | "threw" | "asleep" | "endless" | "nonlinearizable";
  /** What the failure says. */
  readonly says: RegExp;
  /** Preemptions it takes. */
  readonly preemptions: number;
  /** The module. */
  text(broken: boolean): string;
}

/** Makes shared words; the first lines of most programs. */
export const WORDS = `
const words = (n) => new Int32Array(new SharedArrayBuffer(4 * n));
const equal = (a, b, what) => {
  if (JSON.stringify(a) !== JSON.stringify(b)) {
    throw new Error(what + " " + JSON.stringify(a) + ", must be " + JSON.stringify(b));
  }
};
`;
