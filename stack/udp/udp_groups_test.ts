import { assert, assertEquals } from "@std/assert";
import { ETH, int, LO, OTHER, OWN } from "../../tests/support/stack/fake_ip.ts";
import { membership, to, withUdp } from "../../tests/support/stack/udp_world.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { ipv4Of, ipv6Of } from "../wire/mod.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_IPV6 } = SockOpt;
const GROUP = ipv4Of("239.1.2.3");

Deno.test(
  "an owner that closes all sockets when it is told of a datagram for many leaves nothing behind",
  withUdp(({ ip, user, bound, socket }) => {
    const receivers = Array.from({ length: 3 }, () => {
      const made = socket();
      made.setOption(SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
      assertEquals(made.bind(0, 53, 0), 0);
      return made;
    });
    let told = 0;
    for (const one of receivers) {
      one.owner = {
        onReady: () => {
          told++;
          for (const other of receivers) other.close();
        },
      };
    }
    user.send(bound(4000), "x", to(GROUP, 53));
    ip.deliver();
    assertEquals(told, 1);
  }),
);

// covers RFC 1122 3.2.2 MUST
Deno.test(
  "what is for a group goes to every socket at the port, as memberships say",
  withUdp(({ ip, user, bound, socket, counts }) => {
    const receivers = Array.from({ length: 4 }, () => {
      const made = socket();
      made.setOption(SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
      return made;
    });
    const [member, bystander, unwilling, elsewhere] = receivers;
    assertEquals(member.bind(GROUP, 53, 0), 0);
    assertEquals(bystander.bind(0, 53, 0), 0);
    assertEquals(unwilling.bind(0, 53, 0), 0);
    assertEquals(elsewhere.bind(OWN, 53, 0), 0);
    assertEquals(member.setOption(SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, membership(GROUP, ETH)), 0);
    assertEquals(unwilling.setOption(SOL_IP, SockOpt.IP_MULTICAST_ALL, int(0)), 0);
    const sender = bound(4000);
    assertEquals(user.send(sender, "all", to(GROUP, 53)), 3);
    ip.deliver();
    assertEquals(receivers.map((one) => user.text(one)), [
      "all",
      "all",
      -Errno.EAGAIN,
      -Errno.EAGAIN,
    ]);
    assertEquals(counts().COPIED, 1);
    member.close();
    bystander.close();
    unwilling.close();
    user.send(sender, "none", to(GROUP, 53));
    ip.deliver();
    assertEquals(ip.unreachable, []);
    assertEquals(counts().DROPPED_NO_SOCKET, 1);
  }),
);

Deno.test(
  "a member that named its sources hears only those",
  withUdp(({ ip, user, bound, socket }) => {
    const value = new Uint8Array(12);
    const view = new DataView(value.buffer);
    view.setInt32(0, GROUP);
    view.setInt32(4, OWN as number);
    view.setInt32(8, OTHER as number);
    const member = bound(53);
    const { IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP } = SockOpt;
    assertEquals(member.setOption(SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, value), 0);
    const sender = socket();
    user.send(sender, "no", to(GROUP, 53));
    ip.deliver();
    assertEquals(user.text(member), -Errno.EAGAIN);
    view.setInt32(8, OWN as number);
    assertEquals(member.setOption(SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, value), 0);
    user.send(sender, "yes", to(GROUP, 53));
    ip.deliver();
    assertEquals(user.text(member), "yes");
    assertEquals(member.setOption(SOL_IP, IP_DROP_SOURCE_MEMBERSHIP, value), 0);
  }),
);

Deno.test(
  "options about groups are judged as on Linux",
  withUdp(({ ip, bound }) => {
    const one = bound(53);
    const join = (value: Uint8Array) => one.setOption(SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, value);
    const leave = (value: Uint8Array) => one.setOption(SOL_IP, SockOpt.IP_DROP_MEMBERSHIP, value);
    assertEquals(join(membership(GROUP, 9)), -Errno.ENODEV);
    assertEquals(join(membership(OWN as number, ETH)), -Errno.EINVAL);
    assertEquals(join(membership(GROUP, ETH).subarray(0, 4)), -Errno.EINVAL);
    assertEquals(join(membership(GROUP, 0).subarray(0, 8)), 0);
    assertEquals(join(membership(GROUP, ETH)), -Errno.EADDRINUSE);
    assertEquals(leave(membership(GROUP, ETH)), 0);
    assertEquals(leave(membership(GROUP, ETH)), -Errno.EADDRNOTAVAIL);
    const request = new Uint8Array(136);
    request[0] = ETH;
    request.set([2, 0, 0, 0, 239, 9, 9, 9], 8);
    assertEquals(one.setOption(SOL_IP, SockOpt.MCAST_JOIN_GROUP, request), 0);
    assert(ip.groups.hasGroup(ETH, ipv4Of("239.9.9.9")));
    assertEquals(one.setOption(SOL_IP, SockOpt.MCAST_LEAVE_GROUP, request), 0);
    assert(!ip.groups.hasGroup(ETH, ipv4Of("239.9.9.9")));
  }),
);

Deno.test(
  "all sources of a group can be named at once",
  withUdp(({ ip, user, bound, socket }) => {
    const member = bound(53);
    const filter = new Uint8Array(24);
    const view = new DataView(filter.buffer);
    view.setInt32(0, GROUP);
    view.setInt32(4, OWN as number);
    view.setInt32(8, 1, true);
    view.setInt32(12, 2, true);
    view.setInt32(16, OTHER as number);
    view.setInt32(20, OWN as number);
    const set = (value: Uint8Array) => member.setOption(SOL_IP, 41, value);
    assertEquals(set(filter.subarray(0, 20)), -Errno.EINVAL);
    assertEquals(set(filter), 0);
    const sender = socket();
    const hears = () => {
      user.send(sender, "x", to(GROUP, 53));
      ip.deliver();
      return user.text(member) === "x";
    };
    assert(hears());
    view.setInt32(8, 0, true);
    assertEquals(set(filter), 0);
    assert(!hears());
    view.setInt32(8, 2, true);
    assertEquals(set(filter), -Errno.EINVAL);
    const request = new Uint8Array(144 + 128);
    request[0] = ETH;
    request.set([2, 0, 0, 0, 239, 1, 2, 3], 8);
    request.set([1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 1], 136);
    assertEquals(member.setOption(SOL_IP, 48, request), 0);
    assert(hears());
    assertEquals(member.setOption(SOL_IP, 48, request.subarray(0, 200)), -Errno.EINVAL);
  }),
);

Deno.test(
  "groups of IPv6 are joined by index",
  withUdp(({ ip, user, bound, socket }) => {
    const group = ipv6Of("ff15::7");
    const value = new Uint8Array(20);
    group.forEach((word, at) => new DataView(value.buffer).setInt32(4 * at, word));
    value[16] = ETH;
    const member = bound(53, 0, "ipv6");
    assertEquals(member.setOption(IPPROTO_IPV6, SockOpt.IPV6_ADD_MEMBERSHIP, value), 0);
    assertEquals(user.send(socket("ipv6"), "six", to(group, 53)), 3);
    ip.deliver();
    assertEquals(user.text(member), "six");
    assertEquals(member.setOption(IPPROTO_IPV6, SockOpt.IPV6_DROP_MEMBERSHIP, value), 0);
  }),
);

Deno.test(
  "what goes to a group leaves as the options for groups say",
  withUdp(({ ip, user, socket }) => {
    const one = socket();
    const last = () => ip.sent[ip.sent.length - 1];
    one.setOption(SOL_IP, SockOpt.IP_MULTICAST_LOOP, int(0));
    user.send(one, "x", to(GROUP, 53));
    assertEquals([last().parameters.timeToLive, last().interface], [1, ETH]);
    assertEquals(last().parameters.loopsMulticast, false);
    assertEquals(one.setOption(SOL_IP, SockOpt.IP_MULTICAST_TTL, int(0)), 0);
    assertEquals(one.setOption(SOL_IP, SockOpt.IP_MULTICAST_TTL, int(256)), -Errno.EINVAL);
    user.send(one, "x", to(GROUP, 54));
    assertEquals(last().parameters.timeToLive, -1);
    assertEquals(one.setOption(SOL_IP, SockOpt.IP_MULTICAST_IF, membership(0, LO)), 0);
    user.send(one, "x", to(ipv4Of("239.1.1.1"), 53));
    assertEquals(last().interface, LO);
  }),
);

Deno.test(
  "nothing goes to everybody without SO_BROADCAST, and everybody hears what does",
  withUdp(({ ip, user, bound, socket }) => {
    const everybody = ipv4Of("10.0.0.255");
    const one = socket();
    assertEquals(user.send(one, "x", to(everybody, 53)), -Errno.EACCES);
    assertEquals(one.connect(everybody, 53, 0), -Errno.EACCES);
    one.setOption(SOL_SOCKET, SockOpt.SO_BROADCAST, int(1));
    const receivers = [bound(53, everybody), socket(), socket()];
    for (const made of receivers.slice(1)) {
      made.setOption(SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
    }
    receivers[0].setOption(SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
    assertEquals(receivers[1].bind(0, 53, 0), 0);
    assertEquals(receivers[2].bind(OWN, 53, 0), 0);
    assertEquals(user.send(one, "x", to(everybody, 53)), 1);
    ip.deliver();
    assertEquals(receivers.map((made) => user.text(made)), ["x", "x", -Errno.EAGAIN]);
  }),
);
