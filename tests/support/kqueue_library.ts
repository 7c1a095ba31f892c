/**
 * A kernel that waits by kqueue on Linux, for local verification: libkqueue, a stand-in for the
 * real one that macOS and FreeBSD have, from where `VAIS_LIBKQUEUE` says.
 *
 * @module
 */
import { bindDeno } from "../../reactor/binding_deno.ts";
import { Kqueue } from "../../reactor/kqueue.ts";
import { Libc } from "../../reactor/libc.ts";
import { type Binding, signaturesFor } from "../../reactor/libc_symbols.ts";
import { hostPlatform, type Platform, platformOf } from "../../reactor/platform.ts";
import type { Poller } from "../../reactor/poller.ts";

/** The C library, but for the queue. */
class LibcWithKqueue extends Libc {
  readonly #binding: Binding;

  constructor(platform: Platform, binding: Binding) {
    super(platform, binding);
    this.#binding = binding;
  }

  override createPoller(maxEvents: number): Poller {
    return new Kqueue(this.#binding, this.platform.os, maxEvents);
  }
}

const KEVENT = {
  parameters: ["i32", "buffer", "i32", "buffer", "i32", "buffer"],
  result: "i32",
} as const;

const EV_ADD = 1;
const EV_DELETE = 2;

/** What is used of a `kevent`. */
type Kevent = (kq: number, changes: Uint8Array | null, count: number, ...rest: unknown[]) => number;

/**
 * A descriptor added anew is looked at anew by macOS and FreeBSD (`f_touch`, `f_event`), but not by
 * libkqueue: there it must be removed first.
 */
function lookingAgain(kevent: Kevent): Kevent {
  return (kq, changes, count, ...rest) => {
    if (changes === null) return kevent(kq, changes, count, ...rest);
    for (let at = 0; at < count * 32; at += 32) {
      const change = changes.slice(at, at + 32);
      const words = new Int16Array(change.buffer, 8, 2);
      if (words[0]! < -2 || (words[1]! & EV_ADD) === 0) continue;
      words[1] = EV_DELETE;
      kevent(kq, change, 1, null, 0, new Uint8Array(16));
    }
    return kevent(kq, changes, count, ...rest);
  };
}

/** The kernel; or why there is none. */
export function openKqueueLibrary(): Libc | string {
  const { os, arch } = hostPlatform();
  const platform = platformOf(os, arch);
  if (platform === undefined) return `${os} is not known`;
  if (os !== "linux") return `${os} has its own, which poller_conformance_test.ts tries`;
  const path = Deno.env.get("VAIS_LIBKQUEUE");
  if (path === undefined) return "VAIS_LIBKQUEUE names no libkqueue";
  const library = Deno.dlopen(path, {
    kqueue: { parameters: [], result: "i32" },
    kevent: KEVENT,
  });
  const binding = bindDeno(platform, signaturesFor(platform));
  return new LibcWithKqueue(platform, {
    ...binding,
    symbols: {
      ...binding.symbols,
      kqueue: library.symbols.kqueue,
      kevent: lookingAgain(library.symbols.kevent as Kevent),
    },
  });
}
