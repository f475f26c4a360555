/**
 * What is known of a datagram that is handed over, read from its header.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { DatagramInfo } from "../socket.ts";
import { type Ipv6Address, ipv6At, isIpv6At } from "../wire/addresses.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { PacketBytes } from "../wire/packet_bytes.ts";

/** Reads the headers of packets for one socket. */
export class InfoReader {
  readonly #environment: Environment;
  #source: Ipv6Address = [0, 0, 0, 0];
  #destination: Ipv6Address = [0, 0, 0, 0];

  /** Has read nothing yet. */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Fills in what the header of IP says, and the interface. */
  read(packet: number, info: DatagramInfo): void {
    const { arena: { memory }, packets } = this.#environment;
    const at = packets.network[packet];
    // RFC 1122 section 4.1.3.5 (MUST): programs learn which of our addresses a datagram was for.
    // RFC 1122 section 4.1.3.2 (MUST) excepted: they are not shown the options of IP that came with
    // it, which no program asks Linux for by default either; raw sockets see them.
    info.interface = packets.interface[packet];
    if (memory.view.getUint8(at) >> 4 === 4) {
      info.source = ipv4.source(memory, at);
      info.destination = ipv4.destination(memory, at);
      info.timeToLive = ipv4.timeToLive(memory, at);
      info.typeOfService = ipv4.typeOfService(memory, at);
      return;
    }
    this.#source = sameOrNew(memory, ipv6.sourceAt(at), this.#source);
    this.#destination = sameOrNew(memory, ipv6.destinationAt(at), this.#destination);
    info.source = this.#source;
    info.destination = this.#destination;
    info.timeToLive = ipv6.hopLimit(memory, at);
    info.typeOfService = ipv6.trafficClass(memory, at);
  }
}

/** Most datagrams come from where the one before came from: that needs no new object. */
function sameOrNew(memory: PacketBytes, at: number, before: Ipv6Address): Ipv6Address {
  return isIpv6At(memory, at, before) ? before : ipv6At(memory, at);
}
