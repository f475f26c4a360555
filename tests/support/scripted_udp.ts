/**
 * UDP endpoints over a scripted driver: what they put into the ring can be read entry by entry, and
 * what the system answers is the test's choice.
 *
 * @module
 */

import { Network } from "../../native/network.ts";
import { Scope } from "../../native/scope.ts";
import { UdpEndpoint } from "../../native/datagram/udp.ts";
import { UnixDatagramEndpoint } from "../../native/datagram/datagram_unix.ts";
import { NAME_ROOMS } from "../../native/datagram/datagram_template.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { controlBytes, controlSpace, writeControl } from "../../ring/abi/control.ts";
import { CMSGHDR, IOVEC, MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { W_ADDRESS, W_FILE_INDEX, W_LENGTH, W_OFFSET } from "../../ring/abi/layout.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, Op } from "../../ring/abi/opcodes.ts";
import { decodeSockaddr, encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { Authority, type NetworkRights } from "../../ring/authority/mod.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { ScriptedDriver, type TakenEntry } from "./scripted_driver.ts";

const PLAN: Partial<MemoryPlan> = {
  entries: 512,
  completions: 1024,
  slots: 2048,
  arenaBytes: 1024 * 1024,
  datagramCount: 8,
  datagramBytes: 4096,
};

/** A message in the ring. */
export interface SentMessage {
  readonly entry: TakenEntry;
  /** Its address, `""` without one. */
  readonly to: string;
  /** What it is made of. */
  readonly pieces: readonly Uint8Array[];
  /** All of its bytes. */
  readonly bytes: Uint8Array;
  /** Where the kernel cuts it, 0 for nowhere. */
  readonly segment: number;
}

/** What a test wants to be otherwise. */
export interface ScriptedOptions {
  readonly rights?: NetworkRights;
  readonly plan?: Partial<MemoryPlan>;
  readonly local?: string;
}

/** An endpoint, and the driver below it. */
export class ScriptedUdp {
  readonly driver: ScriptedDriver;
  readonly network: Network;
  readonly endpoint: UdpEndpoint;
  readonly unix: UnixDatagramEndpoint;

  constructor({ rights, plan, local = "127.0.0.1:1000" }: ScriptedOptions = {}) {
    this.driver = new ScriptedDriver({ plan: { ...PLAN, ...plan } });
    this.network = new Network(this.driver);
    const owner = new Scope(Authority.root(rights));
    // Every endpoint counts as an open socket, which somebody else has counted.
    owner.acquire("sockets", 2, "bind");
    const { network } = this;
    const address = SocketAddress.parse(local);
    const layout = { localPort: address.port, leasesMax: 64, filter: null };
    const parts = { network, owner, canJoin: true };
    const named = { ...layout, nameRoom: NAME_ROOMS[address.family] };
    this.endpoint = new UdpEndpoint({ ...parts, fd: 5, local: address, layout: named });
    const path = SocketAddress.unix("/run/socket");
    const long = { ...layout, nameRoom: NAME_ROOMS.unix };
    this.unix = new UnixDatagramEndpoint({ ...parts, fd: 6, local: path, layout: long });
  }

  /** The messages that are in the ring, in order. */
  async sent(): Promise<SentMessage[]> {
    await this.driver.settle();
    return this.driver.taken.filter(({ opcode }) => opcode === Op.SEND || opcode === Op.SENDMSG)
      .map((entry) => this.#read(entry));
  }

  /** The entries of an opcode that are in the ring. */
  async taken(opcode: number): Promise<TakenEntry[]> {
    await this.driver.settle();
    return this.driver.taken.filter((entry) => entry.opcode === opcode);
  }

  /** Answers a message, and lets what follows from it happen. */
  async answer(message: { readonly entry: TakenEntry }, result: number): Promise<void> {
    this.complete(message.entry, result);
    await this.driver.settle();
  }

  /** Answers an entry; the ring is awake from now on. */
  complete(entry: TakenEntry, result: number, flags = 0): void {
    this.driver.complete(entry, result, flags);
    if (this.driver.isAsleep) this.driver.wake();
  }

  /** Accepts everything that is in the ring, round after round, until nothing more comes. */
  async acceptAll(): Promise<SentMessage[]> {
    const all: SentMessage[] = [];
    for (;;) {
      const messages = await this.sent();
      if (messages.length === 0) return all;
      all.push(...messages.map((each) => ({ ...each, bytes: each.bytes.slice() })));
      for (const { entry, bytes } of messages) this.driver.complete(entry, bytes.length);
      if (this.driver.isAsleep) this.driver.wake();
    }
  }

  /**
   * Puts a message into a provided buffer as a multishot receive does, and completes with it.
   *
   * @param segment of UDP_GRO, 0 for none
   * @param isLast whether the receive ends with it
   * @param wakes whether a turn follows at once
   */
  deliver(
    entry: TakenEntry,
    id: number,
    from: string,
    payload: Uint8Array,
    segment = 0,
    isLast = false,
    wakes = true,
  ): void {
    const { memory, datagramBuffers } = this.network.reactor;
    const { nameRoom, payloadOffset } = this.endpoint.inbox;
    const origin = datagramBuffers.offsetOf(id);
    const { words, bytes } = memory;
    const at = origin >> 2;
    const name = encodeSockaddr(SocketAddress.parse(from), bytes, origin + RECVMSG_OUT.SIZE);
    words[at] = name;
    words[at + 1] = segment > 0 ? controlSpace(4) : 0;
    words[at + 2] = payload.length;
    words[at + 3] = 0;
    if (segment > 0) {
      const data = writeControl(words, origin + RECVMSG_OUT.SIZE + nameRoom, 17, 104, 4);
      words[data >> 2] = segment;
    }
    bytes.set(payload, origin + payloadOffset);
    const more = isLast ? 0 : CqeFlag.MORE;
    const flags = CqeFlag.BUFFER | more | (id << CQE_BUFFER_SHIFT);
    const result = payloadOffset + payload.length;
    if (wakes) this.complete(entry, result, flags);
    else this.driver.complete(entry, result, flags);
  }

  #read(entry: TakenEntry): SentMessage {
    const { memory } = this.network.reactor;
    const { bytes, words } = memory;
    if (entry.opcode === Op.SEND) {
      const start = entry.words[W_ADDRESS];
      const piece = bytes.subarray(start, start + entry.words[W_LENGTH]);
      const to = this.#name(entry.words[W_OFFSET], entry.words[W_FILE_INDEX]);
      return { entry, to, pieces: [piece], bytes: piece, segment: 0 };
    }
    const header = entry.words[W_ADDRESS];
    const long = (offset: number) => words[(header + offset) >> 2];
    const pieces: Uint8Array[] = [];
    for (let index = 0; index < long(MSGHDR.IOV_LENGTH); index++) {
      const vector = (long(MSGHDR.IOV) + index * IOVEC.SIZE) >> 2;
      const start = words[vector];
      pieces.push(bytes.subarray(start, start + words[vector + IOVEC.LENGTH / 4]));
    }
    const control = long(MSGHDR.CONTROL);
    const isCut = long(MSGHDR.CONTROL_LENGTH) > 0 &&
      controlBytes(words, control, control + long(MSGHDR.CONTROL_LENGTH)) === 2;
    const segment = isCut ? words[(control + CMSGHDR.SIZE) >> 2] & 0xffff : 0;
    const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return {
      entry,
      to: this.#name(long(MSGHDR.NAME), long(MSGHDR.NAME_LENGTH)),
      pieces,
      bytes: all,
      segment,
    };
  }

  #name(offset: number, length: number): string {
    if (length === 0) return "";
    return decodeSockaddr(this.network.reactor.memory.bytes, offset, length).toString();
  }
}
