/**
 * Packets that whoever sees nothing can make up: they know addresses and ports, but no sequence
 * numbers, and claim to come from anywhere.
 *
 * @module
 */

import type { IpAddress } from "../../../stack/ip/types.ts";
import type { Ipv6Address } from "../../../stack/wire/addresses.ts";
import * as icmpv4 from "../../../stack/wire/icmpv4.ts";
import * as icmpv6 from "../../../stack/wire/icmpv6.ts";
import * as igmp from "../../../stack/wire/igmp.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { putIpv6 } from "../../../stack/wire/addresses.ts";
import * as mld from "../../../stack/wire/mld.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import type { PacketBytes } from "../../../stack/wire/packet_bytes.ts";
import * as tcp from "../../../stack/wire/tcp.ts";
import type { TcpOption } from "../../../stack/wire/tcp_option_list.ts";
import * as udp from "../../../stack/wire/udp.ts";
import { DATAGRAM_PORT, GROUPS } from "./datagrams.ts";
import { FRAME_ROOM, type FrameDraft, IP_AT } from "./frame_draft.ts";
import { other, type PacketSaid, type Scene, type Side, writePacket } from "./scene.ts";
import { PORT } from "./transfers.ts";

/** Writes a frame for one of the stacks. @returns whether it could */
export type Generator = (draft: FrameDraft, scene: Scene, target: Side) => boolean;

const { SYN, ACK, RST, FIN, PSH, URG } = tcp.Flag;
const FLAGS = [SYN, SYN | ACK, ACK, ACK | PSH, RST, RST | ACK, FIN | ACK, URG | ACK, 0];
const ALERT4 = [148, 4, 0, 0];
const MTUS = [0, 68, 296, 576, 1280, 1400, 1499, 1500, 65535];

function hopsOf({ random }: Scene): number {
  return random.pick([1, 2, 60, 64, 128, 254, 0]);
}

/** An address somewhere: on the link, elsewhere, or one that nobody may have. */
function stranger({ random }: Scene, is4: boolean): IpAddress {
  if (is4) {
    const kinds = [0x0a000000 | random.integer(3, 254), random.uint32() | 0, 0, -1, 0x7f000001];
    return random.pick([...kinds, kinds[0], kinds[1]]);
  }
  const low = random.uint32() | 0;
  return random.pick<Ipv6Address>([
    [0xfd000000 | 0, 0, 0, low],
    [0xfe800000 | 0, 0, 0, low],
    [0x20010db8, random.uint32() | 0, 0, low],
    [0, 0, 0, random.integer(0, 1)],
    [0xff020000 | 0, 0, 0, random.integer(0, 20)],
  ]);
}

function addressOf({ random, ipv4, ipv6 }: Scene, side: Side, is4: boolean): IpAddress {
  return is4 ? ipv4[side] : random.pick(ipv6[side]);
}

/** From one that has nothing to do with it, or from the other stack. */
function anySaid(scene: Scene, target: Side, protocol: number, is4: boolean): PacketSaid {
  const destination = addressOf(scene, target, is4);
  const isForged = scene.random.chance(0.3);
  const source = isForged ? addressOf(scene, other(target), is4) : stranger(scene, is4);
  return { source, destination, protocol, hops: hopsOf(scene) };
}

function fill(packets: PacketBytes, at: number, bytes: Uint8Array): number {
  packets.bytes.set(bytes, at);
  return bytes.length;
}

function payload(random: Scene["random"]): Uint8Array {
  return random.bytes(random.pick([0, 0, 1, 8, 100, 536, 1400]));
}

function tcpOptions({ random }: Scene): TcpOption[] {
  const options: TcpOption[] = [];
  const word = () => random.uint32() | 0;
  if (random.chance(0.4)) {
    options.push({ option: "maximum-segment", bytes: random.pick([0, 1, 536, 1460, 65535]) });
  }
  if (random.chance(0.3)) options.push({ option: "window-scale", shift: random.integer(0, 255) });
  if (random.chance(0.3)) options.push({ option: "sack-permitted" });
  if (random.chance(0.3)) options.push({ option: "timestamps", value: word(), echo: word() });
  if (random.chance(0.2)) options.push({ option: "sack", blocks: [[word(), word()]] });
  return options;
}

function segment(draft: FrameDraft, scene: Scene, target: Side, said: {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
}): boolean {
  const { random } = scene;
  const hops = hopsOf(scene);
  writePacket(draft, scene.macs[target], { ...said, protocol: Protocol.TCP, hops }, (to, at) => {
    const length = tcp.emit(to, at, {
      ...{ sourcePort: said.sourcePort, destinationPort: said.destinationPort },
      ...{ sequence: random.uint32() | 0, acknowledgment: random.uint32() | 0 },
      ...{ flags: said.flags, window: random.pick([0, 1, 1000, 65535]) },
      ...{ urgentPointer: random.pick([0, 1, 65535]), options: tcpOptions(scene) },
    });
    let end = at + length;
    while ((end - at) % 4 !== 0) to.view.setUint8(end++, 0);
    to.view.setUint8(at + 12, (end - at) / 4 << 4);
    return end - at + fill(to, end, payload(random));
  });
  return true;
}

function segmentOfFlow(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random, flows } = scene;
  if (flows.length === 0) return false;
  const { addresses, ports } = random.pick(flows);
  const from = other(target);
  return segment(draft, scene, target, {
    ...{ source: addresses[from], destination: addresses[target] },
    ...{ sourcePort: ports[from], destinationPort: ports[target], flags: random.pick(FLAGS) },
  });
}

function segmentToListener(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const { source, destination } = anySaid(scene, target, Protocol.TCP, random.chance(0.5));
  return segment(draft, scene, target, {
    ...{ source, destination, sourcePort: random.integer(0, 65535) },
    destinationPort: random.chance(0.8) ? PORT : random.integer(0, 65535),
    flags: random.chance(0.6) ? SYN : random.pick(FLAGS),
  });
}

function datagram(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const is4 = random.chance(0.5);
  const said = anySaid(scene, target, Protocol.UDP, is4);
  const destination = random.chance(0.2) ? GROUPS[is4 ? 0 : 1] : said.destination;
  writePacket(draft, scene.macs[target], { ...said, destination }, (packets, at) => {
    const data = payload(random);
    udp.emit(packets, at, {
      sourcePort: random.pick([0, 53, DATAGRAM_PORT, 65535]),
      destinationPort: random.chance(0.7) ? DATAGRAM_PORT : random.integer(0, 65535),
      length: udp.HEADER_BYTES + data.length,
    });
    return udp.HEADER_BYTES + fill(packets, at + udp.HEADER_BYTES, data);
  });
  return true;
}

function echo(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const is4 = random.chance(0.5);
  const numbers = { identifier: random.uint32() & 0xffff, sequence: random.uint32() & 0xffff };
  const said = anySaid(scene, target, is4 ? Protocol.ICMPV4 : Protocol.ICMPV6, is4);
  writePacket(draft, scene.macs[target], said, (packets, at) => {
    const kind = random.integer(0, 4);
    const other = { type: random.integer(0, 255), code: random.integer(0, 255), rest: 0 };
    const bytes = is4
      ? icmpv4.emit(
        packets,
        at,
        kind > 1
          ? { message: "echo", ...numbers }
          : kind > 0
          ? { message: "timestamp", ...numbers, originate: 0, receive: 0, transmit: 0 }
          : { message: "unknown", ...other },
      )
      : icmpv6.emit(
        packets,
        at,
        kind > 0
          ? { message: "echo-request", ...numbers }
          // Neighbour discovery is another generator's.
          : { message: "unknown", ...other, type: other.type & 0x7f },
      );
    return bytes + fill(packets, at + bytes, payload(random));
  });
  return true;
}

/** Writes an ICMP error about a packet of a stack; the quote is what `write` puts there. */
export function writeError(
  draft: FrameDraft,
  scene: Scene,
  target: Side,
  source: IpAddress,
  destination: IpAddress,
  write: (packets: PacketBytes, at: number) => number,
): void {
  const { random } = scene;
  const is4 = typeof destination === "number";
  const protocol = is4 ? Protocol.ICMPV4 : Protocol.ICMPV6;
  const said = { source, destination, protocol, hops: hopsOf(scene) };
  writePacket(draft, scene.macs[target], said, (packets, at) => {
    const bytes = is4
      ? icmpv4.emit(
        packets,
        at,
        random.pick<icmpv4.Icmpv4Message>([
          { message: "unreachable", code: 4, nextHopMtu: random.pick(MTUS) },
          { message: "unreachable", code: random.integer(0, 16), nextHopMtu: 0 },
          { message: "time-exceeded", code: random.integer(0, 2) },
          { message: "parameter-problem", code: 0, pointer: random.integer(0, 255) },
          { message: "unknown", type: 4, code: 0, rest: 0 },
          { message: "redirect", code: random.integer(0, 4), gateway: random.uint32() | 0 },
        ]),
      )
      : icmpv6.emit(
        packets,
        at,
        random.pick<icmpv6.Icmpv6Message>([
          { message: "packet-too-big", mtu: random.pick([...MTUS, 0xffffffff]) },
          { message: "unreachable", code: random.integer(0, 7) },
          { message: "time-exceeded", code: random.integer(0, 2) },
          { message: "parameter-problem", code: random.integer(0, 4), pointer: random.uint32() },
        ]),
      );
    return bytes + write(packets, at + bytes);
  });
}

/** An error about a live flow, that quotes a sequence number which was guessed. */
function guessedError(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random, flows } = scene;
  if (flows.length === 0) return false;
  const { addresses, ports } = random.pick(flows);
  const from = other(target);
  const [local, remote] = [addresses[target], addresses[from]];
  const is4 = typeof local === "number";
  const isUdp = random.chance(0.2);
  const source = random.chance(0.5) ? remote : stranger(scene, is4);
  writeError(draft, scene, target, source, local, (packets, at) => {
    const protocol = isUdp ? Protocol.UDP : Protocol.TCP;
    let next = at;
    if (is4) {
      next += ipv4.put(packets, at, 0, 1500, 0, false, 60, protocol, local, remote as number);
    } else {
      next += ipv6.put(packets, at, 0, 0, 1460, protocol, 60);
      putIpv6(packets, ipv6.sourceAt(at), local);
      putIpv6(packets, ipv6.destinationAt(at), remote as Ipv6Address);
    }
    const [own, its] = isUdp ? [DATAGRAM_PORT, DATAGRAM_PORT] : [ports[target], ports[from]];
    packets.view.setInt32(next, own << 16 | its);
    packets.view.setInt32(next + 4, random.uint32());
    return next + (random.chance(0.5) ? 8 : 20) - at;
  });
  return true;
}

function groupMessage(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const is4 = random.chance(0.5);
  const group = random.chance(0.4) ? GROUPS[is4 ? 0 : 1] : null;
  const source = is4 ? stranger(scene, true) : [0xfe800000 | 0, 0, 0, random.uint32() | 0] as const;
  const query = {
    maxResponse: random.pick([0, 1, 10, 100]),
    ...{ suppress: random.chance(0.5), robustness: random.integer(0, 7) },
    interval: random.pick([0, 1, 125]),
  };
  const hops = random.chance(0.9) ? 1 : 64;
  if (is4) {
    const destination = group as number ?? (0xe0000001 | 0);
    const said = { source, destination, protocol: Protocol.IGMP, hops, extension: ALERT4 };
    const about = { group: group as number ?? 0 };
    const sources = Array.from({ length: random.integer(0, 20) }, () => random.uint32() | 0);
    writePacket(
      draft,
      scene.macs[target],
      said,
      (packets, at) =>
        igmp.emit(
          packets,
          at,
          random.pick<igmp.IgmpMessage>([
            { message: "query-v1", ...about, maxResponse: 0 },
            { message: "query-v2", ...about, maxResponse: query.maxResponse },
            { message: "query-v3", ...about, ...query, sources },
            { message: "report-v2", ...about },
            { message: "leave-v2", ...about },
          ]),
        ),
    );
    return true;
  }
  const destination = group as Ipv6Address ?? [0xff020000 | 0, 0, 0, 1];
  const extension = [Protocol.ICMPV6, 0, 5, 2, 0, 0, 1, 0];
  const said = { source, destination, protocol: Protocol.ICMPV6, hops, extension };
  const about = { group: group as Ipv6Address ?? [0, 0, 0, 0] };
  const sources = Array.from(
    { length: random.integer(0, 9) },
    () => [0x20010db8, 0, 0, random.uint32() | 0] as const,
  );
  writePacket(
    draft,
    scene.macs[target],
    said,
    (packets, at) =>
      mld.emit(
        packets,
        at,
        random.pick<mld.MldMessage>([
          { message: "query-v1", ...about, maxResponse: query.maxResponse },
          { message: "query-v2", ...about, ...query, sources },
          { message: "report-v1", ...about },
          { message: "done-v1", ...about },
        ]),
      ),
  );
  return true;
}

/** A fragment that no other one belongs to. */
function loneFragment(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const is4 = random.chance(0.5);
  const protocol = random.pick([Protocol.UDP, Protocol.TCP, Protocol.ICMPV4, 253]);
  const offset = random.pick([0, 0, 1, 10, 100, 8191]);
  const isLast = random.chance(0.4);
  const data = random.bytes(random.pick([8, 16, 64, 1024]) + (isLast ? random.integer(0, 7) : 0));
  const said = anySaid(scene, target, is4 ? protocol : Protocol.FRAGMENT, is4);
  writePacket(draft, scene.macs[target], said, (packets, at) => {
    if (is4) return fill(packets, at, data);
    packets.view.setUint16(at, protocol << 8);
    packets.view.setUint16(at + 2, offset << 3 | (isLast ? 0 : 1));
    packets.view.setUint32(at + 4, random.integer(0, 50));
    return 8 + fill(packets, at + 8, data);
  });
  if (is4) {
    draft.packets.view.setUint16(IP_AT + 4, random.integer(0, 50));
    draft.packets.view.setUint16(IP_AT + 6, offset | (isLast ? 0 : 0x2000));
    draft.repair();
  }
  return true;
}

function unknownProtocol(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random } = scene;
  const is4 = random.chance(0.5);
  // Not ICMPv6: that could be neighbour discovery.
  const protocol = random.pick([0, 1, 2, 3, 4, 6, 17, 41, 43, 44, 50, 59, 60, 89, 132, 253, 255]);
  const said = anySaid(scene, target, protocol, is4);
  const data = random.bytes(random.integer(0, 200));
  // No chain of extension headers leads to it either.
  for (let at = 0; !is4 && at < data.length; at++) if (data[at] === Protocol.ICMPV6) data[at] = 59;
  writePacket(draft, scene.macs[target], said, (packets, at) => fill(packets, at, data));
  return true;
}

function noise(draft: FrameDraft, scene: Scene, target: Side): boolean {
  const { random, macs } = scene;
  const length = random.integer(0, random.chance(0.9) ? 120 : FRAME_ROOM);
  draft.load(random.bytes(length));
  draft.packets.view.setUint16(0, Math.floor(macs[target] / 2 ** 32));
  draft.packets.view.setUint32(2, macs[target] >>> 0);
  draft.packets.view.setUint16(12, random.pick([0x0800, 0x86dd, 0x8100, 0x88a8, 60, 0x88cc]));
  return true;
}

/** All of them, by name. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  "segment of a live flow": segmentOfFlow,
  "segment to a listener": segmentToListener,
  "datagram": datagram,
  "echo and other ICMP": echo,
  "ICMP error, guessed": guessedError,
  "IGMP and MLD": groupMessage,
  "lone fragment": loneFragment,
  "unknown protocol": unknownProtocol,
  "noise": noise,
};
