/**
 * Datagrams: received messages, viewed in place until they are released.
 *
 * @module
 */

import type { CachedAddress } from "./datagram_addresses.ts";
import type { Lease, LeaseIssuer } from "../lease.ts";
import type { ProvidedBuffers } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { findControl, readWord } from "../../ring/abi/control.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

/**
 * A received datagram, borrowed from the ring.
 *
 * It ends as every {@linkcode Lease} does. Those that `receiveMany()` gives end together when the
 * next batch is asked for, and the objects are then used again: keep one with `retain()`.
 *
 * @example
 * ```ts
 * import type { Datagram } from "./datagram.ts";
 * function describe(datagram: Datagram): string {
 *   return `${datagram.length} bytes from ${datagram.remoteName}`;
 * }
 * ```
 */
export interface Datagram<A extends Deno.Addr = Deno.NetAddr> extends Lease {
  /** How many bytes there are; a datagram may have none. */
  readonly length: number;
  /** Who sent it. The same address is the same object for a while: send replies to it as it is. */
  readonly remoteAddr: A;
  /** Who sent it, as text. */
  readonly remoteName: string;
  /** Where it was sent to; undefined without the option `packetInfo`. */
  readonly localAddr: A | undefined;
  /** The index of the interface it came by; undefined without the option `packetInfo`. */
  readonly interfaceIndex: number | undefined;
  /** How many routers it might still have passed; undefined without `receiveTimeToLive`. */
  readonly timeToLive: number | undefined;
  /** The byte with DSCP and ECN; undefined without `receiveTrafficClass`. */
  readonly trafficClass: number | undefined;
  /**
   * The ECN bits of that byte (RFC 3168): 0 not capable, 1 and 2 capable, 3 congestion was
   * experienced; undefined without `receiveTrafficClass`.
   */
  readonly congestion: number | undefined;
  /** Whether bytes are missing, because the datagram was larger than the buffer. */
  readonly truncated: boolean;
  /** Borrows the same datagram once more. @returns a handle that lives on its own */
  retain(): Datagram<A>;
}

/** What messages of one endpoint have in common. */
export interface MessageHome extends LeaseIssuer {
  readonly memory: RingMemory;
  readonly buffers: ProvidedBuffers;
  /** Bytes between the header and the control data. */
  readonly nameRoom: number;
  /** Where the payload begins, from the start of the buffer. */
  readonly payloadOffset: number;
  /** The port that the endpoint is bound to. */
  readonly localPort: number;
  /** Whether buffers are so short that what a program may keep must not hold one. */
  readonly isScarce: boolean;
  /** The address whose sockaddr is there. */
  addressAt(bytes: Uint8Array, offset: number, length: number): CachedAddress;
}

/** `struct io_uring_recvmsg_out` in front of every message. */
const HEADER_BYTES = 16;
const NOWHERE = -1;
const { SOL_IP, IPPROTO_IPV6, IP_TTL, IP_TOS, IP_PKTINFO } = SockOpt;
const { IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_TCLASS } = SockOpt;
/** `ipi_addr` in `struct in_pktinfo`. Source: ip(7). */
const PKTINFO_ADDRESS = 8;
/** `ipi6_ifindex` in `struct in6_pktinfo`. Source: ipv6(7). */
const PKTINFO6_INTERFACE = 16;

/**
 * What came in one completion: one datagram, or several of one sender that the kernel had joined.
 * In memory it is a header, a sockaddr, control messages and the payload, wherever that memory is.
 */
export class Message {
  readonly home: MessageHome;
  /** Handles of its datagrams, made once and used for whatever this message holds. */
  readonly datagrams: MessageDatagram[] = [];
  /** The provided buffer, -1 where it is on the heap. */
  id: number = NOWHERE;
  /** A copy of all of it, made while buffers were short. */
  heap: Uint8Array<ArrayBuffer> | null = null;
  /** Where it begins in ring memory, or in the copy. */
  origin = 0;
  /** Bytes of payload. */
  bytes = 0;
  /** Bytes of each datagram but the last. */
  segment = 0;
  /** Datagrams. */
  count = 0;
  /** The first one that no reader has taken. */
  first = 0;
  nameLength = 0;
  controlLength = 0;
  isTruncated = false;
  /** Which use of it this is; 0 while it holds nothing. */
  live = 0;
  /** Whether it belongs to a single handle, which gives the buffer back. */
  readonly isOwned: boolean;

  constructor(home: MessageHome, isOwned: boolean) {
    this.home = home;
    this.isOwned = isOwned;
  }

  /** Where the payload begins. */
  get payload(): number {
    return this.origin + this.home.payloadOffset;
  }

  /** The memory it is in. */
  get memory(): Uint8Array<ArrayBufferLike> {
    return this.heap ?? this.home.memory.bytes;
  }

  /** Makes sure that there are handles for all of its datagrams. */
  extend(): void {
    const { datagrams } = this;
    while (datagrams.length < this.count) {
      datagrams.push(new MessageDatagram(this, datagrams.length));
    }
  }

  /** Notes that it is several datagrams joined, of so many bytes each. */
  cut(segment: number): void {
    if (segment <= 0 || segment >= this.bytes) return;
    this.segment = segment;
    this.count = Math.ceil(this.bytes / segment);
  }

  /** Moves it to the heap and gives its buffer back; nobody may have seen its bytes yet. */
  moveToHeap(): void {
    if (this.id === NOWHERE) return;
    const { buffers, memory, payloadOffset } = this.home;
    const heap = new Uint8Array(payloadOffset + this.bytes);
    heap.set(memory.bytes.subarray(this.origin, this.origin + heap.length));
    buffers.release(this.id);
    this.id = NOWHERE;
    this.heap = heap;
    this.origin = 0;
  }

  /** A handle of its own for one of the datagrams. */
  detach(index: number): MessageDatagram {
    const own = new Message(this.home, true);
    own.nameLength = this.nameLength;
    own.controlLength = this.controlLength;
    own.isTruncated = this.isTruncated;
    own.live = 1;
    this.home.leaseTaken();
    if (this.id !== NOWHERE && this.home.isScarce) {
      this.#copyTo(own, index);
      return new MessageDatagram(own, 0);
    }
    own.id = this.id;
    own.heap = this.heap;
    own.origin = this.origin;
    own.bytes = this.bytes;
    own.segment = this.segment;
    own.count = this.count;
    if (own.id !== NOWHERE) this.home.buffers.retain(own.id);
    return new MessageDatagram(own, index);
  }

  /** Copies one datagram, and what came with it, into a message of its own. */
  #copyTo(own: Message, index: number): void {
    const { memory, payloadOffset } = this.home;
    const from = index * this.segment;
    const bytes = Math.min(this.segment, this.bytes - from);
    const heap = new Uint8Array(payloadOffset + bytes);
    heap.set(memory.bytes.subarray(this.origin, this.origin + payloadOffset));
    const start = this.payload + from;
    heap.set(memory.bytes.subarray(start, start + bytes), payloadOffset);
    own.heap = heap;
    own.bytes = bytes;
    own.segment = bytes;
    own.count = 1;
  }

  /** Lets go of the memory; handles of this use throw from now on. */
  release(): void {
    this.live = 0;
    if (this.id !== NOWHERE) this.home.buffers.release(this.id);
    this.id = NOWHERE;
    this.heap = null;
  }

  /** Who sent it. */
  get sender(): CachedAddress {
    return this.home.addressAt(this.memory, this.origin + HEADER_BYTES, this.nameLength);
  }

  /** Finds a control message. @returns the offset of its data, or -1 */
  control(level: number, type: number): number {
    if (this.controlLength === 0) return NOWHERE;
    const from = this.origin + HEADER_BYTES + this.home.nameRoom;
    return findControl(this.memory, from, from + this.controlLength, level, type);
  }

  /** A control message of one word, which IPv4 and IPv6 have each their own kind of. */
  word(type: number, type6: number): number | undefined {
    const at = this.control(SOL_IP, type);
    if (at >= 0) return this.memory[at];
    const at6 = this.control(IPPROTO_IPV6, type6);
    return at6 < 0 ? undefined : readWord(this.memory, at6);
  }

  /** Where it was sent to. */
  get destination(): SocketAddress | undefined {
    const { memory } = this;
    const at = this.control(SOL_IP, IP_PKTINFO);
    if (at >= 0) {
      const address = memory.subarray(at + PKTINFO_ADDRESS, at + PKTINFO_ADDRESS + 4);
      return SocketAddress.ipv4(address, this.home.localPort);
    }
    const at6 = this.control(IPPROTO_IPV6, IPV6_PKTINFO);
    if (at6 < 0) return undefined;
    const address = memory.subarray(at6, at6 + PKTINFO6_INTERFACE);
    const isLinkLocal = address[0] === 0xfe && (address[1] & 0xc0) === 0x80;
    const scope = isLinkLocal ? String(readWord(memory, at6 + PKTINFO6_INTERFACE)) : "";
    return SocketAddress.ipv6(address, this.home.localPort, scope);
  }

  /** The interface it came by. */
  get interfaceIndex(): number | undefined {
    const at = this.control(SOL_IP, IP_PKTINFO);
    if (at >= 0) return readWord(this.memory, at);
    const at6 = this.control(IPPROTO_IPV6, IPV6_PKTINFO);
    return at6 < 0 ? undefined : readWord(this.memory, at6 + PKTINFO6_INTERFACE);
  }
}

/** A datagram of a {@linkcode Message}. */
export class MessageDatagram implements Datagram<Deno.Addr & Deno.NetAddr> {
  readonly #message: Message;
  readonly #index: number;
  /** The use of the message in which it was released on its own. */
  #gone = 0;

  constructor(message: Message, index: number) {
    this.#message = message;
    this.#index = index;
  }

  /** Whether it was not released. */
  get isHeld(): boolean {
    const message = this.#message;
    return message.live > this.#gone && this.#index < message.count;
  }

  /** Where its bytes are in ring memory, -1 when they are on the heap. */
  get offset(): number {
    const message = this.#message;
    if (message.id === NOWHERE) return NOWHERE;
    return message.payload + this.#index * message.segment;
  }

  /** The message it came in. */
  get message(): Message {
    return this.#message;
  }

  /** {@inheritDoc Lease.length} */
  get length(): number {
    const message = this.#message;
    if (!(message.live > this.#gone) || this.#index >= message.count) released("length");
    const left = message.bytes - this.#index * message.segment;
    return left < message.segment ? left : message.segment;
  }

  /** {@inheritDoc Lease.bytes} */
  get bytes(): Uint8Array<ArrayBufferLike> {
    const message = this.#held("bytes");
    const start = message.payload + this.#index * message.segment;
    const { buffer } = message.heap ?? message.home.memory;
    return new Uint8Array(buffer, start, this.length);
  }

  /** {@inheritDoc Lease.copy} */
  copy(): Uint8Array<ArrayBuffer> {
    const message = this.#held("copy()");
    const start = message.payload + this.#index * message.segment;
    const copy = new Uint8Array(this.length);
    copy.set(message.memory.subarray(start, start + copy.length));
    return copy;
  }

  /** {@inheritDoc Datagram.remoteAddr} */
  get remoteAddr(): Deno.NetAddr {
    return this.#held("remoteAddr").sender.object as Deno.NetAddr;
  }

  /** {@inheritDoc Datagram.remoteName} */
  get remoteName(): string {
    return this.#held("remoteName").sender.text;
  }

  /** {@inheritDoc Datagram.localAddr} */
  get localAddr(): Deno.NetAddr | undefined {
    return this.#held("localAddr").destination?.toDenoAddr("udp") as Deno.NetAddr | undefined;
  }

  /** {@inheritDoc Datagram.interfaceIndex} */
  get interfaceIndex(): number | undefined {
    return this.#held("interfaceIndex").interfaceIndex;
  }

  /** {@inheritDoc Datagram.timeToLive} */
  get timeToLive(): number | undefined {
    return this.#held("timeToLive").word(IP_TTL, IPV6_HOPLIMIT);
  }

  /** {@inheritDoc Datagram.trafficClass} */
  get trafficClass(): number | undefined {
    return this.#held("trafficClass").word(IP_TOS, IPV6_TCLASS);
  }

  /** {@inheritDoc Datagram.congestion} */
  get congestion(): number | undefined {
    const trafficClass = this.#held("congestion").word(IP_TOS, IPV6_TCLASS);
    return trafficClass === undefined ? undefined : trafficClass & 3;
  }

  /** {@inheritDoc Datagram.truncated} */
  get truncated(): boolean {
    return this.#held("truncated").isTruncated;
  }

  /** {@inheritDoc Datagram.retain} */
  retain(): MessageDatagram {
    return this.#held("retain()").detach(this.#index);
  }

  /** {@inheritDoc Lease.release} */
  release(): void {
    if (!this.isHeld) return;
    const message = this.#message;
    this.#gone = message.live;
    if (!message.isOwned) return;
    message.release();
    message.home.leaseReturned();
  }

  /** {@inheritDoc Lease.release} */
  [Symbol.dispose](): void {
    this.release();
  }

  #held(what: string): Message {
    if (!this.isHeld) released(what);
    return this.#message;
  }
}

function released(what: string): never {
  throw new TypeError(`${what}: the datagram was released; retain() it to keep it longer`);
}
