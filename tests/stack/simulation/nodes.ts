/**
 * Nodes that tests attach to virtual networks: they send what they are told to, and remember what
 * they get.
 *
 * @module
 */

import type { FrameQueue } from "../../../stack/frame_queue.ts";
import type { FrameStore, SimNode, VirtualNetwork } from "../../../stack/sim/mod.ts";
import { ethernet, EtherType, ipv4, PacketBytes, Protocol, udp } from "../../../stack/wire/mod.ts";

/** A frame that arrived. */
export interface Arrival {
  readonly time: number;
  readonly port: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Sends frames at the times it is told to, and keeps what arrives. */
export class TestHost implements SimNode {
  readonly arrivals: Arrival[] = [];
  /** How many arrived; counted even where they are not kept. */
  count = 0;
  /** Whether frames are kept. */
  keeps = true;
  readonly #network: VirtualNetwork;
  readonly #number: number;
  readonly #frames: FrameStore;
  #next = 0;
  readonly #plan: { readonly time: number; readonly port: number; readonly bytes: Uint8Array }[] =
    [];

  constructor(network: VirtualNetwork, name: string) {
    this.#network = network;
    this.#frames = network.frames;
    this.#number = network.add(name, this);
  }

  /** Plans to send a frame; times are given in ascending order. */
  send(time: number, bytes: Uint8Array, port = 0): void {
    this.#plan.push({ time, port, bytes });
    this.#network.wake(this.#number);
  }

  step(now: number, received: FrameQueue, sent: FrameQueue): void {
    while (received.size > 0) {
      const port = received.interface;
      const packet = received.shift();
      this.count++;
      if (this.keeps) this.arrivals.push({ time: now, port, bytes: this.#frames.bytesOf(packet) });
      this.#frames.arena.release(packet);
    }
    for (; this.#next < this.#plan.length && this.#plan[this.#next].time <= now; this.#next++) {
      const { port, bytes } = this.#plan[this.#next];
      sent.push(port, this.#frames.put(bytes));
    }
  }

  nextDeadline(): number {
    return this.#next < this.#plan.length ? this.#plan[this.#next].time : Infinity;
  }
}

/** Adds a host to a network. */
export function addHost(network: VirtualNetwork, name: string): TestHost {
  return new TestHost(network, name);
}

/** A frame of some bytes; its number is in the last four of them. */
export function frameOf(number: number, bytes = 1514, from = 1, to = 2): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(bytes);
  const view = new DataView(frame.buffer);
  for (const [at, host] of [[0, to], [6, from]]) {
    view.setUint16(at, host < 0 ? 0xffff : 0x0200);
    view.setInt32(at + 2, host < 0 ? -1 : host);
  }
  view.setUint16(12, 0x88b5);
  view.setInt32(bytes - 4, number);
  return frame;
}

/** The number in a frame. */
export function numberOf(bytes: Uint8Array<ArrayBuffer>): number {
  return new DataView(bytes.buffer).getInt32(bytes.length - 4);
}

/**
 * A frame with a packet of IPv4 that carries UDP.
 *
 * @param bytes of the whole frame
 * @param typeOfService its lower two bits are those of ECN
 */
export function packetFrame(bytes: number, typeOfService: number): Uint8Array<ArrayBuffer> {
  const buffer = new ArrayBuffer(bytes);
  const packets = new PacketBytes(buffer);
  ethernet.put(packets, 0, 0x0200, 2, 0x0200, 1, EtherType.IPV4);
  const at = ethernet.HEADER_BYTES;
  const total = bytes - at;
  ipv4.put(packets, at, typeOfService, total, 1, true, 64, Protocol.UDP, ONE, OTHER);
  const payload = total - ipv4.HEADER_BYTES;
  udp.put(packets, at + ipv4.HEADER_BYTES, 1000, 2000, payload);
  return new Uint8Array(buffer);
}

/** 10.0.0.1 and 10.0.0.2. */
const ONE = 0x0a000001;
const OTHER = 0x0a000002;
