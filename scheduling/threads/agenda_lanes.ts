/**
 * The lanes of an agenda: what waits outside the shared memory, and what is in it.
 *
 * Invariant: a tasklet that waits outside is never overtaken by one of a lower priority: where the shared memory is
 * full of those, the newest of them makes room.
 *
 * @module
 */

import type { Ref } from "../../memory/ref.ts";
import type { Lane } from "./dispatch_types.ts";
import type { Tasklet } from "./tasklet.ts";

/** A tasklet in an agenda. */
export interface AgendaEntry {
  readonly id: number;
  readonly tasklet: Tasklet;
  readonly fn: number;
  /** The lane that it is in: aging moves it up. */
  lane: Lane;
  /** Since when, in ms of a monotonic clock. */
  sinceMs: number;
  /** Where it is in the shared memory. */
  ref: Ref | undefined;
}

const ALL: readonly Lane[] = [0, 1, 2];

/** One lane. Sets keep the order, and let one go from the middle. */
class AgendaLane {
  /** Outside, and taken out again: before all others, the last one first. */
  readonly returned: AgendaEntry[] = [];
  /** Outside. */
  readonly outside = new Set<AgendaEntry>();
  /** In the shared memory, queued or running. */
  readonly inside = new Set<AgendaEntry>();
  /** Those inside, and some that are no more: the newest is last. */
  readonly newest: AgendaEntry[] = [];

  get size(): number {
    return this.returned.length + this.outside.size + this.inside.size;
  }

  delete(entry: AgendaEntry): void {
    if (this.inside.delete(entry) || this.outside.delete(entry)) return;
    const at = this.returned.lastIndexOf(entry);
    if (at >= 0) this.returned.splice(at, 1);
  }

  *all(): Generator<AgendaEntry> {
    yield* this.inside;
    for (let i = this.returned.length; i > 0; i--) yield this.returned[i - 1]!;
    yield* this.outside;
  }
}

/** Entries by lane, in order. Everything is O(1), but for looking at all. */
export class AgendaLanes {
  readonly #lanes = ALL.map(() => new AgendaLane());

  /** How many have not ended. */
  size(lane: Lane): number {
    return this.#lanes[lane]!.size;
  }

  /** The next to go in. */
  get next(): AgendaEntry | undefined {
    for (const { returned, outside } of this.#lanes) {
      if (returned.length > 0) return returned.at(-1);
      for (const entry of outside) return entry;
    }
    return undefined;
  }

  /** It waits outside, behind the others. */
  putOutside(entry: AgendaEntry): void {
    this.#lanes[entry.lane]!.outside.add(entry);
  }

  /** It was inside, and waits outside, before the others. */
  takeOut(entry: AgendaEntry): void {
    const lane = this.#lanes[entry.lane]!;
    lane.inside.delete(entry);
    lane.returned.push(entry);
  }

  /** It has gone in. */
  putInside(entry: AgendaEntry): void {
    const lane = this.#lanes[entry.lane]!;
    lane.delete(entry);
    lane.inside.add(entry);
    lane.newest.push(entry);
  }

  /** It has ended, or goes to another lane. */
  delete(entry: AgendaEntry): void {
    this.#lanes[entry.lane]!.delete(entry);
  }

  /** Those inside with a lower priority, the lowest and newest first; each is answered once. */
  *below(lane: Lane): Generator<AgendaEntry> {
    for (let at = 2; at > lane; at--) {
      const { newest, inside } = this.#lanes[at]!;
      for (let entry; (entry = newest.pop()) !== undefined;) if (inside.has(entry)) yield entry;
    }
  }

  /** All that have not ended, in the order in which they would be begun. */
  *all(lane?: Lane): Generator<AgendaEntry> {
    for (const at of lane === undefined ? ALL : [lane]) yield* this.#lanes[at]!.all();
  }
}
