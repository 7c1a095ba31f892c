/**
 * How long to spin for the turn.
 *
 * With a core for each of two workers, spinning makes a handoff fifty times cheaper; with other programs on
 * them, it takes the core from whoever has the turn. Which of the two it is changes, so it is tried:
 * now and then each length has a go, and the quickest one is kept.
 *
 * @module
 */
import { type Control, WORD } from "./control.ts";

const LENGTHS = [0, 1000, 10_000];
const BLOCK_STEPS = 4000;
const BLOCKS_KEPT = 12;

/** See the head of this file. */
export class SpinTuner {
  readonly #control: Control;
  readonly #costs = LENGTHS.map(() => 0);
  readonly #now: () => number = performance.now.bind(performance);
  #current = LENGTHS.length - 1;
  #block = 0;
  #steps = 0;
  #since: number;

  constructor(control: Control) {
    this.#control = control;
    this.#since = this.#now();
    control.words[WORD.spins] = LENGTHS[this.#current]!;
  }

  /** So many steps were taken. */
  note(steps: number): void {
    this.#steps += steps;
    if (this.#steps < BLOCK_STEPS) return;
    const now = this.#now();
    this.#costs[this.#current] = (now - this.#since) / this.#steps;
    const block = this.#block++ % (BLOCKS_KEPT + LENGTHS.length);
    this.#current = block < LENGTHS.length ? block : this.#costs.indexOf(Math.min(...this.#costs));
    this.#control.words[WORD.spins] = LENGTHS[this.#current]!;
    this.#steps = 0;
    this.#since = now;
  }
}
