/**
 * Which names a text declares and uses, scope by scope.
 *
 * A name may be used before it is declared, so a use is settled when its scope is left: what the
 * scope does not declare is a use in the scope around it. What leaves the last one is free.
 *
 * @module
 */

interface Scope {
  /** `var` and functions are declared here. */
  readonly isFunction: boolean;
  readonly declared: Set<string>;
  readonly used: Set<string>;
  readonly outer: Scope | undefined;
}

/** The scopes around the place that is read now. */
export class SourceScopes {
  #at: Scope = newScope(true, undefined);

  /** Enters a scope; `names` are declared in it from the start. */
  enter(isFunction: boolean, names: Iterable<string> = []): void {
    this.#at = newScope(isFunction, this.#at);
    for (const name of names) this.#at.declared.add(name);
  }

  /** Leaves the innermost scope. */
  leave(): void {
    const { outer, used, declared } = this.#at;
    for (const name of used) {
      if (!declared.has(name)) outer!.used.add(name);
    }
    this.#at = outer!;
  }

  /** Declares a name here. */
  declare(name: string): void {
    this.#at.declared.add(name);
  }

  /** Declares a name in the function around. */
  declareVar(name: string): void {
    let at = this.#at;
    while (!at.isFunction) at = at.outer!;
    at.declared.add(name);
  }

  /** Uses a name here. */
  use(name: string): void {
    this.#at.used.add(name);
  }

  /** Where it is, for {@linkcode back}. */
  get here(): unknown {
    return this.#at;
  }

  /** Forgets the scopes that were entered since `here` was read, with all that was used in them. */
  back(here: unknown): void {
    this.#at = here as Scope;
  }

  /** What the outermost scope uses and does not declare. */
  get free(): Set<string> {
    return new Set([...this.#at.used].filter((name) => !this.#at.declared.has(name)));
  }
}

function newScope(isFunction: boolean, outer: Scope | undefined): Scope {
  return { isFunction, declared: new Set(), used: new Set(), outer };
}
