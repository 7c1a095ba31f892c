/**
 * `wait`, `waitAsync` and `notify`, as the specification has them, without sleeping.
 *
 * Invariant: the queue holds who sleeps where, in order of arrival; `notify` answers the first ones at its
 * word. Those in `wait` leave the queue then, those in `waitAsync` stay, as notified, until their
 * thread has time for them. A timeout can pass at any time.
 *
 * @module
 */
import { LANE, MOST_SLEEPERS, SLEEPER, SLEEPER_WORDS, STATUS, WORD } from "./control.ts";
import type { Gate } from "./gate.ts";
import { noteYield } from "./policy.ts";

interface Asynchronous {
  readonly resolve: (answer: "ok" | "timed-out") => void;
  readonly deadline: number;
}

/** The sleepers of one thread. */
export class Sleepers {
  readonly #gate: Gate;
  readonly #asynchronous = new Map<number, Asynchronous>();

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /** A schedule begins. */
  reset(): void {
    this.#asynchronous.clear();
  }

  /** Whether something could still be answered. */
  get waiting(): boolean {
    return this.#asynchronous.size > 0;
  }

  /** Sleeps at `word`, inside the step that compared it. */
  sleep(word: number, timeout: number): "ok" | "timed-out" {
    const { control, thread } = this.#gate;
    const timed = timeout < Infinity;
    const deadline = control.clock[0]! + timeout;
    this.#enter(word, 0, timed);
    control.setLane(thread, LANE.status, timed ? STATUS.dozing : STATUS.asleep);
    if (timed) noteYield(control, thread);
    this.#gate.block();
    const notified = control.lane(thread, LANE.status) === STATUS.ready;
    if (!notified) {
      this.#removeWhere((at) => control.sleepers[at] === thread && control.sleepers[at + 2] === 0);
      control.setLane(thread, LANE.status, STATUS.ready);
      this.#passTime(deadline);
    }
    this.#gate.woken(!notified);
    return notified ? "ok" : "timed-out";
  }

  /** The same, answered later. */
  sleepAsync(word: number, timeout: number): Promise<"ok" | "timed-out"> {
    const name = ++this.#gate.control.words[WORD.names]!;
    const deadline = this.#gate.control.clock[0]! + timeout;
    this.#enter(word, name, timeout < Infinity);
    return new Promise((resolve) => this.#asynchronous.set(name, { resolve, deadline }));
  }

  /** Answers up to `count` of those that sleep at `word`. */
  notify(word: number, count: number): number {
    const { control } = this.#gate;
    const { sleepers } = control;
    let notified = 0;
    for (let i = 0; i < control.words[WORD.sleepers]! && notified < count;) {
      const at = i * SLEEPER_WORDS;
      if (sleepers[at + 1] !== word || sleepers[at + 3] === SLEEPER.notified) {
        i++;
        continue;
      }
      notified++;
      if (sleepers[at + 2] === 0) {
        control.setLane(sleepers[at]!, LANE.status, STATUS.ready);
        this.#remove(i);
      } else {
        sleepers[at + 3] = SLEEPER.notified;
        i++;
      }
    }
    return notified;
  }

  /** Nothing to do until one of the asynchronous ones is answered: answers it. */
  idle(): void {
    const { control, thread } = this.#gate;
    control.setLane(thread, LANE.status, STATUS.awaiting);
    noteYield(control, thread);
    this.#gate.block();
    control.setLane(thread, LANE.status, STATUS.ready);
    const { sleepers } = control;
    let found = -1;
    for (let i = 0; i < control.words[WORD.sleepers]!; i++) {
      const at = i * SLEEPER_WORDS;
      if (sleepers[at] !== thread || sleepers[at + 3] === SLEEPER.untimed) continue;
      if (found < 0 || sleepers[at + 3] === SLEEPER.notified && !this.#notified(found)) found = i;
      else if (!this.#notified(found) && this.#deadline(i) < this.#deadline(found)) found = i;
      if (this.#notified(found)) break;
    }
    const notified = this.#notified(found);
    const name = sleepers[found * SLEEPER_WORDS + 2]!;
    const { resolve, deadline } = this.#asynchronous.get(name)!;
    if (!notified) this.#passTime(deadline);
    this.#remove(found);
    this.#asynchronous.delete(name);
    this.#gate.woken(!notified);
    resolve(notified ? "ok" : "timed-out");
  }

  #notified(i: number): boolean {
    return this.#gate.control.sleepers[i * SLEEPER_WORDS + 3] === SLEEPER.notified;
  }

  #deadline(i: number): number {
    const name = this.#gate.control.sleepers[i * SLEEPER_WORDS + 2]!;
    return this.#asynchronous.get(name)!.deadline;
  }

  #passTime(deadline: number): void {
    const { clock } = this.#gate.control;
    clock[0] = Math.max(clock[0]!, deadline);
  }

  #enter(word: number, name: number, timed: boolean): void {
    const { control, thread } = this.#gate;
    const n = control.words[WORD.sleepers]!++;
    if (n >= MOST_SLEEPERS) {
      throw new RangeError(`Cannot wait: ${n} sleepers (at most ${MOST_SLEEPERS} are explored)`);
    }
    const state = timed ? SLEEPER.timed : SLEEPER.untimed;
    control.sleepers.set([thread, word, name, state], n * SLEEPER_WORDS);
  }

  #removeWhere(matches: (at: number) => boolean): void {
    for (let i = this.#gate.control.words[WORD.sleepers]! - 1; i >= 0; i--) {
      if (matches(i * SLEEPER_WORDS)) this.#remove(i);
    }
  }

  #remove(i: number): void {
    const { words, sleepers } = this.#gate.control;
    sleepers.copyWithin(i * SLEEPER_WORDS, (i + 1) * SLEEPER_WORDS);
    words[WORD.sleepers]!--;
  }
}
