/**
 * Pipes and counters of a simulated kernel.
 *
 * A pipe holds pages, as that of Linux does: what is written is put to the last page if all of its
 * odd part fits there, and else to new ones. So a write of at most a page is never split.
 *
 * @module
 */

import { FAILED, HANGUP, READABLE, WRITABLE } from "../reactor/poller.ts";
import { ERRNO, SimulatedFile } from "./simulated_file.ts";

/** Bytes of a page, unless the whole pipe is smaller. */
const PAGE_BYTES = 4_096;

interface Page {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

/** What both ends share. */
class Pipe {
  readonly pages: Page[] = [];
  readonly pageBytes: number;
  readonly mostPages: number;
  reader: ReadEnd | undefined;
  writer: WriteEnd | undefined;

  constructor(bytes: number) {
    this.pageBytes = Math.min(PAGE_BYTES, bytes);
    this.mostPages = Math.floor(bytes / this.pageBytes);
  }

  get isFull(): boolean {
    return this.pages.length >= this.mostPages;
  }
}

class ReadEnd extends SimulatedFile {
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    super();
    this.#pipe = pipe;
  }

  ready(interest: number): number {
    const { pages, writer } = this.#pipe;
    return (pages.length > 0 ? interest & READABLE : 0) | (writer === undefined ? HANGUP : 0);
  }

  override get available(): number {
    return this.#pipe.pages.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  override read(buffer: Uint8Array): number {
    const { pages, writer } = this.#pipe;
    if (buffer.byteLength === 0) return 0;
    if (pages.length === 0) return writer === undefined ? 0 : -ERRNO.EAGAIN;
    let n = 0;
    while (n < buffer.byteLength && pages.length > 0) {
      const page = pages[0]!;
      const taken = Math.min(buffer.byteLength - n, page.end - page.start);
      buffer.set(page.bytes.subarray(page.start, page.start + taken), n);
      page.start += taken;
      n += taken;
      if (page.start === page.end) pages.shift();
    }
    this.changed();
    writer?.changed();
    return n;
  }

  override close(): void {
    this.#pipe.reader = undefined;
    this.#pipe.writer?.changed();
  }
}

class WriteEnd extends SimulatedFile {
  readonly #pipe: Pipe;

  constructor(pipe: Pipe) {
    super();
    this.#pipe = pipe;
  }

  ready(interest: number): number {
    const { isFull, reader } = this.#pipe;
    return (isFull ? 0 : interest & WRITABLE) | (reader === undefined ? FAILED : 0);
  }

  override write(bytes: Uint8Array): number {
    const pipe = this.#pipe;
    const { pages, pageBytes, reader } = pipe;
    if (bytes.byteLength === 0) return 0;
    if (reader === undefined) return -ERRNO.EPIPE;
    let n = 0;
    const odd = bytes.byteLength % pageBytes;
    const last = pages.at(-1);
    if (odd > 0 && last !== undefined && last.end + odd <= pageBytes) {
      last.bytes.set(bytes.subarray(0, odd), last.end);
      last.end += odd;
      n = odd;
    }
    while (n < bytes.byteLength && !pipe.isFull) {
      const end = Math.min(pageBytes, bytes.byteLength - n);
      const page = new Uint8Array(pageBytes);
      page.set(bytes.subarray(n, n + end));
      pages.push({ bytes: page, start: 0, end });
      n += end;
    }
    if (n === 0) return -ERRNO.EAGAIN;
    this.changed();
    reader.changed();
    return n;
  }

  override close(): void {
    this.#pipe.writer = undefined;
    this.#pipe.reader?.changed();
  }
}

/** The read end and the write end of a pipe that holds `bytes`. */
export function makePipe(bytes: number): [SimulatedFile, SimulatedFile] {
  const pipe = new Pipe(bytes);
  pipe.reader = new ReadEnd(pipe);
  pipe.writer = new WriteEnd(pipe);
  return [pipe.reader, pipe.writer];
}

const MOST_COUNT = 2n ** 64n - 2n;

/** An eventfd. */
export class Counter extends SimulatedFile {
  #count: bigint;

  /** Its value at first. */
  constructor(initial: number) {
    super();
    this.#count = BigInt(initial);
  }

  ready(interest: number): number {
    return interest &
      ((this.#count > 0n ? READABLE : 0) | (this.#count < MOST_COUNT ? WRITABLE : 0));
  }

  override read(buffer: Uint8Array): number {
    if (buffer.byteLength < 8) return -ERRNO.EINVAL;
    if (this.#count === 0n) return -ERRNO.EAGAIN;
    wordOf(buffer).setBigUint64(0, this.#count, true);
    this.#count = 0n;
    this.changed();
    return 8;
  }

  override write(bytes: Uint8Array): number {
    if (bytes.byteLength < 8) return -ERRNO.EINVAL;
    const more = wordOf(bytes).getBigUint64(0, true);
    if (more > MOST_COUNT) return -ERRNO.EINVAL;
    if (this.#count + more > MOST_COUNT) return -ERRNO.EAGAIN;
    this.#count += more;
    this.changed();
    return 8;
  }
}

function wordOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, 8);
}
