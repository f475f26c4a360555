import { assert, assertEquals } from "@std/assert";
import { ETH, int, LO, OTHER, OWN, OWN_6, OWN_LINK } from "../../tests/support/stack/fake_ip.ts";
import { membership, to, withUdp } from "../../tests/support/stack/udp_world.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Shut, SockOpt } from "../../ring/abi/opcodes.ts";
import { Flow } from "../ip/types.ts";
import { Ready } from "../socket.ts";
import { ipv4Of, ipv6Of } from "../wire/mod.ts";
import type { UdpSocket } from "./udp_socket.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6, IPPROTO_UDP } = SockOpt;
const ANY_6 = ipv6Of("::");
const LOOPBACK = ipv4Of("127.0.0.1");
const LOOPBACK_6 = ipv6Of("::1");
const GROUP = ipv4Of("239.1.2.3");

Deno.test(
  "sockets of IPv6 talk to IPv4 unless they are for IPv6 only",
  withUdp(({ ip, user, bound, socket }) => {
    const receiver = bound(53, 0, "ipv6");
    const mapped = ipv6Of("::ffff:10.0.0.1");
    const sender = socket("ipv6");
    assertEquals(user.send(sender, "four", to(mapped, 53)), 4);
    ip.deliver();
    const got = user.receive(receiver);
    assert(typeof got !== "number");
    assertEquals([got.info.source, got.info.destination], [OWN, OWN]);
    const only = socket("ipv6");
    only.setOption(IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, int(1));
    assertEquals(only.bind(mapped, 99, 0), -Errno.EINVAL);
    assertEquals(only.bind(ANY_6, 99, 0), 0);
    assertEquals(user.send(only, "x", to(mapped, 53)), -Errno.ENETUNREACH);
    assertEquals(only.connect(mapped, 53, 0), -Errno.ENETUNREACH);
    assertEquals(only.setOption(IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, int(0)), -Errno.EINVAL);
    user.send(sender, "x", to(mapped, 99));
    ip.deliver();
    assertEquals(ip.unreachable, [99]);
    const four = socket();
    assertEquals(user.send(four, "x", to(OWN_6, 53)), -Errno.EAFNOSUPPORT);
    assertEquals(socket().bind(ANY_6, 1, 0), -Errno.EAFNOSUPPORT);
  }),
);

Deno.test(
  "addresses of one link need its interface",
  withUdp(({ ip, user, socket, bound }) => {
    const one = socket("ipv6");
    assertEquals(one.bind(OWN_LINK, 53, 0), -Errno.EINVAL);
    assertEquals(user.send(socket("ipv6"), "x", to(OWN_LINK, 99)), -Errno.EINVAL);
    assertEquals(one.connect(OWN_LINK, 99, 0), -Errno.EINVAL);
    assertEquals(one.bind(OWN_LINK, 53, ETH), 0);
    assertEquals(one.flow.scope, ETH);
    const sender = bound(4000, 0, "ipv6");
    assertEquals(user.send(sender, "x", { ...to(OWN_LINK, 53), scope: ETH }), 1);
    ip.deliver();
    assertEquals(user.text(one), "x");
  }),
);

Deno.test(
  "a socket that is bound to an interface hears and uses no other one",
  withUdp(({ ip, user, bound, socket }) => {
    const name = (text: string) => new TextEncoder().encode(`${text}\0`);
    const one = socket();
    assertEquals(
      one.setOption(SOL_SOCKET, SockOpt.SO_BINDTODEVICE, name("eth9")),
      -Errno.ENODEV,
    );
    assertEquals(one.setOption(SOL_SOCKET, SockOpt.SO_BINDTODEVICE, name("lo")), 0);
    assertEquals(one.getOption(SOL_SOCKET, SockOpt.SO_BINDTODEVICE), name("lo"));
    assertEquals(one.bind(0, 53, 0), 0);
    const sender = bound(4000);
    user.send(sender, "no", to(OWN, 53));
    user.send(sender, "yes", to(LOOPBACK, 53));
    ip.deliver();
    assertEquals(user.text(one), "yes");
    assertEquals(user.text(one), -Errno.EAGAIN);
    user.send(one, "x", to(OTHER, 53));
    assertEquals(ip.sent[0].interface, LO);
  }),
);

Deno.test(
  "bind and connect are judged as on Linux",
  withUdp(({ bound, socket }) => {
    const one = bound(53);
    assertEquals(one.bind(0, 54, 0), -Errno.EINVAL);
    assertEquals(socket().bind(0, 53, 0), -Errno.EADDRINUSE);
    assertEquals(socket().bind(OTHER, 54, 0), -Errno.EADDRNOTAVAIL);
    const away = socket();
    assertEquals(away.connect(ipv4Of("192.0.2.1"), 1, 0), -Errno.ENETUNREACH);
    assert(!away.isConnected);
    const open = socket();
    assertEquals(open.connect(0, 53, 0), 0);
    assertEquals(open.flow.remote, LOOPBACK);
    const six = socket("ipv6");
    assertEquals(six.connect(ANY_6, 53, 0), 0);
    assertEquals(six.flow.remote, LOOPBACK_6);
    assert(open.flow.localPort >= 32768);
  }),
);

Deno.test(
  "shutting ends what it says, and tells the owner",
  withUdp(({ ip, user, bound, counts }) => {
    const one = bound(53);
    const other = bound(54);
    assertEquals(one.shutdown(7), -Errno.EINVAL);
    assertEquals(one.shutdown(Shut.WR), -Errno.ENOTCONN);
    assertEquals(user.send(one, "x", to(OWN, 54)), -Errno.EPIPE);
    user.send(other, "x", to(OWN, 53));
    ip.deliver();
    one.connect(OWN, 54, 0);
    assertEquals(one.shutdown(Shut.RD), 0);
    assertEquals(one.readiness(), Ready.IN | Ready.OUT | Ready.READ_HANGUP | Ready.HANGUP);
    assertEquals(user.text(one), "x");
    assertEquals(user.text(one), "");
    user.send(other, "x", to(OWN, 53));
    ip.deliver();
    assertEquals(counts().DROPPED_SHUT, 1);
  }),
);

Deno.test(
  "a closed socket gives back its port, its groups and what waited",
  withUdp(({ ip, user, bound, udp: protocol }) => {
    const one = bound(53);
    one.setOption(SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, membership(GROUP, ETH));
    user.send(bound(4000), "x", to(OWN, 53));
    ip.deliver();
    const open = protocol.openSockets;
    one.close();
    one.close();
    assertEquals(protocol.openSockets, open - 1);
    assert(!ip.groups.hasGroup(ETH, GROUP));
    bound(53);
    assertEquals(user.send(one, "x", to(OWN, 53)), -Errno.EBADF);
  }),
);

Deno.test(
  "there are no more sockets than the options say",
  withUdp(({ udp: protocol, socket }) => {
    socket();
    socket();
    assertEquals(protocol.socket("ipv4"), -Errno.ENFILE);
  }, { sockets: 2 }),
);

Deno.test(
  "options are read back as on Linux, and unknown ones refused",
  withUdp(({ socket }) => {
    const four = socket();
    const six = socket("ipv6");
    const GOLDEN: readonly (readonly [number, number, number, number | undefined])[] = [
      [SOL_IP, SockOpt.IP_TOS, 0, 0],
      [SOL_IP, SockOpt.IP_TTL, 64, 64],
      [SOL_IP, SockOpt.IP_MTU_DISCOVER, 1, 1],
      [SOL_IP, SockOpt.IP_MULTICAST_IF, 0, 0],
      [SOL_IP, SockOpt.IP_MULTICAST_TTL, 1, 1],
      [SOL_IP, SockOpt.IP_MULTICAST_LOOP, 1, 1],
      [SOL_SOCKET, SockOpt.SO_TYPE, 2, 2],
      [SOL_SOCKET, SockOpt.SO_RCVBUF, 212992, 212992],
      [SOL_SOCKET, SockOpt.SO_SNDBUF, 212992, 212992],
      [SOL_SOCKET, SockOpt.SO_PROTOCOL, 17, 17],
      [SOL_SOCKET, SockOpt.SO_DOMAIN, 2, 10],
      [SOL_SOCKET, SockOpt.SO_ACCEPTCONN, 0, 0],
      [IPPROTO_UDP, SockOpt.UDP_SEGMENT, 0, 0],
      [IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS, -Errno.EOPNOTSUPP, 64],
      [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_HOPS, -Errno.EOPNOTSUPP, 1],
      [IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_ALL, -Errno.EOPNOTSUPP, 1],
      [IPPROTO_IPV6, SockOpt.IPV6_MTU_DISCOVER, -Errno.EOPNOTSUPP, 1],
      [IPPROTO_IPV6, 24, -Errno.EOPNOTSUPP, -Errno.ENOTCONN],
    ];
    const read = (one: UdpSocket, level: number, name: number) => {
      const value = one.getOption(level, name);
      return typeof value === "number" ? value : new DataView(value.buffer).getInt32(0, true);
    };
    for (const [level, name, forFour, forSix] of GOLDEN) {
      assertEquals(read(four, level, name), forFour, `${level} ${name}`);
      assertEquals(read(six, level, name), forSix, `${level} ${name}`);
    }
    assertEquals(four.getOption(SOL_SOCKET, SockOpt.SO_BINDTODEVICE), new Uint8Array(0));
    assertEquals(four.getOption(SOL_SOCKET, 9999), -Errno.ENOPROTOOPT);
    assertEquals(four.setOption(SOL_SOCKET, 9999, int(1)), -Errno.ENOPROTOOPT);
    assertEquals(four.setOption(IPPROTO_UDP, 9999, int(1)), -Errno.ENOPROTOOPT);
    assertEquals(four.setOption(SOL_SOCKET, SockOpt.SO_BROADCAST, Uint8Array.of(1)), -Errno.EINVAL);
    assertEquals(four.setOption(SOL_SOCKET, SockOpt.SO_BROADCAST, int(5)), 0);
    assertEquals(read(four, SOL_SOCKET, SockOpt.SO_BROADCAST), 1);
    assertEquals(four.connect(OTHER, 1, 0), 0);
    assertEquals(read(four, SOL_IP, 14), 1500);
  }),
);

Deno.test(
  "what may not be done with a datagram has the errno of Linux",
  withUdp(({ user, socket }) => {
    const one = socket();
    assertEquals(user.send(one, "x"), -Errno.EDESTADDRREQ);
    assertEquals(user.send(one, "x", to(OWN, 0)), -Errno.EINVAL);
    assertEquals(user.send(one, "x", to(OWN, 1), Msg.OOB), -Errno.EOPNOTSUPP);
    assertEquals(user.send(one, "x", to(ipv4Of("192.0.2.1"), 1)), -Errno.ENETUNREACH);
  }),
);

Deno.test(
  "a connected socket that is bound to an interface is told of errors, too",
  withUdp(({ ip, user, bound, socket }) => {
    const one = socket();
    one.setOption(SOL_SOCKET, SockOpt.SO_BINDTODEVICE, new TextEncoder().encode("eth0\0"));
    assertEquals(one.bind(0, 1000, 0), 0);
    assertEquals(one.connect(OTHER, 2000, 0), 0);
    const flow = new Flow();
    Object.assign(flow, { local: OWN, remote: OTHER, localPort: 1000, remotePort: 2000 });
    assert(ip.error(17, { flow, errno: Errno.ECONNREFUSED, isHard: true }));
    assertEquals(user.receive(one), -Errno.ECONNREFUSED);
    flow.localPort = 1001;
    assert(!ip.error(17, { flow, errno: Errno.ECONNREFUSED, isHard: true }));
    bound(1001);
    assert(ip.error(17, { flow, errno: Errno.ECONNREFUSED, isHard: true }));
  }),
);
