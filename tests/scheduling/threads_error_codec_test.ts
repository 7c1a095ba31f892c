/**
 * Errors between threads: what they are on one side they are on the other.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as vais from "@vais/runtime";
import fc from "fast-check";
import { registerErrorClass } from "../../scheduling/threads/error_classes.ts";
import {
  decodeThrown,
  type EncodedThrown,
  encodeThrown,
} from "../../scheduling/threads/error_codec.ts";
import { test } from "../support/test.ts";
import { hear, libraryFile, program } from "../support/threads_hosts_entries.ts";
import { assertAlike, KINDS, loadKinds, thrownBy } from "../support/threads_hosts_errors.ts";

const { kinds } = await loadKinds();

/** Through structured clone, as between threads. */
const roundTrip = (thrown: unknown): unknown => decodeThrown(structuredClone(encodeThrown(thrown)));

/** A worker that throws errors of a kind, and sends back what it is sent. */
const thrower = () =>
  hear({
    entry: program(
      `port.onMessage((message) => {
        if (typeof message !== "string") return port.post(encodeThrown(decodeThrown(message)));
        try {
          kinds[message]();
        } catch (error) {
          port.post([encodeThrown(error), error?.stack]);
        }
      });`,
      `import { kinds } from ${JSON.stringify(KINDS)};
       import { decodeThrown, encodeThrown } from "${
        libraryFile("scheduling/threads/error_codec")
      }";`,
    ),
  });

test(`errors of ${Object.keys(kinds).length} kinds cross from a worker as they are`, async () => {
  const heard = await thrower();
  for (const [kind, run] of Object.entries(kinds)) {
    const here = thrownBy(run);
    heard.worker.post(kind);
    const [encoded, stack] = await heard.next() as [EncodedThrown, unknown];
    const there = decodeThrown(encoded);
    try {
      assertAlike(there, here, false);
      // The stack is that of the thread that threw.
      if (here instanceof Error) assertEquals((there as Error).stack, stack);
      assertAlike(roundTrip(here), here);
    } catch (error) {
      throw new Error(`kind ${kind}: ${(error as Error).message}`, { cause: error });
    }
  }
  await heard.worker.terminate();
});

test("an error that ends a worker is told with its class", async () => {
  for (const kind of ["subclassOfRegistered", "cancelled", "aborted", "system", "object"]) {
    const heard = await hear({
      entry: program(
        `return () => kinds[${JSON.stringify(kind)}]();`,
        `import { kinds } from ${JSON.stringify(KINDS)};`,
      ),
    });
    const { how, error } = await heard.ended();
    assertEquals(how, "threw");
    assertAlike(error, thrownBy(kinds[kind]!), false);
  }
});

test("known classes are the same class on the other side; unknown ones have its name and the nearest known", () => {
  const back = (kind: string) => roundTrip(thrownBy(kinds[kind]!)) as Error;
  assertInstanceOf(back("cancelled"), vais.Cancelled);
  assertInstanceOf(back("groupClosed"), vais.GroupClosedError);
  assertInstanceOf(back("groupClosed"), vais.ClosedError);
  assertInstanceOf(back("taskGroup"), AggregateError);
  assertInstanceOf(back("aborted"), DOMException);
  assertInstanceOf(back("otherRealm"), RangeError);
  const registered = back("subclassOfRegistered");
  assertEquals(registered.constructor.name, "NotFound");
  assertEquals((registered as Error & { isServerSide: boolean }).isServerSide, false);
  const unregistered = back("unregistered");
  assertInstanceOf(unregistered, RangeError);
  assertEquals(unregistered.constructor.name, "Unregistered");
  assertStrictEquals(back("unregistered").constructor, unregistered.constructor);
  // The same name is not the same class.
  assert(!(back("namesake") instanceof vais.TimeoutError));
  assertInstanceOf(back("timeout"), vais.TimeoutError);
  const Namesake = { RangeError: class extends Error {} }.RangeError;
  const other = roundTrip(new Namesake("not the language's")) as Error;
  assert(!(other instanceof RangeError));
  assertEquals(other.constructor.name, "RangeError");
});

test("every error class of the library is known on the other side", () => {
  const exported: unknown[] = Object.values(vais);
  const classes = exported.filter((value): value is new () => Error =>
    typeof value === "function" && value.prototype instanceof Error
  );
  assert(classes.length >= 20, `${classes.length} classes`);
  for (const errorClass of classes) {
    const error = Object.setPrototypeOf(new Error("m"), errorClass.prototype);
    error.reason = { kind: "requested" };
    assertStrictEquals((roundTrip(error) as Error).constructor, errorClass, errorClass.name);
  }
});

test("cycles and shared errors stay what they are", () => {
  const error = new Error("round") as Error & { self: unknown; twice: unknown[] };
  error.cause = new TypeError("and", { cause: error });
  error.self = { of: error };
  const shared = new RangeError("one");
  error.twice = [shared, shared, error.cause];
  const back = roundTrip(error) as typeof error;
  assertAlike(back, error);
  assertStrictEquals((back.cause as Error).cause, back);
  assertStrictEquals(back.twice[0], back.twice[1]);
  assertStrictEquals(back.twice[2], back.cause);
});

test("a chain of 5 000 causes crosses", () => {
  let error = new Error("root");
  for (let i = 0; i < 5_000; i++) error = new Error(`${i}`, { cause: error });
  let back = roundTrip(error) as Error;
  for (let i = 4_999; i >= 0; i--) {
    assertEquals(back.message, `${i}`);
    back = back.cause as Error;
  }
  assertEquals(back.message, "root");
});

test("what cannot be cloned is told, and the rest is kept", () => {
  class Client {
    url = new URL("http://a/");
    retry = () => {};
    inner = { pending: Promise.resolve(), ok: 1 };
  }
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const error = Object.assign(new Error("m"), {
    fine: [1],
    handler: function onRetry() {},
    client: new Client(),
    symbol: Symbol("s"),
    weak: new WeakMap(),
    gone: revoked.proxy,
    get bad() {
      return 1;
    },
  });
  Object.defineProperty(error, "bad", {
    enumerable: true,
    get() {
      throw new Error("not now");
    },
  });
  const back = roundTrip(error) as unknown as Record<string, unknown>;
  const why = "cannot be sent to another thread";
  assertEquals({ ...back }, {
    fine: [1],
    handler: `[function onRetry: ${why}]`,
    client: {
      url: `[URL http://a/: ${why}]`,
      retry: `[function retry: ${why}]`,
      inner: { pending: `[Promise: ${why}]`, ok: 1 },
    },
    symbol: `[Symbol(s): ${why}]`,
    weak: `[WeakMap: ${why}]`,
    gone: `[object: ${why}]`,
    bad: "[getter: threw Error: not now]",
  });
});

test("what refuses to be looked at is told all the same", () => {
  const refuse = () => {
    throw new Error("no");
  };
  const proxy = new Proxy(new Error("hidden"), {
    get: refuse,
    getPrototypeOf: refuse,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
  });
  assertEquals(roundTrip(proxy), "[object: cannot be sent to another thread]");
  const partly = new Proxy(new TypeError("partly"), { ownKeys: refuse });
  const back = roundTrip(partly);
  assertInstanceOf(back, TypeError);
  assertEquals(back.message, "partly");
  assertEquals(
    roundTrip(function thrown() {}),
    "[function thrown: cannot be sent to another thread]",
  );
});

test("an error on which half of the program hangs is cut, not copied for ever", () => {
  const big = (name: string, value: unknown) => {
    const encoded = encodeThrown(Object.assign(new Error("m"), { [name]: value }));
    assert(encoded.nodes.length <= 10_000);
    return (decodeThrown(structuredClone(encoded)) as Error & Record<string, unknown>)[name];
  };
  const deep: Record<string, unknown> = {};
  for (let i = 0, at = deep; i < 50; i++) at = at["in"] = { i };
  assertStringIncludes(
    JSON.stringify(big("deep", deep)),
    '{"i":6,"in":"[Object: left out, too much hangs on it]"}',
  );
  const wide = big("wide", Array.from({ length: 20_000 }, (_, i) => i)) as unknown[];
  assertEquals([wide[9_999], wide[10_000]], [9_999, "[what comes after 10000: left out]"]);
  const many = big("many", Array.from({ length: 20_000 }, (_, i) => ({ i }))) as unknown[];
  assertEquals([many[5], many[9_999]], [{ i: 5 }, "[Object: left out, too much hangs on it]"]);
  const keys = big("keys", Object.fromEntries(wide.map((_, i) => [`k${i}`, i]))) as object;
  assertEquals(Object.keys(keys).length, 10_001);
});

test("classes are registered once, by a key of their own", () => {
  class Mine extends Error {}
  registerErrorClass(Mine, { key: "codec-test/Mine" });
  registerErrorClass(Mine, { key: "codec-test/Mine" });
  assertInstanceOf(roundTrip(new Mine("m")), Mine);
  const Other = { Mine: class extends Error {} }.Mine;
  assertThrows(
    () => registerErrorClass(Other, { key: "codec-test/Mine" }),
    TypeError,
    "another class has the key",
  );
  assertThrows(
    () => registerErrorClass(Mine, { key: "codec-test/Again" }),
    TypeError,
    "it is registered",
  );
  assertThrows(() => registerErrorClass(vais.Cancelled), TypeError, "it is registered");
  // deno-lint-ignore no-explicit-any
  const any = (value: unknown) => value as any;
  for (const wrong of [undefined, null, 7, class {}, () => {}, Error.prototype]) {
    assertThrows(
      () => registerErrorClass(any(wrong)),
      TypeError,
      "must be a class that extends Error",
    );
  }
  assertThrows(() => registerErrorClass(class extends Error {}), TypeError, "needs one");
  assertThrows(() => registerErrorClass(Other, any({ key: 7 })), TypeError, "key is number 7");
});

const CLASSES = [Error, TypeError, RangeError, SyntaxError, URIError, vais.ClosedError];

/** Errors with random classes, texts, causes, errors and properties. */
const { error: anyError } = fc.letrec<{ error: Error; value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, maxDepth: 2 }),
    tie("error"),
  ),
  error: fc.record({
    type: fc.integer({ min: 0, max: CLASSES.length + 1 }),
    message: fc.string(),
    cause: fc.option(tie("value"), { nil: undefined }),
    errors: fc.array(tie("value"), { maxLength: 3 }),
    own: fc.dictionary(
      fc.string().filter((key) => !["stack", "message", "__proto__"].includes(key)),
      tie("value"),
      { maxKeys: 3 },
    ),
  }).map(({ type, message, cause, errors, own }) => {
    const options = cause === undefined ? undefined : { cause };
    const error = type === CLASSES.length
      ? new AggregateError(errors, message, options)
      : type > CLASSES.length
      ? new DOMException(message, "DataError")
      : new CLASSES[type]!(message, options);
    for (const [key, value] of Object.entries(own)) {
      Object.defineProperty(error, key, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return error;
  }),
}));

test("any error is alike on the other side, and again after the way back", () => {
  fc.assert(
    fc.property(anyError, (error) => {
      const back = roundTrip(error);
      assertAlike(back, error);
      assertEquals(encodeThrown(back), encodeThrown(error));
    }),
    { numRuns: 500 },
  );
});

test("any error is alike after a worker has had it", async () => {
  const heard = await thrower();
  await fc.assert(
    fc.asyncProperty(anyError, async (error) => {
      heard.worker.post(encodeThrown(error));
      assertAlike(decodeThrown(await heard.next() as EncodedThrown), error);
    }),
    { numRuns: 200 },
  );
  await heard.worker.terminate();
});
