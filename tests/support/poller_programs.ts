/**
 * Random operations on descriptors, done on two kernels side by side.
 *
 * Every call must answer the same on both, and every wait must tell the same. Only two things may
 * differ: how much a full socket holds, and that a real kernel tells once more of a descriptor that
 * was and still is ready (data on top of data); what it then tells must be true.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Kernel } from "../../reactor/kernel.ts";
import { type Poller, WAKER_TOKEN } from "../../reactor/poller.ts";
import { type Backend, Bench } from "./pollers.ts";

/** One operation; `at` chooses among the descriptors that are open, `n` is what it needs. */
export interface Op {
  readonly do:
    | "pipe"
    | "sockets"
    | "dup"
    | "write"
    | "fill"
    | "read"
    | "drain"
    | "close"
    | "shutdown"
    | "change"
    | "remove"
    | "wake"
    | "wait";
  readonly at: number;
  readonly n: number;
}

function op(name: Op["do"], n: fc.Arbitrary<number> = fc.constant(0)): fc.Arbitrary<Op> {
  return fc.record({ do: fc.constant(name), at: fc.nat(40), n });
}

const sizes = fc.oneof(
  fc.nat(50),
  fc.nat(9_000),
  // About a page.
  fc.constantFrom(1, 2_048, 4_000, 4_095, 4_096, 4_097, 8_192),
);

/** Programs; the first operation opens something. */
export const programs: fc.Arbitrary<Op[]> = fc.tuple(
  fc.oneof(op("pipe"), op("sockets")),
  fc.array(
    fc.oneof(
      { weight: 2, arbitrary: op("pipe") },
      { weight: 2, arbitrary: op("sockets") },
      { weight: 1, arbitrary: op("dup") },
      { weight: 8, arbitrary: op("write", sizes) },
      { weight: 2, arbitrary: op("fill") },
      { weight: 6, arbitrary: op("read", sizes) },
      { weight: 3, arbitrary: op("drain") },
      { weight: 3, arbitrary: op("close") },
      { weight: 2, arbitrary: op("shutdown", fc.nat(2)) },
      { weight: 8, arbitrary: op("change", fc.integer({ min: 1, max: 3 })) },
      { weight: 2, arbitrary: op("remove") },
      { weight: 1, arbitrary: op("wake") },
      { weight: 8, arbitrary: op("wait") },
    ),
    { minLength: 1, maxLength: 60, size: "max" },
  ),
).map(([first, rest]) => [first, ...rest, { do: "wait", at: 0, n: 0 }]);

/** One direction of a socket: what keeps the two kernels comparable. */
interface Flow {
  /** Writes since it was last empty. */
  writes: number;
  isFull: boolean;
}

/** What is open on both kernels. */
interface End {
  /** Its descriptors, on either kernel. */
  readonly fds: readonly [number, number];
  /** The same for all duplicates. */
  readonly file: object;
  readonly isSocket: boolean;
  /** Bytes that come here, and those that go from here. */
  readonly inflow: Flow;
  readonly outflow: Flow;
  isOpen: boolean;
  interest: number;
  generation: number;
  /** What was told, and is ready without a break since. */
  known: number;
}

/** Small enough that a socket of either kernel stays writable. */
const MOST_BYTES = 64;
const MOST_WRITES = 20;
const MOST_ENDS = 16;

/** What was seen while programs ran: that they do not drift into doing nothing. */
export interface Tally {
  waits: number;
  events: number;
  /** Events that only the real kernel told. */
  extra: number;
}

/** Runs a program on both kernels; throws at the first difference. */
export function runBoth(real: Backend, simulated: Backend, program: readonly Op[]): Tally {
  const run = new Run(real, simulated);
  try {
    for (const [i, op] of program.entries()) {
      try {
        run.step(op);
      } catch (error) {
        throw new Error(`operation ${i}, ${op.do}: ${(error as Error).message}`, { cause: error });
      }
    }
    return run.tally;
  } finally {
    run.close();
  }
}

class Run {
  readonly tally: Tally = { waits: 0, events: 0, extra: 0 };
  readonly #worlds: readonly [Bench, Bench];
  /** Looks into the simulation, unseen. */
  readonly #probe: Poller;
  readonly #ends: End[] = [];
  #generation = 0;
  #isOver = false;

  constructor(real: Backend, simulated: Backend) {
    // Few at a time: batches are part of the trial.
    this.#worlds = [new Bench(real, 3), new Bench(simulated, 3)];
    this.#probe = simulated.kernel.createPoller(1);
  }

  close(): void {
    for (const world of this.#worlds) world[Symbol.dispose]();
    this.#probe.close();
  }

  step(op: Op): void {
    if (this.#isOver) return;
    this.#do(op);
    for (const end of this.#ends) end.known &= this.#readyOf(end);
  }

  #do({ do: what, at, n }: Op): void {
    if (what === "pipe" || what === "sockets") return this.#open(what === "sockets");
    if (what === "wait") return this.#wait();
    if (what === "wake") {
      for (const { poller } of this.#worlds) poller.wake();
      return;
    }
    const open = this.#ends.filter((end) => end.isOpen);
    const end = open[at % open.length];
    if (end === undefined) return;
    switch (what) {
      case "dup":
        return this.#dup(end);
      case "write":
        return this.#write(end, n);
      case "fill":
        return this.#fill(end);
      case "read":
        // What a full socket holds differs, so it is read to the end.
        return end.isSocket && end.inflow.isFull ? this.#drain(end) : this.#read(end, n);
      case "drain":
        return this.#drain(end);
      case "close":
        return this.#close(end);
      case "shutdown":
        this.#same(end, "shutdown", (kernel, fd) => kernel.shutdown(fd, n));
        return;
      case "change":
        return this.#change(end, n);
      case "remove":
        return this.#change(end, 0);
    }
  }

  /** Makes a call on both; they must answer the same. */
  #same(end: End, what: string, call: (kernel: Kernel, fd: number) => number): number {
    const [real, simulated] = this.#worlds.map(({ kernel }, i) => call(kernel, end.fds[i]!));
    assertEquals(simulated, real, `${what}: the simulation answered ${simulated}`);
    return real!;
  }

  #open(isSocket: boolean): void {
    if (this.#ends.filter((end) => end.isOpen).length >= MOST_ENDS) return;
    const [real, simulated] = this.#worlds.map((world) =>
      isSocket ? world.sockets() : world.pipe()
    ) as [[number, number], [number, number]];
    const flows: [Flow, Flow] = [{ writes: 0, isFull: false }, { writes: 0, isFull: false }];
    for (const i of [0, 1] as const) {
      this.#ends.push({
        fds: [real[i], simulated[i]],
        file: {},
        isSocket,
        // A pipe has one flow: to the first end.
        inflow: flows[isSocket ? i : 0],
        outflow: flows[isSocket ? 1 - i as 0 | 1 : 0],
        isOpen: true,
        interest: 0,
        generation: 0,
        known: 0,
      });
    }
  }

  #dup(end: End): void {
    if (this.#ends.filter((other) => other.isOpen).length >= MOST_ENDS) return;
    const fds = this.#worlds.map((world, i) => world.keep(world.kernel.dup(end.fds[i]!)));
    // A closed duplicate's number was given again, and with it its registration; unless, in the real
    // kernel, another thread was faster: then there is nothing to compare any more.
    const heirs = fds.map((fd, i) =>
      this.#ends.findIndex((old) => old.file === end.file && !old.isOpen && old.fds[i] === fd)
    );
    if (heirs[0] !== heirs[1]) this.#isOver = true;
    this.#ends.push({ ...end, fds: fds as [number, number], interest: 0, generation: 0, known: 0 });
  }

  #write(end: End, n: number): void {
    if (end.isSocket) {
      if (end.outflow.isFull || end.outflow.writes >= MOST_WRITES) return;
      n = Math.min(n, MOST_BYTES);
    }
    const bytes = new Uint8Array(n);
    if (this.#same(end, `write ${n}`, (kernel, fd) => kernel.write(fd, bytes)) > 0) {
      end.outflow.writes++;
    }
  }

  #fill(end: End): void {
    const bytes = new Uint8Array(4_096);
    const [real, simulated] = this.#worlds.map(({ kernel }, i) => {
      for (let total = 0;;) {
        const n = kernel.write(end.fds[i]!, bytes);
        if (n <= 0) return { total, n };
        total += n;
      }
    });
    assertEquals(simulated!.n, real!.n, "fill");
    if (real!.total > 0) end.outflow.isFull = true;
    if (!end.isSocket) assertEquals(simulated, real);
  }

  #read(end: End, n: number): void {
    const buffer = new Uint8Array(n);
    this.#same(end, `read ${n}`, (kernel, fd) => kernel.read(fd, buffer));
  }

  #drain(end: End): void {
    const buffer = new Uint8Array(65_536);
    const [real, simulated] = this.#worlds.map(({ kernel }, i) => {
      for (let total = 0;;) {
        const n = kernel.read(end.fds[i]!, buffer);
        if (n <= 0) return { total, n };
        total += n;
      }
    });
    assertEquals(simulated!.n, real!.n, "drain");
    if (!end.inflow.isFull) assertEquals(simulated, real, "drain");
    end.inflow.isFull = false;
    end.inflow.writes = 0;
  }

  #close(end: End): void {
    end.isOpen = false;
    for (const [i, world] of this.#worlds.entries()) world.close(end.fds[i]!);
  }

  #change(end: End, interest: number): void {
    if (interest === 0 && end.interest === 0) return;
    const generation = ++this.#generation;
    const [real, simulated] = this.#worlds.map(({ poller }, i) => {
      poller.change(end.fds[i]!, generation, interest, end.interest);
      return poller.flush().map((value, at) => at % 2 === 0 ? 0 : value);
    });
    assertEquals(simulated, real, "refused");
    for (const old of this.#ends) {
      if (old.file === end.file && old.fds[0] === end.fds[0]) old.interest = 0; // taken over
    }
    end.interest = interest;
    end.generation = generation;
    end.known = 0;
  }

  #wait(): void {
    const [real, simulated] = this.#worlds.map(({ poller }, world) => {
      const told = new Map<string, number>();
      for (let n, waits = 0; (n = poller.wait(0)) > 0; waits++) {
        if (waits > 100) throw new Error("it never ends");
        for (let i = 0; i < n; i++) {
          const fd = poller.fdAt(i);
          if (fd === WAKER_TOKEN) told.set("wake", 0);
          else told.set(this.#nameOf(world, fd, poller.generationAt(i)), poller.readyAt(i));
        }
      }
      return told;
    }) as [Map<string, number>, Map<string, number>];
    this.tally.waits++;
    this.tally.events += simulated.size;
    for (const [name, ready] of simulated) {
      assertEquals(real.get(name), ready, `the simulation told ${ready} of ${name}`);
    }
    for (const [name, ready] of real) {
      if (simulated.has(name)) continue;
      this.tally.extra++;
      assertEquals(
        ready,
        this.#readyOf(this.#ends[Number(name)]!),
        `only the real one told ${name}`,
      );
    }
    for (const [i, end] of this.#ends.entries()) {
      const ready = this.#readyOf(end);
      const isNews = (ready & ~end.known) !== 0;
      if (isNews) assertEquals(simulated.get(String(i)), ready, `nobody told of ${i}`);
      end.known = ready;
    }
  }

  /** The number of the end that an event is for. */
  #nameOf(world: number, fd: number, generation: number): string {
    const i = this.#ends.findIndex((end) =>
      end.fds[world] === fd && end.generation === generation && end.interest !== 0
    );
    if (i < 0) throw new Error(`nobody waits for fd ${fd} by generation ${generation}`);
    return String(i);
  }

  /** What is ready of what it waits for. */
  #readyOf({ file, interest }: End): number {
    if (interest === 0) return 0;
    // A closed descriptor is told of while a duplicate is open.
    const open = this.#ends.find((end) => end.file === file && end.isOpen);
    if (open === undefined) return 0;
    const probe = this.#probe;
    const fd = open.fds[1];
    probe.change(fd, 0, interest, 0);
    probe.flush();
    const ready = probe.wait(0) === 0 ? 0 : probe.readyAt(0);
    probe.change(fd, 0, 0, interest);
    return ready;
  }
}

/** The program, as it is told in a failure. */
export function render(program: readonly Op[]): string {
  return program.map(({ do: what, at, n }, i) => `${i}: ${what} at=${at} n=${n}`).join("\n");
}
