/**
 * What is in a frame, as a bystander reads it: without any state of a stack, so that it can judge
 * what stacks send.
 *
 * @module
 */

import { ethernet, EtherType, Fault, ipv4, ipv6, ipv6Chain, Protocol } from "../wire/mod.ts";
import type { PacketBytes } from "../wire/mod.ts";
import { LinkType } from "./pcapng_numbers.ts";

/** Words of an address: one of IPv4 is the last of them, the others are 0. */
export const ADDRESS_WORDS = 4;

/** One frame; the same object is filled again and again. */
export class FrameFields {
  /** The type of the frame; 0 where it is no frame that is known here. */
  etherType = 0;
  /** The offset of the header of IP, -1 without one. */
  network = -1;
  /** Bytes of the packet of IP, padding of the frame not among them. */
  networkBytes = 0;
  /** What the packet carries, -1 without one. */
  protocol = -1;
  /** The offset of that; -1 for a fragment that is not the first one. */
  transport = -1;
  /** How many bytes of it there are. */
  transportBytes = 0;
  /** Whether the packet is a part of another one. */
  isFragment = false;
  /** Bits 0 and 1 are those of ECN. */
  typeOfService = 0;
  timeToLive = 0;
  /** The identification of IPv4, 0 for IPv6. */
  identification = 0;
  /** Both ports, 0 where there are none. */
  sourcePort = 0;
  destinationPort = 0;
  readonly source: Int32Array = new Int32Array(ADDRESS_WORDS);
  readonly destination: Int32Array = new Int32Array(ADDRESS_WORDS);
  readonly #chain = new ipv6Chain.Ipv6Chain();

  /** Whether it carries IPv6. */
  get isIpv6(): boolean {
    return this.etherType === EtherType.IPV6;
  }

  /**
   * Reads a frame as far as it is well-formed.
   *
   * @param linkType one of {@linkcode LinkType}
   * @returns what is wrong with it, {@linkcode Fault.NONE} if nothing is
   */
  read(packets: PacketBytes, at: number, length: number, linkType: number): Fault {
    this.#forget();
    let skipped = 0;
    if (linkType === LinkType.ETHERNET) {
      const fault = ethernet.check(packets, at, length);
      if (fault !== Fault.NONE) return fault;
      this.etherType = ethernet.type(packets, at);
      skipped = ethernet.headerBytes(packets, at);
    } else if (length > 0) {
      const isSix = packets.view.getUint8(at) >> 4 === 6;
      this.etherType = isSix ? EtherType.IPV6 : EtherType.IPV4;
    }
    if (this.etherType === EtherType.IPV4) {
      return this.#readIpv4(packets, at + skipped, length - skipped);
    }
    if (this.etherType === EtherType.IPV6) {
      return this.#readIpv6(packets, at + skipped, length - skipped);
    }
    return Fault.NONE;
  }

  #forget(): void {
    this.etherType = 0;
    this.network = -1;
    this.networkBytes = 0;
    this.protocol = -1;
    this.transport = -1;
    this.transportBytes = 0;
    this.isFragment = false;
    this.sourcePort = 0;
    this.destinationPort = 0;
  }

  #readIpv4(packets: PacketBytes, at: number, length: number): Fault {
    const fault = ipv4.check(packets, at, length);
    if (fault !== Fault.NONE) return fault;
    const header = ipv4.headerBytes(packets, at);
    this.network = at;
    this.networkBytes = ipv4.totalLength(packets, at);
    this.protocol = ipv4.protocol(packets, at);
    this.isFragment = ipv4.isFragment(packets, at);
    this.typeOfService = ipv4.typeOfService(packets, at);
    this.timeToLive = ipv4.timeToLive(packets, at);
    this.identification = ipv4.identification(packets, at);
    for (let word = 0; word < ADDRESS_WORDS - 1; word++) {
      this.source[word] = 0;
      this.destination[word] = 0;
    }
    this.source[ADDRESS_WORDS - 1] = ipv4.source(packets, at);
    this.destination[ADDRESS_WORDS - 1] = ipv4.destination(packets, at);
    if (this.isFragment && ipv4.fragmentOffset(packets, at) > 0) return Fault.NONE;
    this.#readPorts(packets, at + header, this.networkBytes - header);
    return Fault.NONE;
  }

  #readIpv6(packets: PacketBytes, at: number, length: number): Fault {
    const fault = ipv6.check(packets, at, length);
    if (fault !== Fault.NONE) return fault;
    const chain = this.#chain;
    const further = ipv6Chain.walk(packets, at, chain);
    if (further !== Fault.NONE) return further;
    this.network = at;
    this.networkBytes = ipv6.HEADER_BYTES + ipv6.payloadLength(packets, at);
    this.protocol = chain.protocol;
    this.isFragment = chain.isFragment;
    this.typeOfService = ipv6.trafficClass(packets, at);
    this.timeToLive = ipv6.hopLimit(packets, at);
    this.identification = 0;
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      this.source[word] = ipv6.sourceWord(packets, at, word);
      this.destination[word] = ipv6.destinationWord(packets, at, word);
    }
    if (chain.isFragment && chain.fragmentOffset > 0) return Fault.NONE;
    this.#readPorts(packets, chain.payloadAt, chain.payloadBytes);
    return Fault.NONE;
  }

  #readPorts(packets: PacketBytes, at: number, bytes: number): void {
    this.transport = at;
    this.transportBytes = bytes;
    // Both protocols begin with the ports.
    if (bytes < 4 || (this.protocol !== Protocol.TCP && this.protocol !== Protocol.UDP)) return;
    this.sourcePort = packets.view.getUint16(at);
    this.destinationPort = packets.view.getUint16(at + 2);
  }
}
