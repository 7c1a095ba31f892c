/**
 * The turn: one thread runs at a time, and gives the turn to the next.
 *
 * Invariant: a thread's turn word is RUN or END from `pass` until that thread takes it. Whoever waits
 * first spins (a handoff between two running cores costs 0.3 µs), then sleeps (14 µs).
 *
 * @module
 */
import { type Control, LINE, WORD } from "./control.ts";
import { real } from "./real.ts";

const NONE = 0;
/** Take a step. */
export const RUN = 1;
/** The schedule is over; only the leader gets it. */
export const END = 2;
const ASLEEP = 3;

/** Thrown where a thread waits for its turn and the exploration is over. */
export class Stopped extends Error {}

/** Gives the turn to `thread`. */
export function pass(control: Control, thread: number, what: typeof RUN | typeof END): void {
  const at = thread * LINE;
  if (real.exchange(control.turns, at, what) === ASLEEP) real.notify(control.turns, at);
}

/** Waits for it: answers `RUN` or `END`, throws {@linkcode Stopped}. */
export function take(control: Control, thread: number): number {
  const { turns, words } = control;
  const at = thread * LINE;
  let turn = NONE;
  const spins = words[WORD.spins]!; // perhaps an old one
  for (let i = 0; i < spins && turn === NONE; i++) turn = real.load(turns, at);
  while (turn === NONE || turn === ASLEEP) {
    if (real.load(words, WORD.stopped) !== 0) throw new Stopped();
    turn = real.compareExchange(turns, at, NONE, ASLEEP);
    if (turn === NONE || turn === ASLEEP) {
      real.wait(turns, at, ASLEEP);
      turn = real.load(turns, at);
    }
  }
  if (real.load(words, WORD.stopped) !== 0) throw new Stopped();
  real.store(turns, at, NONE);
  return turn;
}

/** Ends all threads, wherever they wait. */
export function stop(control: Control): void {
  real.store(control.words, WORD.stopped, 1);
  for (let t = 0; t < control.threads; t++) pass(control, t, END);
}
