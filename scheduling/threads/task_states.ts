/**
 * The word that says where a task is, and the word that names it in queues.
 *
 * Invariant: a task is started by whoever moves its state word from QUEUED to RUNNING by compare-and-swap, and
 * by nobody else. Everything that lists tasks (lanes, batches) is a hint: an entry that is old, or there
 * twice, loses that compare-and-swap. So whatever a dying thread leaves behind in a queue, nothing is lost
 * and nothing runs twice.
 *
 * State: phase (3 bits), owner (8 bits: which worker), ticket (the rest). Entry: slot, then ticket. A slot gets
 * a new ticket whenever it is queued.
 *
 * @module
 */

/** Not in use, or being filled. */
export const FREE: number = 0;
/** Waiting: any worker may start it. */
export const QUEUED: number = 1;
/** Its owner runs it, or waits for its arguments. */
export const RUNNING: number = 2;
/** Its result lies in its record. */
export const DONE: number = 3;
/** Its owner was lost: the slot is left alone until that thread is gone. */
export const LOST: number = 4;
/** Its result is on its way as a message. */
export const SENT: number = 5;

const OWNER_SHIFT = 3;
const TICKET_SHIFT = 11;
const OWNER_MASK = 0xff;
const PHASE_MASK = 7;
const MOST_TICKET_BITS = 20;

/** What a state word says is going on. */
export function phaseOf(state: number): number {
  return state & PHASE_MASK;
}

/** Which worker a state word names; 0 where there is none. */
export function ownerOf(state: number): number {
  return (state >> OWNER_SHIFT) & OWNER_MASK;
}

/** The ticket in a state word. */
export function ticketOf(state: number): number {
  return state >> TICKET_SHIFT;
}

/** The state word of a task that waits under `ticket`. */
export function queuedState(ticket: number): number {
  return (ticket << TICKET_SHIFT) | QUEUED;
}

/** A state word of a task that `owner` has begun under `ticket`. */
export function ownedState(phase: number, owner: number, ticket: number): number {
  return (ticket << TICKET_SHIFT) | (owner << OWNER_SHIFT) | phase;
}

/** How the entries of so many slots are made and read. */
export class EntryFormat {
  /** Bits of the slot. */
  readonly slotBits: number;
  /** `entry & slotMask` is the slot. */
  readonly slotMask: number;
  /** `(entry >>> slotBits) & ticketMask` is the ticket. */
  readonly ticketMask: number;

  /** For `capacity` slots: a power of two, 2 ** 16 at most. */
  constructor(capacity: number) {
    this.slotBits = Math.log2(capacity);
    this.slotMask = capacity - 1;
    this.ticketMask = (1 << Math.min(MOST_TICKET_BITS, 32 - this.slotBits)) - 1;
  }

  /** The entry of `slot` under `ticket`. */
  make(slot: number, ticket: number): number {
    return (ticket << this.slotBits) | slot;
  }

  /** The slot an entry names. */
  slotOf(entry: number): number {
    return entry & this.slotMask;
  }

  /** The ticket it was queued under. */
  ticketOf(entry: number): number {
    return (entry >>> this.slotBits) & this.ticketMask;
  }

  /** The ticket after `ticket`. */
  next(ticket: number): number {
    return (ticket + 1) & this.ticketMask;
  }
}
