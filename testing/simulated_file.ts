/**
 * What descriptors of a simulated kernel stand for.
 *
 * A file is what the kernel calls an open file description: `dup` makes another descriptor of the
 * same file, and the file is closed with the last of them. Whoever changes what is ready tells the
 * watches, by `changed`.
 *
 * @module
 */

/** The errnos of Linux that a simulated kernel answers. */
export const ERRNO = {
  ENOENT: 2,
  EBADF: 9,
  EAGAIN: 11,
  EINVAL: 22,
  EMFILE: 24,
  EPIPE: 32,
  EDEADLK: 35,
  ENOTSOCK: 88,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ECONNRESET: 104,
  EISCONN: 106,
  ENOTCONN: 107,
  ECONNREFUSED: 111,
  EINPROGRESS: 115,
} as const;

/** One registration of a file with a poller. */
export interface Watch {
  /** What is ready may have changed. */
  look(): void;
  /** The file is closed. */
  drop(): void;
}

/** Base of pipes, sockets and counters. */
export abstract class SimulatedFile {
  /** Descriptors there are. */
  descriptors = 0;
  /** Registrations with pollers. */
  readonly watches = new Set<Watch>();

  /**
   * What is ready: bits of `poller.ts`. `interest` is what is waited for; that the other side is
   * gone, or that something failed, is told to everybody.
   */
  abstract ready(interest: number): number;

  /** See `Kernel.read`. */
  read(_buffer: Uint8Array, _peek = false): number {
    return -ERRNO.EBADF; // not open for that
  }

  /** See `Kernel.write`. */
  write(_bytes: Uint8Array): number {
    return -ERRNO.EBADF;
  }

  /** Bytes that can be read. */
  get available(): number {
    return 0;
  }

  /** The last descriptor is closed. */
  close(): void {}

  /** Tells whoever watches. */
  changed(): void {
    for (const watch of this.watches) watch.look();
  }
}
