/**
 * What shards of one host send to each other beside frames: datagrams that a program of one shard
 * sends to the host itself, for a socket of another; copies of what it sends to groups and to
 * everybody; and which addresses proved to be somebody else's.
 *
 * Each shard has a pipe to shard 0, and shard 0 one to each. It belongs to the loopback interface:
 * a datagram that comes by it has never left the host. One for a third shard finds no socket at
 * shard 0, and is handed on from there.
 *
 * @module
 */

import type { Environment } from "../../../stack/environment.ts";
import { FrameQueue } from "../../../stack/frame_queue.ts";
import type { PortOffload } from "../../../stack/iface/types.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { PacketFlag } from "../../../stack/packet_table.ts";
import type { Port, PortStatistics } from "../../port/port.ts";

/** What never leaves the host is neither summed up nor taken apart. */
const OFFLOAD: PortOffload = { checksum: true, segmentationBytes: 65535 };
const MTU = 65535;
const BATCH_FRAMES = 64;
const NO_FRAMES: PortStatistics = {
  ...{ receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0 },
  ...{ droppedFrames: 0, missedFrames: 0 },
};

/**
 * What is no packet for loopback begins, where IP has its version, with one that there is not, what
 * it is, and an interface. What follows is an address, or a packet.
 */
const NOTICE_VERSION = 0;
const DUPLICATE = 0;
const GROUP = 1;
const INTERFACE_AT = 2;
const NOTICE_BYTES = 4;
const IPV6_BYTES = 16;

/** What a port for this is made of. */
export interface HandoverPortParts {
  /** The pipes by shard, null for none. */
  readonly pipes: readonly (Port | null)[];
  /** Is told that an address is somebody else's, by shard 0. */
  readonly onDuplicate: (interfaceIndex: number, address: IpAddress) => void;
  /** Takes what another shard sent to a group, or to everybody, by an interface; and its hold. */
  readonly onGroup: (interfaceIndex: number, packet: number) => void;
}

/** The port of the loopback interface of one of several shards. */
export class HandoverPort implements Port {
  readonly kind = "ip" as const;
  readonly mtu = MTU;
  readonly offload = OFFLOAD;
  readonly #byShard: readonly (Port | null)[];
  readonly #pipes: readonly Port[];
  readonly #onDuplicate: HandoverPortParts["onDuplicate"];
  readonly #onGroup: HandoverPortParts["onGroup"];
  readonly #batch = new FrameQueue(BATCH_FRAMES);
  #environment!: Environment;

  /** @param parts what it is made of */
  constructor({ pipes, onDuplicate, onGroup }: HandoverPortParts) {
    this.#byShard = pipes;
    this.#pipes = pipes.filter((pipe) => pipe !== null);
    this.#onDuplicate = onDuplicate;
    this.#onGroup = onGroup;
  }

  /** {@inheritDoc Port.open} */
  open(environment: Environment): void {
    this.#environment = environment;
    for (const pipe of this.#pipes) pipe.open(environment);
  }

  /** Sends a packet of IP to another shard, by shard 0 where no pipe leads to it. */
  handOver(shard: number, packet: number): void {
    const pipe = this.#byShard[shard] ?? this.#byShard[0];
    if (pipe === null) return this.#environment.arena.release(packet);
    pipe.send(packet);
    pipe.flush();
  }

  /** Tells all that a pipe leads to that an address is somebody else's. */
  tellDuplicate(interfaceIndex: number, address: IpAddress): void {
    const { arena, packets } = this.#environment;
    const words = typeof address === "number" ? [address] : address;
    for (const pipe of this.#pipes) {
      const packet = arena.take(NOTICE_BYTES + 4 * words.length);
      // A shard that is not told finds out by itself, unless it is later than shard 0.
      if (packet < 0) return;
      packets.clear(packet);
      const at = this.#putNotice(packet, DUPLICATE, interfaceIndex) + NOTICE_BYTES;
      for (const [word, value] of words.entries()) arena.memory.view.setInt32(at + 4 * word, value);
      pipe.send(packet);
      pipe.flush();
    }
  }

  /** Sends a packet that leaves by an interface to all other shards. Takes over the hold. */
  share(interfaceIndex: number, packet: number): void {
    const { arena, packets } = this.#environment;
    const first = arena.take(NOTICE_BYTES);
    if (first < 0) return arena.release(packet);
    packets.copy(packet, first);
    arena.append(first, packet);
    this.#putNotice(first, GROUP, interfaceIndex);
    this.#sendToOthers(first, -1);
    arena.release(first);
  }

  #putNotice(packet: number, kind: number, interfaceIndex: number): number {
    const { arena } = this.#environment;
    const at = arena.start(packet);
    arena.memory.view.setUint16(at, NOTICE_VERSION << 12 | kind);
    arena.memory.view.setUint16(at + INTERFACE_AT, interfaceIndex);
    return at;
  }

  /** Sends a packet by all pipes but one; its hold stays the caller's. */
  #sendToOthers(packet: number, except: number): void {
    for (let index = 0; index < this.#pipes.length; index++) {
      if (index === except) continue;
      this.#environment.arena.retain(packet);
      this.#pipes[index].send(packet);
      this.#pipes[index].flush();
    }
  }

  /** {@inheritDoc Port.receive} */
  receive(interfaceIndex: number, into: FrameQueue, most: number): number {
    const { arena, packets } = this.#environment;
    const batch = this.#batch;
    let count = 0;
    for (let index = 0; index < this.#pipes.length; index++) {
      const pipe = this.#pipes[index];
      count += pipe.receive(interfaceIndex, batch, Math.min(most, BATCH_FRAMES));
      while (batch.size > 0) {
        const packet = batch.shift();
        if (this.#isNotice(packet, index)) continue;
        // Whoever sent it summed up nothing, and nothing could damage it.
        packets.flags[packet] = packets.flags[packet] & ~PacketFlag.CHECKSUM_PARTIAL |
          PacketFlag.LOOPED | PacketFlag.CHECKSUM_GOOD;
        if (!into.push(interfaceIndex, packet)) arena.release(packet);
      }
    }
    return count;
  }

  /** Takes what is no packet for loopback, and its hold. @returns false where it is one */
  #isNotice(packet: number, pipe: number): boolean {
    const { arena } = this.#environment;
    const at = arena.start(packet);
    const { view } = arena.memory;
    if (view.getUint8(at) >> 4 !== NOTICE_VERSION) return false;
    const interfaceIndex = view.getUint16(at + INTERFACE_AT);
    if (view.getUint16(at) === GROUP) {
      // Shard 0 has a pipe to each of them, and the others one to it.
      this.#sendToOthers(packet, pipe);
      arena.trimFront(packet, NOTICE_BYTES);
      this.#onGroup(interfaceIndex, packet);
      return true;
    }
    const word = (nth: number): number => view.getInt32(at + NOTICE_BYTES + 4 * nth);
    const address = arena.length(packet) === NOTICE_BYTES + IPV6_BYTES
      ? [word(0), word(1), word(2), word(3)] as const
      : word(0);
    arena.release(packet);
    this.#onDuplicate(interfaceIndex, address);
    return true;
  }

  /** {@inheritDoc Port.send}: the loopback interface sends nothing by it. */
  send(packet: number): void {
    this.#environment.arena.release(packet);
  }

  /** {@inheritDoc Port.flush} */
  flush(): void {}

  /** {@inheritDoc Port.hasFrames} */
  hasFrames(): boolean {
    for (const pipe of this.#pipes) if (pipe.hasFrames()) return true;
    return false;
  }

  /** {@inheritDoc Port.sleep} */
  sleep(wake: () => void): boolean {
    for (const pipe of this.#pipes) if (!pipe.sleep(wake)) return false;
    return true;
  }

  /** {@inheritDoc Port.awake} */
  awake(): void {
    for (const pipe of this.#pipes) pipe.awake();
  }

  /** {@inheritDoc Port.statistics} */
  statistics(): PortStatistics {
    const sum = { ...NO_FRAMES } as Record<keyof PortStatistics, number>;
    for (const pipe of this.#pipes) {
      const part = pipe.statistics();
      for (const name of Object.keys(sum) as (keyof PortStatistics)[]) sum[name] += part[name];
    }
    return sum;
  }

  /** {@inheritDoc Port.close} */
  close(): void {
    for (const pipe of this.#pipes) pipe.close();
  }
}
