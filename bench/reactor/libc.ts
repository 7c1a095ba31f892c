/**
 * The few system calls the reactor benches make themselves, and how each host waits for one
 * descriptor with nothing above it.
 *
 * On Linux only; through `Deno.dlopen` or koffi, as the library does it, but not through it.
 *
 * @module
 */
import process from "node:process";

const EPOLLIN = 1;
const EPOLL_CTL_ADD = 1;
const CLOCK_MONOTONIC = 1;
const NONBLOCK = 0o4000;
/** `UV_POLL` and `UV_READABLE`. */
const UV_HANDLE_POLL = 8;
const UV_READABLE = 1;

type Call = (...args: (number | Uint8Array)[]) => number;

/** Result, then parameters: `i` int, `u` unsigned int, `b` buffer. */
const SIGNATURES: Record<string, string> = {
  read: "iibu",
  write: "iibu",
  close: "ii",
  pipe2: "ibi",
  eventfd: "iui",
  epoll_create1: "ii",
  epoll_ctl: "iiiib",
  epoll_wait: "iibii",
  clock_gettime: "iib",
};

interface KoffiLibrary {
  func(signature: string): Call;
}

/** What is used of koffi. */
interface Koffi {
  load(path: string | null): KoffiLibrary;
  proto(signature: string): unknown;
  pointer(type: unknown): unknown;
  register(callback: () => void, type: unknown): unknown;
  alloc(type: string, count: number): unknown;
}

/** What libuv has is not to be collected. */
const watches: object[] = [];

/** System calls by name; they answer -1 when they fail. */
export interface Calls {
  readonly calls: Readonly<Record<string, Call>>;
  /** Calls `onReady` whenever the epoll descriptor has events, until the process ends. */
  watch(epoll: number, onReady: () => void): void;
}

/** Opens the C library. */
export async function openCalls(): Promise<Calls> {
  if ("Deno" in globalThis) return openDeno();
  const name = "koffi";
  return openKoffi((await import(name)).default);
}

function openDeno(): Calls {
  const types = { i: "i32", u: "u32", b: "buffer" } as const;
  const define = ([result, ...parameters]: string, nonblocking: boolean) => ({
    parameters: parameters.map((kind) => types[kind as "i"]),
    result: types[result as "i"],
    nonblocking,
  });
  const definitions = Object.fromEntries(
    Object.entries(SIGNATURES).map(([name, signature]) => [name, define(signature, false)]),
  );
  const { symbols } = Deno.dlopen("libc.so.6", definitions);
  const beside = Deno.dlopen("libc.so.6", { epoll_wait: define(SIGNATURES.epoll_wait!, true) });
  const wait = beside.symbols.epoll_wait as unknown as (...args: unknown[]) => Promise<number>;
  return {
    calls: symbols as unknown as Record<string, Call>,
    async watch(epoll, onReady) {
      const events = new Uint8Array(64 * 16);
      for (;;) if (await wait(epoll, events, 64, -1) > 0) onReady();
    },
  };
}

function openKoffi(koffi: Koffi): Calls {
  const types: Record<string, string> = { i: "int", u: "unsigned int", b: "void*" };
  const library = koffi.load(null);
  const calls: Record<string, Call> = {};
  for (const [name, [result, ...parameters]] of Object.entries(SIGNATURES)) {
    const list = parameters.map((kind) => types[kind]).join(", ");
    calls[name] = library.func(`${types[result!]} ${name}(${list})`);
  }
  return {
    calls,
    watch(epoll, onReady) {
      const uv = (signature: string) =>
        library.func(signature) as unknown as (...args: unknown[]) => number;
      const loop = uv("void* uv_default_loop()")();
      const handle = koffi.alloc(
        "uint8_t",
        Number(uv("size_t uv_handle_size(int)")(UV_HANDLE_POLL)),
      );
      const type = koffi.proto("void BenchReady(void* handle, int status, int events)");
      const events = new Uint8Array(64 * 16);
      const callback = koffi.register(() => {
        if (calls.epoll_wait!(epoll, events, 64, 0) > 0) onReady();
      }, koffi.pointer(type));
      uv("int uv_poll_init(void*, void*, int)")(loop, handle, epoll);
      uv("int uv_poll_start(void*, int, void*)")(handle, UV_READABLE, callback);
      watches.push({ handle, callback });
    },
  };
}

/** Both ends of a new pipe: read, write; they do not block. */
export function pipe({ calls }: Calls): [number, number] {
  const ends = new Int32Array(2);
  must(calls.pipe2!(new Uint8Array(ends.buffer), NONBLOCK), "pipe2");
  return [ends[0]!, ends[1]!];
}

/** A new eventfd that does not block. */
export function eventfd({ calls }: Calls): number {
  return must(calls.eventfd!(0, NONBLOCK), "eventfd");
}

/** A new epoll that waits for one descriptor to be readable, level-triggered. */
export function epollOf({ calls }: Calls, fd: number): number {
  const epoll = must(calls.epoll_create1!(0), "epoll_create1");
  // `struct epoll_event`: packed on x86-64 only.
  const event = new DataView(new ArrayBuffer(16));
  event.setUint32(0, EPOLLIN, true);
  event.setInt32(process.arch === "x64" ? 4 : 8, fd, true);
  must(calls.epoll_ctl!(epoll, EPOLL_CTL_ADD, fd, new Uint8Array(event.buffer)), "epoll_ctl");
  return epoll;
}

/** The machine's monotonic clock in µs: the same in all threads. */
export function clockUs({ calls }: Calls): () => number {
  const words = new BigInt64Array(2);
  const bytes = new Uint8Array(words.buffer);
  return () => {
    calls.clock_gettime!(CLOCK_MONOTONIC, bytes);
    return Number(words[0]) * 1e6 + Number(words[1]) / 1e3;
  };
}

function must(answer: number, what: string): number {
  if (answer < 0) throw new Error(`${what} failed`);
  return answer;
}
