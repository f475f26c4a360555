/**
 * A hub: what comes in by one port leaves by all others.
 *
 * @module
 */

import type { FrameQueue } from "../frame_queue.ts";
import type { PacketArena } from "../memory/mod.ts";
import type { PortNumber, SimNode } from "./node.ts";

/** A repeater with any number of ports. */
export class Hub implements SimNode {
  readonly #arena: PacketArena;
  #ports = 0;

  /** @param arena the network's */
  constructor(arena: PacketArena) {
    this.#arena = arena;
  }

  /** {@inheritDoc SimNode.onPort} */
  onPort(): void {
    this.#ports++;
  }

  /** {@inheritDoc SimNode.step} */
  step(_now: number, received: FrameQueue, sent: FrameQueue): void {
    while (received.size > 0) {
      const port = received.interface;
      flood(this.#arena, received.shift(), port, this.#ports, sent);
    }
  }

  /** {@inheritDoc SimNode.nextDeadline} */
  nextDeadline(): number {
    return Infinity;
  }
}

/**
 * Sends a frame by all ports but one.
 *
 * @param packet whose hold is handed over
 * @param from the port it came in by
 * @returns how many frames found no room
 */
export function flood(
  arena: PacketArena,
  packet: number,
  from: PortNumber,
  ports: number,
  sent: FrameQueue,
): number {
  let dropped = 0;
  for (let port = 0; port < ports; port++) {
    if (port === from) continue;
    arena.retain(packet);
    if (sent.push(port, packet)) continue;
    arena.release(packet);
    dropped++;
  }
  arena.release(packet);
  return dropped;
}
