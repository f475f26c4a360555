/**
 * A port of a shard that has none of its own: its end of the pipe to shard 0's director. To its
 * stack it is the port itself, with the same MTU and the same offloads.
 *
 * @module
 */

import type { PortOffload } from "../../../stack/iface/types.ts";
import { PipePort } from "../../port/pipe.ts";
import { createPipe, type PipeHandle } from "../../port/pipe_handle.ts";
import type { Port } from "../../port/port.ts";

/** A shard's end of a pipe, which can be posted to another thread. */
export interface ShardPortHandle extends PipeHandle {
  /** What the port does for a stack that the director stands before. */
  readonly portOffload: PortOffload;
}

/**
 * Makes a pipe between the director of a port and another shard.
 *
 * @returns the director's end, and the shard's
 */
export function createShardPipe({ kind, mtu, offload }: Port): [PipeHandle, ShardPortHandle] {
  const { checksum, segmentationBytes } = offload;
  const [near, far] = createPipe({ mtu, carries: kind, offload: segmentationBytes > 0 });
  return [near, { ...far, portOffload: { checksum, segmentationBytes } }];
}

/** The port of a shard other than 0. */
export class ShardPort extends PipePort {
  override readonly offload: PortOffload;

  /** @param handle the shard's end of {@linkcode createShardPipe} */
  constructor(handle: ShardPortHandle) {
    super(handle);
    this.offload = handle.portOffload;
  }
}

/**
 * Makes the port of a shard other than 0.
 *
 * @throws {TypeError} when a pipe does not lead to a director
 */
export function openShardPort(end: PipeHandle): ShardPort {
  if (!("portOffload" in end)) throw new TypeError("this pipe does not lead to another shard");
  return new ShardPort(end as ShardPortHandle);
}
