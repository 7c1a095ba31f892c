/**
 * Many readers, or one writer.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { DeadlockError } from "../../runtime/errors.ts";
import type { Future } from "../../runtime/future.ts";
import { currentTask } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import type { Task } from "../../runtime/task.ts";
import type { Permit } from "./permit.ts";
import { AcquireWait, Hold, PermitCore } from "./permit_core.ts";
import { checkBody, Section, type SectionBody } from "./section.ts";
import { type NameOptions, titleOf } from "./title.ts";
import { limited, type WaitOptions } from "./wait_options.ts";

const READER = 1;
/** A writer takes the place of so many readers. */
const WRITER = 2 ** 28;

/**
 * A lock that many may hold for reading, or one for writing.
 *
 * Fair: first come, first served, so a writer waits for the readers before it, and readers that come
 * after a waiting writer wait for that writer. Nobody starves. The task that took it releases it, and
 * a generator task that waits for itself gets a `DeadlockError`, as in a `Mutex`; so does one that
 * reads a second time while a writer waits.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { RwLock } from "@vais/runtime";
 *
 * const lock = new RwLock();
 * using a = await lock.read();
 * using b = await lock.read();
 * assertEquals([lock.readers, lock.tryWrite()], [2, undefined]);
 * a.release();
 * b.release();
 * {
 *   using _write = await lock.write();
 *   assertEquals([lock.isWriteLocked, lock.tryRead()], [true, undefined]);
 * }
 * ```
 */
export class RwLock implements Disposable {
  readonly #core: PermitCore;

  /**
   * A lock that nobody holds.
   *
   * @throws {TypeError} If the options are no object, or the name is no string
   */
  constructor(options?: NameOptions) {
    this.#core = new PermitCore(titleOf("rwlock", options, "create RwLock"), WRITER, true);
  }

  /** How many hold it for reading. */
  get readers(): number {
    const { used } = this.#core;
    return used === WRITER ? 0 : used;
  }

  /** True while somebody holds it for writing. */
  get isWriteLocked(): boolean {
    return this.#core.used === WRITER;
  }

  /** How many wait, for whatever. */
  get waiting(): number {
    return this.#core.queue.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#core.isClosed;
  }

  /**
   * A future of the lock for reading. It stands in the line from its first poll on. O(1).
   *
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the lock is closed first
   * @throws {DeadlockError} When the wait could never end
   */
  read(options?: WaitOptions): Future<Permit> {
    return limited(new AcquireWait(this.#core, READER), options, "lock for reading");
  }

  /** A future of the lock for writing; otherwise as {@linkcode read}. */
  write(options?: WaitOptions): Future<Permit> {
    return limited(new AcquireWait(this.#core, WRITER), options, "lock for writing");
  }

  /**
   * The lock for reading, if no writer holds it and nobody waits; else `undefined`.
   *
   * @throws {ClosedError} If the lock is closed
   */
  tryRead(): Permit | undefined {
    return this.#try(READER);
  }

  /** The lock for writing, if nobody holds it or waits; otherwise as {@linkcode tryRead}. */
  tryWrite(): Permit | undefined {
    return this.#try(WRITER);
  }

  #try(weight: number): Permit | undefined {
    const core = this.#core;
    core.checkOpen();
    if (!core.isFree(weight)) return undefined;
    const task = currentTask();
    return core.take(weight, task, core.tieOf(task, false));
  }

  /** A future of what `body` answers, run while the lock is held for reading; see `Semaphore.withPermit`. */
  withRead<T>(body: SectionBody<Permit, T>, options?: WaitOptions): Future<T> {
    return this.#section(body, () => this.read(options));
  }

  /** The same for writing. */
  withWrite<T>(body: SectionBody<Permit, T>, options?: WaitOptions): Future<T> {
    return this.#section(body, () => this.write(options));
  }

  #section<T>(body: SectionBody<Permit, T>, wait: () => Future<Permit>): Future<T> {
    checkBody(body, "run with a lock");
    return new Section<Permit, T>({
      name: body.name || this.#core.title,
      wait: wait(),
      release: (permit) => void permit.release(),
    }, body);
  }

  /**
   * Turns a lock for writing into one for reading, with no writer in between. Readers that are first
   * in the line come in too.
   *
   * @throws {TypeError} If `permit` is no lock for writing of this, or was released
   */
  downgrade(permit: Permit): void {
    const hold = this.#own(permit, "downgrade", WRITER);
    hold.weight = READER;
    this.#core.serve();
  }

  /**
   * A future that turns a lock for reading into one for writing: `permit` itself.
   *
   * It stays a lock for reading meanwhile; it goes before all who wait, and no reader comes in after
   * it. So what was read is still true. Given up, it is still a lock for reading.
   *
   * @throws {DeadlockError} If somebody waits to upgrade already: each would wait for the other
   * @throws {TypeError} If `permit` is no lock for reading of this, or was released
   * @throws {TimeoutError} When `options.timeoutMs` passes first
   * @throws {ClosedError} When the lock is closed first
   */
  upgrade(permit: Permit, options?: WaitOptions): Future<Permit> {
    const hold = this.#own(permit, "upgrade", READER);
    return limited(new UpgradeWait(this.#core, hold), options, "upgrade");
  }

  /**
   * Turns a lock for reading into one for writing, if there is no other reader.
   *
   * @returns False when there is
   * @throws {TypeError} If `permit` is no lock for reading of this, or was released
   * @throws {ClosedError} If the lock is closed
   */
  tryUpgrade(permit: Permit): boolean {
    const hold = this.#own(permit, "upgrade", READER);
    this.#core.checkOpen();
    if (this.#core.used > READER) return false;
    hold.weight = WRITER;
    return true;
  }

  #own(permit: Permit, action: string, weight: number): Hold {
    const kind = weight === READER ? "reading" : "writing";
    if (!(permit instanceof Hold) || permit.core !== this.#core) {
      const what = permit instanceof Hold ? `one of ${permit.core.title}` : typeOf(permit);
      throw new TypeError(
        `Cannot ${action}: permit is ${what} (must be a lock for ${kind} of this ${this.#core.title})`,
      );
    }
    if (permit.isReleased || permit.weight !== weight) {
      throw new TypeError(
        `Cannot ${action}: permit ${
          permit.isReleased ? "was released" : "is of the other kind"
        } (must be a lock for ${kind})`,
      );
    }
    return permit;
  }

  /** Ends every wait by `ClosedError`, those to come too. Locks that are held may still be released. */
  close(): void {
    this.#core.close();
  }

  /** See {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** A reader that waits until it is alone. */
class UpgradeWait extends AcquireWait {
  readonly #hold: Hold;

  constructor(core: PermitCore, hold: Hold) {
    super(core, WRITER - READER);
    this.#hold = hold;
  }

  protected override start(waker: Waker): Poll<Permit> {
    const { core } = this;
    core.checkOpen();
    this.#checkHold();
    const { first } = core.queue;
    if (first instanceof UpgradeWait) {
      throw new DeadlockError(
        `Cannot upgrade ${core.title}: ${first.#hold.holderName} waits to upgrade it too (neither would release its lock for reading)`,
      );
    }
    if (core.used === READER) {
      this.#hold.weight = WRITER;
      return this.#hold;
    }
    this.meet(waker);
    this.standInLine();
    return PENDING;
  }

  #checkHold(): void {
    if (this.#hold.isReleased) {
      throw new TypeError(
        "Cannot upgrade: permit was released (must be held until it is upgraded)",
      );
    }
  }

  protected override checkReentry(): void {}

  protected override join(): void {
    this.core.queue.pushFirst(this);
    this.core.count(this.tie, 1);
  }

  override admit(): void {
    this.core.count(this.tie, -1);
    try {
      this.#checkHold();
    } catch (error) {
      return this.refuse(error);
    }
    this.#hold.weight = WRITER;
    this.grant(this.#hold);
  }

  protected override giveBack(): void {
    if (!this.#hold.isReleased) this.#hold.weight = READER;
    this.core.serve();
  }

  protected override blockers(): Generator<Task<unknown>> {
    return this.core.holdingTasks(this.#hold);
  }
}
