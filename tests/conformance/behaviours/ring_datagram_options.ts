/**
 * Options of datagram sockets, multicast groups among them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import { boundSocket, datagramSocket, localName, sendTo } from "../datagrams.ts";
import type { Raw } from "../raw.ts";
import { SocketAddress } from "../../../mod.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { DriverOp, Op, Sock, SockOpt } from "../../../ring/abi/opcodes.ts";
import { AF_INET6, encodeSockaddr } from "../../../ring/abi/sockaddr.ts";

const behaviour = theme("ring: options of datagram sockets");
const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6 } = SockOpt;
/** What is not known is one of these, by backend. */
const UNKNOWN: readonly number[] = [-Errno.ENOPROTOOPT, -Errno.ENOTSUP];
/** `SO_MEMINFO`, and the place of what was dropped in its words. */
const SO_MEMINFO = 55;
const DROPS = 8;
const LOOPBACK_BYTES = Uint8Array.of(127, 0, 0, 1);
/** Groups of this test's own: RFC 2365 and RFC 4291 leave them to whoever wants them. */
const GROUP = SocketAddress.parse("239.192.77.1:0");
const GROUP_IPV6 = SocketAddress.parse("[ff01::7701]:0");
const LOOPBACK_INDEX = 1;

function setBytes(
  raw: Raw,
  fd: number,
  level: number,
  name: number,
  value: Uint8Array,
): Promise<number> {
  const address3 = raw.blockOf(value);
  const entry = { fd, address: level + name * 2 ** 32, fileIndex: value.length, address3 };
  return raw.run(DriverOp.SETSOCKOPT, entry);
}

/** `struct ip_mreq`, for the loopback interface. */
function request(group: SocketAddress): Uint8Array {
  return Uint8Array.of(...group.bytes, ...LOOPBACK_BYTES);
}

/** `struct ipv6_mreq`, for the loopback interface. */
function requestIPv6(group: SocketAddress): Uint8Array {
  return Uint8Array.of(...group.bytes, LOOPBACK_INDEX, 0, 0, 0);
}

/** `struct ip_mreq_source`, for the loopback interface. */
function sourceRequest(group: SocketAddress, source: Uint8Array): Uint8Array {
  return Uint8Array.of(...group.bytes, ...LOOPBACK_BYTES, ...source);
}

/** A sender whose multicast datagrams leave by loopback, and come back. */
async function sender(raw: Raw): Promise<number> {
  const { fd } = await boundSocket(raw);
  assertEquals(await setBytes(raw, fd, SOL_IP, SockOpt.IP_MULTICAST_IF, LOOPBACK_BYTES), 0);
  return fd;
}

/** A socket on a free port, and the group's address with that port. */
async function listener(raw: Raw): Promise<[number, SocketAddress]> {
  const { fd, address } = await boundSocket(raw, "0.0.0.0:0");
  return [fd, SocketAddress.parse(`${GROUP.host}:${address.port}`)];
}

behaviour("options of datagram sockets read back as they were set", async (t) => {
  const { raw } = t;
  const four = await datagramSocket(raw);
  const bound = await boundSocket(raw);
  const options: [number, number, number[]][] = [
    [SOL_SOCKET, SockOpt.SO_BROADCAST, [1, 0]],
    [SOL_IP, SockOpt.IP_TTL, [9, 255]],
    [SOL_IP, SockOpt.IP_MULTICAST_TTL, [7, 1]],
    [SOL_IP, SockOpt.IP_MULTICAST_LOOP, [0, 1]],
  ];
  for (const fd of [four, bound.fd]) {
    for (const [level, name, values] of options) {
      for (const value of values) {
        assertEquals(await raw.setOption(fd, level, name, value), 0, `${level} ${name}`);
        assertEquals(await raw.getOption(fd, level, name), [4, value], `${level} ${name}`);
      }
    }
  }
  assertEquals(await raw.bind(four, SocketAddress.parse("127.0.0.1:0")), 0);
  assertEquals(await raw.getOption(four, SOL_IP, SockOpt.IP_TTL), [4, 255]);
  const six = await datagramSocket(raw, AF_INET6);
  assertEquals(await raw.getOption(six, IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP), [4, 1]);
  assertEquals(await raw.setOption(six, IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP, 0), 0);
  assertEquals(await raw.getOption(six, IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP), [4, 0]);
  assertEquals(await raw.setOption(six, IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_IF, 1), 0);
  assertEquals(await raw.getOption(six, IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_IF), [4, 1]);
});

behaviour("a datagram socket tells what it is", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw, AF_INET6);
  const found = async (name: number) => (await raw.getOption(fd, SOL_SOCKET, name))[1];
  assertEquals(await found(SockOpt.SO_TYPE), Sock.DGRAM);
  assertEquals(await found(SockOpt.SO_DOMAIN), AF_INET6);
  assertEquals(await found(SockOpt.SO_PROTOCOL), SockOpt.IPPROTO_UDP);
  assertEquals(await found(SockOpt.SO_ACCEPTCONN), 0);
  assertEquals(await found(SockOpt.SO_ERROR), 0);
});

behaviour("options that datagram sockets have not are refused, and wrong values", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw);
  assert(UNKNOWN.includes(await raw.setOption(fd, SOL_IP, 4000, 1)));
  assert(UNKNOWN.includes((await raw.getOption(fd, SOL_IP, 4000))[0]));
  assertEquals(await raw.setOption(fd, SOL_IP, SockOpt.IP_TTL, 256), -Errno.EINVAL);
  assertEquals(await raw.setOption(fd, SOL_IP, SockOpt.IP_TTL, 0), -Errno.EINVAL);
  assertEquals(await raw.setOption(fd, SOL_IP, SockOpt.IP_MULTICAST_TTL, 256), -Errno.EINVAL);
  const short = Uint8Array.of(1);
  assertEquals(
    await setBytes(raw, fd, SOL_SOCKET, SockOpt.SO_BROADCAST, short),
    -Errno.EINVAL,
  );
});

behaviour("SO_RCVBUF and SO_SNDBUF of a datagram socket are at least what was set", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw);
  for (const name of [SockOpt.SO_RCVBUF, SockOpt.SO_SNDBUF]) {
    assertEquals(await raw.setOption(fd, SOL_SOCKET, name, 20_000), 0);
    const [length, value] = await raw.getOption(fd, SOL_SOCKET, name);
    assert(length === 4 && value >= 20_000, `${value}`);
  }
});

behaviour("SO_REUSEADDR lets datagram sockets share an address", async (t) => {
  const { raw } = t;
  const one = await datagramSocket(raw);
  const two = await datagramSocket(raw);
  for (const fd of [one, two]) {
    assertEquals(await raw.setOption(fd, SOL_SOCKET, SockOpt.SO_REUSEADDR, 1), 0);
  }
  assertEquals(await raw.bind(one, SocketAddress.parse("127.0.0.1:0")), 0);
  const address = await localName(raw, one);
  assertEquals(await raw.bind(two, address), 0);
  assertEquals(await raw.bind(await datagramSocket(raw), address), -Errno.EADDRINUSE);
});

behaviour("IPV6_V6ONLY keeps IPv4 out of a datagram socket", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw, AF_INET6);
  assertEquals(await raw.getOption(fd, IPPROTO_IPV6, SockOpt.IPV6_V6ONLY), [4, 0]);
  assertEquals(await raw.setOption(fd, IPPROTO_IPV6, SockOpt.IPV6_V6ONLY, 1), 0);
  assertEquals(await raw.bind(fd, SocketAddress.parse("[::]:0")), 0);
  const { port } = await localName(raw, fd);
  assertEquals(await raw.getOption(fd, IPPROTO_IPV6, SockOpt.IPV6_V6ONLY), [4, 1]);
  // The port is free for IPv4, which is what shows that the option holds.
  const four = await boundSocket(raw, `0.0.0.0:${port}`);
  assertEquals(await sendTo(raw, fd, four.address, utf8("x")), -Errno.ENETUNREACH);
});

behaviour("datagrams to a group reach its members, until they leave", async (t) => {
  const { raw } = t;
  const [fd, address] = await listener(raw);
  const from = await sender(raw);
  assertEquals(await setBytes(raw, fd, SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, request(GROUP)), 0);
  assertEquals(await sendTo(raw, from, address, utf8("to all")), 6);
  assertEquals((await raw.receive(fd, 10)).bytes, utf8("to all"));
  const leave = () => setBytes(raw, fd, SOL_IP, SockOpt.IP_DROP_MEMBERSHIP, request(GROUP));
  assertEquals(await leave(), 0);
  await sendTo(raw, from, address, utf8("missed"));
  const direct = SocketAddress.parse(`127.0.0.1:${address.port}`);
  await sendTo(raw, from, direct, utf8("direct"));
  assertEquals((await raw.receive(fd, 10)).bytes, utf8("direct"));
  assertEquals(await leave(), -Errno.EADDRNOTAVAIL);
});

behaviour("a socket may join a group before it is bound", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw);
  const join = () => setBytes(raw, fd, SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, request(GROUP));
  assertEquals([await join(), await join()], [0, -Errno.EADDRINUSE]);
  assertEquals(await raw.bind(fd, SocketAddress.parse("0.0.0.0:0")), 0);
  const { port } = await localName(raw, fd);
  const address = SocketAddress.parse(`${GROUP.host}:${port}`);
  assertEquals(await sendTo(raw, await sender(raw), address, utf8("early")), 5);
  assertEquals((await raw.receive(fd, 10)).bytes, utf8("early"));
});

behaviour("IPV6_ADD_MEMBERSHIP joins a group of IPv6", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw, AF_INET6);
  const value = requestIPv6(GROUP_IPV6);
  const join = () => setBytes(raw, fd, IPPROTO_IPV6, SockOpt.IPV6_ADD_MEMBERSHIP, value);
  assertEquals([await join(), await join()], [0, -Errno.EADDRINUSE]);
  // No more than that: whether loopback carries groups of IPv6 depends on its routes.
  assertEquals(await raw.bind(fd, SocketAddress.parse("[::]:0")), 0);
  assertEquals(await join(), -Errno.EADDRINUSE);
  const leave = () => setBytes(raw, fd, IPPROTO_IPV6, SockOpt.IPV6_DROP_MEMBERSHIP, value);
  assertEquals([await leave(), await leave()], [0, -Errno.EADDRNOTAVAIL]);
});

behaviour("a source-specific membership hears its source only", async (t) => {
  const { raw } = t;
  const [fd, address] = await listener(raw);
  const wanted = sourceRequest(GROUP, LOOPBACK_BYTES);
  const { IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP } = SockOpt;
  assertEquals(await setBytes(raw, fd, SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, wanted), 0);
  const other = await boundSocket(raw, "127.0.0.2:0");
  assertEquals(await setBytes(raw, other.fd, SOL_IP, SockOpt.IP_MULTICAST_IF, LOOPBACK_BYTES), 0);
  await sendTo(raw, other.fd, address, utf8("stranger"));
  await sendTo(raw, await sender(raw), address, utf8("source"));
  assertEquals((await raw.receive(fd, 10)).bytes, utf8("source"));
  assertEquals(await setBytes(raw, fd, SOL_IP, IP_DROP_SOURCE_MEMBERSHIP, wanted), 0);
});

behaviour("MCAST_JOIN_GROUP names groups of both families alike", async (t) => {
  const { raw } = t;
  const { MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP } = SockOpt;
  for (const isIPv6 of [false, true]) {
    const group = isIPv6 ? GROUP_IPV6 : GROUP;
    const level = isIPv6 ? IPPROTO_IPV6 : SOL_IP;
    const { fd } = await boundSocket(raw, isIPv6 ? "[::]:0" : "0.0.0.0:0");
    const value = new Uint8Array(136);
    value[0] = isIPv6 ? LOOPBACK_INDEX : 0;
    encodeSockaddr(group, value, 8);
    const change = (name: number) => setBytes(raw, fd, level, name, value);
    assertEquals([await change(MCAST_JOIN_GROUP), await change(MCAST_LEAVE_GROUP)], [0, 0]);
    assertEquals(await change(MCAST_LEAVE_GROUP), -Errno.EADDRNOTAVAIL);
  }
});

behaviour("what is no group, or no interface, cannot be joined", async (t) => {
  const { raw } = t;
  const { fd } = await boundSocket(raw);
  const nobody = request(SocketAddress.parse("127.0.0.1:0"));
  const join = (value: Uint8Array) => setBytes(raw, fd, SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, value);
  assertEquals(await join(nobody), -Errno.EINVAL);
  assertEquals(await join(Uint8Array.of(239, 1, 2, 3)), -Errno.EINVAL);
  // 192.0.2.1 is nobody's: RFC 5737.
  const foreign = Uint8Array.of(192, 0, 2, 1);
  assertEquals(await join(Uint8Array.of(...GROUP.bytes, ...foreign)), -Errno.ENODEV);
  const chosen = await setBytes(raw, fd, SOL_IP, SockOpt.IP_MULTICAST_IF, foreign);
  assertEquals(chosen, -Errno.EADDRNOTAVAIL);
});

behaviour("datagrams that nobody receives are dropped beyond a bound, and counted", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const { pointer: pointer2, length: fileIndex } = raw.sockaddr(to.address);
  const pointer = raw.blockOf(Uint8Array.of(0));
  const entry = { fd: from.fd, pointer, length: 1, pointer2, fileIndex };
  const address3 = raw.block(36);
  const read = { fd: to.fd, address: SOL_SOCKET + SO_MEMINFO * 2 ** 32, fileIndex: 36, address3 };
  const dropped = async () => {
    assertEquals(await raw.run(DriverOp.GETSOCKOPT, read), 36);
    return raw.reactor.memory.words[(address3 >> 2) + DROPS];
  };
  let sent = 0;
  while (await dropped() === 0) {
    for (let index = 0; index < 64; index++) assertEquals(await raw.run(Op.SEND, entry), 1);
    sent += 64;
    assert(sent < 20_000, "nothing is ever dropped");
    await t.barrierWithoutBuffers();
  }
  assert(sent > 200, `${sent}`);
  // What was kept is still there.
  for (let index = 0; index < 200; index++) {
    assertEquals((await raw.receive(to.fd, 10)).result, 1);
  }
});
