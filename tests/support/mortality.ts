/**
 * Threads that die in the middle of a call: before any chosen access to shared memory.
 *
 * @module
 */

/** Makes what accesses shared memory mortal. */
export interface Mortality {
  /** From now on: dies before the access with this number, 0 being the next one. */
  arm(access: number): void;
  /** Nobody dies any more. */
  disarm(): void;
  /** Views that are made from now on are ordinary. */
  restore(): void;
}

/**
 * Puts typed arrays and an `Atomics` in place that count every access to shared memory, and call `die` before
 * the one that `arm` names. Views that were made before are left alone, and not counted when
 * accessed plainly. Needs nothing from outside of it, so that its text can be sent to a worker.
 */
export function mortality(die: () => never): Mortality {
  // deno-lint-ignore no-explicit-any -- it stands in for whatever the host has
  type Any = any;
  const scope = globalThis as Any;
  const real = {
    Int32Array: scope.Int32Array,
    Float64Array: scope.Float64Array,
    BigInt64Array: scope.BigInt64Array,
    Uint8Array: scope.Uint8Array,
    Atomics: scope.Atomics,
  };
  const raws = new WeakMap<object, Any>();
  let left = Infinity;
  const step = () => {
    if (left > 0) return void left--;
    die(); // again and again: `finally` is not for the dead
  };
  const wrap = (view: Any): Any => {
    const proxy = new Proxy(view, handler);
    raws.set(proxy, view);
    return proxy;
  };
  const isIndex = (key: string | symbol) => typeof key === "string" && /^\d/.test(key);
  const handler: ProxyHandler<Any> = {
    get(target, key) {
      if (isIndex(key)) step();
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "constructor") return value;
      if (key === "subarray") return (...args: number[]) => wrap(target.subarray(...args));
      return (...args: Any[]) => {
        step();
        return value.apply(target, args.map((one) => raws.get(one) ?? one));
      };
    },
    set(target, key, value) {
      step();
      return Reflect.set(target, key, value, target);
    },
  };
  for (const name of ["Int32Array", "Float64Array", "BigInt64Array", "Uint8Array"] as const) {
    scope[name] = new Proxy(real[name], {
      construct(target, args) {
        const view: Any = Reflect.construct(target, args.map((one) => raws.get(one) ?? one));
        return view.buffer instanceof SharedArrayBuffer ? wrap(view) : view;
      },
    });
  }
  const atomics: Any = {};
  for (const name of Object.getOwnPropertyNames(real.Atomics)) {
    if (typeof real.Atomics[name] !== "function") continue;
    atomics[name] = (view: Any, ...args: Any[]) => {
      step();
      return real.Atomics[name](raws.get(view) ?? view, ...args);
    };
  }
  scope.Atomics = atomics;
  return {
    arm: (access) => void (left = access),
    disarm: () => void (left = Infinity),
    restore: () => void Object.assign(scope, real),
  };
}
