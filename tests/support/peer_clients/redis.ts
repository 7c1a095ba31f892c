/**
 * A client of Redis: commands, ten thousand of them in one go, a large value, publish and subscribe.
 *
 * @module
 */

import { scope } from "@vais/runtime";
import { connect, type FdStream } from "@vais/runtime/reactor";

const PINGS = 10_000;
const MESSAGES = 1_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Reply = string | number | null | Reply[];

/** `path` of a Unix socket, or `hostname` and `port`. */
export function* redis(at: string, port?: string): Generator<unknown, unknown> {
  const address = port === undefined ? { path: at } : { hostname: at, port: Number(port) };
  const client = new Client(yield* connect(address));
  const subscriber = new Client(yield* connect(address));
  try {
    const set = yield* client.ask("SET", "greeting", "hällo");
    const get = yield* client.ask("GET", "greeting");
    const none = yield* client.ask("GET", "nothing");
    const large = "0123456789".repeat(200_000);
    yield* client.ask("SET", "large", large);
    const isSame = (yield* client.ask("GET", "large")) === large;
    const pongs = yield* pings(client);
    const heard = yield* publish(client, subscriber);
    return { set, get, none, isSame, pongs, heard };
  } finally {
    client.stream.close();
    subscriber.stream.close();
  }
}

/** Writes and reads at the same time: neither side could hold all of it. */
function pings(client: Client) {
  return scope(function* (s) {
    s.spawn(() => client.send(...new Array(PINGS).fill(["PING", "x".repeat(100)])));
    let pongs = 0;
    while (pongs < PINGS && (yield* client.reply()) === "x".repeat(100)) pongs++;
    return pongs;
  });
}

function publish(client: Client, subscriber: Client) {
  return scope(function* (s) {
    yield* subscriber.ask("SUBSCRIBE", "news");
    s.spawn(function* () {
      for (let i = 0; i < MESSAGES; i++) yield* client.ask("PUBLISH", "news", `message ${i}`);
    });
    for (let i = 0; i < MESSAGES; i++) {
      const [kind, channel, message] = (yield* subscriber.reply()) as string[];
      if (`${kind} ${channel} ${message}` !== `message news message ${i}`) return i;
    }
    return MESSAGES;
  });
}

/** One connection, and what was read ahead of it. */
class Client {
  #buffer = new Uint8Array(64 * 1024);
  #start = 0;
  #end = 0;

  constructor(readonly stream: FdStream) {}

  /** One command and its reply. */
  *ask(...words: string[]): Generator<unknown, Reply> {
    yield* this.send(words);
    return yield* this.reply();
  }

  /** Sends commands in one write. */
  *send(...commands: string[][]): Generator<unknown, void> {
    const text = commands.map((words) =>
      `*${words.length}\r\n` +
      words.map((word) => `$${encoder.encode(word).length}\r\n${word}\r\n`).join("")
    ).join("");
    yield* this.stream.writeAll(encoder.encode(text));
  }

  /** Reads the next reply. */
  *reply(): Generator<unknown, Reply> {
    const line = yield* this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return rest;
      case ":":
        return Number(rest);
      case "$":
        return rest === "-1" ? null : (yield* this.#bytes(Number(rest) + 2)).slice(0, -2);
      case "*": {
        const replies: Reply[] = [];
        for (let i = 0; i < Number(rest); i++) replies.push(yield* this.reply());
        return replies;
      }
      default:
        throw new Error(`Redis says ${line}`);
    }
  }

  *#line(): Generator<unknown, string> {
    for (;;) {
      const at = this.#buffer.subarray(this.#start, this.#end).indexOf(10);
      if (at >= 0) return (yield* this.#bytes(at + 1)).slice(0, -2);
      yield* this.#fill();
    }
  }

  *#bytes(count: number): Generator<unknown, string> {
    while (this.#end - this.#start < count) yield* this.#fill();
    const text = decoder.decode(this.#buffer.subarray(this.#start, this.#start + count));
    this.#start += count;
    return text;
  }

  *#fill(): Generator<unknown, void> {
    if (this.#end === this.#buffer.length) {
      const kept = this.#buffer.subarray(this.#start, this.#end);
      const larger = this.#start > 0 ? this.#buffer : new Uint8Array(2 * this.#buffer.length);
      larger.set(kept);
      [this.#buffer, this.#start, this.#end] = [larger, 0, kept.length];
    }
    const count = yield* this.stream.read(this.#buffer.subarray(this.#end));
    if (count === 0) throw new Error("Redis closed the connection");
    this.#end += count;
  }
}
