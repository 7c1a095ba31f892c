/**
 * Binds threads to CPUs, by the C library, in the thread itself.
 *
 * Only Linux can: macOS and FreeBSD's own ways are not used. It is a hint that may be refused, so
 * the answer says what came of it and nothing is thrown for want of a right.
 *
 * @module
 */

import { checkInteger, typeOf } from "../../runtime/clock.ts";
import { bindBun } from "../../reactor/binding_bun.ts";
import { bindDeno, pathsOf } from "../../reactor/binding_deno.ts";
import { bindKoffi } from "../../reactor/binding_koffi.ts";
import { describeErrno } from "../../reactor/errno.ts";
import type { Binding } from "../../reactor/libc_symbols.ts";
import { hostPlatform, type Platform, platformOf } from "../../reactor/platform.ts";

/** What {@linkcode setThreadAffinity} answers. */
export type AffinityAnswer =
  | {
    /** The thread is bound. */
    readonly applied: true;
    /** The CPUs it may run on from now on: those asked for that it can have. */
    readonly cpus: readonly number[];
  }
  | {
    /** Nothing has changed. */
    readonly applied: false;
    /** Why not, for a person. */
    readonly reason: string;
  };

/** As many CPUs as Linux can be built for. */
const MOST_CPUS = 8192;
const ACTION = "set the affinity of the thread";

/** `pid_t, size_t, cpu_set_t *`; see `libc_symbols.ts`. */
const SIGNATURES = {
  sched_setaffinity: "iubi",
  sched_getaffinity: "iubi",
  sched_getcpu: "i",
} as const;

let opened: Binding | string | undefined;

/**
 * Binds the calling thread to CPUs: it runs on no other from now on, nor do threads it starts.
 *
 * Called in a worker it binds that worker. Linux with `--allow-ffi`, or with koffi on Node; anywhere
 * else the answer is `applied: false` and the reason. It takes some µs, the first call a ms.
 *
 * @param cpus A CPU, or several to choose from.
 * @throws {TypeError | RangeError} If these are no CPU numbers, or none
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { setThreadAffinity, threadAffinity } from "@vais/runtime";
 *
 * const before = threadAffinity();
 * if (before !== undefined) {
 *   const answer = setThreadAffinity(before[0]!);
 *   assert(answer.applied && answer.cpus.length === 1);
 *   setThreadAffinity(before);
 * }
 * ```
 */
export function setThreadAffinity(cpus: number | readonly number[]): AffinityAnswer {
  const wanted = typeof cpus === "number" ? [cpus] : cpus;
  if (!Array.isArray(wanted)) {
    throw new TypeError(`Cannot ${ACTION}: the CPUs are ${typeOf(cpus)} (must be numbers)`);
  }
  if (wanted.length === 0) {
    throw new RangeError(`Cannot ${ACTION}: there is no CPU to bind it to (must be one)`);
  }
  const mask = new Uint8Array(MOST_CPUS / 8);
  for (const cpu of wanted) {
    if (checkInteger(cpu, 0, ACTION, "a CPU") >= MOST_CPUS) {
      throw new RangeError(`Cannot ${ACTION}: a CPU is ${cpu} (must be less than ${MOST_CPUS})`);
    }
    mask[cpu >> 3]! |= 1 << (cpu & 7);
  }
  const binding = open();
  if (typeof binding === "string") return { applied: false, reason: binding };
  if (binding.symbols.sched_setaffinity!(0, mask.byteLength, mask) !== 0) {
    const [code, text] = describeErrno(binding.errno());
    const listed = wanted.join(", ");
    return {
      applied: false,
      reason: code === "EINVAL"
        ? `this process may use none of the CPUs ${listed}`
        : `the system refused CPUs ${listed}: ${code} (${text})`,
    };
  }
  return { applied: true, cpus: readMask(binding) ?? wanted };
}

/**
 * The CPUs that the calling thread may run on; undefined where that cannot be asked, see
 * {@linkcode setThreadAffinity}.
 *
 * @example
 * ```ts
 * import { threadAffinity } from "@vais/runtime";
 *
 * console.log(threadAffinity() ?? "not known here"); // [ 0, 1, 2, 3 ]
 * ```
 */
export function threadAffinity(): number[] | undefined {
  const binding = open();
  return typeof binding === "string" ? undefined : readMask(binding);
}

/**
 * The CPU that the calling thread runs on just now; undefined where that cannot be asked, see
 * {@linkcode setThreadAffinity}. The next moment it may be another.
 *
 * @example
 * ```ts
 * import { currentCpu } from "@vais/runtime";
 *
 * console.log(currentCpu() ?? "not known here"); // 3
 * ```
 */
export function currentCpu(): number | undefined {
  const binding = open();
  if (typeof binding === "string") return undefined;
  const cpu: number = binding.symbols.sched_getcpu!();
  return cpu < 0 ? undefined : cpu;
}

function readMask(binding: Binding): number[] | undefined {
  const mask = new Uint8Array(MOST_CPUS / 8);
  // The C library answers 0, musl's and the call itself how many bytes there are.
  if (binding.symbols.sched_getaffinity!(0, mask.byteLength, mask) < 0) return undefined;
  const cpus: number[] = [];
  for (const [i, byte] of mask.entries()) {
    for (let bit = 0; bit < 8; bit++) if (byte >> bit & 1) cpus.push(8 * i + bit);
  }
  return cpus;
}

/** The calls, or why they cannot be made; found out once in each thread. */
function open(): Binding | string {
  return opened ??= tryOpen();
}

function tryOpen(): Binding | string {
  const { os, arch } = hostPlatform();
  if (os !== "linux") return `${os} has no way to bind a thread that is known here (Linux has)`;
  const platform = platformOf(os, arch)!;
  const host = globalThis as { Deno?: DenoPermissions; Bun?: unknown };
  try {
    if (host.Deno !== undefined) {
      // A hint is not worth asking a person.
      return mayUseFfi(host.Deno, platform)
        ? bindDeno(platform, SIGNATURES)
        : "the C library may not be loaded (run with --allow-ffi)";
    }
    return host.Bun !== undefined ? bindBun(platform, SIGNATURES) : bindKoffi(SIGNATURES);
  } catch (error) {
    return (error as Error).message.replace(/^Cannot use file descriptors: /, "");
  }
}

interface DenoPermissions {
  readonly permissions: { querySync(what: object): { readonly state: string } };
}

function mayUseFfi({ permissions }: DenoPermissions, platform: Platform): boolean {
  const isGranted = (what: object) => permissions.querySync(what).state === "granted";
  return isGranted({ name: "ffi" }) ||
    pathsOf(platform).some((path) => isGranted({ name: "ffi", path }));
}
