import { assertEquals } from "@std/assert";
import { Errno } from "../ring/abi/errno.ts";
import { SockOpt } from "../ring/abi/opcodes.ts";
import { ETH, int, LO, OTHER, OTHER_6, OWN_6, OWN_LINK } from "../tests/support/stack/fake_ip.ts";
import { to, withUdp } from "../tests/support/stack/udp_world.ts";
import type { IpAddress } from "./ip/types.ts";
import { ipv6Of } from "./wire/mod.ts";
import type { UdpSocket } from "./udp/mod.ts";

const { IPPROTO_IPV6, IPPROTO_UDP, SOL_SOCKET } = SockOpt;
const IPV6_MTU = 24;
const BIND_TO_INTERFACE = 62;
const ANY_6 = ipv6Of("::");
const GROUP_6 = ipv6Of("ff02::1234");
const LINK_PEER = ipv6Of("fe80::2");

/** `struct in6_pktinfo`. */
function packetInfo(source: IpAddress, index: number): Uint8Array {
  const bytes = new Uint8Array(20);
  (source as readonly number[]).forEach((word, at) =>
    new DataView(bytes.buffer).setInt32(4 * at, word)
  );
  bytes.set(int(index), 16);
  return bytes;
}

function setInfo(socket: UdpSocket, source: IpAddress, index: number): number {
  return socket.setOption(IPPROTO_IPV6, SockOpt.IPV6_PKTINFO, packetInfo(source, index));
}

function setMtu(socket: UdpSocket, mtu: number): number {
  return socket.setOption(IPPROTO_IPV6, IPV6_MTU, int(mtu));
}

/** The source of a packet of IPv6. */
function sourceIn(packet: Uint8Array): IpAddress {
  const view = new DataView(packet.buffer, packet.byteOffset + 8);
  return [0, 4, 8, 12].map((at) => view.getInt32(at)) as unknown as IpAddress;
}

Deno.test(
  "IPV6_PKTINFO chooses source and interface of all datagrams, and of none any more",
  withUdp(({ ip, user, socket }) => {
    const one = socket("ipv6");
    const sent = () => {
      assertEquals(user.send(one, "x", to(OTHER_6, 53)), 1);
      const { packet, interface: index } = ip.sent.at(-1)!;
      return [sourceIn(packet), index];
    };
    assertEquals(sent(), [OWN_6, ETH]);
    assertEquals(setInfo(one, OWN_LINK, LO), 0);
    assertEquals(sent(), [OWN_LINK, LO]);
    assertEquals(setInfo(one, ANY_6, LO), 0);
    assertEquals(sent(), [OWN_6, LO]);
    assertEquals(setInfo(one, ANY_6, 0), 0);
    assertEquals(sent(), [OWN_6, ETH]);
  }),
);

Deno.test(
  "what comes with a datagram goes before IPV6_PKTINFO, and that before IPV6_MULTICAST_IF",
  withUdp(({ ip, user, socket }) => {
    const one = socket("ipv6");
    assertEquals(one.setOption(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_IF, int(ETH)), 0);
    assertEquals(setInfo(one, OWN_LINK, LO), 0);
    one.setOption(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP, int(0));
    user.send(one, "x", to(GROUP_6, 53));
    user.send(one, "x", { ...to(OTHER_6, 53), source: OWN_6, scope: ETH });
    user.send(one, "x", to(LINK_PEER, 53));
    const ways = ip.sent.map(({ packet, interface: index }) => [sourceIn(packet), index]);
    assertEquals(ways, [[OWN_LINK, LO], [OWN_6, ETH], [OWN_LINK, LO]]);
    assertEquals(user.send(one, "x", to(OTHER, 53)), 1);
    assertEquals(ip.sent.at(-1)!.interface, ETH, "it says nothing of IPv4");
  }),
);

Deno.test(
  "a connected socket obeys IPV6_PKTINFO, whenever that was set",
  withUdp(({ ip, user, socket }) => {
    const [before, after] = [socket("ipv6"), socket("ipv6")];
    setInfo(before, OWN_LINK, 0);
    assertEquals([before, after].map((one) => one.connect(OTHER_6, 53, 0)), [0, 0]);
    assertEquals([before.flow.local, after.flow.local], [OWN_LINK, OWN_6]);
    setInfo(after, OWN_LINK, 0);
    for (const one of [before, after]) assertEquals(user.send(one, "x"), 1);
    assertEquals(ip.sent.map(({ packet }) => sourceIn(packet)), [OWN_LINK, OWN_LINK]);
    setInfo(before, ANY_6, LO);
    user.send(before, "x");
    const { packet, interface: index } = ip.sent.at(-1)!;
    assertEquals([sourceIn(packet), index], [OWN_LINK, LO], "the source that it is connected by");
  }),
);

Deno.test(
  "IPV6_PKTINFO is as long as its struct, and names the interface that a socket is bound to",
  withUdp(({ user, socket }) => {
    const one = socket("ipv6");
    const { IPV6_PKTINFO } = SockOpt;
    assertEquals(one.setOption(IPPROTO_IPV6, IPV6_PKTINFO, new Uint8Array(19)), -Errno.EINVAL);
    assertEquals(one.getOption(IPPROTO_IPV6, IPV6_PKTINFO), -Errno.ENOPROTOOPT);
    assertEquals(setInfo(one, OTHER_6, 0), 0, "Linux looks at none of it");
    assertEquals(user.send(one, "x", to(OTHER_6, 53)), -Errno.EINVAL, "nobody has that address");
    assertEquals(one.setOption(SOL_SOCKET, BIND_TO_INTERFACE, int(ETH)), 0);
    assertEquals([LO, 0, ETH].map((index) => setInfo(one, ANY_6, index)), [
      -Errno.EINVAL,
      -Errno.EINVAL,
      0,
    ]);
    assertEquals(setInfo(socket(), ANY_6, 0), -Errno.EOPNOTSUPP);
  }),
);

Deno.test(
  "IPV6_MTU is what datagrams of IPv6 go by; a path's own is what is told",
  withUdp(({ ip, user, socket }) => {
    const one = socket("ipv6");
    const mtu = () => one.getOption(IPPROTO_IPV6, IPV6_MTU);
    assertEquals([setMtu(one, 1280), setMtu(one, 1279), setMtu(one, -1)], [
      0,
      -Errno.EINVAL,
      -Errno.EINVAL,
    ]);
    assertEquals(one.setOption(IPPROTO_IPV6, IPV6_MTU, new Uint8Array(3)), -Errno.EINVAL);
    assertEquals(mtu(), -Errno.ENOTCONN);
    user.send(one, "x", to(OTHER_6, 53));
    user.send(one, "x", to(OTHER, 53));
    one.connect(OTHER_6, 53, 0);
    assertEquals(mtu(), int(1500));
    assertEquals(one.setOption(IPPROTO_UDP, SockOpt.UDP_SEGMENT, int(1233)), 0);
    assertEquals(user.send(one, 2000), -Errno.EINVAL, "segments are not taken apart");
    assertEquals(setMtu(one, 0), 0);
    assertEquals(user.send(one, 2000), 2000);
    assertEquals(ip.sent.map(({ parameters }) => parameters.mtu), [1280, 0, 0, 0]);
  }),
);
