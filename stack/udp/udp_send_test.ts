import { assert, assertEquals } from "@std/assert";
import { ETH, int, LO, OTHER, OTHER_6, OWN, pattern } from "../../tests/support/stack/fake_ip.ts";
import { to, withUdp } from "../../tests/support/stack/udp_world.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { Ready } from "../socket.ts";
import { complement, pseudoIpv4At, pseudoIpv6At } from "../wire/checksum.ts";
import { ipv4Of, PacketBytes } from "../wire/mod.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_UDP } = SockOpt;
const LOOPBACK = ipv4Of("127.0.0.1");
const MORE = 0x8000;

Deno.test(
  "a buffer is cut into datagrams, by the interface where it can",
  withUdp(({ ip, user, bound, socket, counts }) => {
    const receiver = bound(53);
    const one = socket();
    assertEquals(user.send(one, 2500, { ...to(OWN, 53), segmentBytes: 1000 }), 2500);
    assertEquals(ip.deliver(), 1, "what stays within the stack is not cut");
    const lengths = [0, 1, 2].map(() => {
      const got = user.receive(receiver);
      assert(typeof got !== "number");
      return [got.data.length, got.data[0]];
    });
    const bytes = pattern(2500);
    assertEquals(lengths, [[1000, bytes[0]], [1000, bytes[1000]], [500, bytes[2000]]]);
    assertEquals(user.send(one, 3000, { ...to(OTHER, 53), segmentBytes: 1473 }), -Errno.EINVAL);
    assertEquals(user.send(one, 1290, { ...to(OTHER, 53), segmentBytes: 10 }), -Errno.EINVAL);
    ip.offloadBytes = 65535;
    ip.generation++;
    assertEquals(one.setOption(IPPROTO_UDP, SockOpt.UDP_SEGMENT, int(1000)), 0);
    assertEquals(user.send(one, 2500, to(OTHER, 53)), 2500);
    assertEquals(ip.sent.length, 1);
    const [{ segmentation, segmentBytes, flags, packet }] = ip.sent;
    assertEquals([segmentation, segmentBytes], [Segmentation.UDP, 1000]);
    assert((flags & PacketFlag.CHECKSUM_PARTIAL) !== 0);
    assertEquals(packet.length, 2500 + 28);
    assertEquals(counts().SENT, 6);
  }),
);

Deno.test(
  "what is corked leaves as one datagram, to where the first call said",
  withUdp(({ ip, user, bound, socket }) => {
    const receiver = bound(53);
    const one = socket();
    assertEquals(user.send(one, "ab", to(OWN, 53), MORE), 2);
    assertEquals(user.send(one, "cd", to(OTHER, 99), MORE), 2);
    assertEquals(ip.deliver(), 0);
    assertEquals(user.send(one, "ef"), 2);
    ip.deliver();
    assertEquals(user.text(receiver), "abcdef");
    assertEquals(one.setOption(IPPROTO_UDP, 1, int(1)), 0);
    user.send(one, "12", to(OWN, 53));
    user.send(one, "34", to(OWN, 53));
    assertEquals(ip.deliver(), 0);
    assertEquals(one.setOption(IPPROTO_UDP, 1, int(0)), 0);
    ip.deliver();
    assertEquals(user.text(receiver), "1234");
    user.send(one, 60000, to(OWN, 53), MORE);
    assertEquals(user.send(one, 6000, {}, MORE), -Errno.EMSGSIZE);
    assertEquals(user.send(one, "new", to(OWN, 53)), 3);
    ip.deliver();
    assertEquals(user.text(receiver), "new");
    user.send(one, "left behind", to(OWN, 53), MORE);
  }),
);

Deno.test(
  "what is corked is cut into datagrams in the end, whoever does it",
  withUdp(({ ip, user, bound, socket }) => {
    const receiver = bound(53);
    const one = socket();
    for (const offload of [0, 65535]) {
      ip.offloadBytes = offload;
      ip.generation++;
      user.send(one, 700, { ...to(OWN, 53), segmentBytes: 500 }, MORE);
      assertEquals(user.send(one, 500), 500);
      ip.deliver();
      const lengths = [0, 1, 2].map(() => {
        const got = user.receive(receiver);
        assert(typeof got !== "number");
        return got.data.length;
      });
      assertEquals(lengths, [500, 500, 200]);
    }
  }),
);

Deno.test(
  "a socket sends no more at a time than its buffer has, and is told when it may go on",
  withUdp(({ ip, user, bound, socket }) => {
    bound(53);
    const one = socket();
    const raised: number[] = [];
    one.owner = { onReady: (bits) => raised.push(bits) };
    one.setOption(SOL_SOCKET, SockOpt.SO_SNDBUF, int(1));
    assertEquals(one.getOption(SOL_SOCKET, SockOpt.SO_SNDBUF), int(4608));
    let sent = 0;
    while (user.send(one, 1000, to(OWN, 53)) === 1000) sent++;
    assertEquals(sent, 4);
    assertEquals(one.readiness() & Ready.OUT, 0);
    ip.deliver();
    ip.environment.now++;
    ip.environment.timers.expire(ip.environment.now);
    assertEquals(raised, [Ready.OUT]);
    assertEquals(user.send(one, 1000, to(OWN, 53)), 1000);
    ip.deliver();
  }),
);

Deno.test(
  "when packets run out, sending waits for some time",
  withUdp(({ ip, user, socket }) => {
    const { arena, timers } = ip.environment;
    const one = socket();
    const raised: number[] = [];
    one.owner = { onReady: (bits) => raised.push(bits) };
    const taken: number[] = [];
    for (let next = arena.take(1); next >= 0; next = arena.take(1)) taken.push(next);
    for (let next = arena.take(9000); next >= 0; next = arena.take(9000)) taken.push(next);
    assertEquals(user.send(one, "x", to(OTHER, 53)), -Errno.EAGAIN);
    for (const packet of taken) arena.release(packet);
    ip.environment.now += 1000;
    timers.expire(ip.environment.now);
    assertEquals(raised, [Ready.OUT]);
    assertEquals(user.send(one, "x", to(OTHER, 53)), 1);
  }),
);

Deno.test(
  "what IP has no room for is lost and counted, what it refuses is told",
  withUdp(({ ip, user, socket, counts }) => {
    const one = socket();
    ip.answer = -Errno.ENOBUFS;
    assertEquals(user.send(one, "x", to(OTHER, 53)), 1);
    assertEquals([counts().DROPPED_SEND, counts().SENT], [1, 0]);
    ip.answer = -Errno.EMSGSIZE;
    assertEquals(user.send(one, "x", to(OTHER, 53)), -Errno.EMSGSIZE);
  }),
);

// covers RFC 1122 4.1.3.4 MUST
// covers RFC 768 Fields MUST
Deno.test(
  "what is sent has a checksum unless the socket says otherwise",
  withUdp(({ ip, user, socket }) => {
    const field = (at: number) => new DataView(ip.sent[at].packet.buffer).getUint16(26);
    const one = socket();
    user.send(one, "x", to(OTHER, 53));
    assert((ip.sent[0].flags & PacketFlag.CHECKSUM_PARTIAL) !== 0);
    assert(field(0) !== 0);
    one.setOption(SOL_SOCKET, 11, int(1));
    user.send(one, "x", to(OTHER, 53));
    assertEquals([ip.sent[1].flags, field(1)], [0, 0]);
  }),
);

// covers RFC 1122 4.1.4 MUST
// covers RFC 1122 4.1.3.2 MUST
Deno.test(
  "hops, class, fragmentation and options of IP are the socket's, or the datagram's",
  withUdp(({ ip, user, socket }) => {
    const one = socket();
    const sentWith = (with_ = {}) => {
      user.send(one, "x", { ...to(OTHER, 53), ...with_ });
      return ip.sent[ip.sent.length - 1].parameters;
    };
    assertEquals(sentWith().timeToLive, 0);
    assertEquals(sentWith().fragmentation, "wanted");
    one.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(0));
    assertEquals(sentWith().fragmentation, "allowed");
    one.setOption(SOL_IP, SockOpt.IP_TTL, int(7));
    one.setOption(SOL_IP, SockOpt.IP_TOS, Uint8Array.of(0x10));
    one.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(2));
    one.setOption(SOL_IP, 4, Uint8Array.of(1, 1, 1));
    const { timeToLive, typeOfService, fragmentation, options } = sentWith();
    assertEquals([timeToLive, typeOfService, fragmentation], [7, 0x10, "forbidden"]);
    assertEquals(options, Uint8Array.of(1, 1, 1, 0));
    const other = sentWith({ timeToLive: 3, typeOfService: 0 });
    assertEquals([other.timeToLive, other.typeOfService], [3, 0]);
    one.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(3));
    assertEquals(sentWith().fragmentation, "probe");
    assertEquals(one.setOption(SOL_IP, SockOpt.IP_TTL, int(256)), -Errno.EINVAL);
    assertEquals(one.setOption(SOL_IP, SockOpt.IP_TTL, int(-1)), 0);
    assertEquals(sentWith().timeToLive, 0);
  }),
);

// covers RFC 1122 4.1.3.5 MUST
// covers RFC 1122 4.1.3.6 MUST
Deno.test(
  "the source of a datagram can be named, and must be one of ours",
  withUdp(({ ip, user, socket }) => {
    const one = socket();
    assertEquals(user.send(one, "x", { ...to(OTHER, 53), source: OWN }), 1);
    assertEquals(new DataView(ip.sent[0].packet.buffer).getInt32(12), OWN);
    assertEquals(user.send(one, "x", { ...to(OTHER, 53), source: OTHER }), -Errno.EINVAL);
    assertEquals(user.send(one, "x", { ...to(OTHER, 53), source: LOOPBACK }), 1);
    assertEquals(new DataView(ip.sent[1].packet.buffer).getInt32(12), LOOPBACK);
  }),
);

Deno.test(
  "the interface of a datagram can be named, without its source",
  withUdp(({ ip, user, socket }) => {
    const one = socket();
    for (const scope of [LO, ETH]) {
      assertEquals(user.send(one, "x", { ...to(OTHER, 53), scope }), 1);
      assertEquals(ip.sent.pop()!.interface, scope);
    }
    one.connect(OTHER, 53, 0);
    assertEquals(user.send(one, "x", { scope: LO }), 1);
    assertEquals(ip.sent.pop()!.interface, LO);
    assertEquals(user.send(one, "x"), 1);
    assertEquals(ip.sent.pop()!.interface, ETH);
  }),
);

Deno.test(
  "what a connected socket sends goes on by the interface of its options when ways change",
  withUdp(({ ip, user, socket }) => {
    const one = socket();
    const index = new Uint8Array(12);
    index[8] = LO;
    one.setOption(SOL_IP, SockOpt.IP_MULTICAST_IF, index);
    one.setOption(SOL_IP, SockOpt.IP_MULTICAST_LOOP, int(0));
    assertEquals(one.connect(ipv4Of("239.1.2.3"), 53, 0), 0);
    for (let count = 0; count < 2; count++) {
      user.send(one, "x");
      assertEquals(ip.sent.pop()!.interface, LO);
      ip.generation++;
    }
  }),
);

Deno.test(
  "a way is looked up once as long as it is good and leads to the same place",
  withUdp(({ ip, user, socket }) => {
    const one = socket();
    for (let count = 0; count < 3; count++) user.send(one, "x", to(OTHER, 53));
    assertEquals(ip.routed, 1);
    user.send(one, "x", to(OWN, 53));
    user.send(one, "x", to(OTHER, 53));
    assertEquals(ip.routed, 3);
    ip.generation++;
    user.send(one, "x", to(OTHER, 53));
    assertEquals(ip.routed, 4);
    one.setOption(SOL_SOCKET, SockOpt.SO_MARK, int(3));
    user.send(one, "x", to(OTHER, 53));
    assertEquals(ip.routed, 5);
    ip.deliver();
  }),
);

Deno.test(
  "a checksum that completes is a right one",
  withUdp(({ ip, user, socket }) => {
    for (const [family, address, header] of [["ipv4", OTHER, 20], ["ipv6", OTHER_6, 40]] as const) {
      user.send(socket(family), 333, to(address as number, 53));
      const { packet } = ip.sent.pop()!;
      const bytes = PacketBytes.copyOf(packet);
      const partial = new DataView(packet.buffer).getUint16(header + 6);
      const pseudo = (header === 40 ? pseudoIpv6At : pseudoIpv4At)(bytes, 0, 17, 341);
      assertEquals(complement(partial), complement(pseudo));
    }
  }),
);
