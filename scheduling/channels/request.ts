/**
 * Questions with answers: a channel whose values carry the way back (Liten's `request`).
 *
 * @module
 */

import { typeOf } from "../../runtime/clock.ts";
import { Cancelled } from "../../runtime/errors.ts";
import { Future } from "../../runtime/future.ts";
import { WAKE_INSIDE, type WakeSource } from "../../runtime/host.ts";
import { isPromiseLike, PENDING, type Poll, type Waker } from "../../runtime/poll.ts";
import { Channel, type ChannelOptions, checkValue, disposeOf } from "./channel.ts";
import { iterate } from "./iterate.ts";
import { oneshot, type OneshotReceiver, type OneshotSender } from "./oneshot.ts";

type Answer<T> = { readonly value: T } | { readonly error: unknown };

/** How a {@linkcode RequestChannel} is made: questions that wait, and a name. */
export type RequestChannelOptions = Pick<ChannelOptions, "capacity" | "name">;

/**
 * A question that was received, and must be answered: respond, fail, or dispose of it.
 *
 * A question that is disposed of without an answer throws `ClosedError` at who asked. With `using`,
 * or `RequestChannel.serve`, that cannot be forgotten.
 */
export class Question<Q, A> implements Disposable {
  /** What is asked. */
  readonly value: Q;
  readonly #reply: OneshotSender<Answer<A>> | undefined;

  /** @internal */
  constructor(value: Q, reply: OneshotSender<Answer<A>> | undefined) {
    this.value = value;
    this.#reply = reply;
  }

  /** True when it came by `ask`, false when it came by `tell`. */
  get wantsAnswer(): boolean {
    return this.#reply !== undefined;
  }

  /** True when nobody waits for the answer: it was given, the asker gave up, or never wanted one. */
  get isAnswered(): boolean {
    return this.#reply?.isClosed ?? true;
  }

  /**
   * Answers.
   *
   * @returns False when nobody waits for it
   * @throws {TypeError} If the value is a promise or a future
   */
  respond(value: A): boolean {
    checkValue(value, "respond");
    return this.#send({ value });
  }

  /**
   * Throws the error, itself, at who asked.
   *
   * @returns False when nobody waits for it
   */
  fail(error: unknown): boolean {
    return this.#send({ error });
  }

  #send(answer: Answer<A>): boolean {
    return !this.isAnswered && this.#reply!.send(answer);
  }

  /** Waits until the asker gave up: a reason to stop working on the answer. After a `tell`, never. */
  whenGivenUp(): Future<void> {
    return this.#reply?.whenClosed() ?? Future.never();
  }

  /** Ends it; who waits for the answer throws `ClosedError`. */
  [Symbol.dispose](): void {
    this.#reply?.[Symbol.dispose]();
  }
}

/**
 * A channel of questions: any number ask, any number answer, each question goes to exactly one.
 *
 * @example An actor: a task that owns its state, and is asked
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { RequestChannel, scope } from "@vais/runtime";
 *
 * type Message = { deposit: number } | { withdraw: number };
 * const account = new RequestChannel<Message, number>();
 * const balance = await scope(async (s) => {
 *   s.spawn(function* () {
 *     let balance = 0;
 *     yield* account.serve((message) => {
 *       const next = "deposit" in message ? balance + message.deposit : balance - message.withdraw;
 *       if (next < 0) throw new RangeError(`Cannot withdraw: the balance is ${balance}`);
 *       return balance = next;
 *     });
 *   });
 *   await account.ask({ deposit: 10 });
 *   const refused = await account.ask({ withdraw: 11 }).catch((error) => error.message);
 *   assertEquals(refused, "Cannot withdraw: the balance is 10");
 *   const balance = await account.ask({ withdraw: 3 });
 *   account.close();
 *   return balance;
 * });
 * assertEquals(balance, 7);
 * ```
 */
export class RequestChannel<Q, A> implements AsyncIterable<Question<Q, A>, undefined>, Disposable {
  readonly #questions: Channel<Question<Q, A>>;

  /** Takes the options of a `Channel`, but always waits when it is full. */
  constructor(options: RequestChannelOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(
        `Cannot make RequestChannel: options is ${typeOf(options)} (must be an object)`,
      );
    }
    const { capacity, name } = options;
    this.#questions = new Channel({
      ...(capacity === undefined ? {} : { capacity }),
      ...(name === undefined ? {} : { name }),
    });
  }

  /** Questions that wait. */
  get size(): number {
    return this.#questions.size;
  }

  /** True after {@linkcode close}. */
  get isClosed(): boolean {
    return this.#questions.isClosed;
  }

  /**
   * Asks, and waits for the answer. Lazy, as every future.
   *
   * Throws what the other side failed with, and `ClosedError` when the channel is closed or the
   * question was dropped. Given up, the other side can know (`Question.whenGivenUp`).
   *
   * @throws {TypeError} If the value is a promise or a future
   */
  ask(value: Q): Future<A> {
    checkValue(value, "ask");
    return new Asking<Q, A>(this.#questions, value);
  }

  /**
   * Asks without waiting for an answer, once there is room. Lazy.
   *
   * Throws `ClosedError` when the channel is closed.
   */
  tell(value: Q): Future<void> {
    checkValue(value, "tell");
    return this.#questions.send(new Question<Q, A>(value, undefined));
  }

  /** The next question. Throws `ClosedError` when the channel is closed and empty. */
  receive(): Future<Question<Q, A>> {
    return this.#questions.receive();
  }

  /** As {@linkcode receive}, but a close is the end and no error. */
  next(): Future<IteratorResult<Question<Q, A>, undefined>> {
    return this.#questions.next();
  }

  /** The questions as they come. Each must be answered or disposed of. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Question<Q, A>, undefined> {
    return iterate(() => this.next());
  }

  /**
   * Answers one question after the other by what `answer` returns or throws, until the channel is
   * closed. For several at once, `serve` in several tasks.
   *
   * An error goes to who asked, also if that one has given up, and ends nothing. After a `tell`
   * nobody has it: then, and when this task is cancelled, it is thrown here.
   */
  *serve(answer: (value: Q) => A | PromiseLike<A>): Generator<Future<unknown>, void, unknown> {
    if (typeof answer !== "function") {
      throw new TypeError(`Cannot serve: answer is ${typeOf(answer)} (must be a function)`);
    }
    for (;;) {
      const next = yield* this.next();
      if (next.done) return;
      const question = next.value;
      try {
        const made = answer(question.value);
        question.respond(isPromiseLike(made) ? yield* Future.from(made as PromiseLike<A>) : made);
      } catch (error) {
        if (error instanceof Cancelled || !question.wantsAnswer) throw error;
        question.fail(error);
      } finally {
        question[Symbol.dispose]();
      }
    }
  }

  /** No more questions; those that wait can still be answered. */
  close(): void {
    this.#questions.close();
  }

  /** Closes it, and drops the questions that wait: who asked them throws `ClosedError`. */
  [Symbol.dispose](): void {
    disposeOf(this.#questions, (question) => question[Symbol.dispose]());
  }
}

/** A question on its way, then the wait for its answer. */
class Asking<Q, A> extends Future<A> {
  readonly #questions: Channel<Question<Q, A>>;
  readonly #value: Q;
  #sending: Future<void> | undefined;
  #answer: OneshotReceiver<Answer<A>> | undefined;

  constructor(questions: Channel<Question<Q, A>>, value: Q) {
    super();
    this.#questions = questions;
    this.#value = value;
  }

  poll(waker: Waker): Poll<A> {
    if (this.#answer === undefined) {
      const [reply, answer] = oneshot<Answer<A>>();
      this.#answer = answer;
      this.#sending = this.#questions.send(new Question(this.#value, reply));
    }
    if (this.#sending !== undefined) {
      if (this.#sending.poll(waker) === PENDING) return PENDING;
      this.#sending = undefined;
    }
    const answer = this.#answer.poll(waker);
    if (answer === PENDING) return PENDING;
    if ("error" in answer) throw answer.error;
    return answer.value;
  }

  /** Takes back what was not received yet; of what was, the other side can know. */
  override abandon(waker: Waker, reason: unknown): boolean {
    this.#sending?.abandon(waker, reason);
    this.#answer?.close();
    this.#sending = this.#answer = undefined;
    return true;
  }

  override describe(): string {
    return this.#sending?.describe() ?? `answer on channel ${this.#questions.name}`;
  }

  override get source(): WakeSource {
    return this.#sending?.source ?? this.#answer?.source ?? WAKE_INSIDE;
  }
}
