/**
 * Notices threads that do not do the same again.
 *
 * Everything the exploration leaves out rests on this: a thread that has seen the same takes the same step
 * next.
 *
 * @module
 */
import { type Control, WORD } from "./control.ts";
import { signatureOf, stateBefore } from "./steps.ts";

const MOST_KNOWN = 500_000;

/** See the head of this file. */
export class DeterminismCheck {
  readonly #known = new Map<number, number>();

  /** Looks at a schedule's steps from `first` on; false when one is another than it was before. */
  holds(control: Control, first: number): boolean {
    const steps = control.words[WORD.step]!;
    for (let step = first; step < steps; step++) {
      const signature = signatureOf(control, step);
      if (Number.isNaN(signature)) continue;
      const state = stateBefore(control, step);
      const known = this.#known.get(state);
      if (known === undefined) {
        if (this.#known.size < MOST_KNOWN) this.#known.set(state, signature);
      } else if (known !== signature) return false;
    }
    return true;
  }
}
