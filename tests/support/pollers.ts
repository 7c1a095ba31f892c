/**
 * What the tests of pollers share: which kernels there are, and a poller with its events in a table.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Kernel } from "../../reactor/kernel.ts";
import { type Poller, WAKER_TOKEN } from "../../reactor/poller.ts";

/** A kernel whose pollers are tested. */
export interface Backend {
  /** For the names of the tests. */
  readonly name: string;
  readonly kernel: Kernel;
  /** It has files and blocks in `wait`; the simulated one does neither. */
  readonly isReal: boolean;
}

/** Events by descriptor: what was ready, of however many events. */
export type Events = Map<number, { generation: number; ready: number }>;

/** A test of one poller. `"again"`: a descriptor's number went to another thread, to other tests. */
export type Case = (bench: Bench) => void | "again" | Promise<void>;

/** What was ready of a descriptor: 0 when it had no event. */
export function readyOf(events: Events, fd: number): number {
  return events.get(fd)?.ready ?? 0;
}

/** Long enough for any event that must come. */
const PATIENCE_MS = 2_000;

/** A poller, and the descriptors opened for a test; all closed at its end. */
export class Bench {
  readonly kernel: Kernel;
  readonly poller: Poller;
  readonly isReal: boolean;
  readonly #fds = new Set<number>();

  constructor({ kernel, isReal }: Backend, maxEvents = 64) {
    this.kernel = kernel;
    this.isReal = isReal;
    this.poller = kernel.createPoller(maxEvents);
  }

  /** Read end, write end. */
  pipe(): [number, number] {
    return this.#both((ends) => this.kernel.pipe(ends));
  }

  /** Two stream sockets that are connected. */
  sockets(): [number, number] {
    return this.#both((ends) => this.kernel.socketpair(1, 1, ends));
  }

  #both(make: (ends: Int32Array) => number): [number, number] {
    const ends = new Int32Array(2);
    const answer = make(ends);
    assert(answer >= 0, `errno ${-answer}`);
    for (const fd of ends) this.#fds.add(fd);
    return [ends[0]!, ends[1]!];
  }

  /** Notes a descriptor to be closed. */
  keep(fd: number): number {
    assert(fd >= 0, `errno ${-fd}`);
    this.#fds.add(fd);
    return fd;
  }

  close(fd: number): void {
    assert(this.#fds.delete(fd));
    assertEquals(this.kernel.close(fd), 0);
  }

  /** Writes `n` bytes, all of them. */
  write(fd: number, n: number): void {
    assertEquals(this.kernel.write(fd, new Uint8Array(n)), n);
  }

  /** Reads at most `n` bytes; answers how many, or -errno. */
  read(fd: number, n = 65_536): number {
    return this.kernel.read(fd, new Uint8Array(n));
  }

  /** Writes until nothing more is taken; answers how much it was. */
  fill(fd: number): number {
    const bytes = new Uint8Array(4_096);
    for (let total = 0;;) {
      const n = this.kernel.write(fd, bytes);
      if (n >= 0) total += n;
      else {
        assertEquals(n, -this.kernel.platform.EAGAIN);
        return total;
      }
    }
  }

  /** Reads until there is nothing, or the end; answers how much it was. */
  drain(fd: number): number {
    for (let total = 0;;) {
      const n = this.read(fd);
      if (n > 0) total += n;
      else return total;
    }
  }

  /** `change`, then `flush`, which must refuse nothing. */
  arm(fd: number, generation: number, interest: number, previous = 0): void {
    this.poller.change(fd, generation, interest, previous);
    assertEquals(this.poller.flush(), []);
  }

  /** Everything that is there now. */
  now(): Events {
    const events: Events = new Map();
    for (let waits = 0; waits < 1_000; waits++) {
      const n = this.poller.wait(0);
      if (n === 0) return events;
      this.add(events, n);
    }
    throw new Error(`it never ends: ${[...events.keys()]}`);
  }

  /** What comes first, waited for, and all that is there besides. */
  next(): Events {
    const events: Events = new Map();
    this.add(events, this.poller.wait(PATIENCE_MS));
    for (const [fd, event] of this.now()) merge(events, fd, event);
    return events;
  }

  /** Puts the `n` events of the last wait into the table. */
  add(events: Events, n: number): void {
    const { poller } = this;
    for (let i = 0; i < n; i++) {
      const fd = poller.fdAt(i);
      merge(events, fd, {
        generation: fd === WAKER_TOKEN ? 0 : poller.generationAt(i),
        ready: fd === WAKER_TOKEN ? 0 : poller.readyAt(i),
      });
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) this.kernel.close(fd);
    this.poller.close();
  }
}

function merge(events: Events, fd: number, event: { generation: number; ready: number }): void {
  const old = events.get(fd);
  if (old === undefined) events.set(fd, { ...event });
  else {
    assertEquals(old.generation, event.generation, `generations of fd ${fd}`);
    old.ready |= event.ready;
  }
}
