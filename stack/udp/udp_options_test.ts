import { assert, assertEquals } from "@std/assert";
import { ETH, int, LO, OTHER, OTHER_6, OWN } from "../../tests/support/stack/fake_ip.ts";
import { to, withUdp } from "../../tests/support/stack/udp_world.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import type { IpAddress } from "../ip/types.ts";
import { ipv6Of } from "../wire/mod.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6 } = SockOpt;
const IP_OPTIONS = 4;
const IP_FREEBIND = 15;
const SO_COOKIE = 57;
const SO_RCVBUFFORCE = 33;

Deno.test(
  "a port that nobody asked for by its number goes with the peer",
  withUdp(({ user, socket }) => {
    const one = socket();
    assertEquals(one.bind(OWN, 0, 0), 0);
    assertEquals(one.connect(OTHER, 53, 0), 0);
    assert(one.flow.localPort > 0);
    assertEquals(one.disconnect(), 0);
    assertEquals([one.flow.local, one.flow.localPort], [OWN, 0]);
    assertEquals(user.send(one, "x", to(OTHER, 53)), 1);
    assert(one.flow.localPort > 0);
    const other = socket();
    assertEquals(other.bind(OWN, 99, 0), 0);
    other.connect(OTHER, 53, 0);
    other.disconnect();
    assertEquals(other.flow.localPort, 99);
  }),
);

Deno.test(
  "IP_FREEBIND binds an address of another host",
  withUdp(({ socket }) => {
    const one = socket();
    assertEquals(one.bind(OTHER, 99, 0), -Errno.EADDRNOTAVAIL);
    assertEquals(one.setOption(SOL_IP, IP_FREEBIND, int(1)), 0);
    assertEquals(one.bind(OTHER, 99, 0), 0);
  }),
);

Deno.test(
  "an address of a link that is not there is no address",
  withUdp(({ socket }) => {
    assertEquals(socket("ipv6").bind(ipv6Of("fe80::1"), 99, 9999), -Errno.ENODEV);
  }),
);

Deno.test(
  "options of IPv4 take a byte, and some take nothing for 0",
  withUdp(({ socket }) => {
    const one = socket();
    const set = (name: number, ...bytes: number[]) =>
      one.setOption(SOL_IP, name, Uint8Array.from(bytes));
    const get = (name: number) => one.getOption(SOL_IP, name);
    assertEquals(set(SockOpt.IP_TOS, 0x10), 0);
    assertEquals(get(SockOpt.IP_TOS), int(0x10));
    assertEquals(set(SockOpt.IP_TOS), 0);
    assertEquals(get(SockOpt.IP_TOS), int(0));
    assertEquals(set(SockOpt.IP_TTL), -Errno.EINVAL);
    assertEquals(set(SockOpt.IP_TTL, 7, 0), 0);
    assertEquals(get(SockOpt.IP_TTL), int(7));
    assertEquals(set(SockOpt.IP_MULTICAST_ALL, 2), -Errno.EINVAL);
    assertEquals(get(SockOpt.IP_HDRINCL), int(0));
    assertEquals(set(SockOpt.IP_HDRINCL, 1), -Errno.ENOPROTOOPT);
    assertEquals(set(IP_OPTIONS, 7, 3), -Errno.EINVAL, "longer than it is");
    assertEquals(set(IP_OPTIONS, 7, 3, 4), 0);
    assertEquals(
      one.setOption(IPPROTO_IPV6, SockOpt.IPV6_ADD_MEMBERSHIP, int(0)),
      -Errno.EOPNOTSUPP,
    );
  }),
);

Deno.test(
  "hops of none are sent as that, and shown",
  withUdp(({ socket }) => {
    const one = socket("ipv6");
    const hops = () => one.getOption(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS);
    assertEquals(hops(), int(64));
    assertEquals(one.options.hopsTo(ipv6Of("::1"), false), 0, "the link's own");
    one.setOption(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS, int(0));
    assertEquals(hops(), int(0));
    assertEquals(one.options.hopsTo(ipv6Of("::1"), false), -1);
    one.setOption(IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS, int(-1));
    assertEquals(hops(), int(64));
  }),
);

Deno.test(
  "sockets have cookies of their own, and buffers that are forced",
  withUdp(({ socket }) => {
    const [one, two] = [socket(), socket()];
    const cookie = one.getOption(SOL_SOCKET, SO_COOKIE);
    assert(typeof cookie !== "number" && cookie.length === 8);
    assertEquals(one.getOption(SOL_SOCKET, SO_COOKIE), cookie);
    assert(String(two.getOption(SOL_SOCKET, SO_COOKIE)) !== String(cookie));
    assertEquals(one.setOption(SOL_SOCKET, SO_RCVBUFFORCE, int(1 << 20)), 0);
    assertEquals(one.getOption(SOL_SOCKET, SockOpt.SO_RCVBUF), int(1 << 21));
  }),
);

Deno.test(
  "an interface that is chosen after a datagram was sent holds for the next to the same address",
  withUdp(({ ip, user, socket }) => {
    const group = ipv6Of("ff05::7");
    const one = socket("ipv6");
    one.setOption(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP, int(0));
    const interfaces = (address: IpAddress) => {
      user.send(one, "x", to(address, 53));
      return ip.sent.at(-1)!.interface;
    };
    assertEquals([interfaces(group), interfaces(OTHER_6)], [ETH, ETH]);
    assertEquals(interfaces(group), ETH);
    assertEquals(one.setOption(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_IF, int(LO)), 0);
    assertEquals(interfaces(group), LO);
    assertEquals(interfaces(OTHER_6), ETH);
    assertEquals(one.setOption(IPPROTO_IPV6, 76, int(LO).reverse()), 0);
    assertEquals(interfaces(OTHER_6), LO);
  }),
);
