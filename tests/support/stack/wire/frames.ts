/**
 * Whole frames around what a test wrote: headers of Ethernet and IP, lengths and checksums.
 *
 * @module
 */

import { IPV6_ANY } from "../../../../stack/wire/addresses.ts";
import { PlainChecksummer } from "../../../../stack/wire/checksum.ts";
import { pseudoIpv4At, pseudoIpv6At } from "../../../../stack/wire/checksum.ts";
import * as ethernet from "../../../../stack/wire/ethernet.ts";
import * as ipv4 from "../../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../../stack/wire/ipv6.ts";
import { EtherType } from "../../../../stack/wire/numbers.ts";
import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";

/** A packet that is being written. */
export interface Draft {
  readonly packets: PacketBytes;
  readonly summer: PlainChecksummer;
  /** Where the writing goes on. */
  readonly at: number;
  /** The sum of the pseudo header for so many bytes. */
  pseudo(protocol: number, length: number): number;
}

const ROOM = 4096;
const STATIONS = { destination: 0x0200_0000_0002, source: 0x0200_0000_0001, tags: [] } as const;

/** Memory with bytes in it that whoever writes has to overwrite. */
export function fresh(): PacketBytes {
  const packets = new PacketBytes(new ArrayBuffer(ROOM));
  packets.bytes.fill(0xa5);
  return packets;
}

/**
 * Makes a frame of IPv4.
 *
 * @param protocol What it carries.
 * @param write Writes that. @returns how many bytes there are
 */
export function frameOfIpv4(protocol: number, write: (draft: Draft) => number): Uint8Array {
  const packets = fresh();
  const ipAt = ethernet.emit(packets, 0, { ...STATIONS, type: EtherType.IPV4 });
  const at = ipAt + ipv4.HEADER_BYTES;
  const addresses = [0x0a00_0001, 0x0a00_0002] as const;
  ipv4.put(packets, ipAt, 0, 20, 1, false, 1, protocol, ...addresses);
  const length = write({
    packets,
    summer: new PlainChecksummer(packets),
    at,
    pseudo: (protocol, length) => pseudoIpv4At(packets, ipAt, protocol, length),
  });
  ipv4.put(packets, ipAt, 0, 20 + length, 1, false, 1, protocol, ...addresses);
  return packets.bytes.slice(0, at + length);
}

/**
 * Makes a frame of IPv6, from `::` to `::`.
 *
 * @param nextHeader What it carries.
 * @param hopLimit The hop limit.
 * @param write Writes that. @returns how many bytes there are
 */
export function frameOfIpv6(
  nextHeader: number,
  hopLimit: number,
  write: (draft: Draft) => number,
): Uint8Array {
  const packets = fresh();
  const ipAt = ethernet.emit(packets, 0, { ...STATIONS, type: EtherType.IPV6 });
  const at = ipAt + ipv6.emit(packets, ipAt, {
    ...{ dscp: 0, ecn: 0, flowLabel: 0, payloadLength: 0, nextHeader, hopLimit },
    ...{ source: IPV6_ANY, destination: IPV6_ANY },
  });
  const length = write({
    packets,
    summer: new PlainChecksummer(packets),
    at,
    pseudo: (protocol, length) => pseudoIpv6At(packets, ipAt, protocol, length),
  });
  ipv6.putPayloadLength(packets, ipAt, length);
  return packets.bytes.slice(0, at + length);
}
