/**
 * Shared memory that a caller writes into itself, so that nothing is copied.
 *
 * @module
 */

import { FULL } from "../../memory/answers.ts";
import { checkInteger } from "../../memory/check.ts";
import { BLOCK_BYTES, NO_BLOCK, type SharedBlocks } from "./shared_blocks.ts";

/** Bytes of shared memory that are the caller's until `release`. */
export interface Lease {
  /** The bytes, as long as asked for; what was left in them is still there. Views of other classes over `bytes.buffer` will do too. */
  readonly bytes: Uint8Array;
  /** Gives them back: nobody may touch them afterwards. The second call does nothing. */
  release(): void;
}

/** Internal: leases of one thread. */
export class Leases {
  readonly #data: SharedArrayBuffer;
  readonly #blocks: SharedBlocks;
  readonly #owner: number;
  /** By block. */
  readonly #open = new Map<number, Lease>();

  /** Blocks lie in `data`, and go to `owner`. */
  constructor(data: SharedArrayBuffer, blocks: SharedBlocks, owner: number) {
    this.#data = data;
    this.#blocks = blocks;
    this.#owner = owner;
  }

  /** Leases `bytes` bytes, 1 MiB at most; FULL when there is no block of that size. O(1). */
  take(bytes: number): Lease | typeof FULL {
    checkInteger("lease shared memory", "the length", bytes, 0, BLOCK_BYTES.at(-1)!);
    const block = this.#blocks.take(bytes, this.#owner);
    return block === NO_BLOCK ? FULL : this.#lease(block, bytes);
  }

  /** The lease that `view` is over; undefined when it is over none of this thread's. */
  of(view: ArrayBufferView): Lease | undefined {
    return this.#open.get(this.blockOf(view));
  }

  /** A view that another thread handed over: from now on this thread's lease. */
  adopt(value: unknown, from: number): void {
    const block = this.blockOf(value);
    if (block !== NO_BLOCK && this.#blocks.hand(block, from, this.#owner)) {
      this.#lease(block, this.#blocks.bytesOf(block));
    }
  }

  /** A view that was handed over: no lease of this thread any more. */
  forget(value: unknown): void {
    this.#open.delete(this.blockOf(value));
  }

  /** The block that a view is over, whoever has it; NO_BLOCK for anything else. */
  blockOf(value: unknown): number {
    if (!ArrayBuffer.isView(value) || value.buffer !== this.#data) return NO_BLOCK;
    return this.#blocks.blockAt(value.byteOffset);
  }

  #lease(block: number, length: number): Lease {
    const bytes = new Uint8Array(this.#data, this.#blocks.offsetOf(block), length);
    const lease: Lease = {
      bytes,
      release: () => {
        if (this.#open.get(block) !== lease) return;
        this.#open.delete(block);
        this.#blocks.give(block, this.#owner);
      },
    };
    this.#open.set(block, lease);
    return lease;
  }
}
