/**
 * The memory the explorer's threads share among themselves, apart from the program's.
 *
 * Invariant: except for the turns, only the thread that has the turn reads or writes it, and the turn
 * is passed on with `Atomics`: so everything else are plain words.
 *
 * @module
 */

/** The most threads a program may have. */
export const MOST_THREADS = 8;
/** Words between what different threads spin on. */
export const LINE = 32;
/** Numbers of a recorded step: who, what, buffer, byte offset, view, two operands, answer, state before. */
export const STEP_NUMBERS = 9;
/** Words of an entry in the queue of sleepers: who, where, which, state. */
export const SLEEPER_WORDS = 4;
/** Sleepers there may be, asynchronous ones counted. */
export const MOST_SLEEPERS = 64;
/** UTF-16 units that a thread's answer and record may take. */
export const TEXT_UNITS = 1 << 15;
/** Entries of the table of visited states. */
export const VISITED_ENTRIES = 1 << 20;
/** Words of one: two of a key, one of what was explored from there. */
export const VISITED_WORDS = 3;

/** Indices into `words`. */
export const WORD = {
  /** Steps taken in this schedule. */
  step: 0,
  /** Steps of this schedule that are prescribed. */
  prefix: 1,
  /** Preemptions allowed. */
  bound: 2,
  /** Preemptions used. */
  used: 3,
  /** This schedule has come to where an earlier one was: no alternatives from here. */
  covered: 4,
  /** An alternative was left out because of the bound. */
  cut: 5,
  /** A word turned out to be in conflict. */
  changed: 6,
  /** Hash of the program's memory, as a difference to its beginning. */
  memoryLow: 7,
  memoryHigh: 8,
  /** Entries in the queue of sleepers. */
  sleepers: 9,
  /** Names of asynchronous sleepers, counted. */
  names: 10,
  /** Invocations and returns, counted. */
  events: 11,
  /** Run of the table of visited states. */
  generation: 12,
  /** Entries in use in it. */
  visited: 13,
  /** Schedules run, for whoever looks on. */
  schedules: 14,
  /** How often to look for the turn before sleeping. */
  spins: 15,
  /** Not 0: end. */
  stopped: 17,
  /** A prescribed step was not possible. */
  astray: 18,
  /** Anybody may be preempted anywhere: a schedule is replayed. */
  replay: 19,
  /** A plain access to a word in conflict was seen. */
  plain: 20,
  /** Words whose plain accesses race. */
  racy: 21,
  /** Hash of who wrote which word last. */
  writersLow: 22,
  writersHigh: 23,
} as const;

/** Indices into a thread's lane. */
export const LANE = {
  status: 0,
  /** Hash of what it has seen. */
  low: 1,
  high: 2,
  /** Recorded calls that returned. */
  returned: 3,
  /** UTF-16 units of its answer. */
  text: 4,
  /** Threads that have not taken a step since it last yielded, one bit per thread. */
  ahead: 5,
  /** Those of them that had not when it yielded before that: they go first. */
  first: 6,
  /** Hash of whose writes it has read. */
  origins: 7,
} as const;

/** What a thread is doing. */
export const STATUS = {
  /** It can take a step. */
  ready: 0,
  /** It sleeps in `wait`. */
  asleep: 1,
  /** It sleeps in `wait` with a timeout. */
  dozing: 2,
  /** It has nothing to do until one of its `waitAsync` is answered. */
  awaiting: 3,
  /** Its function has returned. */
  done: 4,
} as const;

/** What is posted to make a {@linkcode Control} of the same memory. */
export interface ControlHandle {
  readonly buffer: SharedArrayBuffer;
  readonly visited: SharedArrayBuffer;
  readonly threads: number;
  readonly maxSteps: number;
}

/** Views of the explorer's own memory. */
export class Control {
  /** What to post. */
  readonly handle: ControlHandle;
  /** How many threads the program has. */
  readonly threads: number;
  /** How many steps a schedule may have. */
  readonly maxSteps: number;
  /** Whose turn it is: a line per thread. */
  readonly turns: Int32Array;
  /** See {@linkcode WORD}. */
  readonly words: Int32Array;
  /** See {@linkcode LANE}: a line per thread. */
  readonly lanes: Int32Array;
  /** Who sleeps, first come first. */
  readonly sleepers: Int32Array;
  /** By step: who must take it. */
  readonly prefix: Int32Array;
  /** By step: who else could have taken it, one bit per thread. */
  readonly alternatives: Int32Array;
  /** By step: what was done. */
  readonly trace: Float64Array;
  /** Virtual milliseconds. */
  readonly clock: Float64Array;
  /** By thread: its answer as text. */
  readonly texts: Uint16Array;
  /** The table of visited states. */
  readonly visited: Int32Array;

  constructor(handle: ControlHandle) {
    const { buffer, threads, maxSteps } = this.handle = handle;
    this.threads = threads;
    this.maxSteps = maxSteps;
    let at = 0;
    const take = (bytes: number) => {
      const start = at;
      at += Math.ceil(bytes / 128) * 128;
      return start;
    };
    const ints = (n: number) => new Int32Array(buffer, take(4 * n), n);
    const floats = (n: number) => new Float64Array(buffer, take(8 * n), n);
    this.turns = ints(MOST_THREADS * LINE);
    this.words = ints(LINE);
    this.lanes = ints(MOST_THREADS * LINE);
    this.sleepers = ints(MOST_SLEEPERS * SLEEPER_WORDS);
    this.prefix = ints(maxSteps);
    this.alternatives = ints(maxSteps);
    this.trace = floats(maxSteps * STEP_NUMBERS);
    this.clock = floats(1);
    this.texts = new Uint16Array(buffer, take(2 * threads * TEXT_UNITS), threads * TEXT_UNITS);
    this.visited = new Int32Array(handle.visited);
  }

  /** Memory for a program of so many threads. */
  static create(threads: number, maxSteps: number): Control {
    const bytes = 4 * (2 * MOST_THREADS * LINE + LINE + MOST_SLEEPERS * SLEEPER_WORDS) +
      maxSteps * (8 + 8 * STEP_NUMBERS) + 2 * threads * TEXT_UNITS + 16 * 128;
    return new Control({
      buffer: new SharedArrayBuffer(Math.ceil(bytes / 128) * 128),
      visited: new SharedArrayBuffer(4 * VISITED_ENTRIES * VISITED_WORDS),
      threads,
      maxSteps,
    });
  }

  /** A word of a thread's lane. */
  lane(thread: number, field: number): number {
    return this.lanes[thread * LINE + field]!;
  }

  /** Changes it. */
  setLane(thread: number, field: number, value: number): void {
    this.lanes[thread * LINE + field] = value;
  }

  /** One bit for each thread that can take a step of its own accord. */
  ready(): number {
    let mask = 0;
    for (let t = 0; t < this.threads; t++) {
      const status = this.lane(t, LANE.status);
      if (status === STATUS.ready || status === STATUS.awaiting && this.#answered(t)) {
        mask |= 1 << t;
      }
    }
    return mask;
  }

  /** One bit for each thread that sleeps with a timeout. */
  dozing(): number {
    let mask = 0;
    for (let t = 0; t < this.threads; t++) {
      const status = this.lane(t, LANE.status);
      if (
        status === STATUS.dozing || status === STATUS.awaiting && !this.#answered(t) &&
          this.#find(t, SLEEPER.timed) >= 0
      ) mask |= 1 << t;
    }
    return mask;
  }

  #answered(thread: number): boolean {
    return this.#find(thread, SLEEPER.notified) >= 0;
  }

  #find(thread: number, state: number): number {
    const n = this.words[WORD.sleepers]! * SLEEPER_WORDS;
    for (let i = 0; i < n; i += SLEEPER_WORDS) {
      if (this.sleepers[i] === thread && this.sleepers[i + 3] === state) return i;
    }
    return -1;
  }
}

/** States of an entry in the queue of sleepers. */
export const SLEEPER = { untimed: 0, timed: 1, notified: 2 } as const;
