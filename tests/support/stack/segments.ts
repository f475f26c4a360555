/**
 * Packets of TCP and UDP as tests of offloads make them, and take them apart by other means than
 * the stack does.
 *
 * @module
 */

import type { Environment } from "../../../stack/environment.ts";
import type { Interface, IpInput } from "../../../stack/iface/types.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { chainLength, copyOut } from "../../../stack/memory/mod.ts";
import { ipv4Of, ipv6Of, PacketBytes, putIpv6 } from "../../../stack/wire/mod.ts";
import { complement, PlainChecksummer } from "../../../stack/wire/checksum.ts";
import { pseudoIpv4At, pseudoIpv6At } from "../../../stack/wire/checksum.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import * as tcp from "../../../stack/wire/tcp.ts";
import * as udp from "../../../stack/wire/udp.ts";

/** What a test says of a packet. */
export interface Spec {
  readonly isIpv6: boolean;
  readonly protocol: 6 | 17;
  readonly source?: IpAddress;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
  readonly typeOfService: number;
  readonly hops: number;
  readonly identification: number;
  readonly mayFragment: boolean;
}

/** A packet that is nothing special. */
export const USUAL: Spec = {
  isIpv6: false,
  protocol: 6,
  sourcePort: 1000,
  destinationPort: 2000,
  sequence: 1,
  acknowledgment: 7,
  flags: tcp.Flag.ACK,
  window: 500,
  options: new Uint8Array(0),
  payload: new Uint8Array(100),
  typeOfService: 0,
  hops: 64,
  identification: 0,
  mayFragment: false,
};

const DESTINATION = ipv4Of("10.0.0.1");
const DESTINATION_6 = ipv6Of("fd00::1");
const SOURCE = ipv4Of("10.0.0.2");
const SOURCE_6 = ipv6Of("fd00::2");

/** The bytes of a packet, all of it right: headers, lengths and checksums. */
export function build(spec: Partial<Spec>): Uint8Array<ArrayBuffer> {
  const all = { ...USUAL, ...spec };
  const header = all.protocol === 6 ? tcp.HEADER_BYTES + all.options.length : udp.HEADER_BYTES;
  const network = all.isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
  const length = header + all.payload.length;
  const packets = PacketBytes.copyOf(new Uint8Array(network + length));
  if (all.isIpv6) {
    ipv6.put(packets, 0, all.typeOfService, 5, length, all.protocol, all.hops);
    putIpv6(packets, ipv6.sourceAt(0), (all.source ?? SOURCE_6) as typeof SOURCE_6);
    putIpv6(packets, ipv6.destinationAt(0), DESTINATION_6);
  } else {
    const source = (all.source ?? SOURCE) as number;
    const { typeOfService, identification, mayFragment, hops, protocol } = all;
    const total = network + length;
    ipv4.put(
      packets,
      0,
      typeOfService,
      total,
      identification & 0xffff,
      mayFragment,
      hops,
      protocol,
      source,
      DESTINATION,
    );
  }
  putTransport(packets, network, header, length, all);
  return packets.bytes as Uint8Array<ArrayBuffer>;
}

function putTransport(
  packets: PacketBytes,
  at: number,
  header: number,
  length: number,
  spec: Spec,
): void {
  packets.bytes.set(spec.payload, at + header);
  const { sourcePort, destinationPort, sequence, acknowledgment, flags, window } = spec;
  const summer = new PlainChecksummer(packets);
  const pseudo = (spec.isIpv6 ? pseudoIpv6At : pseudoIpv4At)(packets, 0, spec.protocol, length);
  if (spec.protocol === 6) {
    const numbers = [sequence, acknowledgment] as const;
    tcp.put(packets, at, sourcePort, destinationPort, ...numbers, header, flags, window, 0);
    packets.bytes.set(spec.options, at + tcp.HEADER_BYTES);
    tcp.seal(summer, packets, at, length, pseudo);
  } else {
    udp.put(packets, at, sourcePort, destinationPort, length);
    udp.seal(summer, packets, at, pseudo);
  }
}

/** Whether the checksums of a packet are right. */
export function isSound(bytes: Uint8Array): boolean {
  const packets = PacketBytes.copyOf(bytes);
  const isIpv4 = bytes[0] >> 4 === 4;
  const network = isIpv4 ? ipv4.HEADER_BYTES : ipv6.HEADER_BYTES;
  const protocol = isIpv4 ? bytes[9] : bytes[6];
  const length = bytes.length - network;
  const pseudo = (isIpv4 ? pseudoIpv4At : pseudoIpv6At)(packets, 0, protocol, length);
  const sum = new PlainChecksummer(packets).sum(network, length);
  const said = isIpv4 ? ipv4.totalLength(packets, 0) : network + ipv6.payloadLength(packets, 0);
  return said === bytes.length && complement(sum + pseudo) === 0 &&
    (!isIpv4 || ipv4.verify(packets, 0) === 0);
}

/** Puts bytes into a packet of an arena. */
export function packetOf(
  { arena, packets }: Environment,
  bytes: Uint8Array,
  padding = 0,
): number {
  const packet = arena.take(bytes.length + padding);
  if (packet < 0) throw new Error("no packet is left");
  const at = arena.start(packet);
  arena.memory.bytes.set(bytes, at);
  arena.memory.bytes.fill(0xee, at + bytes.length, at + bytes.length + padding);
  packets.clear(packet);
  packets.interface[packet] = 1;
  packets.network[packet] = at;
  packets.transport[packet] = at + (bytes[0] >> 4 === 4 ? (bytes[0] & 15) * 4 : ipv6.HEADER_BYTES);
  return packet;
}

/** The bytes of a chain. */
export function bytesOf({ arena }: Environment, packet: number): Uint8Array<ArrayBuffer> {
  const length = chainLength(arena, packet);
  const scratch = arena.take(length);
  if (scratch < 0) throw new Error("no packet is left to look at a chain");
  copyOut(arena, packet, 0, length, arena.start(scratch));
  const bytes = new Uint8Array(length);
  bytes.set(arena.memory.bytes.subarray(arena.start(scratch), arena.start(scratch) + length));
  arena.release(scratch);
  return bytes;
}

/** Keeps what it is given, as IP would. */
export class KeepingInput implements IpInput {
  readonly packets: number[] = [];

  receiveIpv4(packet: number, _link: Interface): void {
    this.packets.push(packet);
  }

  receiveIpv6(packet: number, _link: Interface): void {
    this.packets.push(packet);
  }
}

/** A link that nobody looks into. */
export const LINK = { index: 1, name: "eth0" } as unknown as Interface;
