/**
 * The queue of a simulated kernel: edge-triggered, and with no event more than it must have.
 *
 * A real kernel also tells of data on top of data; this one is silent until everything was read, so
 * that who relies on more is found out. Changes take effect at the flush, as with kqueue.
 *
 * @module
 */

import type { VirtualClock } from "../runtime/clock.ts";
import { IoError } from "../reactor/errors.ts";
import { type Poller, WAKER_TOKEN } from "../reactor/poller.ts";
import { ERRNO, type SimulatedFile, type Watch } from "./simulated_file.ts";

/** One registration. */
class Registered implements Watch {
  generation = 0;
  interest = 0;
  isQueued = false;
  readonly fd: number;
  readonly file: SimulatedFile;
  readonly #poller: SimulatedPoller;
  /** What was ready when last looked at. */
  #ready = 0;

  constructor(poller: SimulatedPoller, fd: number, file: SimulatedFile) {
    this.#poller = poller;
    this.fd = fd;
    this.file = file;
  }

  /** What is ready now. */
  get ready(): number {
    return this.file.ready(this.interest);
  }

  look(): void {
    const { ready } = this;
    const isNews = (ready & ~this.#ready) !== 0;
    this.#ready = ready;
    if (isNews) this.#poller.enqueue(this);
  }

  /** Looks as if for the first time. */
  lookAgain(): void {
    this.#ready = 0;
    this.look();
  }

  drop(): void {
    this.#poller.drop(this);
  }
}

interface Change {
  readonly fd: number;
  readonly generation: number;
  readonly interest: number;
}

/** What one wait answered. */
interface Batch {
  readonly fds: number[];
  readonly generations: number[];
  readonly ready: number[];
}

/** A queue of a simulated kernel. */
export class SimulatedPoller implements Poller {
  readonly fd = -1;
  readonly wakeFd = -1;
  readonly maxEvents: number;
  readonly whenReady: () => Promise<void>;
  readonly #fileAt: (fd: number) => SimulatedFile | undefined;
  readonly #clock: VirtualClock | undefined;
  /** Registrations, by file and descriptor: a duplicate keeps that of a closed descriptor. */
  readonly #registered = new Map<SimulatedFile, Map<number, Registered>>();
  #changes: Change[] = [];
  readonly #queue: Registered[] = [];
  #isWoken = false;
  readonly #batch: Batch = { fds: [], generations: [], ready: [] };
  #resolve: (() => void) | undefined;

  /** `fileAt`: what a descriptor stands for. With a clock, waits take virtual time. */
  constructor(
    fileAt: (fd: number) => SimulatedFile | undefined,
    maxEvents: number,
    clock?: VirtualClock,
  ) {
    this.#fileAt = fileAt;
    this.maxEvents = maxEvents;
    this.#clock = clock;
    this.whenReady = () =>
      this.#isWoken || this.#queue.some(({ ready }) => ready !== 0)
        ? Promise.resolve()
        : new Promise((resolve) => this.#resolve = resolve);
  }

  change(fd: number, generation: number, interest: number, _previous: number): void {
    if (interest !== 0) {
      this.#changes.push({ fd, generation, interest });
      return;
    }
    this.#changes = this.#changes.filter((change) => change.fd !== fd);
    const file = this.#fileAt(fd);
    const registered = file && this.#registered.get(file)?.get(fd);
    if (registered !== undefined) this.drop(registered);
  }

  flush(): readonly number[] {
    const refused: number[] = [];
    for (const { fd, generation, interest } of this.#changes.splice(0)) {
      const file = this.#fileAt(fd);
      if (file === undefined) {
        refused.push(fd, ERRNO.EBADF);
        continue;
      }
      const registered = this.#registrationOf(file, fd);
      registered.generation = generation;
      registered.interest = interest;
      registered.lookAgain();
    }
    return refused;
  }

  #registrationOf(file: SimulatedFile, fd: number): Registered {
    let byFd = this.#registered.get(file);
    if (byFd === undefined) this.#registered.set(file, byFd = new Map());
    let registered = byFd.get(fd);
    if (registered === undefined) {
      byFd.set(fd, registered = new Registered(this, fd, file));
      file.watches.add(registered);
    }
    return registered;
  }

  /** Forgets a registration. */
  drop(registered: Registered): void {
    const { file, fd } = registered;
    file.watches.delete(registered);
    const byFd = this.#registered.get(file)!;
    byFd.delete(fd);
    if (byFd.size === 0) this.#registered.delete(file);
    registered.interest = 0;
    if (registered.isQueued) this.#queue.splice(this.#queue.indexOf(registered), 1);
  }

  /** Something became ready. */
  enqueue(registered: Registered): void {
    if (!registered.isQueued) {
      registered.isQueued = true;
      this.#queue.push(registered);
    }
    this.#endWait();
  }

  #endWait(): void {
    this.#resolve?.();
    this.#resolve = undefined;
  }

  #collect({ fds, generations, ready }: Batch): number {
    let count = 0;
    if (this.#isWoken) {
      this.#isWoken = false;
      fds[count] = WAKER_TOKEN;
      generations[count] = ready[count] = 0;
      count++;
    }
    while (count < this.maxEvents && this.#queue.length > 0) {
      const registered = this.#queue.shift()!;
      registered.isQueued = false;
      const now = registered.ready;
      if (now === 0) continue; // no longer: somebody was faster
      fds[count] = registered.fd;
      generations[count] = registered.generation;
      ready[count] = now;
      count++;
    }
    return count;
  }

  /**
   * What is ready. When nothing is, nothing can become so while this waits: the clock of the
   * kernel, if it has one, is moved on instead; without a limit it would be for ever.
   */
  wait(timeoutMs: number): number {
    const count = this.#collect(this.#batch);
    if (count > 0) return count;
    if (timeoutMs < 0) throw new IoError("wait", ERRNO.EDEADLK, -1, "(nothing can become ready)");
    this.#clock?.advance(timeoutMs);
    return 0;
  }

  fdAt(i: number): number {
    return this.#batch.fds[i]!;
  }

  generationAt(i: number): number {
    return this.#batch.generations[i]!;
  }

  readyAt(i: number): number {
    return this.#batch.ready[i]!;
  }

  wake(): void {
    this.#isWoken = true;
    this.#endWait();
  }

  recall(): void {
    this.#endWait();
  }

  close(): void {
    for (const byFd of [...this.#registered.values()]) {
      for (const registered of [...byFd.values()]) this.drop(registered);
    }
    this.#endWait();
  }
}
