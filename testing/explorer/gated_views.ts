/**
 * Typed arrays and `DataView` with a gate before each access to the program's memory.
 *
 * Plain reads and writes of shared words are steps like atomic ones, in the order the program makes them:
 * that is more than JavaScript promises of racing plain accesses, but all that a program may rely on
 * when its plain words are published by atomic ones.
 *
 * A method that takes many elements at once (`set`, `fill`, `slice`) is one step.
 *
 * @module
 */
import type { Gate } from "./gate.ts";
import { type StepName, VIEWS } from "./steps.ts";

type AnyView = ArrayBufferView & { readonly length?: number; readonly BYTES_PER_ELEMENT?: number };
type Elements = AnyView & { [index: number]: number; readonly length: number; slice(): Elements };
type Method = (...args: unknown[]) => unknown;

const raws = new WeakMap<object, AnyView>();
const kinds = new WeakMap<object, number>();
const WRITES = new Set(["set", "fill", "copyWithin", "reverse", "sort"]);

/** The host's view behind a gated one. */
export function rawOf(view: unknown): AnyView {
  return raws.get(view as object) ?? view as AnyView;
}

/** Which of {@linkcode VIEWS} it is. */
export function kindOf(view: AnyView): number {
  return kinds.get(Object.getPrototypeOf(view)) ?? 0;
}

/** Makes gated views of the host's. */
export class ViewGate {
  readonly #gate: Gate;
  readonly #elements: ProxyHandler<Elements>;
  readonly #data: ProxyHandler<DataView>;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#elements = {
      get: (target, key) => {
        const index = indexOf(key);
        if (index < 0) return this.#member(target, key);
        if (index >= target.length) return undefined;
        return this.#one(target, index, "read", () => target[index]!);
      },
      set: (target, key, value) => {
        const index = indexOf(key);
        if (index < 0) return Reflect.set(target, key, value, target);
        if (index >= target.length) return true;
        this.#one(target, index, "write", () => (target[index] = value), value);
        return true;
      },
    };
    this.#data = { get: (target, key) => this.#dataMember(target, key) };
  }

  /** `view`, gated if it is on the program's memory and a schedule is running. */
  wrap<T>(view: T): T {
    const raw = view as AnyView;
    if (!this.#gate.open || this.#gate.memory.numberOf(raw.buffer) < 0) return view;
    const proxy = view instanceof DataView
      ? new Proxy<DataView>(view, this.#data)
      : new Proxy<Elements>(view as unknown as Elements, this.#elements);
    raws.set(proxy, raw);
    return proxy as T;
  }

  /** Replaces the constructors of `scope`, for the time being. */
  install(scope: Record<string, unknown>): void {
    for (const name of VIEWS) {
      const host = scope[name] as (new (...args: unknown[]) => AnyView) & { prototype: object };
      kinds.set(host.prototype, VIEWS.indexOf(name));
      const gated: typeof host = new Proxy(host, {
        construct: (target, args, newTarget): object => {
          if (raws.has(args[0] as object)) args[0] = this.#copy(rawOf(args[0]) as Elements);
          return this.wrap(
            Reflect.construct(target, args, newTarget === gated ? target : newTarget),
          );
        },
      });
      scope[name] = gated;
    }
    const isView = ArrayBuffer.isView;
    const gatedIsView = (value: unknown) => isView(rawOf(value));
    ArrayBuffer.isView = gatedIsView as typeof isView;
  }

  #one(
    target: Elements,
    index: number,
    name: StepName,
    run: () => number,
    a?: number,
  ): number {
    const buffer = this.#gate.open ? this.#gate.memory.numberOf(target.buffer) : -1;
    if (buffer < 0) return run();
    const bytes = target.BYTES_PER_ELEMENT!;
    const byteOffset = target.byteOffset + index * bytes;
    const writes = name === "write";
    return this.#gate.access(
      { name, buffer, byteOffset, view: kindOf(target), bytes, writes, plain: true, a: a! },
      run,
    );
  }

  /** The elements from `start` to `end` as one step. */
  #span<T>(
    target: AnyView,
    name: "bulk read" | "bulk write",
    start: number,
    end: number,
    run: () => T,
  ): T {
    const buffer = this.#gate.open ? this.#gate.memory.numberOf(target.buffer) : -1;
    if (buffer < 0) return run();
    const size = target.BYTES_PER_ELEMENT!;
    let answer: T;
    this.#gate.access({
      name,
      buffer,
      byteOffset: target.byteOffset + start * size,
      view: kindOf(target),
      bytes: Math.max(0, end - start) * size,
      writes: name === "bulk write",
      plain: true,
    }, () => {
      answer = run();
      return 0;
    });
    return answer!;
  }

  #copy(target: Elements, start = 0, end = target.length): Elements {
    const copy = this.#span(
      target,
      "bulk read",
      start,
      end,
      () => Elements.slice.call(target, start, end),
    );
    for (let i = 0; i < copy.length; i++) this.#gate.learn(copy[i]!);
    return copy;
  }

  #member(target: Elements, key: PropertyKey): unknown {
    const value = Reflect.get(target, key, target);
    if (typeof value !== "function" || key === "constructor") return value;
    const method = value as Method;
    if (key === "subarray") {
      return (...args: unknown[]) => this.wrap(method.apply(target, args));
    }
    if (key === "slice") {
      return (...args: unknown[]) => this.#copy(target, ...spanOf(target, args[0], args[1]));
    }
    if (!WRITES.has(key as string)) {
      return (...args: unknown[]) => method.apply(this.#copy(target), args);
    }
    return (...args: unknown[]) => {
      const [first, ...rest] = args;
      const plain = raws.has(first as object)
        ? [this.#copy(rawOf(first) as Elements), ...rest]
        : args;
      const [start, end] = writtenBy(key as string, target, plain);
      return this.#span(target, "bulk write", start, end, () => method.apply(target, plain));
    };
  }

  #dataMember(target: DataView, key: PropertyKey): unknown {
    const value = Reflect.get(target, key, target);
    if (typeof value !== "function" || key === "constructor") return value;
    const access = /^(get|set)\D+(\d+)$/.exec(String(key));
    if (access === null) return value.bind(target);
    const bytes = Number(access[2]) / 8;
    const writes = access[1] === "set";
    return (offset: number, ...rest: unknown[]) => {
      const run = () => ((value as Method).call(target, offset, ...rest) ?? 0) as number;
      const buffer = this.#gate.open ? this.#gate.memory.numberOf(target.buffer) : -1;
      if (buffer < 0 || !(offset >= 0 && offset + bytes <= target.byteLength)) return run();
      return this.#gate.access({
        name: writes ? "write" : "read",
        buffer,
        byteOffset: target.byteOffset + offset,
        view: kindOf(target),
        bytes,
        writes,
        plain: true,
      }, run);
    };
  }
}

const Elements = Object.getPrototypeOf(Int32Array.prototype) as {
  slice(this: Elements, start: number, end: number): Elements;
};

/** The elements that two relative indices name. */
function spanOf({ length }: Elements, start: unknown, end: unknown): [number, number] {
  const index = (value: unknown, usual: number) => {
    const n = value === undefined ? usual : Math.trunc(Number(value)) || 0;
    return n < 0 ? Math.max(0, length + n) : Math.min(n, length);
  };
  const first = index(start, 0);
  return [first, Math.max(first, index(end, length))];
}

/** The elements that a method touches, and perhaps some between them. */
function writtenBy(method: string, target: Elements, args: unknown[]): [number, number] {
  if (method === "fill") return spanOf(target, args[1], args[2]);
  if (method === "set") {
    const { length } = args[0] as ArrayLike<number>;
    const start = Number(args[1] ?? 0);
    const fits = start >= 0 && start + length <= target.length;
    return fits ? [start, start + length] : [0, 0]; // it throws
  }
  if (method === "copyWithin") {
    const [to] = spanOf(target, args[0], undefined);
    const [from, end] = spanOf(target, args[1], args[2]);
    const count = Math.min(end - from, target.length - to);
    return count <= 0 ? [0, 0] : [Math.min(to, from), Math.max(to, from) + count];
  }
  return [0, target.length];
}

/** The element a property key names, or -1. */
function indexOf(key: PropertyKey): number {
  if (typeof key !== "string") return -1;
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57 ? Number(key) : -1;
}
