/**
 * Notices a thread that spins without a pause.
 *
 * A thread spins when it has done the same up to eight steps over and over, as often as
 * it may, and its own steps changed nothing. From then on its steps yield: or else, since nobody is preempted
 * without need, the thread it waits for would never run.
 *
 * @module
 */

const LONGEST = 8;

/** See the head of this file. */
export class SpinWatch {
  readonly #limit: number;
  readonly #places: number[] = new Array(LONGEST).fill(NaN);
  readonly #answers: (number | bigint)[] = new Array(LONGEST).fill(NaN);
  /** By period: how many steps were as the one a period ago. */
  readonly #same: number[] = new Array(LONGEST + 1).fill(0);
  #next = 0;
  /** Whether the thread spins. */
  spinning = false;

  /** `limit`: how often it may. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Forgets. */
  reset(): void {
    this.#places.fill(NaN);
    this.#same.fill(0);
    this.spinning = false;
  }

  /** A step was taken. */
  note(place: number, answer: number | bigint, changed: boolean): void {
    if (changed) {
      this.reset();
      return;
    }
    this.spinning = false;
    for (let period = 1; period <= LONGEST; period++) {
      const at = (this.#next + LONGEST - period) % LONGEST;
      if (this.#places[at] === place && this.#answers[at] === answer) {
        this.#same[period]!++;
        if (this.#same[period]! >= this.#limit * period) this.spinning = true;
      } else this.#same[period] = 0;
    }
    this.#places[this.#next] = place;
    this.#answers[this.#next] = answer;
    this.#next = (this.#next + 1) % LONGEST;
  }
}
