/**
 * Memory for what does not fit the records: areas beside them, blocks, and buffers that programs share.
 *
 * @module
 */

import type { Handle } from "../../memory/layout.ts";
import type { DispatchRegion } from "./dispatch_region.ts";
import type { DispatchHandle } from "./dispatch_types.ts";
import { Leases } from "./lease.ts";
import { Payload } from "./payload.ts";
import { MAIN_OWNER, SharedBlocks } from "./shared_blocks.ts";
import { SharedBuffers } from "./shared_views.ts";

/** Internal: one thread's view of it. */
export class SharedArea {
  /** Buffers that views may be over. */
  readonly buffers: SharedBuffers;
  /** Who has which block. */
  readonly blocks: SharedBlocks;
  /** Blocks of this thread. */
  readonly leases: Leases;
  /** What belongs to slots. */
  readonly payload: Payload;

  private constructor(
    region: DispatchRegion,
    shared: readonly SharedArrayBuffer[],
    blocks: SharedBlocks,
    owner: number,
    copies: boolean,
  ) {
    this.buffers = new SharedBuffers(shared);
    this.blocks = blocks;
    this.leases = new Leases(shared[0]!, blocks, owner);
    this.payload = new Payload(region, { buffers: this.buffers, blocks, owner, copies });
  }

  /** New, for the owner; with `copies`, plain typed arrays among arguments are copied into blocks. */
  static create(region: DispatchRegion, blockBytes: number, copies: boolean): SharedArea {
    const areas = region.capacity * region.inlineBytes;
    const data = new SharedArrayBuffer(areas + SharedBlocks.dataBytes(blockBytes));
    const blocks = SharedBlocks.create(blockBytes, areas);
    return new SharedArea(region, [data], blocks, MAIN_OWNER, copies);
  }

  /** The one that `handle` names, for `owner`. */
  static attach(region: DispatchRegion, handle: DispatchHandle, owner: number): SharedArea {
    const blocks = SharedBlocks.attach(handle.blocks);
    return new SharedArea(region, handle.shared, blocks, owner, false);
  }

  /** What to attach with. */
  handle(region: Handle<"Dispatch">): DispatchHandle {
    return { ...region, blocks: this.blocks.handle, shared: [...this.buffers.all] };
  }
}
