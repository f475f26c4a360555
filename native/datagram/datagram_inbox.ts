/**
 * What a datagram endpoint has received and nobody has taken: completions become messages, messages
 * gather in frames, and readers take datagrams or whole frames.
 *
 * @module
 */

import { AddressCache, type CachedAddress } from "./datagram_addresses.ts";
import type { Message, MessageDatagram, MessageHome } from "./datagram.ts";
import { Frame } from "./datagram_frames.ts";
import {
  HEADER_BYTES,
  payloadOffsetOf,
  type ReceiveLayout,
  singleMessage,
} from "./datagram_template.ts";
import type { Network } from "../network.ts";
import type { ProvidedBuffers } from "../../ring/buffers.ts";
import { Counter } from "../../ring/counters.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { findControl, readWord } from "../../ring/abi/control.ts";
import { CMSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { Msg, SockOpt } from "../../ring/abi/opcodes.ts";

/** Below this share of free buffers, messages that a program may keep are moved to the heap. */
const SCARCE_SHARE = 4;

const CONTROL_LENGTH = RECVMSG_OUT.CONTROL_LENGTH / 4;
const FLAGS = RECVMSG_OUT.FLAGS / 4;
const LEVEL = CMSGHDR.LEVEL / 4;
const TYPE = CMSGHDR.TYPE / 4;
const DATA = CMSGHDR.SIZE / 4;

/** What is asked before a datagram is delivered. */
export interface DatagramFilter {
  /** @returns how many of `count` datagrams from that sockaddr may pass */
  admit(bytes: Uint8Array, offset: number, length: number, count: number): number;
}

/** What an inbox counted. */
export interface ReceiveCounts {
  /** Datagrams that arrived and may be read. */
  received: number;
  bytes: number;
  /** Datagrams that were larger than the buffer. */
  truncated: number;
  /** Datagrams that the system dropped because the socket's queue was full. */
  dropped: number;
  /** Datagrams that the filter did not let pass. */
  limited: number;
}

/** The received datagrams of one endpoint. */
export class DatagramInbox implements MessageHome {
  readonly memory: RingMemory;
  readonly buffers: ProvidedBuffers;
  readonly nameRoom: number;
  readonly payloadOffset: number;
  readonly localPort: number;
  readonly counts: ReceiveCounts = { received: 0, bytes: 0, truncated: 0, dropped: 0, limited: 0 };
  /** Datagrams that a program holds one by one: by `receive()` and by `retain()`. */
  leases = 0;
  /** Messages that nobody has taken. */
  pending = 0;
  readonly #network: Network;
  readonly #addresses: AddressCache = new AddressCache();
  readonly #filter: DatagramFilter | null;
  readonly #isMultishot: boolean;
  /** Bytes for control messages in front of the payload. */
  readonly #controlRoom: number;
  /** Frames with something in them, the one being filled last. */
  readonly #frames: Frame[] = [];
  readonly #spare: Frame[] = [];

  constructor(network: Network, layout: ReceiveLayout) {
    const { reactor } = network;
    this.#network = network;
    this.memory = reactor.memory;
    this.buffers = reactor.datagramBuffers;
    this.nameRoom = layout.nameRoom;
    this.payloadOffset = payloadOffsetOf(layout.nameRoom);
    this.#controlRoom = this.payloadOffset - HEADER_BYTES - this.nameRoom;
    this.localPort = layout.localPort;
    this.#filter = layout.filter;
    this.#isMultishot = reactor.driver.features.multishotReceive;
    this.buffers.users++;
  }

  /** Datagrams that nobody has taken. */
  get waiting(): number {
    return this.#frames.reduce((count, frame) => count + frame.datagrams, 0);
  }

  /** {@inheritDoc MessageHome.isScarce} */
  get isScarce(): boolean {
    const { available, count, users } = this.buffers;
    return users > 1 && available < count / SCARCE_SHARE;
  }

  /**
   * Takes in what a completion brought.
   *
   * @param id the provided buffer
   * @param result of the completion
   * @param slot whose scratch bytes the rest is in, where the receive was a single one
   * @returns the message, null when the filter dropped all of it
   */
  add(id: number, result: number, slot: number): Message | null {
    const frame = this.#openFrame();
    const message = frame.add();
    if (this.#isMultishot) this.#read(message, id, result);
    else this.#readSingle(message, id, result, slot);
    const { counts } = this;
    if (message.isTruncated) counts.truncated++;
    if (this.#filter !== null && this.#admit(message, this.#filter) === 0) {
      frame.drop(message);
      if (frame.count === 0) this.#spare.push(this.#frames.pop()!);
      return null;
    }
    counts.received += message.count;
    counts.bytes += message.bytes;
    const { counters } = this.#network.reactor;
    counters.add(Counter.receives, 1);
    counters.add(Counter.bytesReceived, message.bytes);
    frame.added(message);
    this.pending++;
    return message;
  }

  /** Takes the oldest frame, for a program to hold as a batch. */
  takeFrame(): Frame {
    const frame = this.#frames.shift()!;
    this.pending -= frame.count - frame.next;
    frame.lent = frame.datagrams;
    this.#network.leases += frame.lent;
    return frame;
  }

  /** Takes the oldest datagram. */
  takeOne(): MessageDatagram {
    const frame = this.#frames[0];
    const before = frame.next;
    const taken = frame.take();
    this.pending -= frame.next - before;
    if (frame.datagrams === 0) {
      this.#frames.shift();
      this.giveBack(frame);
    }
    return taken;
  }

  /** Takes back a frame that a reader is done with. */
  giveBack(frame: Frame): void {
    this.#network.leases -= frame.lent;
    frame.lent = 0;
    frame.release();
    // With poisoned memory a handle must never come to life again.
    if (!this.buffers.poison) this.#spare.push(frame);
  }

  /** Moves everything that nobody has taken to the heap. */
  moveToHeap(): void {
    for (const frame of this.#frames) frame.moveToHeap();
  }

  /** Lets go of everything that nobody has taken; no more will come. */
  close(): void {
    for (const frame of this.#frames.splice(0)) frame.release();
    this.pending = 0;
    this.buffers.users--;
  }

  /** {@inheritDoc LeaseIssuer.leaseTaken} */
  leaseTaken(): void {
    this.leases++;
    this.#network.leases++;
  }

  /** {@inheritDoc LeaseIssuer.leaseReturned} */
  leaseReturned(): void {
    this.leases--;
    this.#network.leases--;
  }

  /** {@inheritDoc MessageHome.addressAt} */
  addressAt(bytes: Uint8Array, offset: number, length: number): CachedAddress {
    return this.#addresses.at(bytes, offset, length);
  }

  /** Reads what a multishot receive put in front of the payload. */
  #read(message: Message, id: number, result: number): void {
    const { words } = this.memory;
    const origin = this.buffers.offsetOf(id);
    const at = origin >> 2;
    message.id = id;
    message.origin = origin;
    message.nameLength = Math.min(words[at], this.nameRoom);
    message.controlLength = Math.min(words[at + CONTROL_LENGTH], this.#controlRoom);
    message.bytes = result - this.payloadOffset;
    message.segment = message.bytes;
    message.count = 1;
    message.isTruncated = (words[at + FLAGS] & Msg.TRUNC) !== 0;
    if (message.controlLength === 0) return;
    const from = (origin + HEADER_BYTES + this.nameRoom) >> 2;
    this.#readControl(message, words, from, from + (message.controlLength >> 2));
  }

  /** Looks for what must be known at once: how datagrams were joined, and what was dropped. */
  #readControl(
    message: Message,
    words: Int32Array<ArrayBufferLike>,
    from: number,
    end: number,
  ): void {
    for (let at = from; at + DATA < end;) {
      const length = words[at];
      if (length < CMSGHDR.SIZE) return;
      const level = words[at + LEVEL];
      const type = words[at + TYPE];
      if (level === SockOpt.IPPROTO_UDP && type === SockOpt.UDP_GRO) {
        message.cut(words[at + DATA]);
      } else if (level === SockOpt.SOL_SOCKET && type === SockOpt.SO_RXQ_OVFL) {
        this.counts.dropped = words[at + DATA] >>> 0;
      }
      at += ((length + 7) & -8) >> 2;
    }
  }

  /** The same for a receive that took one message only. */
  #readSingle(message: Message, id: number, result: number, slot: number): void {
    singleMessage(this.#network.reactor, message, id, result, slot);
    const { memory, origin, controlLength } = message;
    const from = origin + HEADER_BYTES + this.nameRoom;
    const end = from + controlLength;
    const { IPPROTO_UDP, UDP_GRO, SOL_SOCKET, SO_RXQ_OVFL } = SockOpt;
    const joined = findControl(memory, from, end, IPPROTO_UDP, UDP_GRO);
    if (joined >= 0) message.cut(readWord(memory, joined));
    const dropped = findControl(memory, from, end, SOL_SOCKET, SO_RXQ_OVFL);
    if (dropped >= 0) this.counts.dropped = readWord(memory, dropped) >>> 0;
  }

  /** Drops from the end of a message what is over the limit. @returns how many are left */
  #admit(message: Message, filter: DatagramFilter): number {
    const { count, memory, origin, nameLength } = message;
    const admitted = filter.admit(memory, origin + HEADER_BYTES, nameLength, count);
    this.counts.limited += count - admitted;
    message.count = admitted;
    message.bytes = Math.min(message.bytes, admitted * message.segment);
    return admitted;
  }

  #openFrame(): Frame {
    const last = this.#frames.at(-1);
    if (last !== undefined && !last.isFull) return last;
    const frame = this.#spare.pop() ?? new Frame(this);
    this.#frames.push(frame);
    return frame;
  }
}
