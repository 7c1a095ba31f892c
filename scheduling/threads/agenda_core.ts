/**
 * The inside of an agenda: its tasklets, in their lanes, on their way through the pool.
 *
 * @module
 */

import { FULL } from "../../memory/answers.ts";
import { systemClock } from "../../runtime/clock.ts";
import { reportToConsole } from "../../runtime/observer.ts";
import { AgendaIdle } from "./agenda_idle.ts";
import { type AgendaEntry, AgendaLanes } from "./agenda_lanes.ts";
import type { CheckedAgendaOptions } from "./agenda_options.ts";
import { type AgendaCalls, AgendaPool } from "./agenda_pool.ts";
import { laneOf, type Tasklet } from "./tasklet.ts";

/** Tasklets that are in an agenda. */
const queued = new WeakSet<Tasklet>();

/** Puts tasklets into the pool, and hears how they end. */
export class AgendaCore implements AgendaCalls {
  readonly options: CheckedAgendaOptions;
  readonly pool: AgendaPool;
  readonly lanes = new AgendaLanes();
  readonly entries = new Map<number, AgendaEntry>();
  readonly counts = { added: 0, done: 0, failed: 0, obsolete: 0, lost: 0, aged: 0 };
  readonly idle = new AgendaIdle();
  #nextId = 1;
  #isAging = false;
  /** No more tasklets are begun. */
  #isCut = false;

  /** Starts the workers. */
  constructor(options: CheckedAgendaOptions) {
    this.options = options;
    this.pool = new AgendaPool(options, this);
  }

  // ---- as those who hear of the calls -------------------------------------------------------------

  done(id: number): void {
    this.#ended(id, "done");
  }

  failed(id: number, error: unknown): void {
    this.#ended(id, "failed", error);
  }

  obsolete(id: number): void {
    this.#ended(id, "obsolete");
  }

  lost(id: number, error: unknown): void {
    this.#ended(id, "lost", error);
  }

  broken(error: Error): void {
    for (const entry of [...this.lanes.all()]) {
      this.#takeOut(entry);
      this.#ended(entry.id, "lost", error);
    }
  }

  // ---- in and out ---------------------------------------------------------------------------------

  /** Puts a tasklet at the end of its lane. Throws where it must not be added. */
  add(tasklet: Tasklet): void {
    if (queued.has(tasklet)) {
      throw new TypeError(
        "Cannot add a tasklet: it is in an agenda and has not ended (must have ended, or be another one)",
      );
    }
    const fn = this.pool.functionOf(tasklet.closure);
    const id = this.#nextId++;
    const sinceMs = systemClock.now();
    const entry: AgendaEntry = { id, tasklet, fn, lane: laneOf(tasklet), sinceMs, ref: undefined };
    this.entries.set(id, entry);
    queued.add(tasklet);
    this.counts.added++;
    this.lanes.putOutside(entry);
    this.#fill();
    if (this.entries.has(id)) this.#age();
  }

  /** No more tasklets are begun; those that have not been wait outside. */
  cut(): void {
    this.#isCut = true;
    for (const entry of [...this.lanes.all()].reverse()) {
      if (this.#takeOut(entry)) this.lanes.takeOut(entry);
    }
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** The threads are gone: what is left belongs to no agenda any more. */
  async close(graceMs: number): Promise<void> {
    await this.pool.close(graceMs);
    for (const { tasklet } of this.entries.values()) queued.delete(tasklet);
    if (this.entries.size > 0) this.idle.end(this.options.name, this.entries.size);
  }

  /** Takes in what fits; a tasklet of a higher lane takes the place of one of a lower. */
  #fill(): void {
    if (this.#isCut) return;
    for (let entry; (entry = this.lanes.next) !== undefined;) {
      const answer = this.#submit(entry);
      if (answer === "full" && !this.#makeRoom(entry)) return;
    }
  }

  #submit(entry: AgendaEntry): "in" | "full" | "ended" {
    const { tasklet, id, fn, lane } = entry;
    const leftMs = tasklet.obsoleteAt - Date.now();
    if (leftMs <= 0) {
      this.#ended(id, "obsolete");
      return "ended";
    }
    let ref;
    try {
      ref = this.pool.submit(fn, tasklet.args, id, lane, leftMs);
    } catch (error) {
      this.#ended(id, "failed", error); // its arguments cannot be cloned
      return "ended";
    }
    if (ref === FULL) return "full";
    entry.ref = ref;
    this.lanes.putInside(entry);
    return "in";
  }

  #makeRoom({ lane }: AgendaEntry): boolean {
    for (const below of this.lanes.below(lane)) {
      if (!this.#takeOut(below)) continue; // it runs
      this.lanes.takeOut(below);
      return true;
    }
    return false;
  }

  /** Takes one out of the shared memory, if it has not begun. */
  #takeOut(entry: AgendaEntry): boolean {
    if (entry.ref === undefined || this.pool.cancel(entry.ref) !== "removed") return false;
    entry.ref = undefined;
    return true;
  }

  #ended(id: number, how: "done" | "failed" | "obsolete" | "lost", error?: unknown): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    queued.delete(entry.tasklet);
    this.lanes.delete(entry);
    this.counts[how]++;
    const { tasklet } = entry;
    if (how === "done" || how === "failed") tasklet.metadata.executions++;
    if (how === "failed" || how === "lost") this.#tell(error, tasklet);
    this.#fill();
    if (this.entries.size === 0) this.idle.tell();
  }

  #tell(error: unknown, tasklet: Tasklet): void {
    const { onError, name } = this.options;
    try {
      if (onError !== undefined) return onError(error, tasklet);
      const { closure } = tasklet;
      const what = typeof closure === "string" ? closure : closure.name || "a function";
      reportToConsole(`tasklet ${what} of ${name} failed:`, error);
    } catch (error) {
      reportToConsole(`onError of ${name} threw:`, error);
    }
  }

  /** Moves up those that have waited too long; looks again later. */
  #age(): void {
    const { agingMs } = this.options;
    if (agingMs === Infinity || this.#isAging) return;
    this.#isAging = true;
    this.pool.timers.start(Math.max(1, agingMs / 4), () => {
      this.#isAging = false;
      const now = systemClock.now();
      for (const entry of [...this.lanes.all()]) {
        if (entry.lane === 0 || now - entry.sinceMs < agingMs) continue;
        if (entry.ref !== undefined && !this.#takeOut(entry)) continue;
        this.lanes.delete(entry);
        entry.lane--;
        entry.sinceMs = now;
        this.counts.aged++;
        this.lanes.putOutside(entry);
      }
      this.#fill();
      if (this.entries.size > 0) this.#age();
    });
  }
}
