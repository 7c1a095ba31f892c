/**
 * What owns tasks: the runtime itself, or a group.
 *
 * @module
 */

import type { Cancelled } from "./errors.ts";
import type { Host } from "./host.ts";
import type { Owned } from "./owned.ts";

/** An owner of `Child`ren. A task lists the owners it opened. */
export interface OwnerOf<Child> extends Owned<OwnerOf<Child>> {
  /** The runtime. */
  readonly host: Host;
  /** Name for reasons and dumps. */
  readonly label: string;
  /** Grace of cancelled children that were given none, in ms. */
  readonly graceMs: number;
  /** Its tasks have task-local values: the host's callbacks of their bodies must know whose they are. */
  readonly hasLocals: boolean;
  /** The task that opened it, if one did. */
  readonly parent: Child | undefined;
  /** A child ended. */
  childFinished(task: Child): void;
  /** The parent was cancelled, or ended. */
  cancelFromParent(cause: Cancelled, graceMs: number): void;
  /** The parent was cancelled again, with a shorter grace. */
  shortenGrace(graceMs: number): void;
  /** True when its parent can do nothing but wait for this child. */
  mustAwait(task: Child): boolean;
  /** True for a child that begins although it was cancelled before. */
  mustBegin(task: Child): boolean;
  /** Live children, for dumps. */
  children(): Iterable<Child>;
}
