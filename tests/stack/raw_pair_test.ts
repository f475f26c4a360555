import { assert, assertEquals } from "@std/assert";
import { int } from "../support/stack/fake_ip.ts";
import { at, echo, PROTOCOL, withPair } from "../support/stack/raw_world.ts";
import { ADDRESSES, ADDRESSES_6 } from "../support/stack/pair.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { ipv4Of } from "../../stack/wire/mod.ts";

const { SOL_IP, SOL_RAW, IPPROTO_IPV6, IPPROTO_ICMPV6 } = SockOpt;

Deno.test(
  "raw sockets of IPv4 receive the header of IP, and send without one",
  withPair((world) => {
    const receivers = [world.raw(1, PROTOCOL), world.raw(1, PROTOCOL)];
    const sender = world.raw(0, PROTOCOL);
    assertEquals(world.users[0].send(sender, "hello", at(ADDRESSES[1])), 5);
    world.run();
    for (const receiver of receivers) {
      const got = world.users[1].receive(receiver);
      assert(typeof got !== "number");
      assertEquals(got.data.length, 25);
      assertEquals([got.data[0], got.data[9]], [0x45, PROTOCOL]);
      assertEquals(new TextDecoder().decode(got.data.slice(20)), "hello");
      assertEquals([got.info.port, got.info.source], [PROTOCOL, ADDRESSES[0]]);
    }
    assertEquals(world.counts(1).RECEIVED, 2);
  }),
);

Deno.test(
  "raw sockets of IPv6 receive what follows the headers",
  withPair((world) => {
    const receiver = world.raw(1, PROTOCOL, "ipv6");
    const sender = world.raw(0, PROTOCOL, "ipv6");
    assertEquals(world.users[0].send(sender, "hello", at(ADDRESSES_6[1])), 5);
    world.run();
    assertEquals(world.users[1].text(receiver), "hello");
    assertEquals(world.users[0].send(sender, "x", at(ADDRESSES[1])), -Errno.EINVAL);
  }),
);

Deno.test(
  "raw sockets see packets of protocols that are there beside them",
  withPair((world) => {
    const raw = world.raw(1, 17);
    const server = world.udp(1);
    server.bind(0, 53, 0);
    const client = world.udp(0);
    world.users[0].send(client, "both", { address: ADDRESSES[1], port: 53 });
    world.run();
    assertEquals(world.users[1].text(server), "both");
    const got = world.users[1].receive(raw);
    assert(typeof got !== "number");
    assertEquals(got.data.length, 20 + 8 + 4);
  }),
);

Deno.test(
  "who sends to a protocol that only a raw socket knows is told nothing",
  withPair((world) => {
    const errors = world.raw(0, 1);
    const sender = world.raw(0, PROTOCOL);
    const receiver = world.raw(1, PROTOCOL);
    world.users[0].send(sender, "x", at(ADDRESSES[1]));
    world.run();
    assertEquals(world.users[0].receive(errors), -Errno.EAGAIN);
    receiver.close();
    world.users[0].send(sender, "x", at(ADDRESSES[1]));
    world.run();
    const told = world.users[0].receive(errors);
    assert(typeof told !== "number");
    assertEquals([told.data[20], told.data[21]], [3, 2]);
  }),
);

Deno.test(
  "a connected raw socket is told that the other host does not know its protocol",
  withPair((world) => {
    for (const [family, addresses] of [["ipv4", ADDRESSES], ["ipv6", ADDRESSES_6]] as const) {
      const connected = world.raw(0, PROTOCOL, family);
      const open = world.raw(0, PROTOCOL, family);
      assertEquals(connected.connect(addresses[1], 0, 0), 0);
      assertEquals(world.users[0].send(connected, "a payload"), 9);
      world.run();
      const told = world.users[0].receive(connected);
      assert(told === -Errno.ENOPROTOOPT || told === -Errno.EPROTO, `${told}`);
      assertEquals(world.users[0].receive(connected), -Errno.EAGAIN);
      assertEquals(world.users[0].receive(open), -Errno.EAGAIN);
    }
    assertEquals(world.counts(0).ERRORS, 2);
  }),
);

Deno.test(
  "bound, connected and filtered raw sockets receive what they should",
  withPair((world) => {
    const bound = world.raw(1, PROTOCOL);
    const away = world.raw(1, PROTOCOL);
    const stranger = world.raw(1, PROTOCOL);
    assertEquals(bound.bind(ADDRESSES[1], 0, 0), 0);
    assertEquals(bound.bind(ADDRESSES[1], 0, 0), 0);
    assertEquals(away.bind(ipv4Of("127.0.0.1"), 0, 0), 0);
    assertEquals(bound.bind(ipv4Of("10.0.0.77"), 0, 0), -Errno.EADDRNOTAVAIL);
    assertEquals(bound.bind(ADDRESSES[1], 0, 0), 0);
    assertEquals(stranger.connect(ipv4Of("10.0.0.77"), 0, 0), 0);
    const sender = world.raw(0, PROTOCOL);
    assertEquals(sender.connect(ADDRESSES[1], 0, 0), 0);
    assertEquals(world.users[0].send(sender, "x"), 1);
    world.run();
    const results = [bound, away, stranger].map((one) => world.users[1].receive(one));
    assert(typeof results[0] !== "number");
    assertEquals(results.slice(1), [-Errno.EAGAIN, -Errno.EAGAIN]);
    const filtered = world.raw(0, 1);
    assertEquals(filtered.setOption(SOL_RAW, SockOpt.ICMP_FILTER, int(1 << 0)), 0);
    assertEquals(filtered.getOption(SOL_RAW, SockOpt.ICMP_FILTER), int(1));
    const ping = world.ping(0);
    world.users[0].send(ping, echo(), at(ADDRESSES[1]));
    world.run();
    assertEquals(world.users[0].receive(filtered), -Errno.EAGAIN);
    assertEquals(world.counts(0).DROPPED_FILTER, 1);
    assertEquals(bound.setOption(SOL_RAW, SockOpt.ICMP_FILTER, int(1)), -Errno.EOPNOTSUPP);
  }),
);

Deno.test(
  "a program's own header of IPv4 is sent, with length, checksum and source filled in",
  withPair((world) => {
    const receiver = world.raw(1, PROTOCOL);
    const sender = world.raw(0, 255);
    const packet = new Uint8Array(24);
    packet.set([0x45, 0x10, 0, 0, 0x12, 0x34, 0, 0, 9, PROTOCOL]);
    packet.set([10, 0, 0, 2, 1, 2, 3, 4], 16);
    assertEquals(world.users[0].send(sender, packet, at(ADDRESSES[1])), 24);
    world.run();
    const got = world.users[1].receive(receiver);
    assert(typeof got !== "number");
    assertEquals([...got.data.slice(0, 10)], [
      ...[0x45, 0x10, 0, 24, 0x12, 0x34, 0, 0, 9, PROTOCOL],
    ]);
    assertEquals([...got.data.slice(12)], [10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4]);
    assertEquals(world.users[1].receive(sender), -Errno.EAGAIN);
    assertEquals(world.users[0].send(sender, packet.slice(0, 19), at(ADDRESSES[1])), -Errno.EINVAL);
    packet[0] = 0x65;
    assertEquals(world.users[0].send(sender, packet, at(ADDRESSES[1])), -Errno.EINVAL);
    const long = new Uint8Array(1501);
    long.set([0x45, 0, 0, 0, 0, 0, 0, 0, 9, PROTOCOL]);
    long.set([10, 0, 0, 2], 16);
    assertEquals(world.users[0].send(sender, long, at(ADDRESSES[1])), -Errno.EMSGSIZE);
    const plain = world.raw(0, PROTOCOL);
    assertEquals(plain.setOption(SOL_IP, SockOpt.IP_HDRINCL, int(1)), 0);
    packet[0] = 0x45;
    assertEquals(world.users[0].send(plain, packet, at(ADDRESSES[1])), 24);
  }),
);

// covers RFC 3542 3.1 MUST
Deno.test(
  "the checksum of raw sockets of IPv6 is made and judged where they say",
  withPair((world) => {
    const sender = world.raw(0, PROTOCOL, "ipv6");
    const receiver = world.raw(1, PROTOCOL, "ipv6");
    const set = (socket: typeof sender, offset: number) =>
      socket.setOption(IPPROTO_IPV6, 7, int(offset));
    assertEquals(set(receiver, 4), 0);
    assertEquals(set(receiver, 3), -Errno.EINVAL);
    assertEquals(receiver.getOption(IPPROTO_IPV6, 7), int(4));
    world.users[0].send(sender, "wrong checksum", at(ADDRESSES_6[1]));
    world.users[0].send(sender, "short", at(ADDRESSES_6[1]));
    world.run();
    assertEquals(world.users[1].receive(receiver), -Errno.EAGAIN);
    assertEquals(world.counts(1).DROPPED_CHECKSUM, 2);
    assertEquals(set(sender, 4), 0);
    assertEquals(world.users[0].send(sender, "short", at(ADDRESSES_6[1])), -Errno.EINVAL);
    assertEquals(world.users[0].send(sender, "good....data", at(ADDRESSES_6[1])), 12);
    world.run();
    const got = world.users[1].receive(receiver);
    assert(typeof got !== "number");
    assertEquals(new TextDecoder().decode(got.data.slice(0, 4)), "good");
    assertEquals(set(world.raw(0, 58, "ipv6"), 2), -Errno.EINVAL);
    assertEquals(set(sender, -1), 0);
    assertEquals(sender.getOption(IPPROTO_IPV6, 7), int(-1));
  }),
);

Deno.test(
  "raw sockets of ICMPv6 have their checksums made, and filter by type",
  withPair((world) => {
    const socket = world.raw(0, 58, "ipv6");
    const filter = new Uint8Array(32).fill(0xff);
    filter[129 >> 3] &= ~(1 << (129 & 7));
    assertEquals(socket.setOption(IPPROTO_ICMPV6, SockOpt.ICMPV6_FILTER, filter), 0);
    assertEquals(socket.getOption(IPPROTO_ICMPV6, SockOpt.ICMPV6_FILTER), filter);
    const request = Uint8Array.of(128, 0, 0, 0, 1, 2, 0, 5, 9, 9);
    assertEquals(world.users[0].send(socket, request, at(ADDRESSES_6[1])), 10);
    world.run();
    const got = world.users[0].receive(socket);
    assert(typeof got !== "number");
    assertEquals([...got.data.slice(4)], [1, 2, 0, 5, 9, 9]);
    assertEquals(got.data[0], 129);
    assertEquals(world.users[0].receive(socket), -Errno.EAGAIN);
  }),
);

Deno.test(
  "a full queue of a raw socket drops and counts",
  withPair((world) => {
    const receiver = world.raw(1, PROTOCOL);
    receiver.setOption(SockOpt.SOL_SOCKET, SockOpt.SO_RCVBUF, int(1));
    const sender = world.raw(0, PROTOCOL);
    const ping = world.ping(0);
    world.users[0].send(ping, echo(), at(ADDRESSES[1]));
    world.run();
    for (let count = 0; count < 20; count++) world.users[0].send(sender, "x", at(ADDRESSES[1]));
    world.run();
    const { RECEIVED, DROPPED_QUEUE_FULL } = world.counts(1);
    assertEquals(RECEIVED + DROPPED_QUEUE_FULL, 20);
    assert(DROPPED_QUEUE_FULL > 0 && RECEIVED > 0);
  }),
);

Deno.test(
  "there are raw sockets of every protocol but those that are none",
  withPair(({ stacks: [{ raw }] }) => {
    assertEquals(raw.socket("ipv4", 0), -Errno.EPROTONOSUPPORT);
    assertEquals(raw.socket("ipv4", 256), -Errno.EPROTONOSUPPORT);
  }),
);
