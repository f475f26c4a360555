import { assert, assertEquals } from "@std/assert";
import { ETH, int, OTHER, OWN, OWN_6, pattern } from "../../tests/support/stack/fake_ip.ts";
import { inject, to, withUdp } from "../../tests/support/stack/udp_world.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Msg, SockOpt } from "../../ring/abi/opcodes.ts";
import { Flow } from "../ip/types.ts";
import { PacketFlag } from "../packet_table.ts";
import { Ready } from "../socket.ts";
import { ipv6Of } from "../wire/mod.ts";
import type { SocketFamily } from "../types.ts";
import * as udp from "../wire/udp.ts";

const { SOL_SOCKET, SOL_IP, IPPROTO_UDP } = SockOpt;
const ANY_6 = ipv6Of("::");

// covers RFC 1122 4.1.3.5 MUST
// covers RFC 1122 4.1.4 MUST
Deno.test(
  "a datagram arrives whole, with who sent it and how",
  withUdp(({ ip, user, bound }) => {
    const receiver = bound(53);
    const sender = bound(4000);
    assertEquals(user.receive(receiver), -Errno.EAGAIN);
    assertEquals(
      user.send(sender, "hello", { ...to(OWN, 53), timeToLive: 9, typeOfService: 7 }),
      5,
    );
    assertEquals(user.receive(receiver), -Errno.EAGAIN);
    assertEquals(ip.deliver(), 1);
    assertEquals(receiver.available, 5);
    const got = user.receive(receiver);
    assert(typeof got !== "number");
    assertEquals(new TextDecoder().decode(got.data), "hello");
    assertEquals(got.info, {
      source: OWN,
      port: 4000,
      destination: OWN,
      interface: ETH,
      timeToLive: 9,
      typeOfService: 7,
      bytes: 5,
      segmentBytes: 0,
    });
  }),
);

Deno.test(
  "a datagram of IPv6 arrives with its class and hop limit",
  withUdp(({ ip, user, bound, socket }) => {
    const receiver = bound(53, 0, "ipv6");
    const sender = socket("ipv6");
    for (let count = 0; count < 2; count++) {
      assertEquals(user.send(sender, 3000, { ...to(OWN_6, 53), typeOfService: 0xb8 }), 3000);
      ip.deliver();
      const got = user.receive(receiver);
      assert(typeof got !== "number");
      assertEquals(got.data, pattern(3000));
      assertEquals(got.info.source, OWN_6);
      assertEquals(got.info.destination, OWN_6);
      assertEquals([got.info.typeOfService, got.info.timeToLive], [0xb8, 64]);
    }
  }),
);

Deno.test(
  "datagrams of any length arrive, from none to the longest",
  withUdp(({ ip, user, bound }) => {
    const receiver = bound(53);
    receiver.setOption(SOL_SOCKET, SockOpt.SO_RCVBUF, int(200_000));
    const sender = bound(4000);
    for (const length of [0, 1, 2, 127, 128, 1472, 5000, 65507]) {
      assertEquals(user.send(sender, length, to(OWN, 53)), length);
      ip.deliver();
      const got = user.receive(receiver);
      assert(typeof got !== "number");
      assertEquals(got.data, pattern(length));
    }
    assertEquals(user.send(sender, 65508, to(OWN, 53)), -Errno.EMSGSIZE);
  }),
);

Deno.test(
  "what does not fit is cut off and lost, and peeking leaves everything",
  withUdp(({ ip, user, bound }) => {
    const receiver = bound(53);
    const sender = bound(4000);
    user.send(sender, "abcdefghij", to(OWN, 53));
    user.send(sender, "next", to(OWN, 53));
    ip.deliver();
    const peeked = user.receive(receiver, Msg.PEEK, 4);
    assert(typeof peeked !== "number");
    assertEquals(peeked.data.length, 4);
    const cut = user.receive(receiver, 0, 8);
    assert(typeof cut !== "number");
    assertEquals(new TextDecoder().decode(cut.data), "abcdefgh");
    assertEquals(cut.info.bytes, 10);
    assertEquals(user.text(receiver), "next");
  }),
);

Deno.test(
  "the owner is told of each datagram, and readiness follows",
  withUdp(({ ip, user, bound }) => {
    const receiver = bound(53);
    const raised: number[] = [];
    receiver.owner = { onReady: (bits) => raised.push(bits) };
    assertEquals(receiver.readiness(), Ready.OUT);
    const sender = bound(4000);
    user.send(sender, "a", to(OWN, 53));
    user.send(sender, "b", to(OWN, 53));
    ip.deliver();
    assertEquals(raised, [Ready.IN, Ready.IN]);
    assertEquals(receiver.readiness(), Ready.OUT | Ready.IN);
    user.text(receiver);
    user.text(receiver);
    assertEquals(receiver.readiness(), Ready.OUT);
  }),
);

Deno.test(
  "the socket that knows most about a datagram gets it",
  withUdp(({ ip, user, bound, socket }) => {
    const reuse = (family: SocketFamily = "ipv4") => {
      const made = socket(family);
      made.setOption(SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
      return made;
    };
    const dual = reuse("ipv6");
    const any = reuse();
    const device = reuse();
    const specific = reuse();
    const connected = reuse();
    device.setOption(SOL_SOCKET, SockOpt.SO_BINDTODEVICE, new TextEncoder().encode("eth0\0"));
    assertEquals(dual.bind(ANY_6, 53, 0), 0);
    assertEquals(any.bind(0, 53, 0), 0);
    assertEquals(device.bind(0, 53, 0), 0);
    assertEquals(specific.bind(OWN, 53, 0), 0);
    assertEquals(connected.bind(OWN, 53, 0), 0);
    assertEquals(connected.connect(OWN, 4000, 0), 0);
    const sender = bound(4000);
    const order = [connected, specific, device, any, dual];
    for (const [at, expected] of order.entries()) {
      assertEquals(user.send(sender, `to ${at}`, to(OWN, 53)), 4);
      ip.deliver();
      for (const other of order.slice(at)) {
        assertEquals(user.text(other), other === expected ? `to ${at}` : -Errno.EAGAIN);
      }
      expected.close();
    }
    user.send(sender, "nobody", to(OWN, 53));
    ip.deliver();
    assertEquals(ip.unreachable, [53]);
  }),
);

Deno.test(
  "a connected socket hears its peer only, and connecting to nobody ends that",
  withUdp(({ ip, user, bound }) => {
    const one = bound(1000);
    assertEquals(one.connect(OWN, 2000, 0), 0);
    assertEquals(one.flow.local, OWN);
    const peer = bound(2000);
    const stranger = bound(3000);
    user.send(stranger, "no", to(OWN, 1000));
    user.send(peer, "yes", to(OWN, 1000));
    assertEquals(user.send(one, "to peer"), 7);
    ip.deliver();
    assertEquals(user.text(one), "yes");
    assertEquals(user.text(one), -Errno.EAGAIN);
    assertEquals(user.text(peer), "to peer");
    assertEquals(one.disconnect(), 0);
    assertEquals(one.flow.local, 0);
    user.send(stranger, "now", to(OWN, 1000));
    ip.deliver();
    assertEquals(user.text(one), "now");
    assertEquals(user.send(one, "whom"), -Errno.EDESTADDRREQ);
  }),
);

// covers RFC 1122 4.1.3.3 MUST
Deno.test(
  "a connected socket is told once that nobody listens, by whatever call comes next",
  withUdp(({ ip, user, bound, socket, counts }) => {
    const one = bound(1000);
    const raised: number[] = [];
    one.owner = { onReady: (bits) => raised.push(bits) };
    one.connect(OWN, 2000, 0);
    user.send(one, "a");
    ip.deliver();
    assertEquals(raised, [Ready.ERROR]);
    assertEquals(one.readiness(), Ready.OUT | Ready.ERROR);
    assertEquals(user.receive(one), -Errno.ECONNREFUSED);
    assertEquals(user.receive(one), -Errno.EAGAIN);
    user.send(one, "a");
    ip.deliver();
    assertEquals(user.send(one, "b"), -Errno.ECONNREFUSED);
    assertEquals(user.send(one, "c"), 1);
    ip.deliver();
    assertEquals(one.getOption(SOL_SOCKET, SockOpt.SO_ERROR), int(Errno.ECONNREFUSED));
    assertEquals(one.takeError(), 0);
    const open = socket();
    user.send(open, "d", to(OWN, 2000));
    ip.deliver();
    assertEquals(user.receive(open), -Errno.EAGAIN);
    assertEquals(counts().ERRORS, 3);
  }),
);

Deno.test(
  "soft errors and those about nobody are counted, hard ones reported",
  withUdp(({ ip, user, bound, counts }) => {
    const one = bound(1000);
    one.connect(OTHER, 2000, 0);
    const flow = new Flow();
    Object.assign(flow, { local: OWN, remote: OTHER, localPort: 1000, remotePort: 2000 });
    ip.error(17, { flow, errno: Errno.EHOSTUNREACH, isHard: false });
    assertEquals(user.receive(one), -Errno.EAGAIN);
    ip.error(17, { flow, errno: Errno.EMSGSIZE, isHard: false });
    assertEquals(user.receive(one), -Errno.EMSGSIZE);
    one.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(0));
    ip.error(17, { flow, errno: Errno.EMSGSIZE, isHard: true });
    assertEquals(user.receive(one), -Errno.EAGAIN);
    flow.localPort = 1001;
    ip.error(17, { flow, errno: Errno.ECONNREFUSED, isHard: true });
    assertEquals(counts().DROPPED_ERROR_NO_SOCKET, 1);
  }),
);

// covers RFC 1122 4.1.3.4 MUST
// covers RFC 768 Fields MUST
Deno.test(
  "a wrong checksum discards a datagram in silence, unless it is known to be good",
  withUdp((world) => {
    const receiver = world.bound(53);
    const spoil = (bytes: Uint8Array, at: number) => bytes[at + 9] ^= 1;
    inject(world, () => {});
    assert(typeof world.user.receive(receiver) !== "number");
    inject(world, spoil);
    assertEquals(world.user.receive(receiver), -Errno.EAGAIN);
    assertEquals(world.counts().DROPPED_CHECKSUM, 1);
    inject(world, spoil, false, PacketFlag.CHECKSUM_GOOD);
    assert(typeof world.user.receive(receiver) !== "number");
    assertEquals(world.ip.unreachable, []);
    inject(world, (bytes, at) => bytes.fill(0, at + 6, at + 8));
    assert(typeof world.user.receive(receiver) !== "number");
  }),
);

// covers RFC 8200 8.1 MUST
Deno.test(
  "over IPv6 a datagram without a checksum is dropped, unless its port wants it",
  withUdp((world) => {
    const receiver = world.bound(53, 0, "ipv6");
    const clear = (bytes: Uint8Array, at: number) => bytes.fill(0, at + 6, at + 8);
    inject(world, () => {}, true);
    assert(typeof world.user.receive(receiver) !== "number");
    inject(world, clear, true);
    assertEquals(world.user.receive(receiver), -Errno.EAGAIN);
    assertEquals(world.counts().DROPPED_NO_CHECKSUM, 1);
    assertEquals(receiver.setOption(IPPROTO_UDP, 102, int(1)), 0);
    inject(world, clear, true);
    assert(typeof world.user.receive(receiver) !== "number");
  }),
);

Deno.test(
  "each way in which a datagram is bad has its counter",
  withUdp((world) => {
    world.bound(53);
    inject(world, (bytes, at) => bytes[at + 5] = 7);
    inject(world, (bytes, at) => bytes[at + 5] = 13);
    inject(world, (bytes, at) => bytes.fill(0, at + 2, at + 4));
    inject(world, (bytes, at) => bytes[at + 3] ^= 1);
    const { DROPPED_LENGTH, DROPPED_PORT_ZERO, DROPPED_CHECKSUM } = world.counts();
    assertEquals([DROPPED_LENGTH, DROPPED_PORT_ZERO, DROPPED_CHECKSUM], [2, 1, 1]);
    const { arena, packets } = world.ip.environment;
    const short = arena.take(24);
    packets.clear(short);
    packets.network[short] = arena.start(short);
    packets.transport[short] = arena.start(short) + 20;
    world.udp.receive(short, OTHER, OWN);
    assertEquals(world.counts().DROPPED_TOO_SHORT, 1);
  }),
);

Deno.test(
  "bytes behind the datagram are not its own",
  withUdp((world) => {
    const receiver = world.bound(53);
    inject(world, (bytes, at) => {
      bytes[at + 5] = 10;
      bytes.fill(0, at + 6, at + 8);
    });
    const got = world.user.receive(receiver);
    assert(typeof got !== "number");
    assertEquals(got.data, Uint8Array.of(1, 2));
  }),
);

// covers RFC 1122 4.1.3.1 SHOULD
Deno.test(
  "who sends to a port where nobody listens is told so",
  withUdp((world) => {
    inject(world, () => {});
    assertEquals(world.ip.unreachable, [53]);
    assertEquals(world.counts().DROPPED_NO_SOCKET, 1);
  }),
);

Deno.test(
  "a full queue drops what follows, counts it, and takes more once it was read",
  withUdp(({ ip, user, bound, counts }) => {
    const receiver = bound(53);
    receiver.setOption(SOL_SOCKET, SockOpt.SO_RCVBUF, int(1));
    assertEquals(receiver.getOption(SOL_SOCKET, SockOpt.SO_RCVBUF), int(2304));
    const sender = bound(4000);
    for (let count = 0; count < 20; count++) user.send(sender, `${count}`, to(OWN, 53));
    ip.deliver();
    const { DROPPED_QUEUE_FULL, RECEIVED } = counts();
    assertEquals(RECEIVED, 10);
    assertEquals(DROPPED_QUEUE_FULL, 10);
    assertEquals(receiver.queue.dropped, 10);
    assertEquals(user.text(receiver), "0");
    user.send(sender, "more", to(OWN, 53));
    ip.deliver();
    assertEquals(counts().RECEIVED, 11);
  }),
);

Deno.test(
  "small datagrams in large packets do not keep the large packets",
  withUdp((world) => {
    const receiver = world.bound(53);
    const { arena, packets } = world.ip.environment;
    for (let count = 0; count < 8; count++) {
      const packet = arena.take(1500);
      arena.trimBack(packet, 1500 - 32);
      const at = arena.start(packet);
      arena.memory.bytes.fill(0, at, at + 32);
      arena.memory.view.setUint8(at, 0x45);
      arena.memory.view.setInt32(at + 12, OTHER as number);
      udp.put(arena.memory, at + 20, 9, 53, 12);
      arena.memory.view.setInt32(at + 28, count);
      packets.clear(packet);
      packets.network[packet] = at;
      packets.transport[packet] = at + 20;
      packets.interface[packet] = ETH;
      world.udp.receive(packet, OTHER, OWN);
    }
    assertEquals(receiver.queue.charged, 2048 + 7 * 256);
    for (let count = 0; count < 8; count++) {
      const got = world.user.receive(receiver);
      assert(typeof got !== "number");
      assertEquals([got.data[3], got.info.port, got.info.source], [count, 9, OTHER]);
    }
  }),
);

Deno.test(
  "sockets that share a port share its flows, each flow always with the same one",
  withUdp(({ ip, user, bound, socket }) => {
    const workers = Array.from({ length: 4 }, () => {
      const made = socket();
      made.setOption(SOL_SOCKET, SockOpt.SO_REUSEPORT, int(1));
      assertEquals(made.bind(0, 53, 0), 0);
      return made;
    });
    const counts = workers.map(() => 0);
    for (let port = 5000; port < 5100; port++) {
      const sender = bound(port);
      let owner = -1;
      for (let turn = 0; turn < 3; turn++) {
        user.send(sender, "x", to(OWN, 53));
        ip.deliver();
        const at = workers.findIndex((worker) => user.text(worker) === "x");
        assert(at >= 0 && (owner < 0 || owner === at));
        owner = at;
      }
      counts[owner]++;
      sender.close();
    }
    assert(counts.every((count) => count >= 10), `${counts}`);
  }),
);

Deno.test(
  "the last of those that reuse an address gets what is for one",
  withUdp(({ ip, user, bound, socket }) => {
    const [first, last] = [socket(), socket()].map((made) => {
      made.setOption(SOL_SOCKET, SockOpt.SO_REUSEADDR, int(1));
      assertEquals(made.bind(0, 53, 0), 0);
      return made;
    });
    const sender = bound(4000);
    user.send(sender, "x", to(OWN, 53));
    ip.deliver();
    assertEquals([user.text(first), user.text(last)], [-Errno.EAGAIN, "x"]);
  }),
);
