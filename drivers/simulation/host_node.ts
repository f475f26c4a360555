/**
 * A stack with its rings as a node of a virtual network.
 *
 * @module
 */

import { hasCompletions } from "../../ring/completion.ts";
import type { RingGeometry } from "../../ring/geometry.ts";
import type { FrameQueue } from "../../stack/frame_queue.ts";
import type { FrameStore, PortNumber, SimNode } from "../../stack/sim/mod.ts";
import type { StackHost } from "../stack/stack_host.ts";
import { SimPort } from "./sim_port.ts";

/** What a node says to its simulation. */
export interface HostNodeOwner {
  /** There are completions that a program has not been told of. */
  onCompletions(): void;
}

/** Steps a stack when the network says so. */
export class HostNode implements SimNode {
  /** What it runs; set once it is made. */
  host: StackHost | null = null;
  readonly ports: SimPort[] = [];
  /** The completion queues of its programs. */
  readonly rings: RingGeometry[] = [];
  readonly #owner: HostNodeOwner;
  readonly #frames: FrameStore;
  readonly #onSent: () => void;

  /**
   * @param frames the network's
   * @param onSent called when frames wait that were sent outside of a step
   */
  constructor(owner: HostNodeOwner, frames: FrameStore, onSent: () => void) {
    this.#owner = owner;
    this.#frames = frames;
    this.#onSent = onSent;
  }

  /** {@inheritDoc SimNode.onPort} */
  onPort(_port: PortNumber, mtu: number): void {
    this.ports.push(new SimPort(this.#frames, mtu, this.#onSent));
  }

  /** {@inheritDoc SimNode.nextDeadline} */
  nextDeadline(): number {
    return this.host === null ? Infinity : this.host.nextDeadline();
  }

  /** {@inheritDoc SimNode.step} */
  step(_now: number, received: FrameQueue, sent: FrameQueue): void {
    while (received.size > 0) {
      const port = this.ports[received.interface];
      port.deliver(received.shift());
    }
    this.host?.run();
    for (let port = 0; port < this.ports.length; port++) this.ports[port].collect(port, sent);
    for (let ring = 0; ring < this.rings.length; ring++) {
      if (hasCompletions(this.rings[ring])) this.#owner.onCompletions();
    }
  }
}
