/**
 * What only the owner knows of the tasks in flight: who waits for each, in which order they came, under which
 * Ref and ticket they go.
 *
 * Free slots go round in a ring, so that neighbours are used one after another, and an old Ref or entry meets
 * the same slot as late as can be.
 *
 * @module
 */

import { type Ref, RefFormat } from "../../memory/ref.ts";
import type { Lane, LostTask, ResultSink } from "./dispatch_types.ts";
import type { EntryFormat } from "./task_states.ts";

/** Internal: the table. */
export class TaskTable {
  readonly #refs: RefFormat;
  readonly #format: EntryFormat;
  readonly #free: Int32Array;
  readonly #mask: number;
  #taken = 0;
  #given: number;
  #sequence = 0;
  readonly #lives: Int32Array;
  readonly #tickets: Int32Array;
  readonly #sinks: (ResultSink | undefined)[];
  readonly #tags: number[];
  readonly #lanes: Uint8Array;
  readonly #order: Float64Array;

  /** For `capacity` slots: a power of two. */
  constructor(capacity: number, format: EntryFormat) {
    this.#refs = new RefFormat(capacity);
    this.#format = format;
    this.#mask = capacity - 1;
    this.#given = capacity;
    this.#free = Int32Array.from({ length: capacity }, (_, slot) => slot);
    this.#lives = new Int32Array(capacity);
    this.#tickets = new Int32Array(capacity);
    this.#sinks = new Array(capacity).fill(undefined);
    this.#tags = new Array(capacity).fill(0);
    this.#lanes = new Uint8Array(capacity);
    this.#order = new Float64Array(capacity);
  }

  /** Slots not in use. */
  get free(): number {
    return this.#given - this.#taken;
  }

  /** The slot that the next `begin` takes, or -1. */
  get next(): number {
    return this.#taken === this.#given ? -1 : this.#free[this.#taken & this.#mask]!;
  }

  /** Takes the slot that `next` named: its Ref. */
  begin(sink: ResultSink, tag: number, lane: Lane): Ref {
    const slot = this.#free[this.#taken & this.#mask]!;
    this.#taken++;
    const life = (this.#lives[slot]! + 1) | 0;
    this.#lives[slot] = life;
    this.#sinks[slot] = sink;
    this.#tags[slot] = tag;
    this.#lanes[slot] = lane;
    this.#order[slot] = this.#sequence++;
    return this.#refs.make(slot, life);
  }

  /** A task has settled, or will never: its Ref is stale. The slot is not free before `give`. */
  end(slot: number): void {
    this.#lives[slot] = (this.#lives[slot]! + 1) | 0;
    this.#sinks[slot] = undefined;
  }

  /** The slot may be taken again. */
  give(slot: number): void {
    this.#free[this.#given & this.#mask] = slot;
    this.#given++;
  }

  /** A new ticket for a slot that is about to be queued. */
  nextTicket(slot: number): number {
    return this.#tickets[slot] = this.#format.next(this.#tickets[slot]!);
  }

  /** The ticket a slot was queued under last. */
  ticketOf(slot: number): number {
    return this.#tickets[slot]!;
  }

  /** Who waits for a slot's task. */
  sinkOf(slot: number): ResultSink | undefined {
    return this.#sinks[slot];
  }

  /** What was passed with it. */
  tagOf(slot: number): number {
    return this.#tags[slot]!;
  }

  /** Which lane it was queued in. */
  laneOf(slot: number): number {
    return this.#lanes[slot]!;
  }

  /** Whether a slot is in use. */
  isLive(slot: number): boolean {
    return (this.#lives[slot]! & 1) === 1;
  }

  /** The slot of a live Ref, or -1. */
  slotOf(ref: Ref): number {
    const slot = this.#refs.slotOf(ref) & this.#mask;
    return this.#refs.matches(ref, this.#lives[slot]!) ? slot : -1;
  }

  /** The Ref of a slot in use. */
  refOf(slot: number): Ref {
    return this.#refs.make(slot, this.#lives[slot]!);
  }

  /** A slot's task as one that is lost. */
  lostTask(slot: number): LostTask {
    return { ref: this.refOf(slot), sink: this.#sinks[slot]!, tag: this.#tags[slot]! };
  }

  /** Slots in use, those that came first, first. O(n log n). */
  inOrder(): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot <= this.#mask; slot++) if (this.isLive(slot)) slots.push(slot);
    return slots.sort((a, b) => this.#order[a]! - this.#order[b]!);
  }
}
