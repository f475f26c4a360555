/**
 * UDP over a fake of IP, for its tests.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ETH, FakeIp, FakeUser, OTHER, OTHER_6, OWN, OWN_6 } from "./fake_ip.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { takenPackets, verifyArena } from "../../../stack/memory/mod.ts";
import { Statistics } from "../../../stack/statistics.ts";
import { PlainChecksummer, pseudoIpv4At, pseudoIpv6At } from "../../../stack/wire/checksum.ts";
import { ipv6Of, PacketBytes } from "../../../stack/wire/mod.ts";
import * as udp from "../../../stack/wire/udp.ts";
import type { SocketFamily } from "../../../stack/types.ts";
import { Udp, UdpCounter, type UdpSocket } from "../../../stack/udp/mod.ts";

const ANY_6 = ipv6Of("::");

/** What a test has at hand. */
export interface World {
  readonly ip: FakeIp;
  readonly udp: Udp;
  readonly user: FakeUser;
  readonly counts: () => Record<keyof typeof UdpCounter, number>;
  socket(family?: SocketFamily): UdpSocket;
  bound(port: number, address?: number, family?: SocketFamily): UdpSocket;
}

/** Runs a test on UDP over a fake, and checks that no packet is left in the end. */
export function withUdp(
  body: (world: World) => void,
  options: { sockets?: number } = {},
): () => void {
  return () => {
    const ip = new FakeIp(options);
    const statistics = new Statistics({ udp: UdpCounter });
    const protocol = new Udp({ context: ip.context, icmp: ip, counters: statistics.groups.udp });
    ip.protocols.set(17, protocol);
    const open: UdpSocket[] = [];
    const socket = (family: SocketFamily = "ipv4") => {
      const made = protocol.socket(family);
      assert(typeof made !== "number");
      open.push(made);
      return made;
    };
    body({
      ip,
      udp: protocol,
      user: new FakeUser(ip.environment),
      counts: () => statistics.snapshot().udp,
      socket,
      bound: (port, address = 0, family = "ipv4") => {
        const made = socket(family);
        assertEquals(made.bind(family === "ipv6" && address === 0 ? ANY_6 : address, port, 0), 0);
        return made;
      },
    });
    for (const one of open) one.close();
    verifyArena(ip.environment.arena);
    assertEquals(takenPackets(ip.environment.arena), []);
    assertEquals(protocol.openSockets, 0);
  };
}

/** Where a datagram goes. */
export function to(
  address: IpAddress,
  port: number,
): { readonly address: IpAddress; readonly port: number } {
  return { address, port };
}

/** Hands a datagram to UDP, as it would come from a link. */
export function inject(
  { ip, udp: protocol }: World,
  change: (bytes: Uint8Array, udpAt: number) => void,
  isIpv6 = false,
  flags = 0,
): void {
  const { arena, packets } = ip.environment;
  const { memory } = arena;
  const header = isIpv6 ? 40 : 20;
  const packet = arena.take(header + 12);
  const at = arena.start(packet);
  const source = isIpv6 ? OTHER_6 : OTHER;
  const destination = isIpv6 ? OWN_6 : OWN;
  const image = new Uint8Array(header + 12);
  const scratch = PacketBytes.copyOf(image);
  const { view } = scratch;
  if (isIpv6) {
    view.setInt32(0, 6 << 28);
    view.setInt32(4, 12 << 16 | 17 << 8 | 64);
    (source as readonly number[]).forEach((word, i) => view.setInt32(8 + 4 * i, word));
    (destination as readonly number[]).forEach((word, i) => view.setInt32(24 + 4 * i, word));
  } else {
    view.setInt32(0, 0x4500_0000 | 32);
    view.setInt32(8, 64 << 24 | 17 << 16);
    view.setInt32(12, source as number);
    view.setInt32(16, destination as number);
  }
  udp.put(scratch, header, 9, 53, 12);
  view.setInt32(header + 8, 0x01020304);
  const sum = (isIpv6 ? pseudoIpv6At : pseudoIpv4At)(scratch, 0, 17, 12);
  udp.seal(new PlainChecksummer(scratch), scratch, header, sum);
  change(scratch.bytes, header);
  memory.bytes.set(scratch.bytes, at);
  packets.clear(packet);
  packets.flags[packet] = flags;
  packets.interface[packet] = ETH;
  packets.network[packet] = at;
  packets.transport[packet] = at + header;
  protocol.receive(packet, source, destination);
}

/** `struct ip_mreqn`. */
export function membership(group: number, index: number): Uint8Array {
  const value = new Uint8Array(12);
  new DataView(value.buffer).setInt32(0, group);
  value[8] = index;
  return value;
}
