/**
 * A node whose links lead out of the simulation: to a stack in another thread, by a pipe for each.
 *
 * @module
 */

import { FrameQueue } from "../../stack/frame_queue.ts";
import type { Environment } from "../../stack/environment.ts";
import { OffloadCounter } from "../../stack/offload/counters.ts";
import { SoftwareOffload } from "../../stack/offload/mod.ts";
import { PacketFlag, PacketTable } from "../../stack/packet_table.ts";
import { SeededRandom } from "../../stack/random.ts";
import { StackTimers } from "../../stack/stack_timers.ts";
import { Counters } from "../../stack/statistics.ts";
import type { FrameStore, PortNumber, SimNode } from "../../stack/sim/mod.ts";
import { PipePort } from "../port/pipe.ts";
import { createPipe, type PipeHandle } from "../port/pipe_handle.ts";

/** Frames that are taken of a pipe at a time. */
const ROUND_FRAMES = 256;

/** Passes frames between a network and pipes. */
export class PipeNode implements SimNode {
  /** By port: the end that is for the other thread. */
  readonly handles: PipeHandle[] = [];
  readonly #ports: PipePort[] = [];
  readonly #frames: FrameStore;
  readonly #environment: Environment;
  readonly #offload: SoftwareOffload;
  readonly #received = new FrameQueue(ROUND_FRAMES);

  /** @param frames the network's */
  constructor(frames: FrameStore) {
    const { arena } = frames;
    this.#frames = frames;
    // No stack is here: pipes only need packets, and what is known of them.
    this.#environment = {
      arena,
      packets: new PacketTable(arena.capacity),
      timers: new StackTimers({ capacity: 1, resolution: 1, now: 0 }),
      random: new SeededRandom(0),
      now: 0,
    };
    const count = Object.keys(OffloadCounter).length;
    const counters = new Counters(OffloadCounter, new Float64Array(count));
    this.#offload = new SoftwareOffload(this.#environment, counters);
  }

  /** {@inheritDoc SimNode.onPort} */
  onPort(_port: PortNumber, mtu: number): void {
    const [ours, theirs] = createPipe({ mtu });
    const port = new PipePort(ours);
    port.open(this.#environment);
    this.#ports.push(port);
    this.handles.push(theirs);
  }

  /** {@inheritDoc SimNode.nextDeadline} */
  nextDeadline(): number {
    return Infinity;
  }

  /** {@inheritDoc SimNode.step} */
  step(_now: number, received: FrameQueue, sent: FrameQueue): void {
    const { packets } = this.#environment;
    while (received.size > 0) {
      const port = this.#ports[received.interface];
      const packet = received.shift();
      packets.clear(packet);
      port.send(packet);
    }
    for (let port = 0; port < this.#ports.length; port++) {
      this.#ports[port].flush();
      this.#take(port, sent);
    }
  }

  /** Whether another thread has sent something. */
  hasFrames(): boolean {
    return this.#ports.some((port) => port.hasFrames());
  }

  /**
   * Has `wake` called when another thread sends something.
   *
   * @returns false when it has already
   */
  sleep(wake: () => void): boolean {
    return this.#ports.every((port) => port.sleep(wake));
  }

  /** Says that nobody sleeps any more. */
  awake(): void {
    for (const port of this.#ports) port.awake();
  }

  /** Lets go of the pipes. */
  close(): void {
    for (const port of this.#ports) port.close();
  }

  #take(port: PortNumber, sent: FrameQueue): void {
    const { flags } = this.#environment.packets;
    while (this.#ports[port].receive(port, this.#received, ROUND_FRAMES) > 0) {
      while (this.#received.size > 0) {
        const packet = this.#received.shift();
        // A simulated wire may damage frames: their checksums have to be complete on it.
        if ((flags[packet] & PacketFlag.CHECKSUM_PARTIAL) !== 0) {
          this.#offload.completeChecksum(packet);
        }
        if (!sent.push(port, packet)) this.#frames.arena.release(packet);
      }
    }
  }
}
