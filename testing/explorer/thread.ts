/**
 * What runs in each worker of an exploration.
 *
 * Invariant: `Atomics`, the views, the clock and chance are replaced before the program's module is
 * imported. Nothing is replaced in the thread that explores.
 *
 * @module
 */
import { Stopped, take } from "./baton.ts";
import { Control, type ControlHandle } from "./control.ts";
import type { Verdict } from "./end_check.ts";
import { Gate } from "./gate.ts";
import { gatedAtomics } from "./gated_atomics.ts";
import { ViewGate } from "./gated_views.ts";
import { type Findings, Leader, type Orders } from "./leader.ts";
import { MemoryMap } from "./memory_map.ts";
import { Player } from "./player.ts";
import { buffersOf, type ExploredProgram, loadProgram, stateFor } from "./program.ts";
import { RaceWatch } from "./race_watch.ts";
import { Sleepers } from "./sleepers.ts";
import { virtualTime } from "./virtual_time.ts";

/** The text of a worker's module. */
export const THREAD_TEXT: string = `import { serve } from ${
  JSON.stringify(import.meta.url)
}; await serve();`;

/** To a worker. */
export type Order =
  | { readonly kind: "load"; readonly thread: number; readonly url: string }
  | { readonly kind: "setup" }
  | {
    readonly kind: "explore";
    readonly control: ControlHandle;
    readonly state: unknown;
    readonly buffers: readonly SharedArrayBuffer[];
    readonly accesses: SharedArrayBuffer;
    readonly races: SharedArrayBuffer;
    readonly orders: Orders;
  };

/** From a worker. */
export type Report =
  | { readonly kind: "ready" }
  | { readonly kind: "loaded"; readonly threads: number }
  | {
    readonly kind: "state";
    readonly state: unknown;
    readonly buffers: readonly SharedArrayBuffer[];
  }
  | { readonly kind: "found"; readonly found: Findings }
  | {
    readonly kind: "failed";
    readonly reason: Verdict["reason"] | "threw" | "asleep" | "endless" | "astray";
    readonly thread: number;
    readonly message?: string;
    readonly stack?: string;
  }
  | { readonly kind: "unable"; readonly name: string; readonly message: string };

interface Port {
  post(report: Report): void;
  listen(receive: (order: Order) => void): void;
  close(): void;
}

/** Serves the exploration that started this worker. */
export async function serve(): Promise<void> {
  const port = await openPort();
  const worker = new ExploringThread(port);
  port.listen((order) => {
    worker.obey(order).catch((error) => {
      if (!(error instanceof Stopped)) {
        const { name = "Error", message = String(error) } = error as Error;
        port.post({ kind: "unable", name, message });
      }
      port.close();
    });
  });
  port.post({ kind: "ready" });
}

class ExploringThread {
  readonly #port: Port;
  #gate!: Gate;
  #views!: ViewGate;
  #sleepers!: Sleepers;
  #program!: ExploredProgram;

  constructor(port: Port) {
    this.#port = port;
  }

  async obey(order: Order): Promise<void> {
    if (order.kind === "load") await this.#load(order.thread, order.url);
    else if (order.kind === "setup") {
      const state = await this.#program.setup();
      this.#port.post({ kind: "state", state, buffers: buffersOf(state) });
    } else await this.#explore(order);
  }

  async #load(thread: number, url: string): Promise<void> {
    const gate = this.#gate = new Gate(
      thread,
      (reason) => this.#port.post({ kind: "failed", reason, thread }),
    );
    this.#sleepers = new Sleepers(gate);
    this.#views = new ViewGate(gate);
    const scope = globalThis as unknown as Record<string, unknown>;
    scope.Atomics = gatedAtomics(gate, this.#sleepers);
    this.#views.install(scope);
    virtualTime(gate);
    this.#program = await loadProgram(url);
    this.#port.post({ kind: "loaded", threads: this.#program.threads.length });
  }

  async #explore(
    { control: handle, buffers, accesses, races, state, orders }: Order & { kind: "explore" },
  ): Promise<void> {
    const gate = this.#gate;
    const control = new Control(handle);
    const memory = new MemoryMap(control, buffers, accesses);
    gate.attach(control, memory, new RaceWatch(control, memory, races), orders.spinLimit);
    let mine: { state: unknown } | undefined;
    const player = new Player(
      gate,
      this.#sleepers,
      this.#program.threads[gate.thread]!,
      () => (mine ??= { state: stateFor(state, (view) => this.#views.wrap(view)) }).state,
      (error) => {
        const { message = String(error), stack = "" } = (error ?? {}) as Error;
        this.#port.post({ kind: "failed", reason: "threw", thread: gate.thread, message, stack });
      },
    );
    if (gate.thread === 0) {
      const leader = new Leader(gate, player, this.#program, state, buffers);
      const found = await leader.lead(orders);
      if ("reason" in found) this.#port.post({ kind: "failed", thread: 0, ...found });
      else this.#port.post({ kind: "found", found });
      gate.fail(); // until it is stopped
    }
    for (;;) {
      take(control, gate.thread);
      const playing = player.play();
      if (playing !== undefined) await playing;
      gate.leave();
    }
  }
}

interface WebScope {
  onmessage: ((event: { data: Order }) => void) | null;
  postMessage(report: Report): void;
  close(): void;
}

async function openPort(): Promise<Port> {
  if ("Deno" in globalThis || "Bun" in globalThis) {
    const scope = globalThis as unknown as WebScope;
    return {
      post: (report) => scope.postMessage(report),
      listen: (receive) => scope.onmessage = (event) => receive(event.data),
      close: () => scope.close(),
    };
  }
  const { parentPort } = await import("node:worker_threads");
  return {
    post: (report) => parentPort!.postMessage(report),
    listen: (receive) => void parentPort!.on("message", receive),
    close: () => parentPort!.close(),
  };
}
