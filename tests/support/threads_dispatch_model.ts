/**
 * A model of a dispatcher, and commands that are done to both.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { Lane, LostTask } from "../../scheduling/threads/dispatch_types.ts";
import { Dispatcher } from "../../scheduling/threads/dispatcher.ts";
import { type Begun, Ends, WorkerByHand } from "./threads_dispatch_by_hand.ts";

/** A task as the model knows it. */
interface Task {
  readonly tag: number;
  readonly lane: Lane;
  readonly ref: number;
  state: "queued" | "running" | "ended" | "lost" | "removed";
}

/** A worker, by hand, and what it has begun. */
interface Hand {
  readonly worker: WorkerByHand;
  begun: { readonly task: Task; readonly begun: Begun } | undefined;
  isStopping: boolean;
}

/** Options of the dispatchers that are tried. */
export interface Tried {
  readonly claim: "batch" | "one";
  readonly steal: boolean;
  readonly strictLanes: boolean;
}

/** The model and the real thing. */
export class DispatchModel {
  readonly #tasks: Task[] = [];
  readonly #hands: (Hand | undefined)[] = [];
  /** Given up, their threads not gone; by place. */
  readonly #zombies = new Map<number, Hand>();
  readonly #tried: Tried;
  readonly #ends = new Ends();
  readonly dispatcher: Dispatcher;
  isPaused = false;

  constructor(tried: Tried) {
    this.#tried = tried;
    this.dispatcher = Dispatcher.create({
      ...tried,
      workers: 3,
      capacity: 8,
      inlineBytes: 64,
      blockBytes: 2 ** 21,
      keepAlive: () => {},
    });
  }

  open(): void {
    const index = this.dispatcher.openWorker();
    const isFree = [0, 1, 2].some((i) => this.#hands[i] === undefined && !this.#zombies.has(i));
    assertEquals(typeof index === "number", isFree);
    if (typeof index !== "number") return;
    assert(this.#hands[index] === undefined && !this.#zombies.has(index));
    const worker = new WorkerByHand(this.dispatcher, index);
    this.#hands[index] = { worker, begun: undefined, isStopping: false };
  }

  submit(lane: Lane): void {
    const tag = this.#tasks.length;
    const hadRoom = this.dispatcher.hasRoom;
    const ref = this.dispatcher.submit(0, [tag, "text"], this.#ends, tag, lane);
    assertEquals(typeof ref === "number", hadRoom);
    if (typeof ref === "number") this.#tasks.push({ tag, lane, ref, state: "queued" });
  }

  begin(index: number): void {
    const hand = this.#hands[index];
    if (hand === undefined || hand.begun !== undefined) return;
    this.dispatcher.flush();
    const begun = hand.worker.begin();
    if (begun === undefined) {
      const isFree = !this.isPaused && !hand.isStopping;
      if (isFree && (this.#tried.steal || this.#tried.claim === "one")) {
        assertEquals(this.#in("queued"), [], "left");
      }
      return;
    }
    assert(!this.isPaused && !hand.isStopping, "begun in spite of an order");
    const task = this.#tasks[begun.args[0] as number]!;
    assertEquals(task.state, "queued", `task ${task.tag}`);
    assertEquals(begun.ref, task.ref);
    if (this.#tried.claim === "one" && this.#tried.strictLanes) {
      assertEquals(task.tag, this.#firstQueued(), "order");
    }
    task.state = "running";
    hand.begun = { task, begun };
  }

  end(index: number, threw: boolean): void {
    const hand = this.#hands[index];
    if (hand?.begun === undefined) return;
    const { task, begun } = hand.begun;
    hand.begun = undefined;
    assert(hand.worker.end(begun, valueOf(task.tag), threw));
    task.state = "ended";
    this.dispatcher.drain();
    if (threw) assert(this.#ends.failed.get(task.tag)?.startsWith("threw"));
    else assertEquals(this.#ends.done.get(task.tag), valueOf(task.tag));
  }

  cancel(which: number): void {
    const task = this.#tasks[which % Math.max(1, this.#tasks.length)];
    if (task === undefined) return;
    const expected = { queued: "removed", running: "flagged" }[task.state as string] ?? "too-late";
    assertEquals(this.dispatcher.cancel(task.ref), expected);
    if (expected === "removed") task.state = "removed";
  }

  lose(index: number, ended: boolean): void {
    const hand = this.#hands[index];
    if (hand === undefined) return;
    const lost = this.dispatcher.workerLost(index, ended);
    this.#hands[index] = undefined;
    const running = hand.begun === undefined ? [] : [hand.begun.task.tag];
    assertEquals(lost.map(({ tag }: LostTask) => tag), running);
    if (hand.begun !== undefined) hand.begun.task.state = "lost";
    if (!ended) this.#zombies.set(index, hand);
  }

  /** One that was given up wakes up: ends what it had begun, and leaves. */
  wakeLate(index: number): void {
    const zombie = this.#zombies.get(index);
    if (zombie === undefined) return;
    if (zombie.begun !== undefined) zombie.worker.end(zombie.begun.begun, "late");
    assertEquals(zombie.worker.begin(), undefined);
    assert(zombie.worker.obey());
    this.dispatcher.drain();
    this.#zombies.delete(index);
  }

  stop(index: number): void {
    const hand = this.#hands[index];
    if (hand === undefined) return;
    this.dispatcher.stopWorker(index);
    hand.isStopping = true;
    if (hand.begun === undefined) this.#leave(index, hand);
  }

  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) this.dispatcher.pause();
    else this.dispatcher.resume();
    assertEquals(this.dispatcher.isQuiet, this.#in("running").length === 0);
  }

  /** What can be seen from outside. */
  check(): void {
    const { dispatcher } = this;
    dispatcher.drain();
    assertEquals(dispatcher.queued, this.#in("queued").length);
    assertEquals(dispatcher.inFlight, this.#in("queued").length + this.#in("running").length);
    for (const { ref, state } of this.#tasks) {
      assertEquals(dispatcher.isLive(ref), state === "queued" || state === "running");
    }
  }

  /** Everything that is left is done; nothing stays in use. */
  finish(): void {
    if (this.isPaused) this.pause(false);
    for (const index of [...this.#zombies.keys()]) this.wakeLate(index);
    for (let index = 0; index < 3; index++) {
      this.end(index, false);
      this.stop(index);
    }
    this.open();
    const index = this.#hands.findIndex((hand) => hand !== undefined);
    while (this.#in("queued").length > 0) {
      this.begin(index);
      this.end(index, false);
    }
    this.check();
    assertEquals(this.dispatcher.blocksInUse, 0);
    for (let i = 0; i < this.dispatcher.capacity; i++) this.submit(1);
    assert(!this.dispatcher.hasRoom);
    assertEquals(this.dispatcher.inFlight, this.dispatcher.capacity);
  }

  #leave(index: number, hand: Hand): void {
    hand.worker.begin();
    assert(hand.worker.obey());
    assertEquals(this.dispatcher.workerLost(index, true), []);
    this.#hands[index] = undefined;
  }

  #in(state: Task["state"]): number[] {
    return this.#tasks.filter((task) => task.state === state).map(({ tag }) => tag);
  }

  #firstQueued(): number {
    const queued = this.#tasks.filter(({ state }) => state === "queued");
    const lane = Math.min(...queued.map((task) => task.lane));
    return queued.find((task) => task.lane === lane)!.tag;
  }
}

/** Some are numbers, some text, some too long for a slot. */
function valueOf(tag: number): unknown {
  if (tag % 3 === 0) return tag;
  return tag % 3 === 1 ? { tag, ok: true } : "x".repeat(tag * 40);
}

type Step = (model: DispatchModel) => void;

const place = fc.integer({ min: 0, max: 2 });

/** One thing to do. */
export const step: fc.Arbitrary<[string, Step]> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.integer({ min: 0, max: 2 }).map((lane) =>
      said(`submit ${lane}`, (m) => m.submit(lane as Lane))
    ),
  },
  { weight: 8, arbitrary: place.map((i) => said(`begin ${i}`, (m) => m.begin(i))) },
  {
    weight: 6,
    arbitrary: fc.tuple(place, fc.boolean()).map(([i, threw]) =>
      said(`end ${i} ${threw}`, (m) => m.end(i, threw))
    ),
  },
  { weight: 3, arbitrary: place.map(() => said("open", (m) => m.open())) },
  {
    weight: 2,
    arbitrary: fc.nat(40).map((which) => said(`cancel ${which}`, (m) => m.cancel(which))),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.boolean()).map(([i, ended]) =>
      said(`lose ${i} ${ended}`, (m) => m.lose(i, ended))
    ),
  },
  { weight: 1, arbitrary: place.map((i) => said(`wakeLate ${i}`, (m) => m.wakeLate(i))) },
  { weight: 1, arbitrary: place.map((i) => said(`stop ${i}`, (m) => m.stop(i))) },
  { weight: 1, arbitrary: fc.boolean().map((on) => said(`pause ${on}`, (m) => m.pause(on))) },
);

function said(name: string, act: Step): [string, Step] {
  return [name, act];
}
