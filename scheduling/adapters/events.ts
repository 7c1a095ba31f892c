/**
 * Events of the platform and of Node's emitters, as streams and futures that unsubscribe.
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { Future } from "../../runtime/future.ts";
import { WAKE_MAYBE, type WakeSource } from "../../runtime/host.ts";
import { PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { Channel, type Overflow } from "../channels/channel.ts";
import { scopedIterable, type ScopedIterator } from "../scoped_iterable.ts";

/** An emitter as Node's `EventEmitter`. */
export interface Emitter {
  /** Adds a listener. */
  // deno-lint-ignore no-explicit-any -- as Node has it
  on(name: string | symbol, listener: (...args: any[]) => void): unknown;
  /** Removes it. */
  // deno-lint-ignore no-explicit-any -- as Node has it
  off(name: string | symbol, listener: (...args: any[]) => void): unknown;
}

/** What sends events: an `EventTarget`, or an emitter as Node's. */
export type EventOrigin = Pick<EventTarget, "addEventListener" | "removeEventListener"> | Emitter;

/** What an event is: an `Event`, or the arguments that an emitter passes. */
export type EventOf<S> = S extends Emitter ? unknown[] : Event;

/** How {@linkcode events} keeps those that come faster than they are taken. */
export interface EventsOptions {
  /** Events that wait at most; unlimited unless said. */
  readonly capacity?: number;
  /** What happens to those beyond: the oldest is dropped unless said. */
  readonly overflow?: Exclude<Overflow, "wait">;
}

/** Subscribes; answers how to unsubscribe. An emitter's `error` goes to `failed`. */
export function subscribe(
  source: EventOrigin,
  name: string | symbol,
  listener: (event: unknown) => void,
  failed: (error: unknown) => void,
): () => void {
  if ("addEventListener" in source) {
    source.addEventListener(name as string, listener);
    return () => source.removeEventListener(name as string, listener);
  }
  const take = (...args: unknown[]): void => listener(args);
  source.on(name, take);
  if (name !== "error") source.on("error", failed);
  return () => {
    source.off(name, take);
    if (name !== "error") source.off("error", failed);
  };
}

/** Throws unless it sends events, and the name is one. */
export function checkEvents(source: unknown, name: unknown, action: string): void {
  const { addEventListener, removeEventListener, on, off } = Object(source);
  const isTarget = typeof addEventListener === "function" &&
    typeof removeEventListener === "function";
  if (!isTarget && !(typeof on === "function" && typeof off === "function")) {
    throw new TypeError(
      `Cannot ${action}: source is ${typeOf(source)} (must be an EventTarget or an EventEmitter)`,
    );
  }
  if (typeof name !== "string" && typeof name !== "symbol") {
    throw new TypeError(`Cannot ${action}: name is ${typeOf(name)} (must be a string)`);
  }
}

/**
 * The events of one name, as they come. It listens from the first `next()` until the loop is left or
 * cancelled, then its listeners are gone. An `error` of an emitter ends it by throwing.
 *
 * @throws {TypeError} If the source sends no events, or an option has the wrong type
 * @throws {RangeError} If the capacity is not a positive integer
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { events } from "@vais/runtime";
 *
 * const target = new EventTarget();
 * setTimeout(() => {
 *   for (const name of ["tick", "tock", "tick"]) target.dispatchEvent(new Event(name));
 * });
 * let ticks = 0;
 * for await (const event of events(target, "tick")) {
 *   assertEquals(event.type, "tick");
 *   if (++ticks === 2) break;
 * }
 * ```
 */
export function events<S extends EventOrigin>(
  source: S,
  name: string | symbol,
  options: EventsOptions = {},
): ScopedIterator<EventOf<S>> {
  checkEvents(source, name, "listen");
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot listen: options is ${typeOf(options)} (must be an object)`);
  }
  const { capacity = Infinity, overflow = "drop-oldest" } = options;
  const channel = new Channel<{ event: EventOf<S> }>({
    capacity,
    overflow,
    name: `${String(name)} events`,
  });
  return scopedIterable<EventOf<S>>(function* (emit) {
    const stop = subscribe(source, name, (event) => {
      if (!channel.isClosed) channel.trySend({ event: event as EventOf<S> });
    }, (error) => channel.close(error ?? new Error("Cannot listen: the emitter failed")));
    try {
      for (let next; !(next = yield* channel.next()).done;) yield* emit(next.value.event);
    } finally {
      stop();
    }
  }, { name: "events" })[Symbol.asyncIterator]();
}

/**
 * The next event of one name. Lazy: it listens from the first poll, until it came or the wait is
 * given up. An `error` of an emitter is thrown.
 *
 * @throws {TypeError} If the source sends no events
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { nextEvent } from "@vais/runtime";
 *
 * const target = new EventTarget();
 * setTimeout(() => target.dispatchEvent(new Event("ready")));
 * const event = await nextEvent(target, "ready").timeout(10_000);
 * assertEquals(event.type, "ready");
 * ```
 */
export function nextEvent<S extends EventOrigin>(
  source: S,
  name: string | symbol,
): Future<EventOf<S>> {
  checkEvents(source, name, "wait for an event");
  return new NextEvent(source, name);
}

class NextEvent<T> extends Future<T> {
  readonly #source: EventOrigin;
  readonly #name: string | symbol;
  #stop: (() => void) | undefined;
  #waker: Waker | undefined;
  #end: { event: T } | { error: unknown } | undefined;

  constructor(source: EventOrigin, name: string | symbol) {
    super();
    this.#source = source;
    this.#name = name;
  }

  poll(waker: Waker): Poll<T> {
    this.#waker = waker;
    if (this.#end === undefined && this.#stop === undefined) this.#listen();
    const end = this.#end;
    if (end === undefined) return PENDING;
    if ("error" in end) throw end.error;
    return end.event;
  }

  #listen(): void {
    this.#stop = subscribe(
      this.#source,
      this.#name,
      (event) => this.#ended({ event: event as T }),
      (error) => this.#ended({ error }),
    );
    // It may come while we subscribe: `newListener` does.
    if (this.#end !== undefined) this.cancel();
  }

  #ended(end: { event: T } | { error: unknown }): void {
    this.#end ??= end;
    this.cancel();
    this.#waker?.wake();
  }

  override cancel(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  override describe(): string {
    return `event ${String(this.#name)}`;
  }

  override get source(): WakeSource {
    return WAKE_MAYBE;
  }
}
