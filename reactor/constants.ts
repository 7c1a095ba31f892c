/**
 * Numbers of the Vais reactor: kqueue's filters and flags, used on every system.
 *
 * @module
 */

/** Filter: readable. */
export const EVFILT_READ: number = -1;
/** Filter: writable. */
export const EVFILT_WRITE: number = -2;
/** Filter: a timer. */
export const EVFILT_TIMER: number = -7;
/** Flag: add. */
export const EV_ADD: number = 1;
/** Flag: delete. */
export const EV_DELETE: number = 2;
/** Flag: tell once. */
export const EV_ONESHOT: number = 16;
/** Events taken from the kernel at once, unless an event loop is made with another number. */
export const MAX_EVENTS: number = 64;
/** What waits for a descriptor to be readable. */
export const SOURCE_FD_READ: number = 1;
/** What waits for a descriptor to be writable. */
export const SOURCE_FD_WRITE: number = 2;
/** What waits for a deadline. */
export const SOURCE_TIMER: number = 3;
