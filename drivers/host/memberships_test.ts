import { assertEquals } from "@std/assert";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import {
  MAXIMUM_MEMBERSHIPS,
  type Membership,
  Memberships,
  readMembership,
} from "./memberships.ts";
import { ringAt } from "../../tests/support/ring.ts";

const { SOL_IP, IPPROTO_IPV6 } = SockOpt;

function read(level: number, name: number, family: number, ...bytes: number[]) {
  const { memory } = ringAt(0);
  const at = memory.at.arena;
  memory.bytes.set(bytes, at);
  return readMembership(level, name, family, memory, at, bytes.length);
}

function groupRequest(index: number, ...addresses: string[]): number[] {
  const bytes = new Uint8Array(8 + addresses.length * 128);
  bytes[0] = index;
  addresses.forEach((text, place) =>
    encodeSockaddr(SocketAddress.parse(text), bytes, 8 + place * 128)
  );
  return [...bytes];
}

const joining = { isLeaving: false, interface: undefined, source: undefined };

Deno.test("memberships of IPv4 are read from every structure of ip(7)", () => {
  const group = [239, 1, 2, 3];
  const add = SockOpt.IP_ADD_MEMBERSHIP;
  const plain = { ...joining, group: "239.1.2.3" };
  assertEquals(read(SOL_IP, add, AF_INET, ...group, 0, 0, 0, 0), plain);
  assertEquals(read(SOL_IP, add, AF_INET, ...group, 127, 0, 0, 1, 0, 0, 0, 0), {
    ...plain,
    interface: "127.0.0.1",
  });
  assertEquals(read(SOL_IP, SockOpt.IP_DROP_MEMBERSHIP, AF_INET, ...group, 0, 0, 0, 0), {
    ...plain,
    isLeaving: true,
  });
  const source = [...group, 127, 0, 0, 1, 10, 0, 0, 9];
  assertEquals(read(SOL_IP, SockOpt.IP_ADD_SOURCE_MEMBERSHIP, AF_INET, ...source), {
    isLeaving: false,
    group: "239.1.2.3",
    interface: "127.0.0.1",
    source: "10.0.0.9",
  });
  const both = groupRequest(0, "239.1.2.3:0", "10.0.0.9:0");
  assertEquals(read(SOL_IP, SockOpt.MCAST_JOIN_SOURCE_GROUP, AF_INET, ...both), {
    ...plain,
    source: "10.0.0.9",
  });
});

Deno.test("memberships of IPv6 are read from every structure of ipv6(7)", () => {
  const group = SocketAddress.parse("[ff02::5]:0");
  const add = SockOpt.IPV6_ADD_MEMBERSHIP;
  const joined = { ...joining, group: "ff02::5", interface: "::%3" };
  assertEquals(read(IPPROTO_IPV6, add, AF_INET6, ...group.bytes, 3, 0, 0, 0), joined);
  const request = groupRequest(3, "[ff02::5]:0");
  assertEquals(read(IPPROTO_IPV6, SockOpt.MCAST_JOIN_GROUP, AF_INET6, ...request), joined);
  assertEquals(read(IPPROTO_IPV6, SockOpt.MCAST_LEAVE_GROUP, AF_INET6, ...request), {
    ...joined,
    isLeaving: true,
  });
});

Deno.test("what Node cannot join is ENOTSUP, what is no group EINVAL, other options are none", () => {
  const add = SockOpt.IP_ADD_MEMBERSHIP;
  const byNumber = [239, 1, 2, 3, 0, 0, 0, 0, 2, 0, 0, 0];
  assertEquals(read(SOL_IP, add, AF_INET, ...byNumber), -Errno.ENOTSUP);
  const numbered = groupRequest(2, "239.1.2.3:0");
  assertEquals(read(SOL_IP, SockOpt.MCAST_JOIN_GROUP, AF_INET, ...numbered), -Errno.ENOTSUP);
  const sourced = groupRequest(0, "[ff02::5]:0", "[fe80::1]:0");
  const join = SockOpt.MCAST_JOIN_SOURCE_GROUP;
  assertEquals(read(IPPROTO_IPV6, join, AF_INET6, ...sourced), -Errno.ENOTSUP);
  assertEquals(read(SOL_IP, add, AF_INET, 10, 0, 0, 1, 0, 0, 0, 0), -Errno.EINVAL);
  assertEquals(read(SOL_IP, add, AF_INET, 239, 0, 0), -Errno.EINVAL);
  const other = groupRequest(0, "[ff02::5]:0");
  assertEquals(read(SOL_IP, SockOpt.MCAST_JOIN_GROUP, AF_INET, ...other), -Errno.EADDRNOTAVAIL);
  assertEquals(read(SOL_IP, SockOpt.IP_TTL, AF_INET, 1, 0, 0, 0), null);
  assertEquals(read(SOL_IP, add, AF_INET6, 239, 1, 2, 3, 0, 0, 0, 0), null);
});

Deno.test("a socket is in a group once, and in no more than 20", () => {
  const memberships = new Memberships();
  const of = (group: string, isLeaving = false): Membership => ({ ...joining, group, isLeaving });
  assertEquals(memberships.change(null, of("239.0.0.0", true)), -Errno.EADDRNOTAVAIL);
  for (let index = 0; index < MAXIMUM_MEMBERSHIPS; index++) {
    assertEquals(memberships.change(null, of(`239.0.0.${index}`)), 0);
  }
  assertEquals(memberships.change(null, of("239.0.0.1")), -Errno.EADDRINUSE);
  assertEquals(memberships.change(null, of("239.0.1.0")), -Errno.ENOBUFS);
  assertEquals(memberships.change(null, of("239.0.0.1", true)), 0);
  assertEquals(memberships.change(null, of("239.0.1.0")), 0);
});
