/**
 * The owners a task opened: an intrusive list, kept by the task, or by the runtime for those opened
 * outside any task.
 *
 * @module
 */

/** An entry of the list. */
export interface Owned<O> {
  /** Owned by the list. */
  prevOwned: O | undefined;
  /** Owned by the list. */
  nextOwned: O | undefined;
}

/** Where opened owners are listed. */
export interface Opener<O> {
  /** The latest opened owner with live children. */
  firstOwned: O | undefined;
}

/** Lists an owner with its opener. */
export function linkOwner<O extends Owned<O>>(opener: Opener<O>, owner: O): void {
  owner.nextOwned = opener.firstOwned;
  if (opener.firstOwned !== undefined) opener.firstOwned.prevOwned = owner;
  opener.firstOwned = owner;
}

/** Takes an owner off its opener's list; does nothing when it is not there. */
export function unlinkOwner<O extends Owned<O>>(opener: Opener<O>, owner: O): void {
  const { prevOwned: prev, nextOwned: next } = owner;
  if (prev !== undefined) prev.nextOwned = next;
  else if (opener.firstOwned === owner) opener.firstOwned = next;
  if (next !== undefined) next.prevOwned = prev;
  owner.prevOwned = owner.nextOwned = undefined;
}

/** The owners listed now, safe against changes while they are told something. */
export function ownersOf<O extends Owned<O>>(opener: Opener<O>): O[] {
  const owners: O[] = [];
  for (let owned = opener.firstOwned; owned !== undefined; owned = owned.nextOwned) {
    owners.push(owned);
  }
  return owners;
}
