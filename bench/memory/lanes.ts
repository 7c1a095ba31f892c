/**
 * What one would write on one thread: an array for each level, the most urgent first.
 *
 * @module
 */

/** Five levels, first in first out inside each. */
export class ArrayLanes {
  readonly #lanes: number[][] = [[], [], [], [], []];
  readonly #heads = [0, 0, 0, 0, 0];

  push(value: number, level: number): void {
    this.#lanes[level]!.push(value);
  }

  pop(): number | undefined {
    for (let level = 0; level < 5; level++) {
      const lane = this.#lanes[level]!;
      const head = this.#heads[level]!;
      if (head === lane.length) continue;
      this.#heads[level] = head + 1;
      const value = lane[head];
      if (head + 1 === lane.length) {
        lane.length = 0;
        this.#heads[level] = 0;
      }
      return value;
    }
    return undefined;
  }
}
