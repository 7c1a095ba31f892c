/**
 * Enumerates the schedules: depth first, with no preemption, then with one, and so on.
 *
 * Invariant: `path` is the schedule being explored, and each of its steps knows who else could take it and
 * has not yet. A schedule is the path up to a step, another thread there, and the default from then
 * on. When no step of the path has anybody left, all schedules within the bound have been run, or
 * led to a state that another one had led to.
 *
 * @module
 */
import { END, take } from "./baton.ts";
import { type Control, LANE, LINE, STATUS, STEP_NUMBERS, WORD } from "./control.ts";
import { checkEnd, type Verdict } from "./end_check.ts";
import { DeterminismCheck } from "./determinism_check.ts";
import type { Gate } from "./gate.ts";
import type { Player } from "./player.ts";
import { endOf } from "./policy.ts";
import type { ExploredProgram } from "./program.ts";
import { SpinTuner } from "./spin_tuner.ts";

/** What to explore. */
export interface Orders {
  readonly preemptions: number;
  readonly maxSchedules: number;
  readonly spinLimit: number;
  /** Run just this one. */
  readonly replay?: readonly number[];
}

/** What came of it. */
export interface Findings {
  schedules: number;
  steps: number;
  states: number;
  preemptions: number;
  complete: boolean;
  exhaustive: boolean;
  racyWords: number;
  schedulesByBound: number[];
}

interface Node {
  thread: number;
  alternatives: number;
}

const FREE = 1 << 20;

/** See the head of this file. */
export class Leader {
  readonly #control: Control;
  readonly #gate: Gate;
  readonly #player: Player;
  readonly #program: ExploredProgram;
  readonly #state: unknown;
  readonly #memory: readonly { bytes: Uint8Array; first: Uint8Array }[];
  readonly #ends = new Set<number>();
  readonly #path: Node[] = [];
  readonly #tuner: SpinTuner;
  readonly #determinism = new DeterminismCheck();
  #prescribed = 0;

  constructor(
    gate: Gate,
    player: Player,
    program: ExploredProgram,
    state: unknown,
    buffers: readonly SharedArrayBuffer[],
  ) {
    this.#control = gate.control;
    this.#gate = gate;
    this.#tuner = new SpinTuner(gate.control);
    this.#player = player;
    this.#program = program;
    this.#state = state;
    this.#memory = buffers.map((buffer) => {
      const bytes = new Uint8Array(buffer);
      return { bytes, first: bytes.slice() };
    });
  }

  /** Explores. Answers what was found, or what the schedule now in `control` failed of. */
  async lead(orders: Orders): Promise<Findings | Verdict> {
    const { words } = this.#control;
    const found: Findings = {
      schedules: 0,
      steps: 0,
      states: 0,
      preemptions: -1,
      complete: false,
      exhaustive: false,
      racyWords: 0,
      schedulesByBound: [],
    };
    if (orders.replay !== undefined) {
      words[WORD.bound] = FREE;
      words[WORD.replay] = 1;
      orders.replay.forEach((thread) => this.#path.push({ thread, alternatives: 0 }));
      this.#prescribed = this.#path.length;
      const verdict = await this.#run(found);
      return verdict ?? { ...found, complete: true };
    }
    for (let bound = 0; bound <= orders.preemptions; bound++) {
      words[WORD.bound] = bound;
      words[WORD.cut] = 0;
      found.schedulesByBound[bound] = 0;
      do {
        words[WORD.changed] = 0;
        words[WORD.generation]!++;
        words[WORD.visited] = 0;
        this.#path.length = this.#prescribed = 0;
        do {
          if (found.schedules >= orders.maxSchedules) return found;
          found.schedulesByBound[bound]!++;
          const verdict = await this.#run(found);
          if (verdict !== undefined) return verdict;
        } while (this.#next());
      } while (words[WORD.changed] !== 0);
      found.states = words[WORD.visited]!;
      found.preemptions = bound;
      if (words[WORD.cut] === 0) {
        found.exhaustive = true;
        break;
      }
    }
    found.complete = true;
    found.racyWords = words[WORD.racy]!;
    return found;
  }

  /** Goes to the next schedule; false when there is none. */
  #next(): boolean {
    const path = this.#path;
    for (let node; (node = path.at(-1)) !== undefined; path.pop()) {
      if (node.alternatives === 0) continue;
      node.thread = 31 - Math.clz32(node.alternatives & -node.alternatives);
      node.alternatives &= node.alternatives - 1;
      this.#prescribed = path.length;
      return true;
    }
    return false;
  }

  /** Runs the schedule that begins with the path, and extends the path by what it did. */
  async #run(found: Findings): Promise<Verdict | undefined> {
    const { words } = this.#control;
    words[WORD.schedules]!++;
    this.#reset();
    let mine = this.#gate.first();
    for (;;) {
      if (!mine && take(this.#control, 0) === END) break;
      mine = false;
      const playing = this.#player.play();
      if (playing !== undefined) await playing;
      if (this.#gate.leave()) break;
    }
    found.schedules++;
    found.steps += words[WORD.step]!;
    this.#tuner.note(words[WORD.step]!);
    if (!this.#extend()) {
      return {
        reason: "astray",
        message: "a thread did something else on the same schedule (threads must be deterministic)",
      };
    }
    const { low, high } = endOf(this.#control);
    const end = (high >>> 11) * 2 ** 32 + (low >>> 0);
    if (this.#ends.has(end)) return;
    this.#ends.add(end);
    return await checkEnd(this.#control, this.#program, this.#state);
  }

  #reset(): void {
    const { words, lanes, prefix, clock } = this.#control;
    for (const { bytes, first } of this.#memory) bytes.set(first);
    for (
      const word of [
        WORD.step,
        WORD.used,
        WORD.covered,
        WORD.memoryLow,
        WORD.memoryHigh,
        WORD.sleepers,
        WORD.names,
        WORD.events,
        WORD.astray,
        WORD.writersLow,
        WORD.writersHigh,
      ]
    ) words[word] = 0;
    words[WORD.prefix] = this.#prescribed;
    for (let i = 0; i < this.#prescribed; i++) prefix[i] = this.#path[i]!.thread;
    for (let t = 0; t < this.#control.threads; t++) {
      lanes.fill(0, t * LINE, (t + 1) * LINE);
      lanes[t * LINE + LANE.status] = STATUS.ready;
    }
    clock[0] = 0;
    this.#gate.races.reset();
  }

  /** False when a thread did not do what it did before. */
  #extend(): boolean {
    const { words, alternatives, trace } = this.#control;
    const steps = words[WORD.step]!;
    const path = this.#path;
    if (steps < path.length) return false;
    if (!this.#determinism.holds(this.#control, Math.max(0, this.#prescribed - 1))) return false;
    for (let step = path.length; step < steps; step++) {
      path.push({
        thread: trace[step * STEP_NUMBERS]!,
        alternatives: alternatives[step]!,
      });
    }
    return true;
  }
}
