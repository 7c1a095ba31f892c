/**
 * First in, first out, in one array that grows by doubling.
 *
 * @module
 */

const FIRST_SLOTS = 8;
/** A burst larger than this must not keep its memory for ever. */
const KEPT_SLOTS = 4096;

/** A queue without links: O(1) at both ends, nothing is shifted. */
export class Ring<T> {
  #slots: (T | undefined)[] = [];
  #first = 0;
  #size = 0;

  /** Items in it. */
  get size(): number {
    return this.#size;
  }

  /** Appends. */
  push(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#size++) & (this.#slots.length - 1)] = item;
  }

  /** Puts an item before the oldest. */
  unshift(item: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#first = (this.#first - 1) & (this.#slots.length - 1);
    this.#slots[this.#first] = item;
    this.#size++;
  }

  /** Takes the oldest; there must be one. */
  shift(): T {
    const item = this.#slots[this.#first] as T;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    if (--this.#size === 0 && this.#slots.length > KEPT_SLOTS) this.clear();
    return item;
  }

  /** Drops the item so many behind the oldest; it must exist. O(index). */
  drop(index: number): void {
    const mask = this.#slots.length - 1;
    for (let i = index; i > 0; i--) {
      this.#slots[(this.#first + i) & mask] = this.#slots[(this.#first + i - 1) & mask];
    }
    this.shift();
  }

  /** The item so many behind the oldest; it must exist. */
  at(index: number): T {
    return this.#slots[(this.#first + index) & (this.#slots.length - 1)] as T;
  }

  /** Drops all, and their memory. */
  clear(): void {
    this.#slots = [];
    this.#first = this.#size = 0;
  }

  #grow(): void {
    const slots: (T | undefined)[] = new Array(Math.max(FIRST_SLOTS, 2 * this.#size));
    for (let i = 0; i < this.#size; i++) slots[i] = this.at(i);
    slots.fill(undefined, this.#size);
    this.#slots = slots;
    this.#first = 0;
  }
}
