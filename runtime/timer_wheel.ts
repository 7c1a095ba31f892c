/**
 * A hierarchical timer wheel: insert and cancel in O(1), no allocation.
 *
 * Six levels of 32 slots; level 0 has a slot per ms, each level is 32 times coarser, so the wheel
 * spans 2^30 ms (12.4 days). A later deadline waits in an overflow list until the wheel has turned
 * near it. An entry is filed by the highest 5-bit digit in which its tick and the current tick
 * differ; when the wheel reaches a coarse slot its entries are filed again, finer.
 * Ticks are whole ms since the wheel began; deadlines are rounded up, so nothing fires early.
 *
 * Source: Varghese & Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987); the digit rule
 * follows the description of tokio's wheel. Ours keeps plain numbers and 32-bit occupancy masks.
 *
 * @module
 */

/** What is filed in a wheel. The entry itself is the list node. */
export interface TimerEntry {
  /** Absolute deadline in ms of the runtime's clock. */
  whenMs: number;
  /** Owned by the wheel: the list the entry is in, or -1 when in none. */
  timerSlot: number;
  /** Owned by the wheel. */
  timerTick: number;
  /** Owned by the wheel. */
  timerPrev: TimerEntry | undefined;
  /** Owned by the wheel. */
  timerNext: TimerEntry | undefined;
  /** The deadline has passed. Must only enqueue; may insert and cancel entries. */
  onTimer(): void;
}

const BITS = 5;
const SLOTS = 1 << BITS;
const MASK = SLOTS - 1;
const LEVELS = 6;
const SPAN = 2 ** (BITS * LEVELS);
const SPAN_MASK = SPAN - 1;
const OVERFLOW = LEVELS * SLOTS;

/** The lowest set bit's position. */
function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** Timer wheel over absolute deadlines in ms. */
export class TimerWheel {
  readonly #heads: (TimerEntry | undefined)[] = new Array(OVERFLOW + 1).fill(
    undefined,
  );
  readonly #tails: (TimerEntry | undefined)[] = new Array(OVERFLOW + 1).fill(
    undefined,
  );
  readonly #masks = new Int32Array(LEVELS);
  readonly #startMs: number;
  /** All ticks up to and including this one have fired. */
  #tick = 0;
  #size = 0;
  /** No entry of the overflow list is due before this tick. */
  #farTick = Infinity;
  /** No entry is due before this tick; may be too early after a cancel, never too late. */
  #nextTick = Infinity;

  /** A wheel whose tick 0 is `startMs`, rounded down. */
  constructor(startMs: number) {
    // Whole, so that adding a tick to it is exact, and a deadline told is a deadline due.
    this.#startMs = Math.floor(startMs);
  }

  /** Entries filed. */
  get size(): number {
    return this.#size;
  }

  /** Files an entry by its `whenMs`; one that is already due fires at the next `advance`. O(1). */
  insert(entry: TimerEntry): void {
    entry.timerTick = Math.max(
      Math.ceil(entry.whenMs - this.#startMs),
      this.#tick + 1,
    );
    this.#size++;
    if (entry.timerTick < this.#nextTick) this.#nextTick = entry.timerTick;
    this.#file(entry);
  }

  /** Takes an entry out again; does nothing when it is not filed. O(1). */
  cancel(entry: TimerEntry): void {
    const slot = entry.timerSlot;
    if (slot < 0) return;
    const { timerPrev: prev, timerNext: next } = entry;
    if (prev === undefined) this.#heads[slot] = next;
    else prev.timerNext = next;
    if (next === undefined) this.#tails[slot] = prev;
    else next.timerPrev = prev;
    if (prev === undefined && next === undefined && slot < OVERFLOW) {
      this.#masks[slot >> BITS]! &= ~(1 << (slot & MASK));
    }
    entry.timerPrev = entry.timerNext = undefined;
    entry.timerSlot = -1;
    if (--this.#size === 0) this.#nextTick = Infinity;
  }

  /** True when an entry may be due at `nowMs`: one comparison. */
  mayBeDue(nowMs: number): boolean {
    return nowMs - this.#startMs >= this.#nextTick;
  }

  /** The earliest deadline in ms, exact; `Infinity` when empty. */
  nextDeadline(): number {
    if (this.#size === 0) return Infinity;
    this.#nextTick = this.#earliest();
    return this.#startMs + this.#nextTick;
  }

  /** Calls `onTimer` of each entry due at `nowMs`, in order of deadline, then of filing. */
  advance(nowMs: number): void {
    const target = Math.floor(nowMs - this.#startMs);
    while (this.#size > 0) {
      const boundary = this.#nextBoundary();
      if (boundary > target) break;
      this.#turnTo(boundary);
    }
    if (target > this.#tick) this.#tick = target;
    this.#nextTick = this.#size === 0 ? Infinity : this.#nextBoundary();
  }

  #file(entry: TimerEntry): void {
    const { timerTick } = entry;
    let slot = OVERFLOW;
    if (
      timerTick < this.#farTick && Math.floor(timerTick / SPAN) !== Math.floor(this.#tick / SPAN)
    ) {
      this.#farTick = timerTick;
    }
    // In the same block of 2^30 ticks: the highest differing digit names the level.
    if (Math.floor(timerTick / SPAN) === Math.floor(this.#tick / SPAN)) {
      const low = timerTick & SPAN_MASK;
      const differing = low ^ (this.#tick & SPAN_MASK);
      const level = differing === 0 ? 0 : ((31 - Math.clz32(differing)) / BITS) | 0;
      const digit = (low >>> (level * BITS)) & MASK;
      slot = level * SLOTS + digit;
      this.#masks[level]! |= 1 << digit;
    }
    const tail = this.#tails[slot];
    entry.timerSlot = slot;
    entry.timerPrev = tail;
    entry.timerNext = undefined;
    if (tail === undefined) this.#heads[slot] = entry;
    else tail.timerNext = entry;
    this.#tails[slot] = entry;
  }

  /** The next tick at which a slot must be opened: its entries fire or are filed finer. */
  #nextBoundary(): number {
    const tick = this.#tick & SPAN_MASK;
    const block = this.#tick - tick;
    for (let level = 0; level < LEVELS; level++) {
      const shift = level * BITS;
      // Occupied slots of this level lie after the current digit, within the parent's slot.
      const mask = this.#masks[level]!;
      if (mask === 0) continue;
      const digit = lowestBit(mask);
      const above = shift + BITS;
      return block + Math.floor(tick / 2 ** above) * 2 ** above +
        digit * 2 ** shift;
    }
    return Math.floor(this.#farTick / SPAN) * SPAN; // only far entries are left: their block
  }

  #turnTo(tick: number): void {
    this.#tick = tick;
    const low = tick & SPAN_MASK;
    if (low === 0) {
      this.#farTick = Infinity;
      this.#refile(OVERFLOW);
    }
    for (let level = LEVELS - 1; level > 0; level--) {
      if ((low & ((1 << (level * BITS)) - 1)) === 0) {
        this.#refile(level * SLOTS + ((low >>> (level * BITS)) & MASK));
      }
    }
    this.#fire(low & MASK);
  }

  #take(slot: number): TimerEntry | undefined {
    const head = this.#heads[slot];
    this.#heads[slot] = this.#tails[slot] = undefined;
    if (slot < OVERFLOW) this.#masks[slot >> BITS]! &= ~(1 << (slot & MASK));
    return head;
  }

  #refile(slot: number): void {
    let entry = this.#take(slot);
    while (entry !== undefined) {
      const next: TimerEntry | undefined = entry.timerNext;
      this.#file(entry);
      entry = next;
    }
  }

  /** Fires a level-0 slot one entry at a time, so that `onTimer` may cancel its neighbours. */
  #fire(slot: number): void {
    let entry = this.#heads[slot];
    while (entry !== undefined && entry.timerTick <= this.#tick) {
      this.cancel(entry);
      entry.onTimer();
      entry = this.#heads[slot];
    }
  }

  #earliest(): number {
    for (let level = 0; level < LEVELS; level++) {
      const mask = this.#masks[level]!;
      if (mask !== 0) return this.#earliestIn(level * SLOTS + lowestBit(mask));
    }
    return this.#earliestIn(OVERFLOW);
  }

  #earliestIn(slot: number): number {
    let earliest = Infinity;
    for (
      let entry = this.#heads[slot];
      entry !== undefined;
      entry = entry.timerNext
    ) {
      if (entry.timerTick < earliest) earliest = entry.timerTick;
      if (slot < SLOTS) break; // one tick per slot at level 0
    }
    return earliest;
  }
}
