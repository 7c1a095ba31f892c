/**
 * Errors of every kind, made the same way in any thread, and what it means that two are alike.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { entry } from "./threads.ts";
import { libraryFile } from "./threads_hosts_entries.ts";

/** A module that exports `kinds`: functions that throw, by name. JavaScript, so that workers can load it. */
export const KINDS = `data:text/javascript,${
  encodeURIComponent(`
import * as vais from "${entry("")}";
import * as memory from "${entry("memory")}";
import { registerErrorClass } from "${libraryFile("scheduling/threads/error_classes")}";
import { WorkerLostError, WorkerStartError } from "${
    libraryFile("scheduling/threads/worker_errors")
  }";
import { readFileSync } from "node:fs";
import { createContext, runInContext } from "node:vm";

export class HttpError extends Error {
  constructor(status) {
    super("Cannot fetch: status " + status);
    this.status = status;
    this.response = { headers: new Map([["a", ["b"]]]), at: new Date(7) };
  }
  get code() { return "E_HTTP_" + this.status; }
  get isServerSide() { return this.status >= 500; }
}
registerErrorClass(HttpError);
export class NotFound extends HttpError { name = "NotFound"; }
class Unregistered extends RangeError {
  get name() { return "Strange"; }
  get message() { return "told by the class"; }
  get code() { return 42; }
}
class TimeoutError extends Error { name = "TimeoutError"; ms = 5; }

export const kinds = {
  plain() { throw new Error("plain", { cause: new Error("because", { cause: "text" }) }); },
  type() { null.x; },
  range() { new Array(-1); },
  syntax() { new Function("let ="); },
  reference() { missing; },
  uri() { decodeURIComponent("%"); },
  evaluation() { throw new EvalError("eval"); },
  aggregate() { throw new AggregateError([new TypeError("a"), "b", new AggregateError([3], "inner")], "all"); },
  aborted() { AbortSignal.abort().throwIfAborted(); },
  dataClone() { structuredClone(() => {}); },
  system() { readFileSync("/no/such/file"); },
  cancelled() { throw new vais.Cancelled({ kind: "parent", by: "crawl", cause: { kind: "deadline", timeoutMs: 5 } }); },
  quietlyCancelled() { throw vais.Cancelled.quiet({ kind: "requested", note: [1, 2] }); },
  timeout() { throw new vais.TimeoutError("it", 5); },
  io() { throw new vais.IoError("read", 2, 3, "from there"); },
  groupClosed() { throw new vais.GroupClosedError("closed", { cause: new vais.ClosedError("outer") }); },
  taskGroup() { throw new vais.TaskGroupError("g", [{ error: new vais.DeadlockError("d"), task: { id: 1, name: "t" }, phase: "body" }]); },
  outOfMemory() { new memory.MemoryPool({ size: 1024 }).allocate(2000); },
  lost() { throw new WorkerLostError("w", "threw", { task: "t", cause: new Error("c") }); },
  notStarted() { throw new WorkerStartError("w", "timeout", "no"); },
  registered() { throw new HttpError(404); },
  subclassOfRegistered() { throw new NotFound(404); },
  unregistered() { throw new Unregistered("hidden"); },
  namesake() { throw new TimeoutError("not the library's"); },
  otherRealm() { runInContext("throw new RangeError('other realm')", createContext({})); },
  frozen() { throw Object.freeze(Object.assign(new Error("frozen"), { deep: { er: [new RangeError("in there")] } })); },
  stackless() { const e = new Error("no stack"); delete e.stack; throw e; },
  ownName() { throw Object.assign(new Error("m"), { name: "Renamed", code: "E_OWN", [Symbol.for("s")]: 1 }); },
  text() { throw "text"; },
  nothing() { throw undefined; },
  nothingAtAll() { throw null; },
  number() { throw NaN; },
  big() { throw 2n ** 70n; },
  object() { throw { status: 503, error: new URIError("u"), list: [1, , 3] }; },
  values() { throw [new Date(5), /x/gi, new Map([[{ a: 1 }, new Set([1])]]), new Uint8Array([1, 2]), Object.create(null)]; },
};
`)
}`;

/** Loads {@linkcode KINDS} in this thread. */
export async function loadKinds(): Promise<{ kinds: Record<string, () => never> }> {
  return await import(KINDS);
}

/** What a function throws. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("it did not throw");
}

/** What of an error may be looked at in a comparison: each pair once, as they may be cyclic. */
type Seen = Map<object, unknown>;

/** The values are alike: errors in class, text, own properties; the rest as `assertEquals` sees it. */
export function assertAlike(
  is: unknown,
  must: unknown,
  stacks = true,
  seen: Seen = new Map(),
): void {
  if (typeof must !== "object" || must === null) return assertStrictEquals(is, must);
  assert(typeof is === "object" && is !== null, `a ${typeof is} is no object`);
  if (seen.has(must)) return assertStrictEquals(seen.get(must), is);
  seen.set(must, is);
  const same = (a: unknown, b: unknown) => assertAlike(a, b, stacks, seen);
  if (isError(must)) {
    assertAlikeErrors(is as Error, must, same);
    if (stacks) assertStrictEquals((is as Error).stack, must.stack);
  } else if (Array.isArray(must)) {
    assert(Array.isArray(is));
    assertEquals(is.length, must.length);
    for (const i of must.keys()) same(is[i], must[i]);
  } else if (must instanceof Map) {
    same([...is as Map<unknown, unknown>], [...must]);
  } else if (must instanceof Set) {
    same([...is as Set<unknown>], [...must]);
  } else if ([Object.prototype, null].includes(Object.getPrototypeOf(must))) {
    assertStrictEquals(Object.getPrototypeOf(is), Object.getPrototypeOf(must));
    assertEquals(Object.keys(is), Object.keys(must));
    for (const key of Object.keys(must)) same(at(is, key), at(must, key));
  } else {
    assertEquals(is, must);
  }
}

function assertAlikeErrors(is: Error, must: Error, same: (a: unknown, b: unknown) => void): void {
  assert(is instanceof Error, "no error");
  assertEquals(className(is), className(must));
  same(is.name, must.name);
  same(is.message, must.message);
  same(at(is, "code"), at(must, "code"));
  assertEquals("cause" in is, "cause" in must);
  same(is.cause, must.cause);
  same(at(is, "errors"), at(must, "errors"));
  assertEquals(Object.keys(is), Object.keys(must));
  for (const key of Object.keys(must)) same(at(is, key), at(must, key));
  for (const symbol of Object.getOwnPropertySymbols(must)) {
    if (Symbol.keyFor(symbol)?.length === 1) same(at(is, symbol), at(must, symbol));
  }
}

function className(error: Error): unknown {
  return Object.getPrototypeOf(error).constructor.name;
}

function isError(value: object): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function at(of: object, key: PropertyKey): unknown {
  return (of as Record<PropertyKey, unknown>)[key];
}
