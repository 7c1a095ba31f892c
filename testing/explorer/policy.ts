/**
 * Who takes the next step, and who else could.
 *
 * Invariant: at every step the threads that may take it are split into those that cost nothing and those
 * that cost a preemption, and no schedule costs more than the bound. Free: to go on; to let somebody
 * go when this thread is blocked, has ended or yields; to let a timeout pass when nobody else can
 * run. A preemption: to change threads otherwise; to go on after a yield, or let a timeout pass,
 * while somebody else can run. By default nobody is preempted.
 *
 * From a state where an earlier schedule was with as many preemptions left, nothing new can come: no
 * alternatives are noted there. The state is all that decides what follows: memory, sleepers, clock,
 * what each thread has seen (its own state is a function of that), and who is running.
 *
 * Source: Musuvathi & Qadeer, "Iterative Context Bounding" (PLDI 2007); yields: Musuvathi & Qadeer,
 * "Fair Stateless Model Checking" (PLDI 2008).
 *
 * @module
 */
import { type Control, LANE, LINE, SLEEPER_WORDS, STATUS, WORD } from "./control.ts";
import { Hash, visit } from "./hash.ts";

/** Nobody: all threads have ended. */
export const OVER = -1;
/** Nobody: threads are left, and all of them sleep for good. */
export const ALL_ASLEEP = -2;
/** Nobody: there were too many steps. */
export const ENDLESS = -3;

/** How the thread that had the turn is going on. */
export type Going =
  /** It can take another step. */
  | "on"
  /** It can, and what it did has no effect on others: no preemption now. */
  | "alone"
  /** It can, but asks others to go first. */
  | "yielding"
  /** It cannot. */
  | "not";

/** Decides; `me` is the thread that had the turn, or -1. */
export function decide(control: Control, me: number, going: Going): number {
  const { words } = control;
  const step = words[WORD.step]!;
  const mine = me < 0 ? 0 : 1 << me;
  const ready = control.ready();
  const dozing = control.dozing();
  if ((ready | dozing) === 0) return everybodyDone(control) ? OVER : ALL_ASLEEP;
  if (step >= control.maxSteps) return ENDLESS;

  let free: number;
  let paid: number;
  if (going === "on" || going === "alone") {
    free = mine;
    const switches = going === "on" || words[WORD.replay] !== 0;
    paid = switches ? (ready | dozing) & ~mine : 0;
  } else {
    const others = ready & ~mine;
    free = others !== 0 ? others : ready | dozing;
    paid = (ready | dozing) & ~free;
    free = patient(control, free, free);
  }
  paid = patient(control, paid, free | paid);

  const prescribed = step < words[WORD.prefix]!;
  const next = prescribed ? control.prefix[step]! : pick(free, me, going, ready);
  if (((free | paid) >> next & 1) === 0) words[WORD.astray] = 1;
  const left = words[WORD.bound]! - words[WORD.used]!;
  if (left <= 0 && paid !== 0) {
    words[WORD.cut] = 1;
    paid = 0;
  }
  let alternatives = (free | paid) & ~(1 << next);
  if (alternatives !== 0 && !prescribed) {
    if (words[WORD.covered] === 0 && visit(control, stateOf(control, me, going), left)) {
      words[WORD.covered] = 1;
    }
    if (words[WORD.covered] !== 0) alternatives = 0;
  }
  control.alternatives[step] = alternatives;
  if ((free >> next & 1) === 0) words[WORD.used]!++;
  return next;
}

/**
 * Of `threads`, those that need not wait for another of `all`: whoever yields twice while another one
 * takes no step lets that one go first.
 */
function patient(control: Control, threads: number, all: number): number {
  for (let t = 0; 1 << t <= threads; t++) {
    if ((control.lane(t, LANE.first) & all) !== 0) threads &= ~(1 << t);
  }
  return threads;
}

/** `thread` yields. */
export function noteYield(control: Control, thread: number): void {
  const others = (control.ready() | control.dozing()) & ~(1 << thread);
  const ahead = control.lane(thread, LANE.ahead);
  control.setLane(thread, LANE.first, (control.lane(thread, LANE.first) | ahead) & others);
  control.setLane(thread, LANE.ahead, others);
}

/** `thread` takes a step. */
export function noteStep(control: Control, thread: number): void {
  const { lanes } = control;
  for (let t = 0; t < control.threads; t++) {
    lanes[t * LINE + LANE.ahead]! &= ~(1 << thread);
    lanes[t * LINE + LANE.first]! &= ~(1 << thread);
  }
}

/** Without a prescription: go on, else the next in turn, and a timeout last. */
function pick(free: number, me: number, going: Going, ready: number): number {
  const stays = going === "on" || going === "alone";
  if (stays) return me;
  const others = me < 0 ? free : free & ~(1 << me);
  const pool = (others & ready) || others || free;
  for (let t = me + 1;; t++) {
    if (1 << t > pool) t = 0;
    if (pool >> t & 1) return t;
  }
}

function everybodyDone(control: Control): boolean {
  for (let t = 0; t < control.threads; t++) {
    if (control.lane(t, LANE.status) !== STATUS.done) return false;
  }
  return true;
}

function stateOf(control: Control, me: number, going: Going): Hash {
  const hash = endOf(control);
  hash.add(going === "not" ? -1 : going === "yielding" ? me + 100 : me);
  const n = control.words[WORD.sleepers]! * SLEEPER_WORDS;
  for (let i = 0; i < n; i++) hash.add(control.sleepers[i]!);
  if (control.words[WORD.plain] !== 0) {
    hash.add(control.words[WORD.writersLow]!);
    hash.add(control.words[WORD.writersHigh]!);
    for (let t = 0; t < control.threads; t++) hash.add(control.lane(t, LANE.origins));
  }
  return hash;
}

/** What a schedule has come to: memory, and what the threads have seen. */
export function endOf(control: Control): Hash {
  const { words, lanes } = control;
  const hash = new Hash(words[WORD.memoryLow], words[WORD.memoryHigh]);
  for (let t = 0; t < control.threads; t++) {
    const at = t * LINE;
    hash.add(lanes[at + LANE.low]!);
    hash.add(lanes[at + LANE.high]!);
    hash.add(lanes[at + LANE.status]!);
    hash.add(lanes[at + LANE.first]! << 8 | lanes[at + LANE.ahead]!);
  }
  hash.addValue(control.clock[0]!);
  return hash;
}
